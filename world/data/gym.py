"""Records any Gymnasium environment with pictures, with continuous or discrete actions, as a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from world.controls import FPS
from world.data.imports import even_size, quiet, write_dataset
from world.data.policies import EnvPolicy, find_policy
from world.data.schema import Episode
from world.data.spaces import Actions, Pixels
from world.data.video import fit
from world.errors import DataError
from world.telling import Count, Say

EPISODE_SECONDS = 60
SHORTEST = 12  # frames: shorter episodes have too little context to train on
PATIENCE = 200  # episodes in a row that are too short


def import_gym(
    environment: str,
    frames: int,
    out: Path,
    *,
    held_out: Path | None = None,
    policy: str = "smooth",
    vary: bool = False,
    seed: int = 0,
    skip: int | None = None,
    discard: int = 0,
    names: tuple[str, ...] | None = None,
    pixels: str = "auto",
    size: tuple[int, int] | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Count | None = None,
    note: Say = quiet,
) -> tuple[int, int]:
    """Records at least `frames` frames of `environment` into `out`; returns the numbers of frames written and held out.

    skip: environment steps per frame with the same action (default: its frame rate over ours). discard: frames left out
    at the start of every episode (some begin with a title or a zoom). names: of the actions. pixels: obs, obs:KEY of
    several observations, render, or auto (obs where there is one picture). size: (H, W) of the pictures. options: for
    `gymnasium.make`. note: gets a sentence for each assumption. The same seed gives the same drives in a deterministic
    environment. DataError where the environment cannot be used.
    """
    env = _make(environment, options or {})
    try:
        actions = Actions.of(env, names)
        actor = find_policy(policy, actions, vary, np.random.default_rng(seed))
        pixel_source = Pixels.find(env, env.reset(seed=seed)[0], pixels)
        if pixels == "auto":
            note(f"The pictures of {environment}: {pixel_source.description}.")
        steps = skip or _steps(env, environment, note)
        episodes = _record(env, frames, actor, actions, steps, discard, seed, pixel_source, size, progress)
        card = (
            f"# {environment}\n\nMade by `lucidrive import gym {environment}`: policy {policy}"
            f"{', varied' if vary else ''}, {steps} steps a frame, the first {discard} of an episode left out, seed {seed}, "
            f"pictures {pixel_source.description}.\n\nActions: {actions.description}.\n"
        )
        return write_dataset(episodes, out, actions.inputs, held_out=held_out, robot_type=environment, card=card)
    finally:
        env.close()


def _steps(env: gymnasium.Env[Any, Any], environment: str, note: Say) -> int:
    """Environment steps per tenth of a second; one where the environment does not state its frame rate."""
    rate = env.metadata.get("render_fps")
    if isinstance(rate, int | float) and rate > 0:
        return max(1, round(rate / FPS))
    note(f"{environment} does not say how long a step takes, so that a step is a frame; --skip takes more.")
    return 1


def _make(environment: str, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    try:
        try:
            return gymnasium.make(environment, render_mode="rgb_array", **options)
        except (TypeError, gymnasium.error.Error) as error:
            if "render_mode" not in str(error):
                raise
        return gymnasium.make(environment, **options)  # it cannot be rendered, but its observation may be a picture
    except gymnasium.error.DependencyNotInstalled as error:
        raise DataError(
            f"{environment} needs more than is installed ({error}); try pip install 'lucidrive[gym]'."
        ) from error
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        raise DataError(f"{environment} cannot be made ({error}); check its name and options.") from error


def _record(
    env: gymnasium.Env[Any, Any],
    frames: int,
    policy: EnvPolicy,
    space: Actions,
    skip: int,
    discard: int,
    seed: int,
    pixels: Pixels,
    size: tuple[int, int] | None,
    progress: Count | None,
) -> Iterator[Episode]:
    recorded, number, short = 0, 0, 0
    while recorded < frames:
        observation, _ = env.reset(seed=seed + number)
        number += 1
        images: list[np.ndarray] = []
        actions: list[np.ndarray] = []
        over = False
        wait = discard
        while not over and len(images) < min(EPISODE_SECONDS * FPS, max(SHORTEST, frames - recorded)):
            action = space.nearest(policy(observation))
            if wait > 0:
                wait -= 1
            else:
                image = pixels.picture(env, observation)
                size = size or even_size(*image.shape[:2])
                images.append(fit(image, size))
                actions.append(action)
            for _ in range(skip):
                observation, _, terminated, truncated, _ = env.step(space.native(action))
                if over := bool(terminated or truncated):
                    break
        if len(images) < SHORTEST:
            short += 1
            if short == PATIENCE:
                raise DataError(
                    f"{PATIENCE} episodes in a row ended within {SHORTEST} frames; try another policy or skip."
                )
            continue
        short = 0
        recorded += len(images)
        yield Episode(np.stack(images), {"action": np.array(actions, np.float32)}, env.spec.id if env.spec else "drive")
        if progress:
            progress(min(recorded, frames), frames)
