"""Detail and flicker of painted dreams, held against the path tracer's at the very same moments.

The tracer's noise is detail and flicker too. So every frame of it is traced twice with seeds of their own, and wherever a square of
what is traced is wanted, the product of both stands for it: the noise of one is independent of the other's, and drops out of the
mean. (Developing is not linear, so noise also shifts tones a little, alike in both; SAMPLES keep that below a level of 255.)

Pictures are developed with air but without rain and flakes, which are the same whoever paints, and would only hide a difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from world.controls import FPS, Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.evaluate.painter import NO_PAINTER, Each, named, no_tracer, traced
from world.evaluate.pictures import BANDS, bands, blurred, seen_before, warped
from world.evaluate.scene_drives import on
from world.render.camera import Rig
from world.render.painter import Painter
from world.render.renderer import Shot, developed, renderer, under_our_sky
from world.scene.places import load_place, towns
from world.scene.state import SceneState

SECONDS = (1.0, 10.0, 60.0, 600.0)  # of a dream, at which it is looked at
SAMPLES = 64  # paths a pixel of each of a frame's two renders
DREAMS = (
    Control(weather=Weather.CLEAR, time=TimeOfDay.DAY),
    Control(weather=Weather.RAIN_2, time=TimeOfDay.NIGHT),
    Control(weather=Weather.SNOW_2, time=TimeOfDay.DUSK),
    Control(weather=Weather.FOG_1, time=TimeOfDay.DAWN),
    Control(weather=Weather.CLEAR, time=TimeOfDay.NIGHT),
    Control(weather=Weather.RAIN_3, time=TimeOfDay.DAY),
)
SHADINGS = ("painted", "plain")
BROAD = 4.0  # px, sigma of the blur under which resampling of fine detail, the same for all, no longer hides what whole areas do
CHANGES = ("traced", "traced_broad", *(f"{name}{end}" for name in SHADINGS for end in ("", "_broad", "_own")))
MOVING = 1.0  # m/s: whoever stands at its moment drives on until it moves so fast, for a minute at most
Row = dict[str, Any]


def steadiness(
    seed: int,
    painter: Painter | None,
    each: Each,
    dreams: int = len(DREAMS),
    seconds: Sequence[float] = SECONDS,
    samples: int = SAMPLES,
    rig: Rig | None = None,
) -> Row:
    """`detail` by second and `flicker` of painted and plain pictures, over the tracer's. `missing` says why there is nothing."""
    if missing := NO_PAINTER if painter is None else no_tracer():
        return {"missing": missing}
    rows = [
        (seed + number, DREAMS[number % len(DREAMS)], second, painter, samples, rig or Rig())
        for number in range(dreams)
        for second in seconds
    ]
    found = each(moment, rows, "moments of dreams")
    by_second = {f"{second:g}": [one for one in found if one["second"] == second] for second in seconds}
    return {
        "detail": {second: _detail(ones) for second, ones in by_second.items()},
        "flicker": _flicker(found),
        "moments": found,
        "samples": samples,
    }


def _detail(moments: Sequence[Row]) -> Row:
    """RMS over the tracer's, over moments together: by band, and of the geometric mean of fine and middle ones."""
    out: Row = {}
    truth = np.sum([one["detail"]["traced"] for one in moments], 0)
    for name in SHADINGS:
        ratios = np.sqrt(np.sum([one["detail"][name] for one in moments], 0) / truth)
        out[name] = float(np.sqrt(ratios[0] * ratios[1]))
        out[f"{name}_bands"] = dict(zip(BANDS, ratios.tolist(), strict=True))
        shared = np.sum([one["detail"][f"{name}_shared"] for one in moments], 0)
        out[f"{name}_likeness"] = dict(zip(BANDS, (shared / (truth * ratios)).tolist(), strict=True))
    return out


def _flicker(moments: Sequence[Row]) -> Row:
    """RMS of warped differences over the tracer's, over all moments together; `_levels`: RMS on a scale of 255."""
    weights = np.array([one["flicker"]["pixels"] for one in moments])
    mean = {
        name: float(np.sum(weights * [one["flicker"][name] for one in moments])) / weights.sum() for name in CHANGES
    }
    rms = {name: math.sqrt(max(0.0, value)) for name, value in mean.items()}
    out: Row = {"traced_levels": rms["traced"], "traced_broad_levels": rms["traced_broad"]}
    for name in SHADINGS:
        out[name] = rms[name] / rms["traced"] if rms["traced"] else math.nan
        out[f"{name}_broad"] = rms[f"{name}_broad"] / rms["traced_broad"] if rms["traced_broad"] else math.nan
        out[f"{name}_own_levels"] = rms[f"{name}_own"]
    return out | {"share_of_pixels": float(np.mean([one["flicker"]["share"] for one in moments]))}


