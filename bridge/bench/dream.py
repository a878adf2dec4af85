"""The dream alone: by K, by its parts, and how its cost grows with cache length, resolution and number of sessions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from world.controls import Control
from world.dream import Dream, condition, drive_all, step_all, told
from world.driver import Action
from world.files import WorldConfig, to_device
from world.kinematics import Motion
from world.latent.dynamics import Cache, Condition
from world.model import WorldModel
from world.readout import FRAMES as LOOKS

KS = (1, 2, 4, 8)
SESSIONS = (1, 2, 4, 8)
CACHE_LENGTHS = (0, 6, 12, 24, 48, 96)  # frames
TWICE = 2  # the other resolution, a side
WARM, FRAMES, REPEATS = 5, 40, 30


def bench_dream(model: WorldModel, steps: int, frames: int = FRAMES) -> float:
    """Frames a second of a dream alone, by the median frame; the driver drives."""
    dream = started(model, 1, steps)
    return 1 / median_seconds(lambda: one_by_one(dream), frames)


def bench_cache(
    model: WorldModel, lengths: tuple[int, ...] = CACHE_LENGTHS, repeats: int = REPEATS
) -> dict[str, float]:
    """Median milliseconds of one forward pass of the dynamics, by the frames that its cache holds."""
    latents, given = asked(model)
    one = torch.ones(1, device=model.device)
    found = {}
    with torch.inference_mode():
        for length in lengths:
            cache = Cache(model.dynamics.config, 1, model.device)
            shape = (*cache.keys.shape[:-2], length, cache.keys.shape[-1])
            cache.keys = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(model.device)

            forward = partial(model.dynamics, latents, one / 2, one / 2, given, cache=cache)
            found[str(length)] = 1000 * median_seconds(forward, repeats)
    return found


def bench_sizes(config: WorldConfig, steps: int, frames: int = FRAMES, device: str = "cpu") -> dict[str, float]:
    """Median milliseconds of a frame at the config's resolution and at twice that, by untrained models made on the fly."""
    found = {}
    for factor in (1, TWICE):
        tokenizer = replace(
            config.tokenizer, height=factor * config.tokenizer.height, width=factor * config.tokenizer.width
        )
        rows = tokenizer.rows if config.dynamics.layout_rows else 0
        dynamics = replace(config.dynamics, tokens=tokenizer.tokens, layout_rows=rows)
        shapes = replace(
            config, tokenizer=tokenizer, dynamics=dynamics, readout=replace(config.readout, tokens=tokenizer.tokens)
        )
        parts = {name: module.eval().requires_grad_(False) for name, module in shapes.build().items()}
        model = WorldModel(to_device(parts, device), {}, {}, device)
        found[f"{tokenizer.height}x{tokenizer.width}"] = 1000 / bench_dream(model, steps, frames)
    return found


def bench_sessions(
    model: WorldModel, steps: int, numbers: tuple[int, ...] = SESSIONS, repeats: int = REPEATS
) -> dict[str, dict[str, float]]:
    """Median milliseconds of a tick by the number of dreams, stepped `alone` one after another, and `batched`."""
    found = {}
    for number in numbers:
        alone, together = started(model, number, steps), started(model, number, steps)
        spent: dict[str, list[float]] = {"alone": [], "batched": []}
        for _ in range(WARM + repeats):  # in turns, so that whatever else the machine does hits both
            spent["alone"].append(seconds(partial(one_by_one, alone)))
            spent["batched"].append(seconds(partial(as_one, together)))
        found[str(number)] = {name: 1000 * statistics.median(times[WARM:]) for name, times in spent.items()}
    return found


def bench_parts(model: WorldModel, repeats: int = REPEATS) -> dict[str, float]:
    """Median milliseconds of one call of each part, batch 1; `dynamics` is one forward pass with a full cache."""
    picture = torch.zeros(1, 3, *model.size, device=model.device)
    one = torch.ones(1, device=model.device)
    with torch.inference_mode():
        latents, given = asked(model)
        cache = Cache(model.dynamics.config, 1, model.device)
        for _ in range(model.dynamics.config.context):
            model.dynamics(latents, one, one / 8, given, cache=cache)
            cache.commit()
        calls: dict[str, Callable[[], Any]] = {
            "anchor": lambda: model.anchor(picture, picture, given.motions_B4),
            "encode": lambda: model.tokenizer.encode(picture),
            "dynamics": lambda: model.dynamics(latents, one / 2, one / 2, given, cache=cache),
            "decode": lambda: model.tokenizer.decode(latents),
            "blend": lambda: model.blend(picture, picture),
            "readout": lambda: model.readout.read(model.readout.trunk(torch.stack([latents] * LOOKS, dim=1))),
        }
        found = {name: 1000 * median_seconds(call, repeats) for name, call in calls.items()}
    dream = started(model, 1, 2)[0]
    return found | {"driver": 1000 * median_seconds(lambda: dream.drive(0, 8.0), repeats)}


@torch.inference_mode()
def asked(model: WorldModel) -> tuple[torch.Tensor, Condition]:
    """Some latents [1, N, C] and some condition, as a dream asks the dynamics with."""
    latents = model.tokenizer.encode(torch.zeros(1, 3, *model.size, device=model.device))
    motions = torch.tensor([told(model.dynamics.config.inputs, Control(), Motion(8.0))], device=model.device)
    return latents, condition((latents, latents, latents), Control(), motions, lambda: torch.zeros_like(latents))


def started(model: WorldModel, number: int, steps: int) -> list[Dream]:
    dreams = [Dream(model, seed, steps) for seed in range(number)]
    for dream in dreams:
        dream.start(scene=model.scenes[dream.seed % len(model.scenes)] if model.scenes else None)
    return dreams


def onward(dream: Dream, action: Action) -> Control:
    """The dream's own weather and time go on: another one asked for would be guided to, which takes longer."""
    assert dream.frame is not None
    return dream.frame.control.with_(steer=action.steer, accel=action.accel)


def one_by_one(dreams: list[Dream]) -> None:
    """A tick: the driver drives, the dream goes on; one after another."""
    for dream in dreams:
        action = dream.drive(0, 8.0)
        dream.step(onward(dream, action))


def as_one(dreams: list[Dream]) -> None:
    """The same as one batch."""
    actions = drive_all(dreams, [0] * len(dreams), [8.0] * len(dreams))
    step_all(dreams, [onward(*pair) for pair in zip(dreams, actions, strict=True)])


def seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    return statistics.median([seconds(call) for _ in range(WARM + repeats)][WARM:])
