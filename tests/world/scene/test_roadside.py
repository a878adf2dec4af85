"""What lines the streets: nothing in the way, nothing in another, streets lined without holes, and always the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from world.scene.build import build
from world.scene.frontage import sides
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.objects import Kind
from world.scene.places import FOLDER, load, load_place
from world.scene.query import overlap
from world.scene.roadside import line

TOWNS = ("town-20", "town-25", "town-21", "town-24")
BEHIND = (Kind.HOUSE, Kind.HEDGE, Kind.FENCE, Kind.WALL, Kind.CAR)


@pytest.fixture(scope="module", params=TOWNS)
def place(request):
    return load_place(request.param)


def of(props: np.ndarray, *kinds: Kind) -> np.ndarray:
    return props[np.isin(props["kind"], kinds)]


def box(prop: np.void, shrink: float = 0.0) -> tuple[float, ...]:
    x, y, heading, length, width = (float(prop[n]) for n in ("x", "y", "heading", "length", "width"))
    return x, y, heading, length - shrink, width - shrink


def outline(prop: np.void, shrink: float = 0.0) -> np.ndarray:
    """Points round a box, about every metre, [N, 2]."""
    x, y, heading, length, width = box(prop, shrink)
    a, b = np.linspace(-length / 2, length / 2, 14), np.linspace(-width / 2, width / 2, 14)
    u = np.concatenate([a, a, np.full(14, length / 2), np.full(14, -length / 2)])
    v = np.concatenate([np.full(14, width / 2), np.full(14, -width / 2), b, b])
    c, s = np.cos(heading), np.sin(heading)
    return np.stack([x + u * c - v * s, y + u * s + v * c], axis=1)


def inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points [N, 2] a polygon [M, 2] holds, bool [N]."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return np.count_nonzero(crosses & (x < at), axis=1) % 2 == 1


def driving(place) -> list[np.ndarray]:
    roads = [np.concatenate([s.left, s.right[::-1]]) for s in place.map.streets]
    return roads + [j.outline for j in place.map.junctions]


def walking(place) -> list[np.ndarray]:
    """Pavements without their outer 5 cm."""
    found = [polygon for j in place.map.junctions for polygon in j.pavements]
    for side in sides(place.map):
        for s0, s1 in zip(side.distance, side.distance[1:], strict=False):
            corners = [side.at(s, away)[:2] for s, away in ((s0 + 1e-6, 0), (s1 - 1e-6, 0))]
            corners += [side.at(s, side.pavement - 0.05)[:2] for s in (s1 - 1e-6, s0 + 1e-6)]
            found.append(np.array(corners))
    return found


def hits(points: np.ndarray, polygons: list[np.ndarray]) -> int:
    low, high = points.min(0), points.max(0)
    return sum(
        int(inside(points[((points >= p.min(0)) & (points <= p.max(0))).all(1)], p).sum())
        for p in polygons
        if len(p) > 2 and (p.max(0) > low).all() and (p.min(0) < high).all()
    )


@pytest.mark.slow
def test_houses_hedges_and_cars_stand_behind_the_pavements(place):
    found = of(place.props, *BEHIND)
    assert len(found) > 200
    points = np.concatenate([outline(prop) for prop in found])
    assert hits(points, driving(place) + walking(place)) == 0


@pytest.mark.slow
def test_nothing_stands_where_cars_drive(place):
    rest = place.props[~np.isin(place.props["kind"], (*BEHIND, Kind.TREE))]
    assert hits(np.concatenate([outline(prop) for prop in rest]), driving(place)) == 0
    stems = of(place.props, Kind.TREE)
    assert hits(np.stack([stems["x"], stems["y"]], axis=1), driving(place)) == 0


def test_nothing_behind_the_pavements_stands_in_another(place):
    found = of(place.props, *BEHIND)
    xy = np.stack([found["x"], found["y"]], axis=1)
    for k, prop in enumerate(found):
        near = np.flatnonzero(np.linalg.norm(xy - xy[k], axis=1) < 20)
        for other in near[near > k]:
            assert not overlap(*box(prop, 0.2), *box(found[other]))


def test_fronts_look_at_their_street(place):
    shapes = {shape.street: shape.centre for shape in place.map.streets}
    for house in of(place.props, Kind.HOUSE):
        centre = shapes[int(house["street"])]
        middle = np.array([house["x"], house["y"]])
        front = middle + house["length"] / 2 * np.array([np.cos(house["heading"]), np.sin(house["heading"])])
        away = [np.linalg.norm(centre - p, axis=1).min() for p in (front, middle)]
        assert away[0] < away[1] + 0.5


def test_every_car_signal_has_its_post(place):
    posts = of(place.props, Kind.SIGNAL)
    wanted = np.unique(place.map.lanes["signal"][place.map.lanes["signal"] >= 0])
    assert sorted(posts["signal"].tolist()) == wanted.tolist()
    for post in posts:
        signal = place.map.signals[post["signal"]]
        assert (post["x"], post["y"], post["heading"]) == (signal["x"], signal["y"], signal["heading"])
    assert (of(place.props, Kind.HOUSE, Kind.TREE, Kind.LAMP)["signal"] == -1).all()


def test_lamps_light_every_street(place):
    lamps = of(place.props, Kind.LAMP)
    for shape in place.map.streets:
        length = np.linalg.norm(np.diff(shape.centre, axis=0), axis=1).sum()
        if length < 20:
            continue
        own = lamps[lamps["street"] == shape.street]
        assert length / len(own) < 45
        for lamp in own:  # the arm points over the road
            foot = np.array([lamp["x"], lamp["y"]])
            arm = foot + 1.5 * np.array([np.cos(lamp["heading"]), np.sin(lamp["heading"])])
            away = [np.linalg.norm(shape.centre - p, axis=1).min() for p in (foot, arm)]
            assert away[1] < away[0]


def test_no_empty_prairie(place):
    """From most places on a street's edge something stands within 25 m straight behind the pavement."""
    west, south, east, north = place.map.bounds
    image = Image.new("1", (int(2 * (east - west + 120)), int(2 * (north - south + 120))))
    draw = ImageDraw.Draw(image)
    for prop in place.props[place.props["height"] > 0.9]:
        draw.polygon([(2 * (x - west + 60), 2 * (y - south + 60)) for x, y in outline(prop)[[0, 13, 27, 14]]], fill=1)
    taken, closed, asked = np.asarray(image), 0, 0
    for side in sides(place.map):
        for s in np.arange(1.0, side.length, 2.0):
            ways = np.array([side.at(s, side.pavement + d)[:2] for d in np.arange(0.3, 25, 0.3)])
            column, row = (2 * (ways[:, 0] - west + 60)).astype(int), (2 * (ways[:, 1] - south + 60)).astype(int)
            asked += 1
            closed += bool(taken[row, column].any())
    assert closed / asked > 0.9


