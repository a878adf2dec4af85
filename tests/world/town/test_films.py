"""Films: the same number gives the same one, each truth is what the scene says, what was wished for is in sight, and files come back whole."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from world.controls import SIDED_EVENTS, Command, Control, Event, Side, TimeOfDay, Weather
from world.dynamics.expert import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.errors import DataError
from world.judge import AGES, CELLS, GAP, MANOEUVRES
from world.render.camera import Rig
from world.scene.places import load_place, towns
from world.scene.state import SceneState, to_bytes
from world.town.films import (
    SIZE,
    Film,
    collect_films,
    collect_stills,
    make,
    read_film,
    read_pictures,
    still,
    trace_picture,
    write,
)
from world.town.moments import UNKNOWN, VISIBLE, WINDOW, event_is_on, manoeuvre, scenes, truth_of
from world.town.teacher import Lesson


@pytest.fixture(scope="module")
def film() -> Film:
    return make(0, "validation", 3, samples=0)[0]


def on(states: list[SceneState], steps: int, control: Control, target: float = 9.0) -> list[SceneState]:
    states = list(states)
    for _ in range(steps):
        steer, accel = drive(states[-1], control.command, target)
        states.append(step(states[-1], [control.with_(steer=steer, accel=accel)]))
    return states


def test_a_number_decides_a_film_and_another_gives_another() -> None:
    one, again, other = (scenes(0, "validation", number)[0] for number in (5, 5, 6))
    assert len(one) == WINDOW
    assert [state.hash() for state in one] == [state.hash() for state in again]
    assert one[-1].hash() != other[-1].hash()
    assert all(int(after.clock[0] - before.clock[0]) == 1 for before, after in pairwise(one))


def test_drives_go_through_towns_of_their_split_alone() -> None:
    for split in ("train", "test"):
        assert {scenes(1, split, number)[0][-1].places[0].name for number in (0, 30)} <= set(towns()[split])


@pytest.mark.slow
def test_events_and_manoeuvres_are_in_sight_where_they_were_wished_for() -> None:
    films = [scenes(2, "validation", number)[0] for number in range(20)]
    begun = [int(states[-1].event["event"][0]) for states in films if states[-1].event["stage"][0] == 2]
    assert len(begun) >= 6
    assert len(set(begun)) >= 4
    seen = {manoeuvre(states) for states in films} - {UNKNOWN}
    assert len(seen) >= 4


def test_the_truth_is_what_the_scene_says() -> None:
    asked = Control(weather=Weather.SNOW_2, time=TimeOfDay.NIGHT)
    states = on([start(load_place(towns()["validation"][0]), 3, asked)], WINDOW - 1, asked)
    said, last, before = truth_of(states, 0), states[-1].ego[0], states[-1 - GAP].ego[0]
    assert (said.weather, said.time) == (Weather.SNOW_2, TimeOfDay.NIGHT)
    assert (said.event, said.side) == (Event.NONE, Side.NONE)
    assert said.speed == pytest.approx(float(last["driven"] - before["driven"]) / 0.4)
    turned = math.remainder(float(last["heading"] - before["heading"]), 2 * math.pi)
    assert said.yaw_rate == pytest.approx(turned / 0.4)
    alone = truth_of(states[-1:], 0)
    assert math.isnan(alone.speed)
    assert alone.manoeuvre == UNKNOWN
    on_the_way = on(states, 3, asked.with_(weather=Weather.FOG_3))
    assert truth_of(on_the_way, 0).weather == UNKNOWN


def test_an_event_is_told_where_enough_of_it_shows() -> None:
    films = (scenes(2, "validation", number)[0] for number in range(40))
    sided = [int(event) for event in SIDED_EVENTS]
    states = next(one for one in films if event_is_on(one[-1]) and one[-1].event["event"][0] in sided)
    event, side = (int(states[-1].event[name][0]) for name in ("event", "side"))
    assert (truth_of(states, VISIBLE).event, truth_of(states, VISIBLE).side) == (event, side)
    assert truth_of(states, VISIBLE - 1).event == UNKNOWN
    assert truth_of(states, 0).event == Event.NONE
    long_ago = states[-1].event.copy()
    long_ago["age"] += 10.0
    assert truth_of([*states[:-1], replace(states[-1], event=long_ago)], VISIBLE).event == UNKNOWN


def test_manoeuvres_are_told_by_where_the_car_was() -> None:
    place = load_place(towns()["validation"][0])
    standing = on([start(place, 1, speed=0.0)], WINDOW, Control(), target=0.0)
    assert MANOEUVRES[manoeuvre(standing[-WINDOW:])] == Command.STOP
    lanes = place.map.lanes
    for turn, command in ((2, Command.LEFT), (3, Command.RIGHT)):
        lane = next(
            k
            for k in np.flatnonzero((lanes["street"] >= 0) & (lanes["length"] > 45))
            for out in place.map.successors[lanes["first_out"][k] : lanes["first_out"][k] + lanes["outs"][k]]
            if lanes["turn"][out] == turn
        )
        begun = start(place, 1, lane=int(lane), s=float(lanes["length"][lane]) - 25, density=0.0)
        states = on([begun], 200, Control(command=command))
        seen = {manoeuvre(states[end - WINDOW : end]) for end in range(WINDOW, len(states))}
        assert MANOEUVRES.index(command) in seen
        other = Command.RIGHT if command == Command.LEFT else Command.LEFT
        assert MANOEUVRES.index(other) not in seen


def test_pictures_are_small_and_three_and_of_the_states_kept(film: Film) -> None:
    assert film.pictures.shape == (len(AGES), *SIZE, 3)
    clocks = [int(state.clock[0]) for state in film.states]
    assert [clocks[-1] - clock for clock in clocks] == list(AGES)
    assert (trace_picture(film.states[-1], 0)[0] == film.pictures[-1]).all()


def test_a_file_gives_the_film_back(film: Film, tmp_path: Path) -> None:
    path = tmp_path / "000003.npz"
    write(film, path)
    again = read_film(path)
    assert (again.pictures == film.pictures).all()
    assert [state.hash() for state in again.states] == [state.hash() for state in film.states]
    assert again.truth == film.truth
    assert (read_pictures(path).pictures == film.pictures).all()
    assert (again.actor == film.actor).all()
    path.write_bytes(path.read_bytes()[:500])
    for reading in (read_film, read_pictures):
        with pytest.raises(DataError, match="delete it"):
            reading(path)


def test_a_lesson_gives_a_film_of_one_picture(film: Film) -> None:
    state = film.states[-1]
    grey = np.full((144, 256, 3), 0.18, np.float16)
    made = still(Lesson(state, Rig(), {"sky": grey, "lamps": grey}))
    assert made.pictures.shape == (1, *SIZE, 3)
    assert math.isnan(made.truth.yaw_rate)
    assert replace(made.truth, manoeuvre=0, speed=0.0, yaw_rate=0.0) == replace(
        film.truth, manoeuvre=0, speed=0.0, yaw_rate=0.0
    )


@pytest.mark.parametrize("wrong", [{"split": "no"}, {"samples": 2}, {"films": 0}, {"workers": 0}])
def test_what_cannot_be_made_is_refused_before_work_begins(wrong: dict[str, int | str], tmp_path: Path) -> None:
    with pytest.raises(DataError):
        collect_films(**({"films": 1, "out": tmp_path} | wrong))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_films_are_collected_once_and_a_folder_keeps_to_one_kind(tmp_path: Path) -> None:
    collect_films(2, tmp_path, 0, "validation", 1, samples=0)
    first = (tmp_path / "000001.npz").stat().st_mtime_ns
    told: list[tuple[int, int]] = []
    collect_films(3, tmp_path, 0, "validation", 1, lambda done, wanted: told.append((done, wanted)), samples=0)
    assert told == [(3, 3)]
    assert (tmp_path / "000001.npz").stat().st_mtime_ns == first
    with pytest.raises(DataError, match="choose another folder"):
        collect_films(3, tmp_path, 1, "validation", 1, samples=0)


@pytest.mark.slow
def test_a_drive_gives_several_moments_and_a_killed_run_goes_on_with_whole_drives(tmp_path: Path) -> None:
    collect_films(8, tmp_path, 0, "validation", 1, samples=0, moments=4)
    files = sorted(tmp_path.glob("[0-9]*.npz"))
    assert [path.stem for path in files] == [f"{number:06d}" for number in range(8)]
    films = [read_film(path) for path in files]
    assert len({film.states[-1].hash() for film in films}) == 8
    assert len({film.states[-1].places[0].name for film in films[:4]}) == 1
    was = [path.read_bytes() for path in files]
    for path in files[:3]:
        path.unlink()
    collect_films(8, tmp_path, 0, "validation", 1, samples=0, moments=4)
    assert [path.read_bytes() for path in files] == was


@pytest.mark.slow
def test_cells_tell_where_the_actor_is() -> None:
    films = (make(2, "validation", number, samples=0)[0] for number in range(40))
    film = next(one for one in films if one.truth.event > 0)
    assert film.actor.shape == CELLS
    assert film.actor.sum() >= VISIBLE
    ego, agents = film.states[-1].ego[0], film.states[-1].agents[0]
    player = agents[(agents["kind"] > 0) & (agents["role"] == film.truth.event)][0]
    away = math.atan2(player["y"] - ego["y"], player["x"] - ego["x"]) - ego["heading"]
    middle = (film.actor.sum(0) * (np.arange(CELLS[1]) + 0.5)).sum() / film.actor.sum() / CELLS[1]
    assert (math.sin(away) > 0) == (middle < 0.5)


@pytest.mark.slow
def test_lessons_become_films_once(film: Film, tmp_path: Path) -> None:
    lessons, out = tmp_path / "lessons", tmp_path / "stills"
    lessons.mkdir()
    with pytest.raises(DataError, match="holds no lessons"):
        collect_stills(lessons, out)
    state = film.states[-1]
    arrays = {f"state.{name}": np.frombuffer(part, np.uint8) for name, part in to_bytes(state).items()}
    about = json.dumps({"place": state.places[0].name, "rig": asdict(Rig()), "number": 7})
    np.savez(
        lessons / "000007.npz",
        about=np.array(about),
        **{"layer.sky": np.full((144, 256, 3), 0.2, np.float16)},
        **arrays,
    )
    collect_stills(lessons, out)
    collect_stills(lessons, out)
    assert [path.name for path in sorted(out.glob("*.npz"))] == ["000007.npz"]
    assert read_film(out / "000007.npz").states[0].hash() == state.hash()


@pytest.mark.slow
def test_traced_pictures_resemble_plain_ones() -> None:
    pytest.importorskip("mitsuba")
    state = scenes(0, "validation", 3)[0][-1]
    plain, seen = trace_picture(state, 0)[0], trace_picture(state, 8)[0]
    assert seen.shape == plain.shape
    assert np.corrcoef(plain.ravel(), seen.ravel())[0, 1] > 0.7
