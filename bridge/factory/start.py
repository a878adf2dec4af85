"""Where a clip begins: in a place, where the road offers what the plan asks for, or at the end of a saved drive."""

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

FILE = "start.dream"  # the saved drive in a run's folder
TURNS = {"left": LEFT, "right": RIGHT, "straight": STRAIGHT}
SPEED = 7.0  # m/s
BEFORE = 4.0, 18.0  # m to the junction where a turn is due at once
ROOM = 60.0  # m of lane that a lane change needs
CLIPS_A_PLACE = 4


@dataclass(frozen=True)
class Start:
    """Where clips begin. scene: a place's name; state: a saved drive; with neither, one of `names` (default: the test towns) by each
    take's seed; what: the same in words."""

    scene: str | None = None
    state: bytes | None = None
    what: str = "a place by each clip's seed"
    names: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The places that clips may begin in, without a saved drive's own."""
        return (self.scene,) if self.scene else self.names or tuple(towns()["test"])

    @property
    def key(self) -> str:
        """The part of a job's id."""
        if self.state is not None:
            return f"state {hashlib.sha256(self.state).hexdigest()}"
        return f"scene {self.scene}" if self.scene else " ".join(("scenes", *self.names))

    def files(self) -> dict[str, bytes]:
        """Files, by name, that `load_start` needs in the run's folder."""
        return {} if self.state is None else {FILE: self.state}


def load_start(folder: Path, begin: Mapping[str, Any]) -> Start:
    """The start of the run in `folder`; begin: its entry of run.json. KeyError or TypeError where that is damaged."""
    state = folder / FILE
    names = tuple(str(name) for name in begin.get("names", ()))
    return Start(begin["scene"], state.read_bytes() if state.exists() else None, begin["what"], names)


def by_seed(clips: int) -> Start:
    """Usual places, one for every CLIPS_A_PLACE clips: each process takes seconds to dream one."""
    return Start(names=usual_places()[: max(1, math.ceil(clips / CLIPS_A_PLACE))])


def from_file(path: Path) -> Start:
    """A start in a saved drive (.dream). DataError for any other file, or one that cannot be read."""
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
    """The place, or saved drive, that a take of that seed begins in."""
    return start.what if start.state is not None else start.places[seed % len(start.places)]


def check(world: SceneWorld, start: Start) -> None:
    """DataError or WeightsError where no drive can begin there."""
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
    candidate: Candidate | None = None,
) -> Session:
    """A session at its first frame that records its whole drive. quality: of the dial, 0 draws nothing; trial: which of many
    beginnings; candidate: a search's sample. DataError, WeightsError: the place or the saved drive.
    """

    def open_dream(number: int) -> SceneDream:
        return SceneDream(world, number, UNDRAWN)

    name = start.places[seed % len(start.places)]
    session = Session(open_dream, seed, name)
    if start.state is not None:
        unpack(session, start.state, start.what)
        session.timeline.cancel("another plan came")
        tensors, values = session.dream.state()
        dream = restore(world, tensors, values | {"quality": quality})  # drawn anew, in the request's size
        dream.reseed(seed)
        session.continue_from(dream, session.timeline, session.pedals, session.snapshot().scene)
    else:
        first = SceneDream(world, seed, quality)
        control = first_control(scenario)
        if candidate is None:
            lane, s = start_position(world.place(name), scenario, seed, trial)
            first.start(control, scene=name, speed=SPEED, lane=lane, s=s)
        else:
            lane, s = _candidate_position(world.place(name), candidate)
            density, reckless = candidate.gaps, candidate.reckless
            first.start(control, scene=name, speed=candidate.speed, lane=lane, s=s, density=density, reckless=reckless)
        session.continue_from(first, Timeline(control.weather, TimeOfDay(control.time)), (0.0, 0.0), name)
    session.record_all()
    return session


def first_control(scenario: Scenario) -> Control:
    """The control of the first frame: the conditions that the plan commands at once, else a clear day."""
    return Control(weather=Weather.CLEAR, time=TimeOfDay.DAY).with_(**at_once(scenario.plan))


def start_position(place: Place, scenario: Scenario, seed: int, trial: int = 0) -> tuple[int | None, float | None]:
    """The lane, and m along it, where the plan's first manoeuvre is possible: before a junction with the turn, or beside another lane.

    trial: which of many such positions. None leaves it to the seed: no manoeuvre needs a position, or the place has none for it.
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


def _candidate_position(place: Place, candidate: Candidate) -> tuple[int | None, float | None]:
    """The lane, and m along it, of a search's sample; None where the place has no such lane."""
    lanes = place.map.lanes
    good = np.flatnonzero((lanes["street"] >= 0) & (lanes["length"] > ROOM) & (lanes["outs"] > 0))
    if not len(good):
        return None, None
    lane = int(good[int(candidate.lane * len(good))])
    return lane, float((0.1 + 0.6 * candidate.where) * lanes["length"][lane])


def _offers(place: Place, lane: int, turn: str) -> bool:
    """Whether a lane leads into that turn."""
    lanes = place.map.lanes
    first, count = lanes["first_out"][lane], lanes["outs"][lane]
    return any(lanes["turn"][out] == TURNS[turn] for out in place.map.successors[first : first + count])


def _delay(step: Step) -> float | None:
    """Seconds until the step is due; None where that depends on the drive."""
    if step.when.kind == "delay":
        return float(step.when.seconds or 0.0)
    return 0.0 if step.when.kind in ("now", "junction") else None
