"""What is seen in drives: a judge that knows the scene finds everything, a blind one nothing; distances of pictures are Fréchet's."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from tests.world.films import folder_of, made_up
from world.controls import SIDED_EVENTS, Command, Event, TimeOfDay, Weather
from world.dynamics.path import at
from world.dynamics.tables import tables
from world.errors import DataError
from world.evaluate.frechet import frechet
from world.evaluate.judge import (
    MANOEUVRE_NAMES,
    JudgeSizes,
    events,
    hours,
    judge_drives,
    manoeuvres,
    motion,
    own_accuracy,
    weathers,
)
from world.judge import AGES, CLASSES, GAP, MANOEUVRES, Judge, JudgeOutput
from world.scene.facts import conditions
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT
from world.scene.query import wrap
from world.scene.state import SceneState
from world.town.films import make

pytestmark = pytest.mark.slow

TURNS = {LEFT: Command.LEFT, RIGHT: Command.RIGHT, STRAIGHT: Command.STRAIGHT}


class Knowing:
    """Draws numbers instead of pictures, and sees the states behind them."""

    def __init__(self) -> None:
        self.states: list[SceneState] = []

    def draw(self, state: SceneState) -> np.ndarray:
        self.states.append(state)
        return np.array(divmod(len(self.states) - 1, 256), np.uint8).reshape(1, 2, 1).repeat(3, 2)

    def watch(self, films: list[np.ndarray]) -> JudgeOutput:
        behind = [[self.states[256 * int(one[0, 0, 0]) + int(one[0, 1, 0])] for one in film] for film in films]
        rows = [self.row(states) for states in behind]
        likely = {
            name: np.eye(size)[[row[number] for row in rows]] if rows else np.zeros((0, size))
            for number, (name, size) in enumerate(CLASSES.items())
        }
        numbers = np.array([self.motion(states) for states in behind]).reshape(-1, 2)
        return JudgeOutput(**likely, speed=numbers[:, 0], yaw_rate=numbers[:, 1], features=np.zeros((len(films), 1)))

    def row(self, states: list[SceneState]) -> tuple[int, ...]:
        now = states[-1]
        event = int(now.event["event"][0]) if now.event["stage"][0] == 2 else 0
        side = max(0, int(now.event["side"][0]) - 1)
        return (*conditions(now.amounts[0]), event, self.manoeuvre(now), side)

    def manoeuvre(self, now: SceneState) -> int:
        there, ego = tables(now.places[0].map), now.ego[0]
        lane = there.lanes[ego["lane"]]
        heading = at(there.lanes, there.points, int(ego["lane"]), float(ego["s"]))[2]
        aside = float(ego["speed"]) * math.sin(wrap(float(ego["heading"]) - heading))
        if ego["speed"] < 0.5:
            command = Command.STOP
        elif lane["junction"] >= 0:
            command = TURNS.get(int(lane["turn"]), Command.FOLLOW)
        elif abs(aside) > 0.2:
            command = Command.LANE_LEFT if aside > 0 else Command.LANE_RIGHT
        else:
            command = Command.FOLLOW
        return MANOEUVRES.index(command)

    def motion(self, states: list[SceneState]) -> tuple[float, float]:
        before, now = states[-2].ego[0], states[-1].ego[0]
        turned = wrap(float(now["heading"] - before["heading"]))
        return float(now["driven"] - before["driven"]) / (0.1 * GAP), turned / (0.1 * GAP)


class Blind(Knowing):
    """Sees a road works on a foggy evening, whatever there is."""

    def row(self, states: list[SceneState]) -> tuple[int, ...]:
        return int(Weather.FOG_1), int(TimeOfDay.DUSK), int(Event.ROAD_WORK), MANOEUVRES.index(Command.STOP), 0

    def motion(self, states: list[SceneState]) -> tuple[float, float]:
        return 5.0, 0.0


def both() -> list[tuple[Judge, Knowing]]:
    return [(cast(Judge, one), one) for one in (Knowing(), Blind())]


def test_weather_and_hour_are_named_where_they_are_seen() -> None:
    (knows, its), (blind, blinds) = both()
    named = weathers(knows, its.draw, 2, 0)
    assert list(named) == [weather.name.lower() for weather in Weather]
    assert all(one == {"share": 1.0, "kind": 1.0, "cases": 2} for one in named.values())
    seen = weathers(blind, blinds.draw, 1, 0)
    assert [name for name, one in seen.items() if one["share"]] == ["fog_1"]
    assert [name for name, one in seen.items() if one["kind"]] == ["fog_1", "fog_2", "fog_3"]
    assert all(one["share"] == 1.0 for one in hours(knows, its.draw, 1, 0).values())
    assert [name for name, one in hours(blind, blinds.draw, 1, 0).items() if one["share"]] == ["dusk"]


def test_events_are_seen_on_their_side_from_their_onset_on() -> None:
    (knows, its), (blind, blinds) = both()
    result = events(knows, its.draw, 2, 0)
    shares = {name: one for name, one in result.items() if isinstance(one, dict)}
    assert len(shares) == len(Event) - 1
    assert all(one["share"] == one["came"] for one in shares.values())
    assert {name for name, one in shares.items() if "left" in one} == {event.name.lower() for event in SIDED_EVENTS}
    assert result["mean"] == pytest.approx(np.mean([one["share"] for one in shares.values()]))
    assert result["mean"] > 0.8
    assert result["false_alarms"] == 0.0
    unseen = events(blind, blinds.draw, 2, 0)
    assert unseen["road_work"]["share"] == unseen["road_work"]["came"]
    assert unseen["ped_cross"]["share"] == 0.0
    assert unseen["false_alarms"] == 1.0


def test_manoeuvres_are_seen_where_they_are_done() -> None:
    (knows, its), (blind, blinds) = both()
    result = manoeuvres(knows, its.draw, 2, 0)
    assert tuple(result) == MANOEUVRE_NAMES
    assert all(one["share"] == one["done"] for one in result.values())
    assert sum(one["done"] for one in result.values()) > 5
    assert all(one["share"] == 0.0 for one in manoeuvres(blind, blinds.draw, 1, 0).values())


def test_motion_is_correlated_where_it_is_seen() -> None:
    (knows, its), (blind, blinds) = both()
    result = motion(knows, its.draw, 2, 4.0, 0)
    assert result["speed"] == pytest.approx(1)
    assert result["yaw_rate_error"] == pytest.approx(0, abs=1e-9)
    assert result["films"] == 2 * len(range(max(AGES), 41, GAP))
    assert motion(blind, blinds.draw, 1, 4.0, 0)["speed"] == 0.0


def test_the_same_seed_measures_the_same() -> None:
    (knows, its), (again, other) = ((cast(Judge, one), one) for one in (Knowing(), Knowing()))
    sizes, said = JudgeSizes(1, 1, 2, 1, 1, 2.0), list[str]()
    first = judge_drives(knows, its.draw, None, sizes, 3, lambda fraction, text: said.append(text))
    second = judge_drives(again, other.draw, None, sizes, 3)
    assert first == second
    assert said == list(first)
    assert [one.hash() for one in its.states] == [one.hash() for one in other.states]


def test_own_accuracy_and_distance_need_films(tmp_path: Path) -> None:
    judge = Judge.__new__(Judge)
    with pytest.raises(DataError, match="holds no films"):
        own_accuracy(judge, tmp_path)
    with pytest.raises(DataError, match="too few"):
        frechet(judge, lambda state: state.ego, folder_of([made_up(0)], tmp_path / "few"))


def test_pictures_that_are_the_traced_ones_are_as_near_as_those(tmp_path: Path) -> None:
    film = make(0, "test", 3, samples=0)[0]
    random = np.random.default_rng(0)
    shaken = [(film.pictures + random.integers(0, 40, (3, 1, 1, 3))).clip(0, 255).astype(np.uint8) for _ in range(24)]
    folder = folder_of([replace(film, pictures=pictures) for pictures in shaken], tmp_path)

    class Mean:
        def watch(self, films: list[np.ndarray]) -> JudgeOutput:
            features = np.stack([one.mean((0, 1, 2)) for one in films]).astype(float)
            return JudgeOutput(*(np.zeros((len(films), 1)) for _ in range(7)), features=features)

    drawn = iter([picture for pictures in shaken for picture in pictures])
    result = frechet(cast(Judge, Mean()), lambda state: next(drawn), folder)
    assert result["ratio"] == pytest.approx(1)
    far = frechet(cast(Judge, Mean()), lambda state: np.zeros_like(film.pictures[0]), folder)
    assert far["ratio"] > 3