def test_looks_differ():
    floors = {name: of(load_place(name).props, Kind.HOUSE)["floors"].mean() for name in TOWNS}
    assert floors["town-25"] > floors["town-20"] + 1.5
    assert not len(of(load_place("town-25").props, Kind.CAR))


def test_always_the_same(place):
    again = line(build(place.map.graph))
    assert again.tobytes() == place.props.tobytes()


def test_what_is_far_away_changes_nothing():
    graph = load(FOLDER / "town-8.json.gz")
    place = build(graph)
    x, y = np.array([(j.x, j.y) for j in graph.junctions]).T
    far = int(np.argmax(x + y))
    ends = [k for k, s in enumerate(graph.streets) if far in (s.start, s.end)]
    number = ends[-1]
    less = replace(graph, streets=graph.streets[:number] + graph.streets[number + 1 :])
    before, after = line(place), line(build(less))

    def near(props: np.ndarray) -> set[tuple[float, ...]]:
        kept = props[np.hypot(props["x"] - x[far], props["y"] - y[far]) > 200]
        return {tuple(np.round([p[n] for n in ("kind", "x", "y", "heading", "height", "look")], 6)) for p in kept}

    assert len(near(before)) > 300
    assert near(before) == near(after)


@pytest.mark.parametrize("look", ["dense", "mixed", "suburban"])
def test_a_single_bent_street_without_pavements(look):
    graph = RoadGraph((Junction(0, 0), Junction(120, 60)), (Street(0, 1, ((60, 0), (90, 20)), pavement=0.0),), look)
    props = line(build(graph))
    assert len(of(props, Kind.HOUSE)) > 5 and len(of(props, Kind.LAMP)) > 2
    assert set(props["street"].tolist()) == {0}
