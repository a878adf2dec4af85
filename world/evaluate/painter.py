"""The painter against the path tracer in test towns: PSNR of developed pictures, beside plain shading of the same G-buffer.

References are lessons of many samples that `lucidrive collect --teacher --split test` made. Air and particles are the same code for
both, and so is the sky: where nothing stands a reference shows the sky that is drawn in play, for the tracer's own is a coarse map.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import FPS, Control, TimeOfDay, Weather
from world.errors import DataError, SimulatorError
from world.evaluate.pictures import psnr
from world.judge import Judge
from world.render.air import develop
from world.render.camera import Rig
from world.render.painter import PAINTER, Painter, load_painter
from world.render.renderer import Renderer, Shot
from world.scene.state import SceneState
from world.town.pathtracer import choose, mitsuba, trace
from world.town.teacher import VERSION, condition, fingerprint, read

JUDGE = PAINTER.parent / "judge"  # who judges unless told otherwise
SAMPLES = 256  # paths a pixel that a reference should have
CONDITIONS = 16  # kinds of weather times hours, that `condition` goes round
COMMAND = f"lucidrive collect --teacher --split test --samples {SAMPLES} --frames 48 --out DIR"
CLEAR_DAY = "clear day"
Call = Callable[..., Any]
Each = Callable[[Call, Sequence[tuple[Any, ...]], str], list[Any]]  # a function of every row of arguments, in order


@dataclass(frozen=True)
class References:
    """Lessons of test towns: their files, and how many paths a pixel they were traced with."""

    paths: tuple[Path, ...]
    samples: int

    @classmethod
    def of(cls, folder: Path) -> References:
        """DataError for a folder without lessons, or with lessons of another split, other assets or another version."""
        try:
            about = json.loads((folder / "lessons.json").read_text())
            split, samples, made = about["split"], int(about["samples"]), (about["version"], about["assets"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder} holds no references ({error}); make some with `{COMMAND}`.") from error
        if split != "test":
            raise DataError(f"{folder} holds lessons of the {split} split; make references with `{COMMAND}`.")
        if made != (VERSION, fingerprint()):
            raise DataError(f"{folder} holds lessons of other assets; make references anew with `{COMMAND}`.")
        paths = tuple(sorted(folder.glob("[0-9]*.npz")))
        if not paths:
            raise DataError(f"{folder} holds no references yet; make some with `{COMMAND}`.")
        return cls(paths, samples)


@dataclass(frozen=True, eq=False)
class Sources:
    """What a painter is measured with. films: the path tracer's, of test towns, with which the judge is measured itself."""

    painter: Painter | None = None
    references: References | None = None
    judge: Judge | None = None
    films: Path | None = None

    @classmethod
    def of(
        cls,
        painter: Path | None = None,
        references: Path | None = None,
        judge: Path | None = None,
        films: Path | None = None,
    ) -> Sources:
        """From folders; painter and judge are by default the shipped ones, None where none came along.

        WeightsError and DataError for a folder that does not fit.
        """
        painter, judge = _there(painter, PAINTER), _there(judge, JUDGE)
        return cls(
            None if painter is None else load_painter(painter),
            None if references is None else References.of(references),
            None if judge is None else Judge.load(judge),
            films,
        )


def _there(folder: Path | None, shipped: Path) -> Path | None:
    return folder or (shipped if (shipped / "config.json").exists() else None)


