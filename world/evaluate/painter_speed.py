"""A painter's speed: frames per second of step and picture, and whether a GPU paints the same."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from world.controls import Command, Control
from world.dynamics.dreamt import DREAMT
from world.dynamics.start import start
from world.evaluate.dreamt_hour import dreamt_world
from world.evaluate.painter import NO_PAINTER
from world.evaluate.scene_drives import CRUISE, on
from world.evaluate.scene_pictures import SIZES
from world.evaluate.steadiness import DREAMS, dream_states
from world.render.camera import Rig
from world.render.painter import Painter
from world.render.renderer import renderer
from world.scene.places import load_place, towns
from world.scene_dream import SceneDream

UNITS = ("avx512_bf16", "amx_bf16")  # Linux's flags of bf16 units: vector, matrix
STEPS = 2  # on the quality dial: 144x256
WARM = 10  # frames of a size before the timing


def units(about: Path = Path("/proc/cpuinfo")) -> list[str] | None:
    """The UNITS that this processor has; None where Linux does not report them."""
    try:
        lines = about.read_text().splitlines()
    except OSError:
        return None
    flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    return [unit for unit in UNITS if unit in flags]


def frames_a_second(
    seed: int, painter: Painter | None, frames: int = 60, warm: int = WARM, sizes: Mapping[str, Rig] = SIZES
) -> dict[str, Any]:
    """By size: frames/s of step and picture, alternating `painted` and `plain`: median and fastest (`_best`).

    `dreamt`: of `_in_dreamt_streets`.
    """
    out: dict[str, Any] = {"bf16": units(), "threads": torch.get_num_threads()}
    if painter is None:
        return out | {"missing": NO_PAINTER}
    state = start(load_place(towns()["test"][1]), seed)
    drawing = {"painted": renderer(painter), "plain": renderer(None)}
    for size, rig in sizes.items():
        times: dict[str, list[float]] = {name: [] for name in drawing}
        for frame in range(frames + warm):
            for name, one in drawing.items():
                began = time.perf_counter()
                state = on(state)
                one.draw(state, rig)
                if frame >= warm:
                    times[name].append(time.perf_counter() - began)
        rates = {name: 1 / float(np.median(seconds)) for name, seconds in times.items()}
        out[size] = rates | {f"{name}_best": 1 / min(seconds) for name, seconds in times.items()}
    return out | {"dreamt": _in_dreamt_streets(seed, painter, frames, warm)}


def _in_dreamt_streets(seed: int, painter: Painter, frames: int, warm: int) -> dict[str, float]:
    """Median frames/s of a complete dream: our driver, learnt traffic, streets growing in the background, painted; and
    the mean number of road users.
    """
    dream, times, agents = SceneDream(dreamt_world(f"{DREAMT}:{seed}", painter), seed, STEPS), list[float](), 0
    dream.start(scene=dream.model.scenes[0])
    for frame in range(frames + warm):
        began = time.perf_counter()
        action = dream.drive(Command.FOLLOW, CRUISE)
        dream.step(Control(command=Command.FOLLOW, steer=action.steer, accel=action.accel))
        if frame >= warm:
            times.append(time.perf_counter() - began)
            agents += int((dream.state_now.agents["kind"] > 0).sum())
    return {"painted": 1 / float(np.median(times)), "agents": agents / max(1, frames)}


def gpu_difference(
    seed: int, painter: Painter | None, dreams: int = len(DREAMS), device: str = "cuda"
) -> dict[str, float] | None:
    """Mean and largest difference, of 255, between pictures painted here and on the GPU; None without painter or GPU."""
    if painter is None or (device == "cuda" and not torch.cuda.is_available()):
        return None
    here, there = renderer(painter), renderer(copy.deepcopy(painter).to(device))
    means, most = [], 0.0
    for number, control in enumerate(DREAMS[:dreams]):
        _, state = dream_states(seed + number, control, 3.0)
        one, other = (drawing.draw(state, SIZES["144x256"]).astype(float) for drawing in (here, there))
        means.append(float(np.abs(one - other).mean()))
        most = max(most, float(np.abs(one - other).max()))
    return {"mean": float(np.mean(means)), "worst_mean": max(means), "most": most}