def moment(seed: int, control: Control, second: float, painter: Painter | None, samples: int, rig: Rig) -> Row:
    """One moment of one dream: mean squares of its bands and of its warped difference from the frame before, by who made the picture."""
    before, state = dreamt(seed, control, second)
    drawing = renderer(painter)
    was, now = drawing.shot(before, rig), drawing.shot(state, rig, before=before)
    seeds = np.random.default_rng([seed, round(second * FPS)]).choice(2**24, 4, replace=False).tolist()
    halves = {
        (shot is now, half): developed(
            under_our_sky(traced(there, rig, samples, seeds.pop()), shot), shot, there, particles=False
        ).astype(np.float64)
        for shot, there in ((was, before), (now, state))
        for half in (0, 1)
    }
    pictures = {
        name: tuple(_picture(name, shot, there) for shot, there in ((was, before), (now, state))) for name in SHADINGS
    }
    place = {"town": state.places[0].name, "condition": named(control), "second": second, "seed": seed}
    return place | {
        "detail": _bands({name: pair[1] for name, pair in pictures.items()}, halves[True, 0], halves[True, 1], now),
        "flicker": _change(pictures, halves, now, was),
    }


def _picture(name: str, shot: Shot, state: SceneState) -> np.ndarray:
    radiance = shot.radiance if name == "painted" else shot.plain
    return developed(radiance, shot, state, particles=False).astype(np.float64)


def dreamt(seed: int, control: Control, second: float) -> tuple[SceneState, SceneState]:
    """A dream of a test town after so many seconds and a frame before; later, where it stood then."""
    names = towns()["test"]
    state = before = start(load_place(names[seed % len(names)]), seed, control)
    tick, last = 0, round(second * FPS)
    while tick < last or (float(state.ego["speed"][0]) < MOVING and tick < last + 60 * FPS):
        before, state, tick = state, on(state, control), tick + 1
    return before, state


def _bands(pictures: dict[str, np.ndarray], one: np.ndarray, other: np.ndarray, shot: Shot) -> dict[str, list[float]]:
    """Mean squares by band on covered pixels, of the tracer by its two halves; `shared`: mean products with what is traced."""
    covered = shot.gbuffer.coverage > 0
    first, second = (bands(half)[:, covered] for half in (one, other))
    out = {"traced": _means(first * second)}
    for name, picture in pictures.items():
        own = bands(picture)[:, covered]
        out[name], out[f"{name}_shared"] = _means(own * own), _means(own * (first + second) / 2)
    return out


def _means(values: np.ndarray) -> list[float]:
    return [float(value) for value in values.mean((1, 2))]


def _change(
    pictures: dict[str, tuple[np.ndarray, ...]], halves: dict[tuple[bool, int], np.ndarray], now: Shot, was: Shot
) -> dict[str, float]:
    """Mean squares of the difference from the frame before, warped by true flow, where nothing is uncovered.

    By ending: all of it; blurred (`broad`); and less the tracer's own (`own`), as products of what is left over either half.
    """
    seen, motion = seen_before(now, was), now.gbuffer.motion
    count = float(seen.sum())
    if not count:
        return dict.fromkeys((*CHANGES, "pixels", "share"), 0.0)
    weight = blurred(seen[..., None].astype(np.float64), BROAD)

    def change(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole = np.where(seen[..., None], after - warped(before, motion), 0.0)
        return whole[seen], (blurred(whole, BROAD) / np.maximum(weight, 1e-6))[seen]

    one, other = (change(halves[False, half], halves[True, half]) for half in (0, 1))
    out = {"traced": float((one[0] * other[0]).mean()), "traced_broad": float((one[1] * other[1]).mean())}
    for name, pair in pictures.items():
        fine, broad = change(*pair)
        out[name], out[f"{name}_broad"] = float((fine**2).mean()), float((broad**2).mean())
        out[f"{name}_own"] = float(((fine - one[0]) * (fine - other[0])).mean())
    return out | {"pixels": count, "share": count / seen.size}
