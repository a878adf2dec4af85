"""Detail and flicker of painted dreams, relative to path-traced pictures of the same moments.

The tracer's noise adds detail and flicker too. So every frame is traced twice with different seeds, and a product of
both replaces each square of a traced value: their noise is independent and cancels in the mean. (Development is not
linear, so noise also shifts tones a little, alike in both; SAMPLES keep that below a level of 255.)

Pictures are developed with air but without rain and flakes, which are the same for all and would hide differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from world.controls import FPS, Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.evaluate.painter import NO_PAINTER, Each, condition_name, no_tracer, trace_radiance
from world.evaluate.pictures import BANDS, bands, blur, visible_before, warp
from world.evaluate.scene_drives import on
from world.render.camera import Rig
from world.render.painter import Painter
from world.render.renderer import Shot, developed, renderer, under_our_sky
from world.scene.places import load_place, towns
from world.scene.state import SceneState

SECONDS = (1.0, 10.0, 60.0, 600.0)  # moments of a dream
SAMPLES = 64  # paths per pixel of each of a frame's two renders
DREAMS = (
    Control(weather=Weather.CLEAR, time=TimeOfDay.DAY),
    Control(weather=Weather.RAIN_2, time=TimeOfDay.NIGHT),
    Control(weather=Weather.SNOW_2, time=TimeOfDay.DUSK),
    Control(weather=Weather.FOG_1, time=TimeOfDay.DAWN),
    Control(weather=Weather.CLEAR, time=TimeOfDay.NIGHT),
    Control(weather=Weather.RAIN_3, time=TimeOfDay.DAY),
)
SHADINGS = ("painted", "plain")
BROAD = 4.0  # px, sigma of the blur that removes resampling errors of fine detail, which hide changes of whole areas
CHANGES = ("traced", "traced_broad", *(f"{name}{end}" for name in SHADINGS for end in ("", "_broad", "_own")))
MOVING = 1.0  # m/s, least speed at a moment; a standing car drives on until then, for a minute at most
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
    """`detail` by second and `flicker` of painted and plain pictures, relative to traced ones; `missing` gives the
    reason for no result.
    """
    if missing := NO_PAINTER if painter is None else no_tracer():
        return {"missing": missing}
    rows = [
        (seed + number, DREAMS[number % len(DREAMS)], second, painter, samples, rig or Rig())
        for number in range(dreams)
        for second in seconds
    ]
    moments = each(moment, rows, "moments of dreams")
    by_second = {f"{second:g}": [one for one in moments if one["second"] == second] for second in seconds}
    return {
        "detail": {second: _detail(ones) for second, ones in by_second.items()},
        "flicker": _flicker(moments),
        "moments": moments,
        "samples": samples,
    }


def _detail(moments: Sequence[Row]) -> Row:
    """RMS relative to the tracer's, over all moments: by band, and of the geometric mean of fine and middle bands."""
    out: Row = {}
    truth = np.sum([one["detail"]["traced"] for one in moments], 0)
    for name in SHADINGS:
        ratios = np.sqrt(np.sum([one["detail"][name] for one in moments], 0) / truth)
        out[name] = float(np.sqrt(ratios[0] * ratios[1]))
        out[f"{name}_bands"] = dict(zip(BANDS, ratios.tolist(), strict=True))
        products = np.sum([one["detail"][f"{name}_shared"] for one in moments], 0)
        out[f"{name}_likeness"] = dict(zip(BANDS, (products / (truth * ratios)).tolist(), strict=True))
    return out


def _flicker(moments: Sequence[Row]) -> Row:
    """RMS of warped differences relative to the tracer's, over all moments; `_levels`: RMS on a scale of 255."""
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
    """One moment of one dream: mean squares of its bands and of its warped difference from the frame before, by
    shading.
    """
    before, state = dream_states(seed, control, second)
    drawing = renderer(painter)
    was, now = drawing.shot(before, rig), drawing.shot(state, rig, before=before)
    seeds = np.random.default_rng([seed, round(second * FPS)]).choice(2**24, 4, replace=False).tolist()
    halves = {
        (shot is now, half): developed(
            under_our_sky(trace_radiance(there, rig, samples, seeds.pop()), shot), shot, there, particles=False
        ).astype(np.float64)
        for shot, there in ((was, before), (now, state))
        for half in (0, 1)
    }
    pictures = {
        name: tuple(_picture(name, shot, there) for shot, there in ((was, before), (now, state))) for name in SHADINGS
    }
    place = {"town": state.places[0].name, "condition": condition_name(control), "second": second, "seed": seed}
    return place | {
        "detail": _bands({name: pair[1] for name, pair in pictures.items()}, halves[True, 0], halves[True, 1], now),
        "flicker": _change(pictures, halves, now, was),
    }


def _picture(name: str, shot: Shot, state: SceneState) -> np.ndarray:
    radiance = shot.radiance if name == "painted" else shot.plain
    return developed(radiance, shot, state, particles=False).astype(np.float64)


def dream_states(seed: int, control: Control, second: float) -> tuple[SceneState, SceneState]:
    """A dream of a test town a frame before a second, and then; later, if the car stands then."""
    names = towns()["test"]
    state = before = start(load_place(names[seed % len(names)]), seed, control)
    tick, last = 0, round(second * FPS)
    while tick < last or (float(state.ego["speed"][0]) < MOVING and tick < last + 60 * FPS):
        before, state, tick = state, on(state, control), tick + 1
    return before, state


def _bands(pictures: dict[str, np.ndarray], one: np.ndarray, other: np.ndarray, shot: Shot) -> dict[str, list[float]]:
    """Mean squares by band on covered pixels, for the tracer by its two halves; `shared`: mean products with traced
    values.
    """
    on_surface = shot.gbuffer.coverage > 0
    first, second = (bands(half)[:, on_surface] for half in (one, other))
    out = {"traced": _means(first * second)}
    for name, picture in pictures.items():
        own = bands(picture)[:, on_surface]
        out[name], out[f"{name}_shared"] = _means(own * own), _means(own * (first + second) / 2)
    return out


def _means(values: np.ndarray) -> list[float]:
    return [float(value) for value in values.mean((1, 2))]


def _change(
    pictures: dict[str, tuple[np.ndarray, ...]], halves: dict[tuple[bool, int], np.ndarray], now: Shot, was: Shot
) -> dict[str, float]:
    """Mean squares of the difference from the frame before, warped by true flow, on pixels visible in both.

    By suffix: all of it; blurred (`broad`); minus the tracer's (`own`), as products of the remainders of both halves.
    """
    visible, motion = visible_before(now, was), now.gbuffer.motion
    count = float(visible.sum())
    if not count:
        return dict.fromkeys((*CHANGES, "pixels", "share"), 0.0)
    weight = blur(visible[..., None].astype(np.float64), BROAD)

    def change(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole = np.where(visible[..., None], after - warp(before, motion), 0.0)
        return whole[visible], (blur(whole, BROAD) / np.maximum(weight, 1e-6))[visible]

    one, other = (change(halves[False, half], halves[True, half]) for half in (0, 1))
    out = {"traced": float((one[0] * other[0]).mean()), "traced_broad": float((one[1] * other[1]).mean())}
    for name, pair in pictures.items():
        fine, broad = change(*pair)
        out[name], out[f"{name}_broad"] = float((fine**2).mean()), float((broad**2).mean())
        out[f"{name}_own"] = float(((fine - one[0]) * (fine - other[0])).mean())
    return out | {"pixels": count, "share": count / visible.size}
