"""Pictures of scene worlds: their render time, whether a place looks the same on return, and an hour of driving."""

from __future__ import annotations

import math
import resource
import time
from dataclasses import replace

import numpy as np

from world.controls import FPS
from world.dynamics.start import start
from world.evaluate.scene_drives import on
from world.render.air import develop
from world.render.camera import Rig
from world.render.renderer import Renderer
from world.scene.places import load_place, towns

SIZES = {"144x256": Rig(), "288x512": Rig(width=512, height=288)}
LOOK_EVERY = 20  # frames of the hour between pictures


def picture_milliseconds(seed: int, frames: int = 60) -> dict[str, dict[str, float]]:
    """Median ms by size, driving in traffic by day: of a `whole` picture, and of one without air (`plain`)."""
    renderer, state = Renderer(), start(load_place(towns()["test"][1]), seed)
    out = {}
    for name, rig in SIZES.items():
        whole, air = [], []
        for frame in range(frames + 10):
            state = on(state)
            began = time.perf_counter()
            shot = renderer.shot(state, rig)
            developed_at = time.perf_counter()
            develop(shot.radiance, shot.gbuffer, shot.view, shot.light, state.amounts[0], 0.0)
            if frame >= 10:
                whole.append(developed_at - began)
                air.append(time.perf_counter() - developed_at)
        seconds = np.array(whole)
        out[name] = {"whole": 1000 * float(np.median(seconds)), "plain": 1000 * float(np.median(seconds - air))}
    return out


def seen_again(seed: int, seconds: float = 60.0) -> float:
    """PSNR (dB, 100 where equal) of a place on return from a drive elsewhere, with empty streets and the same signals."""
    renderer, first = Renderer(), start(load_place(towns()["test"][0]), seed, density=0.0)
    before, state = renderer.draw(first, SIZES["144x256"]), first
    cycle = float(first.places[0].map.signals["cycle"].max()) if len(first.places[0].map.signals) else 1.0
    for _ in range(int(seconds * FPS)):
        state = on(state)
        if int(state.clock[0]) % 10 == 0:
            renderer.draw(state, SIZES["144x256"])
    rounds = math.ceil(float(state.clock[0]) / (cycle * FPS))
    back = replace(state, ego=first.ego, clock=np.array([round(rounds * cycle * FPS)], np.int64))
    error = float(((renderer.draw(back, SIZES["144x256"]).astype(float) - before) ** 2).mean())
    return 100.0 if error == 0 else 10 * math.log10(255**2 / error)


def hour(seed: int, seconds: float = 3600.0) -> dict[str, float]:
    """A drive's end relative to its start: ms of a picture and of a step, detail (mean square of a Laplacian); and the
    memory peak in MiB.
    """
    renderer, state = Renderer(), start(load_place(towns()["test"][2]), seed)
    rows, steps, frames = [], [], int(seconds * FPS)
    for frame in range(frames):
        began = time.perf_counter()
        state = on(state)
        steps.append(time.perf_counter() - began)
        if frame % LOOK_EVERY == 0:
            began = time.perf_counter()
            picture = renderer.draw(state, SIZES["144x256"])
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append((time.perf_counter() - began, _detail(picture), memory))
    part = max(1, len(rows) // 6)
    table, thin = np.array(rows), max(1, frames // 6)
    first, last = table[part : 2 * part], table[-part:]  # one-time work falls into the part before `first`
    return {
        "picture": float(np.median(last[:, 0]) / np.median(first[:, 0])),
        "step": float(np.median(steps[-thin:]) / np.median(steps[thin : 2 * thin])),
        "detail": float(last[:, 1].mean() / first[:, 1].mean()),
        "memory": float(last[-1, 2] / first[0, 2]),
        "memory_mib": float(last[-1, 2]),
        "metres": float(state.ego["driven"][0]),
    }


def _detail(picture: np.ndarray) -> float:
    grey = picture.astype(float).mean(2)
    return float(
        ((4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]) ** 2).mean()
    )
