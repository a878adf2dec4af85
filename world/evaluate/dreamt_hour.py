"""An hour on the road in one dreamt place that grows: what a step, a picture and memory come to, whether a place comes twice, and
whether one that was seen is the same when one is back.

Driven through the same door as the page, as fast as it goes: what was asked for is waited for between steps, where the page has 4.5 s.
Times are of one core, not of the clock, so that others who use the machine count for little.
"""

from __future__ import annotations

import math
import os
import pickle
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import FPS, Command, Control
from world.dynamics.dreamt import GrowingPlace
from world.dynamics.grown import grown_place
from world.dynamics.growth import Extension, Growth
from world.dynamics.horizon import LATE
from world.dynamics.stock import Stock
from world.render.painter import Painter
from world.scene.objects import Kind
from world.scene.state import SceneState
from world.scene_dream import SceneDream
from world.scene_world import USUAL, SceneWorld
from world.telling import Report

SPEED = 13.0  # m/s, the target
DENSITY = 0.5  # of traffic
STEPS = 1  # on the quality dial, of the pictures
LOOK, MADE, LOOKS = (
    600,
    6,
    16,
)  # frames between looks, each at so many pictures in a row; of these, as many first ones make what came near
FAST = 25_000 / 3600  # m/s on average, until which the hour goes on, for twice as long at most
PART = 300.0  # s of its beginning (after as much again, in which all is made that is made once) and of its end
TURNS = (Command.LEFT, Command.RIGHT, Command.FOLLOW, Command.FOLLOW)
BLOCK = 30.0  # s for which one of them is in force
BESIDE = 60.0  # m from a junction within which what stands tells it from another
LOOKED, AWAY = 15.0, (60.0, 300.0)  # s after which a place is looked at, and for which one drives on until one is back
PAGE = os.sysconf("SC_PAGE_SIZE")


def dreamt_world(name: str, painter: Painter | None) -> SceneWorld:
    """The door with one dreamt place, and the traffic that dreams have by default."""
    world = SceneWorld((name,), painter=None, others=USUAL)
    world.renderer.painter = painter
    return world


