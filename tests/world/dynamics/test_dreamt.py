"""Dreamt places: known by name, the same again; they grow while one drives, and what stands stays where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.world.scene.test_hd_map import whole
from world.controls import Control
from world.dynamics import dreamt, extend
from world.dynamics import grown as grown_module
from world.dynamics.dreamt import GrowingPlace, dreamt_of, dreamt_place, is_dreamt
from world.dynamics.extend import extended, is_due
from world.dynamics.growth import Extension
from world.dynamics.horizon import Horizon
from world.dynamics.renumber import moved
from world.dynamics.start import start
from world.dynamics.step import step
from world.errors import DataError, WeightsError
from world.evaluate.roadside import wrong_with
from world.places import find_place
from world.render.tiles import Tiles
from world.scene.character import Character
from world.scene.check import check
from world.scene.objects import Kind


@pytest.fixture(scope="module")
def place(weights: Path) -> GrowingPlace:
    """A few junctions of a dreamt town, lined by the rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dreamt, "JUNCTIONS", 4)
        return dreamt_place("dreamt:3:suburban:1", weights, weights / "none")


@pytest.fixture(scope="module")
def larger(place: GrowingPlace) -> GrowingPlace:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("world.dynamics.extend.MOST", 3)
        return extended(place, Extension(0.0, 0.0))


def test_a_name_says_how_it_is_dreamt(place: GrowingPlace, weights: Path) -> None:
    told = dreamt_of("dreamt:7:2:grid:dense#0123abcd")
    assert (told.seed, told.regions.first) == (7, Character("grid", "dense", 2))
    assert told.mark == "0123abcd" and dreamt_of(told.name).regions == told.regions
    assert is_dreamt("dreamt") and is_dreamt("dreamt:2#ff") and not is_dreamt("town-7")
    assert place.name.startswith("dreamt:3:suburban:1#") and len(place.props)
    with pytest.raises(DataError, match="other weights or on another machine"):
        dreamt_place("dreamt:3:suburban:1#00000000", weights, weights / "none")
    with pytest.raises(DataError, match="says nothing more"):
        dreamt_of("dreamt:3:lunar")


def test_places_have_names(tmp_path: Path) -> None:
    assert find_place("town:20") is find_place("town-20")
    with pytest.raises(DataError):
        find_place(f"osm:{tmp_path / 'none.osm'}")
    with pytest.raises(WeightsError, match="lucidrive train streets"):
        dreamt_place("dreamt", tmp_path)


def test_what_stands_stays_when_a_place_grows(place: GrowingPlace, larger: GrowingPlace) -> None:
    whole(larger.map)
    before, after = place.map.graph, larger.map.graph
    assert is_due(place, 0.0, 0.0) and larger.extensions == (Extension(0.0, 0.0),)
    assert after.streets[: len(before.streets)] == before.streets and len(after.streets) > len(before.streets)
    rows = larger.props[: len(place.props)]
    stays = rows["kind"] != int(Kind.NONE)
    names = [name for name in rows.dtype.names if name != "signal"]  # signals are numbered anew
    assert all((rows[name][stays] == place.props[name][stays]).all() for name in names)
    posts = larger.props[larger.props["kind"] == int(Kind.SIGNAL)]
    wanted = np.unique(larger.map.lanes["signal"][larger.map.lanes["signal"] >= 0])
    assert sorted(posts["signal"].tolist()) == wanted.tolist()
    assert all(larger.map.signals["x"][post["signal"]] == post["x"] for post in posts)
    left = place.props[~stays & ~np.isin(place.props["kind"], (int(Kind.SIGNAL), int(Kind.SIGN)))]
    grown = [before.junctions[k] for k in larger.growth.grown - place.growth.grown if k < len(before.junctions)]
    ends = np.array([(j.x, j.y) for j in grown])
    away = np.hypot(left["x"][:, None] - ends[:, 0], left["y"][:, None] - ends[:, 1])
    assert (away.min(1) < 90).all()  # only what stood round a turning place makes way
    found = wrong_with(larger.map, larger.props[larger.props["kind"] != int(Kind.NONE)])
    was = wrong_with(place.map, place.props)
    assert found["overlaps"] <= was["overlaps"] and found["on_roads"] <= was["on_roads"]
    assert found["in_traffic"] == 0 and set(larger.props["street"]) > set(place.props["street"])


def test_tiles_where_nothing_changed_are_kept(place: GrowingPlace, larger: GrowingPlace) -> None:
    before = Tiles(place)
    seen = {id(piece.mesh) for piece in before.near(0.0, 0.0, 0.0)}
    after, fresh = Tiles(larger, before), Tiles(larger)
    kept = after.near(0.0, 0.0, 0.0)
    assert sum(id(piece.mesh) in seen for piece in kept) > len(seen) / 4
    again = fresh.near(0.0, 0.0, 0.0)
    assert [len(piece.mesh) for piece in kept] == [len(piece.mesh) for piece in again]


