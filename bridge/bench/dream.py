"""Dreams measured alone: frames a second by picture size or K, the parts of a scene's frame, a tick by the number of dreams."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from world.controls import DT, Control
from world.dream import AnyDream, AnyWorld, open_dream, step_all
from world.driver import Action
from world.dynamics.driver import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.render.air import develop
from world.render.painter import repaint
from world.render.shading import shade
from world.scene_world import SIZES, SceneWorld

DIAL = (1, 2, 4, 8)  # picture sizes of a scene, K of a latent world
SESSIONS = (1, 2, 4, 8)
WARM, FRAMES, REPEATS = 5, 40, 30
TARGET = 8.0  # m/s


def bench_dial(model: AnyWorld, quality: int, frames: int = FRAMES) -> float:
    """Frames a second of one dream, by the median frame; the driver drives."""
    dreams = open_dreams(model, 1, quality)
    return 1 / median_seconds(lambda: one_by_one(dreams), frames)


def bench_scene(model: SceneWorld, sizes: tuple[int, ...] = DIAL, repeats: int = REPEATS) -> dict[str, float]:
    """Median milliseconds of the parts of a scene's frame: driver, step, and by size G-buffer, shading, painting and air."""
    state = start(model.place(model.scenes[0]), 1)
    for _ in range(3 * WARM):
        state = step(state, [_by_driver(state)])
    result = {
        "driver": median_seconds(lambda: drive(state, 0, TARGET), repeats),
        "step": median_seconds(lambda: step(state, [Control()]), repeats),
    }
    for size in sizes:
        height, width = SIZES[size]
        rig, amounts = replace(model.rig, height=height, width=width), state.amounts[0]
        shot = model.renderer.shot(state, rig)
        whole = median_seconds(partial(model.renderer.draw, state, rig), repeats)
        light = median_seconds(partial(shade, shot.gbuffer, shot.view, shot.light, amounts), repeats)
        air = partial(develop, shot.radiance, shot.gbuffer, shot.view, shot.light, amounts, DT * float(state.clock[0]))
        clear = median_seconds(air, repeats)
        parts = {"shading": light, "air": clear}
        if (painter := model.renderer.painter) is not None:
            moment = (shot.gbuffer, shot.view, shot.light, amounts, shot.plain)
            parts["painting"] = median_seconds(partial(repaint, painter, *moment), repeats)
        parts["G-buffer"] = whole - sum(parts.values())
        result |= {f"{part} {height}x{width}": value for part, value in parts.items()}
    return {name: 1000 * value for name, value in result.items()}


def bench_sessions(
    model: AnyWorld, quality: int, numbers: tuple[int, ...] = SESSIONS, repeats: int = REPEATS
) -> dict[str, dict[str, float]]:
    """Median milliseconds of a tick by the number of dreams, stepped one after another (`alone`) and as one batch (`batched`)."""
    result = {}
    for number in numbers:
        alone, together = open_dreams(model, number, quality), open_dreams(model, number, quality)
        times: dict[str, list[float]] = {"alone": [], "batched": []}
        for _ in range(WARM + repeats):  # in turns, so that other load hits both
            times["alone"].append(seconds(partial(one_by_one, alone)))
            times["batched"].append(seconds(partial(as_one, together)))
        result[str(number)] = {name: 1000 * statistics.median(each[WARM:]) for name, each in times.items()}
    return result


def open_dreams(model: AnyWorld, number: int, quality: int) -> list[AnyDream]:
    """Dreams at their first frames, seeds from 0 on, in the model's scenes in turn."""
    dreams = [open_dream(model, seed, quality) for seed in range(number)]
    for dream in dreams:
        dream.start(scene=model.scenes[dream.seed % len(model.scenes)] if model.scenes else None)
    return dreams


def next_control(dream: AnyDream, action: Action) -> Control:
    """The action, under the dream's present weather and time."""
    assert dream.frame is not None
    return dream.frame.control.with_(steer=action.steer, accel=action.accel)


def one_by_one(dreams: list[AnyDream]) -> None:
    """A tick of dreams stepped one after another; the driver drives."""
    for dream in dreams:
        dream.step(next_control(dream, dream.drive(0, TARGET)))


def as_one(dreams: list[AnyDream]) -> None:
    """The same tick as one batch."""
    step_all(dreams, [next_control(dream, dream.drive(0, TARGET)) for dream in dreams])


def _by_driver(state: Any) -> Control:
    steer, accel = drive(state, 0, TARGET)
    return Control(steer=steer, accel=accel)


def seconds(call: Callable[[], Any]) -> float:
    """Wall time of one call in s."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Median wall time of a call in s, over `repeats` calls after WARM uncounted ones."""
    return statistics.median([seconds(call) for _ in range(WARM + repeats)][WARM:])
