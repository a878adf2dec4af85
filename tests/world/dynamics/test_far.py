"""A dreamt place that is larger than its map: it grows as if all of it were there, and what one comes back to is what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from world.dynamics import dreamt, extend, grown
from world.dynamics.dreamt import GrowingPlace, dreamt_place
from world.dynamics.extend import extended, is_due
from world.dynamics.grown import grown_place, whole
from world.dynamics.growth import Extension
from world.dynamics.renumber import moved
from world.dynamics.start import start
from world.dynamics.stock import CELL, Stock
from world.render.tiles import Tiles
from world.scene.hd_map import HDMap
from world.scene.objects import PROP, Kind

pytestmark = pytest.mark.slow

FAR = 1700.0  # m of the way out and back
NAME = "dreamt:3:suburban:1"


@pytest.fixture(scope="module")
def few() -> Iterator[None]:
    """Places of a few junctions, which grow by a few at a time, and maps that are small: a quarter of what they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dreamt, "JUNCTIONS", 4)
        patch.setattr(extend, "MOST", 2)
        patch.setattr(extend, "REACH", 150.0)
        patch.setattr(extend, "MAP_REACH", 930.0)  # 150 + 352 + 420 m: what may decide how it grows
        patch.setattr(extend, "BEFORE", 500.0)
        yield


def outwards(place: GrowingPlace) -> list[Extension]:
    """The open junction that lies furthest to the east, again and again."""
    asked = list[Extension]()
    while place.growth.xy[:, 0].max() < FAR and len(asked) < 40:
        open = place.growth.open
        x, y = place.growth.xy[open[int(place.growth.xy[open, 0].argmax())]]
        asked.append(Extension(float(x), float(y)))
        place = extended(place, asked[-1])
    return asked


@pytest.fixture(scope="module")
def asked(weights: Path, few: None) -> list[Extension]:
    return outwards(dreamt_place(NAME, weights, weights / "none"))


@pytest.fixture(scope="module")
def far(weights: Path, asked: list[Extension]) -> GrowingPlace:
    return grown_place(NAME, tuple(asked), weights, weights / "none")


def same_map(one: HDMap, other: HDMap) -> bool:
    parts = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(HDMap)]
    return all(a.tobytes() == b.tobytes() for a, b in parts if isinstance(a, np.ndarray))


def test_it_grows_as_if_all_of_it_were_on_the_map(
    weights: Path, asked: list[Extension], far: GrowingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extend, "MAP_REACH", np.inf)
    place = dreamt_place(NAME, weights, weights / "none")
    for one in asked:
        place = extended(place, one)
    assert len(far.map.streets) < len(place.map.streets) == len(far.growth.graph.streets)
    assert far.growth.graph == place.growth.graph and far.growth.grown == place.growth.grown
    rows, props = far.stock.all()
    names = [name for name in PROP.names or () if name != "signal"]
    assert rows.tolist() == place.rows.tolist() and all((props[n] == place.props[n]).all() for n in names)
    assert same_map(whole(far).map, place.map) and (whole(far).props == place.props).all()
    for shape in far.map.streets:  # what the map still has is what it has on the whole map
        assert (shape.left == place.map.streets[shape.street].left).all()


def test_what_one_comes_back_to_is_what_it_was(weights: Path, asked: list[Extension], far: GrowingPlace) -> None:
    first = grown_place(NAME, tuple(asked[:1]), weights, weights / "none")
    x, y = asked[0][:2]
    assert is_due(far, x, y)  # nothing of it is on the map
    back = extended(far, Extension(x, y))
    assert back.extensions == (*far.extensions, Extension(x, y)) and not back.near.all()
    there = np.hypot(first.props["x"] - x, first.props["y"] - y) < 100
    rows = np.searchsorted(back.rows, first.rows[there])
    assert there.sum() > 10 and (back.rows[rows] == first.rows[there]).all()
    kept = back.props["kind"][rows] != int(Kind.NONE)
    assert kept.mean() > 0.5
    for name in ("kind", "x", "y", "street", "look"):
        assert (back.props[name][rows][kept] == first.props[name][there][kept]).all()
    lit = back.props[(back.props["kind"] == int(Kind.SIGNAL)) & (back.props["signal"] >= 0)]
    assert (back.map.signals["x"][lit["signal"]] == lit["x"]).all()


