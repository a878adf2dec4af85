"""An hour of driving in one growing dreamt place: cost of steps, pictures and memory, repeated places, and whether a
place looks the same on return.

Driven through the page's interface, but as fast as possible: growth is waited for between steps, for which the page has
4.5 s. Times are CPU times of one core, so other load counts little.
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
LOOK, LOOKS, WARM_UP = 600, 16, 6  # frames between looks, pictures per look, and those first ones that build new tiles
FAST = 25_000 / 3600  # m/s on average, until which the drive goes on, for twice as long at most
PART = 300.0  # s that count of its start (after as long a warm-up) and of its end
TURNS = (Command.LEFT, Command.RIGHT, Command.FOLLOW, Command.FOLLOW)
BLOCK = 30.0  # s per command
BESIDE = 60.0  # m from a junction within which objects distinguish it
LOOKED, AWAY = 15.0, (60.0, 300.0)  # s until a place is pictured, and of driving elsewhere before the return
PAGE = os.sysconf("SC_PAGE_SIZE")


def dreamt_world(name: str, painter: Painter | None) -> SceneWorld:
    """A world with one dreamt place and the default traffic of dreams."""
    world = SceneWorld((name,), painter=None, others=USUAL)
    world.renderer.painter = painter
    return world


def dreamt_hour(
    world: SceneWorld, seed: int = 0, seconds: float = 3600.0, tell: Report | None = None
) -> dict[str, float]:
    """A drive's end relative to its start: ms of a step without and with a picture and of growing the place per
    request, and memory; with the distance, the place's size, and how many of its junctions look like another.
    """
    dream, random = SceneDream(world, seed, STEPS), np.random.default_rng(seed)
    dream.start(scene=world.scenes[0], density=DENSITY)
    frames, command, memory = int(seconds * FPS), Command.FOLLOW, rss()
    rows, metres = list[tuple[float, ...]](), 0.0  # s of a step, of one with a picture, of other threads; MiB; requests
    while len(rows) < frames or (metres < FAST * seconds and len(rows) < 2 * frames):
        frame = len(rows)
        if frame % int(BLOCK * FPS) == 0:
            command = TURNS[random.integers(len(TURNS))]
        look = (frame - LATE + LOOKS // 2) % LOOK  # a place may grow in the middle of it
        has_picture, warm_up = look < LOOKS, look < WARM_UP
        dream.quality = STEPS if has_picture else 0
        others = time.process_time() - time.thread_time()
        dream.settle()
        action = dream.drive(command, SPEED)
        began = time.thread_time()
        dream.step(Control(command=command, steer=action.steer, accel=action.accel))
        seconds_of_step = time.thread_time() - began
        others = time.process_time() - time.thread_time() - others
        memory = rss() if has_picture else memory
        place, metres = dream.state_now.places[0], float(dream.state_now.ego["driven"][0])
        requests = len(getattr(place, "extensions", ()))
        picture_seconds = seconds_of_step if has_picture and not warm_up else 0.0
        rows.append((0.0 if has_picture else seconds_of_step, picture_seconds, others, memory, requests))
        if tell is not None and frame % (60 * FPS) == 0:
            tell(min(1.0, frame / frames), f"{frame / FPS / 60:.0f} minutes, {metres / 1000:.1f} km on the road")
    size = _size(place) if isinstance(place, GrowingPlace) else {}
    return {"minutes": len(rows) / FPS / 60, "metres": metres} | _ratios(np.array(rows)) | size


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
    """ms of the other threads per request; NaN without requests."""
    requests = float(rows[-1, 4] - rows[0, 4])
    return 1000 * float(rows[:, 2].sum()) / requests if requests else math.nan


def _size(place: GrowingPlace) -> dict[str, float]:
    """How large the place is, and how much of it is stored."""
    growth, stock = place.growth, place.stock
    streets = len(growth.graph.streets)
    stored = len(pickle.dumps((growth.graph, growth.lines, stock.cells), pickle.HIGHEST_PROTOCOL))
    return {
        "junctions": len(growth.grown),
        "streets": streets,
        "streets_on_the_map": len(place.map.streets),
        "kib_a_street": stored / 1024 / streets,
        "asked": len(place.extensions),
        "repeated": repeated(growth, stock),
    }


def repeated(growth: Growth, stock: Stock) -> int:
    """Number of junctions with the same arms and the same objects at the same distances as another."""
    meeting: dict[int, list[int]] = {}
    for street, ends in enumerate(growth.ends.tolist()):
        for end in ends:
            meeting.setdefault(end, []).append(street)
    counts = Counter(_likeness(growth, stock, k, own) for k, own in meeting.items() if k in growth.grown)
    return sum(count - 1 for count in counts.values())


def _likeness(growth: Growth, stock: Stock, junction: int, streets: list[int]) -> tuple[Any, ...]:
    """A junction's signature, invariant to position and rotation: arms to a dm and 0.01 rad, objects to a dm."""
    here, arms = growth.xy[junction], []
    for street in streets:
        line = growth.lines[street]
        far = growth.xy[growth.ends[street].sum() - junction] - here
        arms.append((math.atan2(far[1], far[0]), round(10 * float(np.hypot(*np.diff(line, axis=0).T).sum()))))
    arms.sort()
    relative_arms = [
        (round(100 * ((arms[(k + 1) % len(arms)][0] - arms[k][0]) % math.tau)), arms[k][1]) for k in range(len(arms))
    ]
    around = min(tuple(relative_arms[k:] + relative_arms[:k]) for k in range(len(relative_arms)))
    _, props = stock.near(here[None], BESIDE)
    away = np.hypot(props["x"] - here[0], props["y"] - here[1])
    near = (away < BESIDE) & (props["kind"] != int(Kind.NONE))
    return around, tuple(sorted(zip(props["kind"][near].tolist(), np.round(10 * away[near]).tolist(), strict=True)))


def dreamt_again(world: SceneWorld, seed: int = 0, away: tuple[float, ...] = AWAY) -> dict[str, float]:
    """PSNR (dB, 100 where equal) of a place on return, with empty streets and the same signals: after a drive elsewhere
    of so many s, while the place grew; and after saving and loading.
    """
    dream = SceneDream(world, seed, 0)
    dream.start(scene=world.scenes[0], density=0.0)
    _drive(dream, LOOKED)
    first = dream.state_now
    picture, out = _picture(world, first), dict[str, float]()
    for seconds in away:
        fork = dream.fork()
        _drive(fork, seconds)
        out[f"{seconds:g}_s"] = _decibels(picture, _picture(world, _back(fork.state_now, first)))
    restored = SceneDream.from_state(world, *fork.state())
    out["loaded"] = _decibels(picture, _picture(world, _back(restored.state_now, first)))
    return out


def _drive(dream: SceneDream, seconds: float) -> None:
    for frame in range(int(seconds * FPS)):
        command = TURNS[int(frame / FPS / BLOCK) % len(TURNS)]
        action = dream.drive(command, SPEED)
        dream.step(Control(command=command, steer=action.steer, accel=action.accel))


def _back(state: SceneState, first: SceneState) -> SceneState:
    """The state with our car back at its first pose, in the grown place on the map around it, at a time when all
    signals are as then.
    """
    place, ego = state.places[0], first.ego[0]
    if isinstance(place, GrowingPlace):
        requests = (*place.extensions, Extension(float(ego["x"]), float(ego["y"])))
        place = grown_place(place.name, requests, *place.weights)
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
    """MiB of this process's resident memory; its peak where the system does not report that."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