def fidelity(
    references: References | None, painter: Painter | None, each: Each, most: int | None = None
) -> dict[str, Any]:
    """Decibels by condition, their mean and the worst. `most`: how many references at most; `missing` says why there is nothing."""
    if painter is None or references is None:
        return {"missing": NO_PAINTER if painter is None else f"give --references DIR, made by `{COMMAND}`"}
    rows = [(path, painter) for path in references.paths[:most]]
    found = each(decibels, rows, "references")
    kinds: dict[str, list[dict[str, float]]] = {}
    for path, one in zip(references.paths, found, strict=False):
        kinds.setdefault(named(condition(int(path.stem))), []).append(one)
    by = {name: _mean(ones) | {"lessons": float(len(ones))} for name, ones in kinds.items()}
    worst, least = min(by, key=lambda name: by[name]["painted"]), min(by, key=lambda name: by[name]["gain"])
    return {
        "conditions": by,
        "clear_day": by.get(CLEAR_DAY),
        "mean": _mean(list(by.values())),
        "worst": by[worst] | {"condition": worst},
        "least_gain": by[least] | {"condition": least},
        "lessons": len(found),
        "samples": references.samples,
    }


NO_PAINTER = "there is no painter; train one with `lucidrive train painter` and give --painter DIR"


def _mean(ones: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in ones])) for name in ones[0]}


def named(control: Control) -> str:
    """Kind of weather, whatever its level, and hour."""
    kind = Weather(control.weather).name.lower().split("_")[0]
    return f"{kind} {TimeOfDay(control.time).name.lower()}"


def decibels(path: Path, painter: Painter) -> dict[str, float]:
    """One reference: PSNR of the `painted` and the `plain` picture and the `gain`; on covered pixels alone, and with the tracer's own sky."""
    lesson = read(path)
    shot = renderer(painter).shot(lesson.state, lesson.rig)
    traced = np.sum([np.asarray(layer, np.float32) for layer in lesson.layers.values()], 0) / shot.light.exposure
    reference, own = (developed(one, shot, lesson.state) for one in (under_our_sky(traced, shot), traced))
    covered = shot.gbuffer.coverage > 0
    out = {}
    for name, radiance in (("painted", shot.radiance), ("plain", shot.plain)):
        picture = developed(radiance, shot, lesson.state)
        out[name] = psnr(picture, reference)
        out[f"{name}_covered"] = psnr(picture, reference, covered)
        out[f"{name}_own_sky"] = psnr(picture, own)
    return out | {"gain": out["painted"] - out["plain"], "gain_covered": out["painted_covered"] - out["plain_covered"]}


def under_our_sky(traced: np.ndarray, shot: Shot) -> np.ndarray:
    """Traced radiance float32 [H, W, 3] with the sky of plain shading where nothing stands."""
    return np.where(shot.gbuffer.coverage[..., None] > 0, traced, shot.plain).astype(np.float32)


def developed(radiance: np.ndarray, shot: Shot, state: SceneState, particles: bool = True) -> np.ndarray:
    """The picture uint8 [H, W, 3] of radiance in a shot's place, as it is made in play; particles: rain and flakes in the air."""
    ego, amounts = state.ego[0], state.amounts[0].copy()
    if not particles:
        amounts[:2] = 0.0
    velocity = float(ego["speed"]) * np.array([math.cos(ego["heading"]), math.sin(ego["heading"]), 0.0])
    radiance = np.ascontiguousarray(radiance, np.float32)
    return develop(radiance, shot.gbuffer, shot.view, shot.light, amounts, float(state.clock[0]) / FPS, velocity)


def renderer(painter: Painter | None) -> Renderer:
    """One that paints so; all of a process share their tiles."""
    one = copy.copy(_plain())
    one.painter = painter
    return one


@lru_cache(maxsize=1)
def _plain() -> Renderer:
    return Renderer()


def traced(state: SceneState, rig: Rig, samples: int, seed: int) -> np.ndarray:
    """Linear radiance float32 [H, W, 3] of the path tracer, on the GPU where there is one. SimulatorError without Mitsuba."""
    there, device = _plain().assemble(state, rig, everywhere=True), choose("auto")
    found = trace(
        there.parts,
        there.view,
        there.light,
        state.amounts[0],
        there.around,
        samples=samples,
        seed=seed,
        device=device,
    )
    return found.radiance


def no_tracer() -> str | None:
    """Why there is no path tracer; None where there is."""
    try:
        mitsuba(choose("auto"))
    except SimulatorError as error:
        return str(error)
    return None