def dreamt_hour(
    world: SceneWorld, seed: int = 0, seconds: float = 3600.0, tell: Report | None = None
) -> dict[str, float]:
    """A drive's end over its beginning: ms of a step without a picture, of one with, and of growing a place for a question that was asked,
    and memory; how far it came, what the place holds, how many of its junctions look like another."""
    dream, random = SceneDream(world, seed, STEPS), np.random.default_rng(seed)
    dream.start(scene=world.scenes[0], density=DENSITY)
    frames, command, memory = int(seconds * FPS), Command.FOLLOW, rss()
    found, metres = (
        list[tuple[float, ...]](),
        0.0,
    )  # s of a step, of a step with a picture, of other threads; MiB; questions
    while len(found) < frames or (metres < FAST * seconds and len(found) < 2 * frames):
        frame = len(found)
        if frame % int(BLOCK * FPS) == 0:
            command = TURNS[random.integers(len(TURNS))]
        look = (frame - LATE + LOOKS // 2) % LOOK  # a place may grow in the midst of it
        drawn, made = look < LOOKS, look < MADE
        dream.quality = STEPS if drawn else 0
        others = time.process_time() - time.thread_time()
        dream.settle()
        action = dream.drive(command, SPEED)
        began = time.thread_time()
        dream.step(Control(command=command, steer=action.steer, accel=action.accel))
        spent = time.thread_time() - began
        others = time.process_time() - time.thread_time() - others
        memory = rss() if drawn else memory
        place, metres = dream.state_now.places[0], float(dream.state_now.ego["driven"][0])
        asked = len(getattr(place, "extensions", ()))
        found.append((0.0 if drawn else spent, spent if drawn and not made else 0.0, others, memory, asked))
        if tell is not None and frame % (60 * FPS) == 0:
            tell(min(1.0, frame / frames), f"{frame / FPS / 60:.0f} minutes, {metres / 1000:.1f} km on the road")
    size = _size(place) if isinstance(place, GrowingPlace) else {}
    return {"minutes": len(found) / FPS / 60, "metres": metres} | _ratios(np.array(found)) | size


def _ratios(rows: np.ndarray) -> dict[str, float]:
    part = min(int(PART * FPS), len(rows) // 3)
    first, last = rows[part : 2 * part], rows[-part:]
    out: dict[str, float] = {}
    for k, name in enumerate(("step", "picture")):
        begin, end = (1000 * float(np.median(own[own[:, k] > 0, k])) for own in (first, last))
        longest = 1000 * float(rows[part:, k].max())
        out |= {name: end / begin, f"{name}_ms": end, f"first_{name}_ms": begin, f"longest_{name}_ms": longest}
    begin, end = _growing(first), _growing(last)
    out |= {"growing": end / begin, "growing_ms": end, "first_growing_ms": begin}
    begin, end = (float(np.median(own[:, 3])) for own in (first, last))
    return out | {"memory": end / begin, "memory_mib": end, "first_memory_mib": begin}


def _growing(rows: np.ndarray) -> float:
    """ms of the other threads a question; NaN where none was asked."""
    asked = float(rows[-1, 4] - rows[0, 4])
    return 1000 * float(rows[:, 2].sum()) / asked if asked else math.nan


def _size(place: GrowingPlace) -> dict[str, float]:
    """How much there is of a place, and how much of it is kept near by."""
    growth, stock = place.growth, place.stock
    streets = len(growth.graph.streets)
    held = len(pickle.dumps((growth.graph, growth.lines, stock.cells), pickle.HIGHEST_PROTOCOL))
    return {
        "junctions": len(growth.grown),
        "streets": streets,
        "streets_on_the_map": len(place.map.streets),
        "kib_a_street": held / 1024 / streets,
        "asked": len(place.extensions),
        "repeated": repeated(growth, stock),
    }


def repeated(growth: Growth, stock: Stock) -> int:
    """How many junctions have arms as long and as far apart as another's, and the same things as far away."""
    meeting: dict[int, list[int]] = {}
    for street, ends in enumerate(growth.ends.tolist()):
        for end in ends:
            meeting.setdefault(end, []).append(street)
    seen = Counter(_likeness(growth, stock, k, own) for k, own in meeting.items() if k in growth.grown)
    return sum(count - 1 for count in seen.values())


def _likeness(growth: Growth, stock: Stock, junction: int, streets: list[int]) -> tuple[Any, ...]:
    """The same wherever a junction lies and however it is turned: arms to the dm and hundredth of a radian, things to the dm."""
    here, arms = growth.xy[junction], []
    for street in streets:
        line = growth.lines[street]
        far = growth.xy[growth.ends[street].sum() - junction] - here
        arms.append((math.atan2(far[1], far[0]), round(10 * float(np.hypot(*np.diff(line, axis=0).T).sum()))))
    arms.sort()
    turned = [
        (round(100 * ((arms[(k + 1) % len(arms)][0] - arms[k][0]) % math.tau)), arms[k][1]) for k in range(len(arms))
    ]
    around = min(tuple(turned[k:] + turned[:k]) for k in range(len(turned)))
    _, props = stock.near(here[None], BESIDE)
    away = np.hypot(props["x"] - here[0], props["y"] - here[1])
    near = (away < BESIDE) & (props["kind"] != int(Kind.NONE))
    return around, tuple(sorted(zip(props["kind"][near].tolist(), np.round(10 * away[near]).tolist(), strict=True)))


def dreamt_again(world: SceneWorld, seed: int = 0, away: tuple[float, ...] = AWAY) -> dict[str, float]:
    """PSNR (dB, 100 where equal) of a place seen anew, streets empty and signals as they were: after a drive elsewhere for so many s,
    while the place grew; and in the last of these drives saved and loaded."""
    dream = SceneDream(world, seed, 0)
    dream.start(scene=world.scenes[0], density=0.0)
    _drive(dream, LOOKED)
    first = dream.state_now
    picture, out = _picture(world, first), dict[str, float]()
    for seconds in away:
        gone = dream.fork()
        _drive(gone, seconds)
        out[f"{seconds:g}_s"] = _decibels(picture, _picture(world, _back(gone.state_now, first)))
    loaded = SceneDream.from_state(world, *gone.state())
    out["loaded"] = _decibels(picture, _picture(world, _back(loaded.state_now, first)))
    return out


def _drive(dream: SceneDream, seconds: float) -> None:
    for frame in range(int(seconds * FPS)):
        command = TURNS[int(frame / FPS / BLOCK) % len(TURNS)]
        action = dream.drive(command, SPEED)
        dream.step(Control(command=command, steer=action.steer, accel=action.accel))


def _back(state: SceneState, first: SceneState) -> SceneState:
    """With our car where it was at first, in the place as it has grown, on the map round there, when all signals are as they were."""
    place, ego = state.places[0], first.ego[0]
    if isinstance(place, GrowingPlace):
        asked = (*place.extensions, Extension(float(ego["x"]), float(ego["y"])))
        place = grown_place(place.name, asked, *place.weights)
    cycle = FPS * float(place.map.signals["cycle"].max()) if len(place.map.signals) else 1.0
    rounds = math.ceil((int(state.clock[0]) - int(first.clock[0])) / cycle)
    clock = np.array([int(first.clock[0]) + round(rounds * cycle)], np.int64)
    return replace(state, places=(place,), ego=first.ego, agents=first.agents, clock=clock)


def _picture(world: SceneWorld, state: SceneState) -> np.ndarray:
    return world.draw(state, world.size).astype(np.float64)


def _decibels(one: np.ndarray, other: np.ndarray) -> float:
    error = float(((one - other) ** 2).mean())
    return 100.0 if error == 0 else 10 * math.log10(255**2 / error)


def rss() -> float:
    """MiB of this process that are in memory now; what it took at most where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