def test_a_drive_goes_on_in_the_larger_place(place: GrowingPlace, larger: GrowingPlace) -> None:
    state = start(place, 5)
    for _ in range(5):
        state = step(state, [Control(accel=0.2)])
    there = moved(state, larger)
    check(there)
    assert there.places == (larger,) and there.clock[0] == state.clock[0]
    kept = there.agents[0]["kind"] != 0
    assert kept.sum() >= 0.5 * (state.agents[0]["kind"] != 0).sum()
    old, new = step(state, [Control(accel=0.2)]), step(there, [Control(accel=0.2)])
    assert np.allclose([new.ego[n][0] for n in ("x", "y", "speed")], [old.ego[n][0] for n in ("x", "y", "speed")])
    same = kept & (new.agents[0]["id"] == old.agents[0]["id"])
    apart = np.hypot(new.agents[0]["x"] - old.agents[0]["x"], new.agents[0]["y"] - old.agents[0]["y"])[same]
    assert apart.max() < 0.2


def test_a_place_grows_at_the_same_step_whoever_drives(place: GrowingPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """One drive, and one that was forked while its place was being grown."""
    monkeypatch.setattr(dreamt, "JUNCTIONS", 4)
    monkeypatch.setattr("world.dynamics.extend.MOST", 3)
    monkeypatch.setattr("world.dynamics.horizon.PERIOD", 4)
    monkeypatch.setattr("world.dynamics.horizon.LATE", 3)
    state, horizon = start(place, 5, density=0.0), Horizon()
    forked = None
    for number in range(5):
        state = step(horizon.step(state), [Control(accel=0.2)])
        if number == 1:
            forked = state, Horizon(horizon.pending)
    assert forked is not None
    other, beside = forked
    for _ in range(3):
        other = step(beside.step(other), [Control(accel=0.2)])
    assert state.places[0].extensions == other.places[0].extensions != place.extensions
    assert state.places[0] is other.places[0] and state.hash() == other.hash()


def test_a_question_grows_the_place_as_it_stands_however_many_drives_there_are(
    place: GrowingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("world.dynamics.extend.MOST", 2)
    monkeypatch.setattr("world.dynamics.horizon.PERIOD", 4)
    monkeypatch.setattr("world.dynamics.horizon.LATE", 3)
    grown = list[Extension]()
    real = extend.extended

    def watched(standing: GrowingPlace, asked: Extension) -> GrowingPlace:
        grown.append(asked)
        return real(standing, asked)

    monkeypatch.setattr(grown_module, "extended", watched)
    state, horizon = start(place, 6, density=0.0), Horizon()
    for _ in range(8):
        state = step(horizon.step(state), [Control(accel=0.2)])
        for name in ("_places", "_growths"):  # as where other drives fill them
            monkeypatch.setattr(grown_module, name, grown_module._Newest(1))
    (there,) = state.places
    assert isinstance(there, GrowingPlace) and len(there.extensions) == 2
    assert [one for one in grown if one in there.extensions] == list(
        there.extensions
    )  # whatever drives of other tests wait for


@pytest.mark.parametrize(
    ("name", "seed", "near", "far"),
    [
        ("dreamt:4:dense:3+300:suburban:1", 4, Character(look="dense", lanes=3), Character(look="suburban", lanes=1)),
        ("dreamt+300:grid", 0, Character(), Character("grid")),
        ("dreamt:5+300:2", 5, Character(), Character(lanes=2)),
        ("dreamt:dense+300:organic", 0, Character(look="dense"), Character("organic")),
    ],
)
def test_character_changes_from_the_middle_outwards(name: str, seed: int, near: Character, far: Character) -> None:
    told = dreamt_of(name)
    assert told.seed == seed and dreamt_of(told.name) == told
    assert told.regions.at(100.0, -200.0) == near and told.regions.at(-250.0, 250.0) == far


@pytest.mark.parametrize(
    "wrong", ["dreamt:3+suburban", "dreamt:3+200", "dreamt+300:grid+200:dense", "dreamt:1+50:moon"]
)
def test_a_change_that_says_nothing_is_a_sentence(wrong: str) -> None:
    with pytest.raises(DataError):
        dreamt_of(wrong)


def test_streets_and_what_lines_them_change_on_the_way(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first streets have two lanes each way and houses as in a dense town; those further out one lane, and other houses."""
    monkeypatch.setattr(dreamt, "JUNCTIONS", 5)
    monkeypatch.setattr("world.dynamics.extend.MOST", 2)
    name = "dreamt:3:dense:2+90:suburban:1"
    place = extended(dreamt_place(name, weights, weights / "none"), Extension(0.0, 0.0))
    alike = extended(dreamt_place("dreamt:3:dense:2", weights, weights / "none"), Extension(0.0, 0.0))
    graph, told = place.growth.graph, place.spec
    outside = [s for s in graph.streets if np.hypot(graph.junctions[s.start].x, graph.junctions[s.start].y) >= 90]
    assert outside and all(max(s.forward, s.backward) == 1 for s in outside)
    assert any(max(s.forward, s.backward) == 2 for s in alike.growth.graph.streets)
    looks = told.looks(graph)
    assert set(looks.values()) == {"dense", "suburban"}
    houses = place.props[place.props["kind"] == int(Kind.HOUSE)]
    suburban = np.isin(houses["street"], [k for k, look in looks.items() if look == "suburban"])
    assert suburban.any() and houses["floors"][suburban].mean() < houses["floors"][~suburban].mean()
