"""The evaluation: its distances are right, a world that obeys passes, one that does not fails, and a real one is measured."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_world import write_tiny_world
from world import kinematics
from world.controls import NULL, SIDED_EVENTS, Command, Control, Event, Side, TimeOfDay, Weather
from world.data import Episode, EpisodeWriter, assemble
from world.data.schema import COLUMNS
from world.dream import Action
from world.errors import DataError
from world.evaluate import MEASUREMENTS, evaluate_world, films, markdown, rows
from world.evaluate.control import events, noticed, steering, weather_and_time
from world.evaluate.films import Bench, Film, Sizes
from world.evaluate.frechet import frechet
from world.evaluate.manoeuvres import changed_lane, crossed, manoeuvres, turned
from world.frame import UNREAD, Frame
from world.judge import Judge, JudgeConfig, Sight, save
from world.kinematics import Motion
from world.train.drives import Drives

LENGTH = 320
STATES = ((Weather.CLEAR, TimeOfDay.DAY), (Weather.RAIN_2, TimeOfDay.NIGHT))
SIZES = Sizes(2, 2, 2, 1, 1, 2, 7.0, 2, 2)


# A picture in which everything is written: (row 0: speed, yaw rate; row 1: weather, time; row 2: event, side, junction)
def painted(motion: Motion, control: Control, junction: bool = False) -> np.ndarray:
    image = np.full((72, 128, 3), 90, np.uint8)
    image[:8] = round(10 * motion.speed), round(128 + 100 * motion.yaw_rate), 0
    image[8:16] = 20 * control.weather, 20 * control.time, 0
    image[16:24] = 20 * control.event, 20 * control.side, 255 * junction
    return image


class Reader:
    """A judge that reads what is written."""

    config = JudgeConfig()

    def watch(self, pictures: np.ndarray, at: np.ndarray | None = None) -> Sight:
        seen = np.asarray(pictures)[slice(None) if at is None else at].astype(float)
        (speed, yaw_rate, _), (weather, time, _), (event, side, junction) = (seen[:, 8 * n, 0].T for n in range(3))
        classes = (np.round(value / 20).astype(int) for value in (weather, time, event, side))
        none = np.zeros(len(seen), bool)
        return Sight(*classes, speed / 10, (yaw_rate - 128) / 100, none, junction > 99, seen[:, 8:9, 0].reshape(-1, 3))


@dataclass
class Told:
    """A dream of a car that does what it is told, after half a second. `obeys`: whether its pictures show it."""

    obeys: bool
    frame: Frame
    steps: int = 0
    heading: float = 0.0
    commands: list[int] = field(default_factory=list)

    @property
    def index(self) -> int:
        return self.frame.index

    def drive(self, command: int, speed: float) -> Action:
        self.commands.append(command)
        rate, now = 0.0, self.frame.motion
        done = sum(kept == command for kept in self.commands) - 5
        if command in (Command.LEFT, Command.RIGHT) and done > 0:
            rate = 0.5 if command == Command.LEFT else -0.5
        if command in (Command.LANE_LEFT, Command.LANE_RIGHT) and 0 < done <= 40:
            rate = (0.12 if done <= 20 else -0.12) * (1 if command == Command.LANE_LEFT else -1)
        if command == Command.FOLLOW and abs(self.heading) < 0.5:
            rate = -2 * self.heading  # along the road again
        return Action(kinematics.steer_for(rate, max(now.speed, 1.0)), float(np.clip(speed - now.speed, -1, 1)))


def step_all(dreams: Sequence[Any], controls: Sequence[Control]) -> list[Frame]:
    for dream, control in zip(dreams, controls, strict=True):
        motion = kinematics.step(dream.frame.motion, control.steer, control.accel)
        dream.steps, dream.heading = dream.steps + 1, dream.heading + 0.1 * motion.yaw_rate
        junction = control.command == Command.STRAIGHT and 20 < dream.steps < 40
        image = painted(motion, control, junction) if dream.obeys else dream.frame.image
        dream.frame = Frame(image, dream.frame.index + 1, control, motion, UNREAD)
    return [dream.frame for dream in dreams]


def drive(number: int) -> Episode:
    """A drive with a lane change to either side, a stop, and an animal from the left."""
    weather, time = STATES[number % 2]
    values = {name: np.zeros((LENGTH, *column.shape)) for name, column in COLUMNS.items()}
    values["control.weather"][:], values["control.time"][:] = weather, time
    values["label.junction_distance"][:] = 60.0
    values["label.lanes_left"][:] = values["label.lanes_right"][:] = 1
    images = np.zeros((LENGTH, 72, 128, 3), np.uint8)
    motion = Motion(8.0)
    for frame in range(LENGTH):
        standing = 120 <= frame < 160
        command = {60: Command.LANE_LEFT, 90: Command.LANE_RIGHT}.get(frame // 10 * 10, Command.FOLLOW)
        command = Command.STOP if 110 <= frame < 160 else command
        event = Event.ANIMAL if 200 <= frame < 240 else Event.NONE
        values["control.command"][frame], values["control.event"][frame] = command, event
        values["control.side"][frame] = Side.LEFT if event else Side.NONE
        values["event.onset"][frame] = frame == 200
        values["event.visible_pixels"][frame] = 400 if 205 <= frame < 240 else 0
        speed = 0.0 if standing else 8.0
        motion = Motion(speed, 0.0)
        values["observation.state"][frame] = speed, 0.0
        shown = Control(weather=weather, time=time, event=event if frame >= 205 else Event.NONE, side=Side.LEFT)
        images[frame] = painted(motion, shown)
    return Episode(images, values, "drive through town 0 (expert)")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("test-drives")
    with EpisodeWriter(root / "shard") as writer:
        for number in range(4):
            writer.append(drive(number))
    return assemble(root / "set", [root / "shard"])


@pytest.fixture
def bench(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    drives = Drives.load(dataset, (72, 128), tmp_path)
    monkeypatch.setattr(films, "step_all", step_all)
    return Bench(None, Reader(), drives, sizes=SIZES)  # type: ignore[arg-type]


def world_that(obeys: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(bench: Bench, first: int, seed: int = 0) -> Told:
        speed = float(bench.drives.motions[first, 2])
        control = films.conditions(bench.drives, first)
        return Told(obeys, Frame(np.asarray(bench.drives.images[first]), 0, control, Motion(speed), UNREAD))

    monkeypatch.setattr(films, "begin", begin)


def test_a_world_that_obeys_passes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    world_that(True, monkeypatch)
    done = manoeuvres(bench)
    assert {name: one["dream"] for name, one in done.items()} == dict.fromkeys(done, 1.0)
    assert done["go"]["town"] == 1.0
    assert done["left"]["drives"] == 0
    assert done["left"]["town"] is None
    assert all(one["dream"] == 1.0 for one in weather_and_time(bench).values())
    seen = events(bench)
    assert all(one["dream"] == 1.0 and one["unasked"] == 0.0 for one in seen.values())
    assert (seen["animal left"]["town"], seen["animal left"]["onsets"]) == (1.0, 4)
    assert steering(bench)["yaw_rate_correlation"] > 0.95
    assert steering(bench)["speed_correlation"] > 0.95


def test_a_world_that_repeats_its_last_frame_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    world_that(False, monkeypatch)
    assert all(one["dream"] == 0.0 for one in manoeuvres(bench).values())
    assert all(one["dream"] == 0.0 for one in weather_and_time(bench).values())
    assert all(one["dream"] == 0.0 for one in events(bench).values())
    assert steering(bench)["yaw_rate_correlation"] == pytest.approx(0.0, abs=0.2)


def film(yaw_rate: np.ndarray, seen: np.ndarray, speed: float = 8.0, **sight: Any) -> Film:
    count, no = len(yaw_rate), np.zeros(len(yaw_rate), bool)
    known = {name: np.full(count, NULL) for name in ("weather", "time", "event", "side")}
    known |= {"speed": np.full(count, speed), "yaw_rate": seen, "off_road": no, "junction": no}
    known |= {"features": np.zeros((count, 1)), **sight}
    return Film(np.zeros((count, 1, 1, 3), np.uint8), np.full(count, speed), yaw_rate, Sight(**known))


def test_a_turn_needs_the_motion_the_picture_and_the_road() -> None:
    turn, none = np.full(60, math.radians(90) / 6), np.zeros(60)
    assert turned(film(turn, turn), 1)
    assert turned(film(-turn, -turn), -1)
    assert not turned(film(turn, turn), -1)
    assert not turned(film(turn, none), 1)
    assert not turned(film(none, turn), 1)
    assert not turned(film(2 * turn, 2 * turn), 1)
    assert not turned(film(turn, turn, off_road=np.ones(60, bool)), 1)


def test_straight_on_is_a_junction_passed_without_a_turn() -> None:
    none, junction = np.zeros(60), np.zeros(60, bool)
    junction[20:35] = True
    assert crossed(film(none, none, junction=junction))
    assert not crossed(film(none, none))
    bend = np.full(60, 0.4)
    assert not crossed(film(bend, bend, junction=junction))
    assert not crossed(film(none, bend, junction=junction))


def test_a_lane_change_ends_beside_and_along_the_road() -> None:
    swing = np.concatenate([np.full(20, 0.1), np.full(20, -0.1), np.zeros(10)])
    assert changed_lane(film(swing, swing), 1)
    assert changed_lane(film(-swing, -swing), -1)
    assert not changed_lane(film(swing, swing), -1)
    assert not changed_lane(film(swing, 0 * swing), 1)
    assert not changed_lane(film(0 * swing, swing), 1)
    assert not changed_lane(film(3 * swing, 3 * swing), 1)
    assert not changed_lane(film(swing[:20], swing[:20]), 1)


def test_an_event_is_noticed_in_three_frames_on_its_side() -> None:
    none, what = np.zeros(20), np.zeros(20, int)
    left = np.full(20, int(Side.LEFT))
    what[5:7] = Event.ANIMAL
    assert not noticed(film(none, none, event=what, side=left), Event.ANIMAL, Side.LEFT)
    what[7] = Event.ANIMAL
    assert noticed(film(none, none, event=what, side=left), Event.ANIMAL, Side.LEFT)
    assert not noticed(film(none, none, event=what, side=left), Event.ANIMAL, Side.RIGHT)
    assert not noticed(film(none, none, event=what, side=left), Event.CYCLIST, Side.LEFT)


def test_the_frechet_distance_of_gaussians_is_the_known_one() -> None:
    """For N(m1, diag(a^2)) and N(m2, diag(b^2)): |m1 - m2|^2 + sum (a - b)^2."""
    generator = np.random.default_rng(0)
    unit = generator.normal(size=(4000, 3))
    unit = (unit - unit.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(unit, rowvar=False))).T  # covariance 1
    turn = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    first, second = unit * (1.0, 2.0, 0.5) @ turn, (unit * (2.0, 1.0, 0.5) + (3.0, 0.0, -1.0)) @ turn
    assert frechet(first, second) == pytest.approx(9 + 1 + 1 + 1 + 0, rel=1e-6)
    assert frechet(first, first) == pytest.approx(0, abs=1e-6)
    flat = np.zeros((10, 3))
    assert frechet(flat, flat + 2) == pytest.approx(12)
    with pytest.raises(DataError, match="at least two frames"):
        frechet(first[:1], second)


@pytest.mark.slow
def test_every_measurement_of_a_real_world(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch.manual_seed(0)
    save(Judge(replace(JudgeConfig(), channels=(8, 8, 8, 8), hidden=16, features=8)), tmp_path / "judge", {})
    world = write_tiny_world(tmp_path / "world")
    result = evaluate_world(world, dataset, judge=tmp_path / "judge", sizes=SIZES)
    assert set(MEASUREMENTS) <= set(result)
    told = copy.deepcopy({name: result[name] for name in MEASUREMENTS})
    del told["dream_psnr"]["repeat"]  # painted drives stand still for long: the last frame repeated is perfect there
    for pedal in ("steer", "accel"):
        del told["readouts_on_real_frames"][f"{pedal}_correlation"]  # and their expert does nothing
    numbers = list(_numbers(told))
    assert numbers
    assert [number for number in numbers if not math.isfinite(number)] == []
    assert result["counterfactual"]["same_before"] == 1.0
    assert len(result["events"]) == 10 + len(SIDED_EVENTS)
    assert len(result["conditions"]) == 14
    shown = rows(result)
    assert any(row.what.startswith("manoeuvre: left") and row.met is False for row in shown)
    assert markdown(result).count("\n") == len(shown) + 2
    again = evaluate_world(world, dataset, judge=tmp_path / "judge", sizes=SIZES, only=("steering",))
    assert again["steering"] == result["steering"]


def test_a_measurement_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no measurement 'smell'"):
        evaluate_world(only=("smell",))


def _numbers(value: Any) -> Any:
    for part in value.values() if isinstance(value, dict) else [value]:
        if isinstance(part, dict):
            yield from _numbers(part)
        elif part is not None:
            yield float(part)
