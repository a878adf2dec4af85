"""A road graph from a SUMO network file."""

from __future__ import annotations

from pathlib import Path

import pytest

from world.errors import DataError
from world.scene.graph import RoadGraph
from world.scene.sumo import graph_of


def lane(edge: str, index: int, more: str = "", width: float = 3.4, speed: float = 13.9) -> str:
    return f'<lane id="{edge}_{index}" index="{index}" speed="{speed}" length="50" width="{width}" {more} shape="0,0 1,1"/>'


WALK, BIKE = 'allow="pedestrian"', 'allow="bicycle"'


def edge(name: str, ends: str, lanes: list[str], shape: str = "", more: str = "") -> str:
    start, end = ends
    shape = f'shape="{shape}"' if shape else ""
    return f'<edge id="{name}" from="{start}" to="{end}" {shape} {more}>{"".join(lanes)}</edge>'


NODES = {"A": (0, 0), "B": (100, 0), "C": (100, 80), "D": (0, 80), "Y": (500, 500), "Z": (600, 500)}


def network(tmp_path: Path, *edges: str, nodes: dict[str, tuple[int, int]] = NODES, signals: str = "B") -> RoadGraph:
    junctions = [
        f'<junction id="{n}" type="{"traffic_light" if n in signals else "priority"}" x="{x}" y="{y}" shape="0,0 1,0 1,1"/>'
        for n, (x, y) in nodes.items()
    ]
    path = tmp_path / "own.net.xml"
    inside = '<junction id=":A_0" type="internal" x="1" y="1"/><edge id=":A_0" function="internal"/>'
    path.write_text(f"<net>{''.join(edges)}{inside}{''.join(junctions)}</net>")
    return graph_of(path)


def test_two_directions_are_one_street(tmp_path):
    graph = network(
        tmp_path,
        edge("ab", "AB", [lane("ab", 0, WALK, 2.5), lane("ab", 1, BIKE, 1.5), lane("ab", 2), lane("ab", 3, width=3.0)]),
        edge("ba", "BA", [lane("ba", 0, WALK, 3.0), lane("ba", 1, width=3.2, speed=8.33)]),
    )
    (street,) = graph.streets
    assert (street.forward, street.backward, street.bends) == (2, 1, ())
    assert street.lane_width == pytest.approx((3.4 + 3.0 + 3.2) / 3)
    assert (street.pavement, street.limit) == (3.0, 13.9)
    assert [(j.x, j.y, j.signals) for j in graph.junctions] == [(0, 0, False), (100, 0, True)]


def test_one_way_street_and_no_pavement(tmp_path):
    (street,) = network(tmp_path, edge("ab", "AB", [lane("ab", 0)])).streets
    assert (street.forward, street.backward, street.pavement) == (1, 0, 0.0)


def test_bends_are_exact_and_idle_ones_left_out(tmp_path):
    shape = [(0.0, 0.0), (20.0, 0.02), (40.0, 12.345), (60.0, -3.21), (100.0, 0.0)]
    forth, back = (" ".join(f"{x},{y}" for x, y in line) for line in (shape, shape[::-1]))
    graph = network(tmp_path, edge("ab", "AB", [lane("ab", 0)], forth), edge("ba", "BA", [lane("ba", 0)], back))
    assert graph.streets[0].bends[-2:] == ((40.0, 12.345), (60.0, -3.21))
    straight = "0,0 30,0.01 60,0.02 100,0"
    assert network(tmp_path, edge("ab", "AB", [lane("ab", 0)], straight)).streets[0].bends == ()


def test_directions_with_shapes_of_their_own_meet_in_the_middle(tmp_path):
    graph = network(
        tmp_path,
        edge("ab", "AB", [lane("ab", 0)], "0,0 50,6 100,0"),
        edge("ba", "BA", [lane("ba", 0)], "100,0 70,10 50,10 30,10 0,0"),
    )
    (street,) = graph.streets
    middle = min(street.bends, key=lambda p: abs(p[0] - 50))
    assert middle == pytest.approx((50, 8), abs=0.1)


def test_ways_far_apart_stay_two_streets(tmp_path):
    graph = network(
        tmp_path,
        edge("ab", "AB", [lane("ab", 0)], "0,0 50,40 100,0"),
        edge("ba", "BA", [lane("ba", 0)], "100,0 50,-40 0,0"),
    )
    assert [(s.forward, s.backward) for s in graph.streets] == [(1, 0), (1, 0)]


def test_two_streets_between_the_same_junctions_find_their_own_directions(tmp_path):
    graph = network(
        tmp_path,
        edge("n", "AB", [lane("n", 0)], "0,0 50,9 100,0"),
        edge("s", "AB", [lane("s", 0)], "0,0 50,-9 100,0"),
        edge("s2", "BA", [lane("s2", 0)], "100,0 50,-9 0,0"),
        edge("n2", "BA", [lane("n2", 0)], "100,0 50,9 0,0"),
    )
    assert [(s.forward, s.backward, s.bends) for s in graph.streets] == [(1, 1, ((50, 9),)), (1, 1, ((50, -9),))]


def test_crossings_lie_at_their_end(tmp_path):
    crossing = f'<edge id=":B_c0" function="crossing" crossingEdges="ab ba">{lane(":B_c0", 0, WALK)}</edge>'
    graph = network(tmp_path, edge("ab", "AB", [lane("ab", 0)]), edge("ba", "BA", [lane("ba", 0)]), crossing)
    assert (graph.streets[0].crossing_start, graph.streets[0].crossing_end) == (False, True)


def test_only_the_largest_part_and_only_for_cars(tmp_path):
    graph = network(
        tmp_path,
        edge("yz", "YZ", [lane("yz", 0)]),
        edge("ab", "AB", [lane("ab", 0)]),
        edge("bc", "BC", [lane("bc", 0)]),
        edge("cd", "CD", [lane("cd", 0, BIKE)]),
        edge("da", "DA", [lane("da", 0, 'disallow="passenger"')]),
    )
    assert len(graph.streets) == 2 and len(graph.junctions) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<net/>", "no street"),
        ('<net><edge id="a" from="x" to="y"><lane id="a_0"/></edge></net>', "no complete"),
        ("<osm/>", "begins with <osm>"),
        ("<net><edge", "damaged"),
        ("", "damaged"),
    ],
)
def test_other_files_are_refused_in_one_sentence(tmp_path, text, says):
    path = tmp_path / "own.net.xml"
    path.write_text(text)
    with pytest.raises(DataError, match=says) as refused:
        graph_of(path)
    assert "\n" not in str(refused.value)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        graph_of(tmp_path / "none.net.xml")
