"""Where a clip begins: in a place, there where the road offers what the plan wants, or where a saved drive was left."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brain.conditions import at_once
from brain.plan import Step
from bridge.errors import DataError
from bridge.factory.find import Candidate
from bridge.factory.scenario import Scenario
from bridge.recording.state import SUFFIX, unpack
from bridge.session import Session
from bridge.timeline import Timeline
from world.controls import Control, TimeOfDay, Weather
from world.dream import restore
from world.kinematics import REAR_AXLE_TO_FRONT
from world.places import usual_places
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT
from world.scene.places import towns
from world.scene.state import Place
from world.scene_dream import SceneDream
from world.scene_world import UNDRAWN, SceneWorld

FILE = "start.dream"  # as a run keeps it
TURNS = {"left": LEFT, "right": RIGHT, "straight": STRAIGHT}
SPEED = 7.0  # m/s
BEFORE = 4.0, 18.0  # m to the junction where a turn is asked for at once: it must come within seconds
ROOM = 60.0  # m of lane to change to another one
CLIPS_A_PLACE = 4


@dataclass(frozen=True)
class Start:
    """scene: a place's name; state: a saved drive; neither: one of `names` by each take's seed (default: the test towns). Of `what` it says in a
    person's words."""

    scene: str | None = None
    state: bytes | None = None
    what: str = "a place by each clip's seed"
    names: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Those that clips may begin in, but for a saved drive's own."""
        return (self.scene,) if self.scene else self.names or tuple(towns()["test"])

    @property
    def key(self) -> str:
        """What of it a clip depends on."""
        if self.state is not None:
            return f"state {hashlib.sha256(self.state).hexdigest()}"
        return f"scene {self.scene}" if self.scene else " ".join(("scenes", *self.names))

    def packed(self) -> dict[str, bytes]:
        """The files that it is made of again by `unpacked`."""
        return {} if self.state is None else {FILE: self.state}


def unpacked(folder: Path, begin: Mapping[str, Any]) -> Start:
    """As a run keeps it in `folder`. KeyError or TypeError for what is none."""
    state = folder / FILE
    names = tuple(str(name) for name in begin.get("names", ()))
    return Start(begin["scene"], state.read_bytes() if state.exists() else None, begin["what"], names)


def by_seed(clips: int) -> Start:
    """In as many of the usual places as clips are worth: one takes seconds to be dreamt in each process."""
    return Start(names=usual_places()[: max(1, math.ceil(clips / CLIPS_A_PLACE))])


def from_file(path: Path) -> Start:
    """A saved drive (.dream). DataError for anything else."""
    if path.suffix != SUFFIX:
        raise DataError(
            f"Clips cannot begin in {path.name}: a scene has no way into a picture or film; begin in a place (--scene) or in a saved"
            " drive (.dream)."
        )
    try:
        return Start(state=path.read_bytes(), what=path.name)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); give another file.") from error


def place_of(start: Start, seed: int) -> str:
    """Where a take of that seed begins, in words."""
    return start.what if start.state is not None else start.places[seed % len(start.places)]


def check(world: SceneWorld, start: Start) -> None:
    """DataError or WeightsError where no drive can begin so."""
    if start.scene is not None:
        world.place(start.scene)
    elif start.state is not None:
        begin(world, start, Scenario("follow"), 0, UNDRAWN)


def begin(
    world: SceneWorld,
    start: Start,
    scenario: Scenario,
    seed: int,
    quality: int,
    trial: int = 0,
    drawn: Candidate | None = None,
) -> Session:
    """A session at its first frame, whose whole drive will be kept. quality: 0 draws nothing; trial: which of many beginnings;
    drawn: one that a search has drawn.
    """

    def open_dream(number: int) -> SceneDream:
        return SceneDream(world, number, UNDRAWN)

    name = start.places[seed % len(start.places)]
    session = Session(open_dream, seed, name)
    if start.state is not None:
        unpack(session, start.state, start.what)
        session.timeline.cancel("another plan came")
        tensors, values = session.dream.state()
        dream = restore(world, tensors, values | {"quality": quality})  # drawn anew, in the size asked for
        dream.reseed(seed)
        session.go_on_from(dream, session.timeline, session.pedals, session.snapshot().scene)
    else:
        first = SceneDream(world, seed, quality)
        control = asked_at_once(scenario)
        if drawn is None:
            lane, s = whereabouts(world.place(name), scenario, seed, trial)
            first.start(control, scene=name, speed=SPEED, lane=lane, s=s)
        else:
            lane, s = _drawn(world.place(name), drawn)
            first.start(
                control, scene=name, speed=drawn.speed, lane=lane, s=s, density=drawn.gaps, reckless=drawn.reckless
            )
        session.go_on_from(first, Timeline(control.weather, TimeOfDay(control.time)), (0.0, 0.0), name)
    session.record_all()
    return session


def asked_at_once(scenario: Scenario) -> Control:
    """The conditions that the first frame is under: those that the plan asks for now, else a clear day."""
    return Control(weather=Weather.CLEAR, time=TimeOfDay.DAY).with_(**at_once(scenario.plan))


def whereabouts(place: Place, scenario: Scenario, seed: int, trial: int = 0) -> tuple[int | None, float | None]:
    """The lane and the m along it at which the plan's first manoeuvre has somewhere to go: a junction ahead that offers the turn, a lane beside.

    `trial`: one of many such. None: wherever the seed says, where it wants no such thing or the place has nowhere for it.
    """
    step = next((step for step in scenario.plan.steps if step.group == "drive"), None)
    lanes, chance = place.map.lanes, np.random.default_rng((seed, trial))
    streets = lanes["street"] >= 0
    later = None if step is None else _delay(step)
    if step is None or later is None or step.name not in (*TURNS, "lane_left", "lane_right"):
        good = list(np.flatnonzero(streets & (lanes["length"] > ROOM) & (lanes["outs"] > 0)))
        return (int(chance.choice(good)), None) if trial and good else (None, None)
    if step.name in TURNS:
        back = chance.uniform(*BEFORE) + REAR_AXLE_TO_FRONT + SPEED * later
        good = [
            lane
            for lane in np.flatnonzero(streets & (lanes["length"] > back + 1))
            if _offers(place, int(lane), step.name)
        ]
        lane = int(chance.choice(good)) if good else None
        return lane, None if lane is None else float(lanes["length"][lane]) - back
    beside = lanes[step.name.removeprefix("lane_")] >= 0
    good = list(np.flatnonzero(streets & (lanes["length"] > ROOM) & beside))
    return (int(chance.choice(good)), ROOM / 6) if good else (None, None)


def _drawn(place: Place, drawn: Candidate) -> tuple[int | None, float | None]:
    """The lane and the m along it that shares of them say."""
    lanes = place.map.lanes
    good = np.flatnonzero((lanes["street"] >= 0) & (lanes["length"] > ROOM) & (lanes["outs"] > 0))
    if not len(good):
        return None, None
    lane = int(good[int(drawn.lane * len(good))])
    return lane, float((0.1 + 0.6 * drawn.where) * lanes["length"][lane])


def _offers(place: Place, lane: int, turn: str) -> bool:
    lanes = place.map.lanes
    first, count = lanes["first_out"][lane], lanes["outs"][lane]
    return any(lanes["turn"][out] == TURNS[turn] for out in place.map.successors[first : first + count])


def _delay(step: Step) -> float | None:
    """s until the step is due; None where that is not known beforehand."""
    if step.when.kind == "delay":
        return float(step.when.seconds or 0.0)
    return 0.0 if step.when.kind in ("now", "junction") else None
