"""The painter against the path tracer in test towns: PSNR of developed pictures, beside plain shading of the same
G-buffer.

References are lessons of many samples, made by `lucidrive collect --teacher --split test`. Air and particles are the
same code for both, and so is the sky: the tracer's own is a coarse map.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import Control, TimeOfDay, Weather
from world.errors import DataError, SimulatorError
from world.evaluate.pictures import psnr
from world.judge import JUDGE, Judge
from world.render.camera import Rig
from world.render.painter import PAINTER, Painter, load_painter
from world.render.renderer import developed, plain_renderer, renderer, under_our_sky
from world.scene.state import SceneState
from world.town.pathtracer import choose, mitsuba, trace_state
from world.town.teacher import condition, of_these_assets, read

SAMPLES = 256  # paths per pixel that a reference should have
CONDITIONS = 16  # kinds of weather times hours, through which `condition` cycles
COMMAND = f"lucidrive collect --teacher --split test --samples {SAMPLES} --frames 48 --out DIR"
CLEAR_DAY = "clear day"
FIREFLY = 4.0  # brightness over plain shading, relative to the neighbours', above which a pixel is a firefly
Call = Callable[..., Any]
Each = Callable[[Call, Sequence[tuple[Any, ...]], str], list[Any]]  # maps a function over rows of arguments, in order


@dataclass(frozen=True)
class References:
    """Lessons of test towns: their files, and the paths per pixel of their tracing."""

    paths: tuple[Path, ...]
    samples: int

    @classmethod
    def of(cls, folder: Path) -> References:
        """The references in a folder.

        DataError where it has no lessons, or those of another split, other assets or another version.
        """
        try:
            about = json.loads((folder / "lessons.json").read_text())
            split, samples, current = about["split"], int(about["samples"]), of_these_assets(about)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder} holds no references ({error}); make some with `{COMMAND}`.") from error
        if split != "test":
            raise DataError(f"{folder} holds lessons of the {split} split; make references with `{COMMAND}`.")
        if not current:
            raise DataError(f"{folder} holds lessons of other assets; make references anew with `{COMMAND}`.")
        paths = tuple(sorted(folder.glob("[0-9]*.npz")))
        if not paths:
            raise DataError(f"{folder} holds no references yet; make some with `{COMMAND}`.")
        return cls(paths, samples)


@dataclass(frozen=True, eq=False)
class Sources:
    """What a painter is evaluated with. films: path-traced, of test towns, for the judge's own accuracy."""

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
        """From folders; painter and judge default to the shipped ones, None where there are none.

        WeightsError and DataError for an unsuitable folder.
        """
        painter, judge = _or_shipped(painter, PAINTER), _or_shipped(judge, JUDGE)
        return cls(
            None if painter is None else load_painter(painter),
            None if references is None else References.of(references),
            None if judge is None else Judge.load(judge),
            films,
        )


def _or_shipped(folder: Path | None, shipped: Path) -> Path | None:
    return folder or (shipped if (shipped / "config.json").exists() else None)


def fidelity(
    references: References | None, painter: Painter | None, each: Each, most: int | None = None
) -> dict[str, Any]:
    """PSNR by condition, its mean and the worst.

    most: largest number of references; `missing` gives the reason for no result.
    """
    if painter is None or references is None:
        return {"missing": NO_PAINTER if painter is None else f"give --references DIR, made by `{COMMAND}`"}
    rows = [(path, painter) for path in references.paths[:most]]
    results = each(decibels, rows, "references")
    kinds: dict[str, list[dict[str, float]]] = {}
    for path, one in zip(references.paths, results, strict=False):
        kinds.setdefault(condition_name(condition(int(path.stem))), []).append(one)
    by = {name: _mean(ones) | {"lessons": float(len(ones))} for name, ones in kinds.items()}
    worst, least = min(by, key=lambda name: by[name]["painted"]), min(by, key=lambda name: by[name]["gain"])
    return {
        "conditions": by,
        "clear_day": by.get(CLEAR_DAY),
        "mean": _mean(list(by.values())),
        "worst": by[worst] | {"condition": worst},
        "least_gain": by[least] | {"condition": least},
        "lessons": len(results),
        "samples": references.samples,
    }


NO_PAINTER = "there is no painter; train one with `lucidrive train painter` and give --painter DIR"


def _mean(ones: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in ones])) for name in ones[0]}


def condition_name(control: Control) -> str:
    """The kind of weather, without its level, and the hour."""
    kind = Weather(control.weather).name.lower().split("_")[0]
    return f"{kind} {TimeOfDay(control.time).name.lower()}"


def decibels(path: Path, painter: Painter) -> dict[str, float]:
    """PSNR of the `painted` and the `plain` picture against a reference without fireflies, and their `gain`; also on
    covered pixels alone, with the tracer's own sky, and against the `_raw` reference; `fireflies`: their share of
    pixels.
    """
    lesson = read(path)
    shot = renderer(painter).shot(lesson.state, lesson.rig)
    raw = lesson.exposed_radiance / shot.light.exposure
    target, firefly_share = without_fireflies(raw, shot.plain)
    raw_picture = developed(under_our_sky(raw, shot), shot, lesson.state)
    reference, own = (developed(one, shot, lesson.state) for one in (under_our_sky(target, shot), target))
    covered = shot.gbuffer.coverage > 0
    out = {"fireflies": firefly_share}
    for name, radiance in (("painted", shot.radiance), ("plain", shot.plain)):
        picture = developed(radiance, shot, lesson.state)
        out[name] = psnr(picture, reference)
        out[f"{name}_covered"] = psnr(picture, reference, covered)
        out[f"{name}_own_sky"] = psnr(picture, own)
        out[f"{name}_raw"] = psnr(picture, raw_picture)
    return out | {"gain": out["painted"] - out["plain"], "gain_covered": out["painted_covered"] - out["plain_covered"]}


def without_fireflies(radiance: np.ndarray, plain: np.ndarray) -> tuple[np.ndarray, float]:
    """Radiance [H, W, 3] without fireflies, and their share of pixels.

    Relative to plain shading [H, W, 3], a pixel more than FIREFLY times as bright as the median of its eight neighbours
    gets that median.
    """
    against = radiance.mean(-1) / (plain.mean(-1) + 1e-3 * float(plain.mean()))
    squares = np.lib.stride_tricks.sliding_window_view(np.pad(against, 1, mode="edge"), (3, 3)).reshape(
        *against.shape, 9
    )
    usual = np.median(np.delete(squares, 4, axis=-1), axis=-1)
    fireflies = against > FIREFLY * usual
    share = np.where(fireflies, usual / np.maximum(against, 1e-9), 1.0).astype(np.float32)
    return radiance * share[..., None], float(fireflies.mean())


def trace_radiance(state: SceneState, rig: Rig, samples: int, seed: int) -> np.ndarray:
    """The path tracer's linear radiance float32 [H, W, 3], on the GPU where there is one.

    SimulatorError without Mitsuba.
    """
    return trace_state(plain_renderer(), state, rig, samples=samples, seed=seed, device=choose("auto"))[1].radiance


def no_tracer() -> str | None:
    """The reason why there is no path tracer; None where there is one."""
    try:
        mitsuba(choose("auto"))
    except SimulatorError as error:
        return str(error)
    return None