def test_a_place_is_named_by_where_it_was_extended(weights: Path, far: GrowingPlace) -> None:
    """Also where no more than its growth, or nothing of it, is kept."""
    kept = (NAME, far.extensions, weights, weights / "none")
    assert grown_place(*kept) is far
    for forgotten in ((grown._places,), (grown._places, grown._growths)):
        for store in forgotten:
            store._of.clear()
        again = grown_place(*kept)
        assert again is not far and same_map(again.map, far.map)
        assert (again.props == far.props).all() and (again.rows == far.rows).all()
        assert again.growth.graph == far.growth.graph and (again.near == far.near).all()


def test_a_drive_on_a_map_of_all_goes_on_on_one_of_what_is_near(far: GrowingPlace) -> None:
    """Drives were saved with lanes' numbers on such a map."""
    there = whole(far)
    x, y = far.extensions[-1][:2]
    lanes, points = there.map.lanes, there.map.points[there.map.lanes["first"]]
    near = (np.hypot(points["x"] - x, points["y"] - y) < 300) & (lanes["street"] >= 0) & (lanes["outs"] > 0)
    state = start(there, 1, lane=int(np.flatnonzero(near)[-1]), density=0.0)
    after = moved(state, far)
    own, other = far.map.lanes[after.ego["lane"][0]], lanes[state.ego["lane"][0]]
    assert [own[name] for name in ("street", "forward", "number")] == [
        other[name] for name in ("street", "forward", "number")
    ]
    assert after.ego["x"] == state.ego["x"] and after.ego["s"] == pytest.approx(state.ego["s"])


def test_tiles_name_what_stands_by_its_own_number(far: GrowingPlace) -> None:
    x, y = far.extensions[-1][:2]
    whose = np.concatenate([piece.whose for piece in Tiles(far).near(x, y, 0.0)])
    shown = np.unique(whose[whose > 0]) - 1
    assert len(shown) and far.rows[0] > 0 and np.isin(shown, far.rows).all()


def test_where_a_place_has_no_edge_the_skyline_stays_far_off(far: GrowingPlace) -> None:
    tiles = Tiles(far)
    for x in (0.0, 1000.0, 0.0):
        ground, skyline = tiles.near(x, 30.0, 0.0)[:2]
        away = np.hypot(skyline.mesh.position[..., 0] - x, skyline.mesh.position[..., 1] - 30.0)
        assert away.min() > 500 and away.max() < 1200 and skyline.moves and not ground.moves
        assert np.abs(ground.mesh.position[..., 0] - x).max() > away.max()
    again = tiles.near(0.0, 30.0, 0.0)[1].mesh.position
    assert (again == Tiles(far).near(0.0, 30.0, 0.0)[1].mesh.position).all()


def test_a_stock_shares_what_has_not_changed() -> None:
    props = np.zeros(4, PROP)
    props["kind"], props["x"] = int(Kind.TREE), (0.5 * CELL, 2.5 * CELL, 0.6 * CELL, 9.5 * CELL)
    stock = Stock.of(props)
    rows, near = stock.near(np.array([(0.5 * CELL, 0.5 * CELL)]), 10.0)
    assert rows.tolist() == [0, 2]
    new = np.concatenate([near, near[:1]])
    new["kind"][1] = int(Kind.NONE)
    changed = stock.changed((rows, near), new)
    assert changed.count == 5 and stock.count == 4
    assert all((changed.cells[cell] is own) == (cell != (0, 0)) for cell, own in stock.cells.items())
    assert changed.all()[0].tolist() == [0, 1, 2, 3, 4]
    assert changed.all()[1]["kind"].tolist() == [int(Kind.TREE)] * 2 + [int(Kind.NONE)] + [int(Kind.TREE)] * 2
