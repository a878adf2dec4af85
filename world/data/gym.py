"""Drives of somebody else's: any Gymnasium environment with pixels, Box or Discrete actions, as a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

from world.controls import FPS
from world.data.imports import even_size, write_dataset
from world.data.policies import Policy, find_policy
from world.data.schema import Episode
from world.data.video import fit
from world.errors import DataError
from world.inputs import Inputs

EPISODE_SECONDS = 60
SHORTEST = 12  # frames: fewer teach nothing about what follows
PATIENCE = 200  # episodes in a row that are too short
Progress = Callable[[int, int], None]


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
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Records at least `frames` frames of `environment` into `out`; counts of frames there and held out.

    `skip`: the environment's steps a frame, with the same action (default: its own frame rate over ours). `discard`: the
    first frames of every episode that are left out (some begin with a title or a zoom). `names` of the actions. `pixels`: obs, render, or auto (obs where it is a picture). `size` (H, W) of the pictures. `options` go to
    `gymnasium.make`. The same seed gives the same drives where the environment keeps to its seed.
    """
    if pixels not in ("auto", "obs", "render"):
        raise DataError(f"Pixels come from obs, from render, or from either (auto), not from '{pixels}'.")
    env = _make(environment, options or {})
    try:
        inputs = action_inputs(env, names)
        actor = find_policy(policy, inputs, getattr(env.action_space, "start", 0), vary, np.random.default_rng(seed))
        steps = skip or max(1, round(env.metadata.get("render_fps", FPS) / FPS))
        episodes = _record(env, frames, actor, inputs, steps, discard, seed, pixels, size, progress)
        card = (
            f"# {environment}\n\nMade by `lucidrive import gym {environment}`: policy {policy}"
            f"{', varied' if vary else ''}, {steps} steps a frame, the first {discard} of an episode left out, seed {seed}.\n"
        )
        return write_dataset(episodes, out, inputs, held_out=held_out, robot_type=environment, card=card)
    finally:
        env.close()


def action_inputs(env: gymnasium.Env[Any, Any], names: tuple[str, ...] | None = None) -> Inputs:
    """Box: its numbers, flat; Discrete: one number a choice, of which one is 1. DataError for any other space."""
    space = env.action_space
    if isinstance(space, Discrete):
        meanings = getattr(env.unwrapped, "get_action_meanings", lambda: [f"choice_{n}" for n in range(space.n)])()
        count, low, high, called = int(space.n), [0.0] * int(space.n), [1.0] * int(space.n), list(map(str, meanings))
    elif isinstance(space, Box):
        low, high = (bound.astype(np.float64).reshape(-1).tolist() for bound in (space.low, space.high))
        count, called = len(low), [f"a{n}" for n in range(len(low))]
        if not np.isfinite(low + high).all():
            raise DataError("This environment's actions have no bounds; wrap it in gymnasium's RescaleAction.")
    else:
        raise DataError(f"Actions of the kind {type(space).__name__} cannot be imported; Box and Discrete can.")
    if names is not None and len(names) != count:
        raise DataError(f"This environment has {count} actions and {len(names)} names were given; name each.")
    try:
        return Inputs(names or tuple(called), tuple(low), tuple(high), isinstance(space, Discrete))
    except ValueError as error:
        raise DataError(f"This environment's actions cannot be used: {error}.") from error


def _make(environment: str, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    try:
        return gymnasium.make(environment, render_mode="rgb_array", **options)
    except gymnasium.error.DependencyNotInstalled as error:
        raise DataError(
            f"{environment} needs more than is installed ({error}); try pip install 'lucidrive[gym]'."
        ) from error
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        raise DataError(f"{environment} cannot be made ({error}); check its name and options.") from error


def _record(
    env: gymnasium.Env[Any, Any],
    frames: int,
    policy: Policy,
    inputs: Inputs,
    skip: int,
    discard: int,
    seed: int,
    pixels: str,
    size: tuple[int, int] | None,
    progress: Progress | None,
) -> Iterator[Episode]:
    done, number, short = 0, 0, 0
    while done < frames:
        observation, _ = env.reset(seed=seed + number)
        number += 1
        images: list[np.ndarray] = []
        actions: list[np.ndarray] = []
        over = False
        wait = discard
        while not over and len(images) < min(EPISODE_SECONDS * FPS, max(SHORTEST, frames - done)):
            action = policy(observation)
            if wait > 0:
                wait -= 1
            else:
                image = _picture(env, observation, pixels)
                size = size or even_size(*image.shape[:2])
                images.append(fit(image, size))
                actions.append(action)
            for _ in range(skip):
                observation, _, terminated, truncated, _ = env.step(_native(env, action, inputs))
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
        done += len(images)
        yield Episode(np.stack(images), {"action": np.array(actions, np.float32)}, env.spec.id if env.spec else "drive")
        if progress:
            progress(min(done, frames), frames)


def _native(env: gymnasium.Env[Any, Any], action: np.ndarray, inputs: Inputs) -> Any:
    """The action as the environment takes it."""
    if isinstance(env.action_space, Discrete):
        return int(env.action_space.start) + int(action.argmax())
    assert isinstance(env.action_space, Box)
    return action.astype(env.action_space.dtype).reshape(env.action_space.shape)


def _picture(env: gymnasium.Env[Any, Any], observation: Any, pixels: str) -> np.ndarray:
    """uint8 [H, W, 3] from the observation, or as rendered."""
    seen = isinstance(observation, np.ndarray) and observation.dtype == np.uint8 and observation.ndim in (2, 3)
    image = np.asarray(observation if pixels == "obs" or (pixels == "auto" and seen) else env.render())
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or min(image.shape[:2]) < 2:
        raise DataError(
            f"This environment shows no colour picture of 8 bits ({image.dtype} {image.shape}); try the other of "
            "--pixels obs and --pixels render."
        )
    return image
