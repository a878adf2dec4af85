"""`lucidrive bench clips --only labels --only surround`: labels checked against each other on many clips; the speed of six labelled cameras."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import pairwise

from bridge.bench.faults.result import FaultResult
from bridge.factory.dreaming import rollouts
from bridge.factory.jobs import Request
from world.controls import Weather
from world.labels.cameras import PRESETS, CameraSet
from world.labels.consistency import Carried, Checked, Tally, checked, persist
from world.labels.record import Record, record
from world.machine import cores
from world.render.camera import Rig
from world.render.renderer import Renderer
from world.scene.facts import facts
from world.scene.state import SceneState
from world.scene_world import SceneWorld
from world.telling import Report

CAMERAS = CameraSet("front and back", {"front": Rig(), "back": Rig(yaw=180.0, ahead=0.0)})
MOMENTS = (0.0, 0.5, 1.0)  # shares of a clip's length at which two steps in a row are drawn
MOST = {
    "depth": 0.01,
    "ground": 0.03,
    "surfaces": 0.05,
    "flow": 0.05,
}  # share of pixels that may be wrong; of boxes and tracks none may
CARRIED = {
    True: 0.5,
    False: 1.0,
}  # share of the squared error that may be left along the flow: in clear weather, in other
AIM = 3.0  # moments a second
WORDS = {
    "boxes": "boxes are round their pixels, and within the box in the world",
    "depth": "depth puts a road user's pixels into its box",
    "ground": "road pixels lie on drivable ground",
    "surfaces": "the road is flat, the sky far, a car's pixels a car's",
    "flow": "flow leads to where a point was",
    "tracks": "numbers persist, in sight or not",
}


def consistent(request: Request, tell: Report) -> list[FaultResult]:
    """Each check over every clip of a request, in its first scene; a clip is right where no more than MOST is wrong."""
    world, checks, clear = SceneWorld(request.start.places), list[Checked](), list[bool]()
    for number, job in enumerate(request.jobs):
        states = rollouts(world, request, job.take(0))[0].states
        checks.append(_clip(states, world.renderer))
        clear.append(facts(states[-1]).weather == Weather.CLEAR)
        tell((number + 1) / len(request.jobs), job.scenario.line)
    out = [_tally_result(name, [getattr(one, name) for one in checks]) for name in WORDS]
    for dry in (True, False):
        if each := [one.carried for one, is_dry in zip(checks, clear, strict=True) if is_dry is dry]:
            out.append(_flow_result(each, dry))
    return out


def _clip(states: Sequence[SceneState], renderer: Renderer) -> Checked:
    """Checks the pictures of a few moments, and the tracks of all."""
    firsts = sorted({round(share * (len(states) - 2)) for share in MOMENTS})
    out = Checked()
    for first in firsts:
        out += checked(_pair(states[first : first + 2], renderer), CAMERAS)
    moments = [record(index, state, None, renderer, first=states[0]) for index, state in enumerate(states)]
    for before, now in pairwise(moments):
        out += Checked(tracks=persist(before, now))
    return out


def _pair(states: Sequence[SceneState], renderer: Renderer) -> list[Record]:
    first, second = states
    return [
        record(0, first, CAMERAS, renderer, first=first),
        record(1, second, CAMERAS, renderer, before=first, first=first),
    ]


def _tally_result(name: str, each: Sequence[Tally]) -> FaultResult:
    most = MOST.get(name, 0.0)
    right, whole = sum(one.share <= most for one in each), sum(each, Tally())
    worst = max(each, key=lambda one: one.share)
    return FaultResult(
        f"{WORDS[name]} ({len(each)} clips)",
        f"{right} clips; {whole.wrong:,} of {whole.cases:,} wrong, {worst.share:.2%} in the worst clip",
        f"all, at most {most:.1%} wrong" if most else "all, none wrong",
        right == len(each) and whole.cases > 0,
        {"right": right, "clips": len(each), "wrong": whole.wrong, "cases": whole.cases, "worst": worst.share},
    )


def _flow_result(each: Sequence[Carried], clear: bool) -> FaultResult:
    """How well flow maps a picture onto the next, for clips in clear weather, or in rain, snow and fog, which flow does not know."""
    left = [one.warped / max(1e-9, one.stood) for one in each]
    right = sum(share < CARRIED[clear] for share in left)
    stood, warped = sum(each, Carried()).levels
    return FaultResult(
        f"flow carries a picture onto the next, in {'clear weather' if clear else 'rain, snow and fog'} ({len(each)} clips)",
        f"{right} clips; pictures on end differ by {stood:.1f} of 255 levels, along the flow by {warped:.1f}; {max(left):.0%} of the squared error is left in the worst clip",
        f"all, less than {CARRIED[clear]:.0%} left",
        right == len(each),
        {"right": right, "clips": len(each), "stood": stood, "warped": warped, "worst": max(left)},
    )


def surround(request: Request, tell: Report) -> list[FaultResult]:
    """Moments a second with six painted cameras and all labels, of one clip without its first moment, in which its street is built."""
    load, world = os.getloadavg()[0], SceneWorld(request.start.places)
    states, cameras = rollouts(world, request, request.jobs[0].take(0))[0].states, PRESETS["surround"]
    times = []
    for index in range(1, len(states)):
        began = time.perf_counter()
        record(index, states[index], cameras, world.renderer, before=states[index - 1], first=states[0])
        times.append(time.perf_counter() - began)
        tell(index / len(states), "")
    rate = (len(times) - 1) / sum(times[1:])
    rigs = list(cameras.cameras.values())
    return [
        FaultResult(
            f"{len(rigs)} cameras of {rigs[0].height}x{rigs[0].width} with all labels, {len(times) - 1} moments, {cores()} cores (load {load:.1f} before)",
            f"{rate:.2f} moments a second, {rate * len(rigs):.1f} labelled pictures a second",
            f"at least {AIM:g} moments",
            rate >= AIM,
            {"moments_a_second": rate, "pictures_a_second": rate * len(rigs), "load_before": load},
        )
    ]
