"""Maps as they are to be had: packed, binary, of places where traffic keeps left, with roundabouts, or far too large."""

from __future__ import annotations

import bz2
import gzip
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ui.cli import app
from world.errors import DataError, SimulatorError
from world.scene.build import build
from world.scene.graph import RoadGraph
from world.scene.places import load_place
from world.scene.sumo import graph_of
from world.town import osm_map
from world.town.osm_map import BoundingBox, keeps_left, mirror_streets, prepare, streets_of, swap_sides
from world.town.osm_parts import Nodes, Relation, Way

BERLIN, LONDON, TAIPEI, TOKYO, SYDNEY = (
    (52.52, 13.40),
    (51.51, -0.12),
    (25.04, 121.51),
    (35.68, 139.77),
    (-33.87, 151.2),
)
Ends = dict[int, tuple[float, float]]  # m from the middle
Ways = list[tuple[list[int], dict[str, str]]]


def at(place: tuple[float, float], ends: Ends) -> dict[int, tuple[float, float]]:
    """lat, lon of points given in metres."""
    degree = 111_320.0
    narrow = degree * math.cos(math.radians(place[0]))
    return {number: (place[0] + y / degree, place[1] + x / narrow) for number, (x, y) in ends.items()}


def grid(place: tuple[float, float], size: int = 3, block: float = 110.0, **tags: str) -> tuple[dict, Ways]:
    ends = {row * size + col + 1: (col * block, row * block) for row in range(size) for col in range(size)}
    rows = [[row * size + col + 1 for col in range(size)] for row in range(size)]
    columns = [[row * size + col + 1 for row in range(size)] for col in range(size)]
    return at(place, ends), [(line, {"highway": "residential", **tags}) for line in rows + columns]


def roundabout(place: tuple[float, float], clockwise: bool) -> tuple[dict, Ways]:
    """A ring of eight points with four streets that lead to it, two of them joined outside."""
    way = -1 if clockwise else 1
    ends = {k + 1: (18 * math.cos(way * k * math.pi / 4), 18 * math.sin(way * k * math.pi / 4)) for k in range(8)}
    ends |= {10 + k: (150 * math.cos(k * math.pi / 2), way * 150 * math.sin(k * math.pi / 2)) for k in range(4)}
    ways: Ways = [([1, 2, 3, 4, 5, 6, 7, 8, 1], {"highway": "residential", "junction": "roundabout"})]
    ways += [([1 + 2 * k, 10 + k], {"highway": "residential"}) for k in range(4)]
    return at(place, ends), [*ways, ([10, 11], {"highway": "residential"})]


def xml(nodes: dict, ways: Ways) -> bytes:
    lines = [f'<node id="{number}" lat="{lat:.7f}" lon="{lon:.7f}"/>' for number, (lat, lon) in nodes.items()]
    for number, (refs, tags) in enumerate(ways, 100):
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        inner += "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
        lines.append(f'<way id="{number}">{inner}</way>')
    return f'<?xml version="1.0"?><osm version="0.6">{"".join(lines)}</osm>'.encode()


def varint(value: int) -> bytes:
    out = bytearray()
    value &= 2**64 - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def zigzag(values: list[int]) -> bytes:
    """Deltas of the values."""
    deltas = np.diff([0, *values]).tolist()
    return b"".join(varint(2 * one if one >= 0 else -2 * one - 1) for one in deltas)


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(kind: bytes, data: bytes, packed: bool = True) -> bytes:
    body = field(2, len(data)) + field(3, zlib.compress(data)) if packed else field(1, data)
    head = field(1, kind) + field(3, len(body))
    return struct.pack(">I", len(head)) + head + body


def pbf(nodes: dict, ways: Ways, feature: bytes = b"DenseNodes", packed: bool = True) -> bytes:
    """As the format's description says: a header, a block of dense nodes, a block of ways."""
    strings = sorted({text for _, tags in ways for pair in tags.items() for text in pair} | {"crossing"})
    number = {text: k for k, text in enumerate(["", *strings])}
    table = b"".join(field(1, text.encode()) for text in ["", *strings])
    places = [[round(1e7 * value) for value in column] for column in zip(*nodes.values(), strict=True)]
    tagged = b"".join(
        (varint(number["highway"]) + varint(number["crossing"]) if k == 1 else b"") + b"\0" for k in range(len(nodes))
    )
    dense = (
        field(1, zigzag(list(nodes))) + field(8, zigzag(places[0])) + field(9, zigzag(places[1])) + field(10, tagged)
    )
    rows = b""
    for k, (refs, tags) in enumerate(ways, 100):
        keys, values = (b"".join(varint(number[text]) for text in column) for column in (tags, tags.values()))
        rows += field(3, field(1, k) + field(2, keys) + field(3, values) + field(8, zigzag(refs)))
    header = field(4, b"OsmSchema-V0.6") + field(4, feature)
    blocks = [field(1, table) + field(2, field(2, dense)), field(1, table) + field(2, rows)]
    return blob(b"OSMHeader", header, packed) + b"".join(blob(b"OSMData", block, packed) for block in blocks)


PACKED: dict[str, Callable[[dict, Ways], bytes]] = {
    "map.osm": xml,
    "map.osm.gz": lambda nodes, ways: gzip.compress(xml(nodes, ways)),
    "map.osm.bz2": lambda nodes, ways: bz2.compress(xml(nodes, ways)),
    "map.osm.pbf": pbf,
    "unpacked.pbf": lambda nodes, ways: pbf(nodes, ways, packed=False),
}


@pytest.mark.parametrize("name", PACKED)
def test_every_kind_of_file_holds_the_same_streets(tmp_path: Path, name: str) -> None:
    nodes, ways = grid(BERLIN, oneway="yes")
    (tmp_path / name).write_bytes(PACKED[name](nodes, ways))
    streets = streets_of(tmp_path / name)
    assert [(way.refs, way.tags) for way in streets.ways] == [(tuple(refs), tags) for refs, tags in ways]
    assert streets.nodes.ids.tolist() == list(nodes)
    assert np.abs(np.stack([streets.nodes.lat, streets.nodes.lon], 1) - np.array(list(nodes.values()))).max() < 1e-7
    if name.endswith("pbf"):
        assert streets.nodes.tags == {1: {"highway": "crossing"}}


def graph(path: Path) -> RoadGraph:
    pytest.importorskip("sumo")
    return load_place(str(path)).map.graph


@pytest.mark.sim
@pytest.mark.parametrize("name", ["map.osm.gz", "map.osm.bz2", "map.osm.pbf"])
def test_a_packed_map_is_a_place(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PACKED[name](*grid(BERLIN)))
    assert len(graph(tmp_path / name).streets) >= 8


@pytest.mark.sim
@pytest.mark.parametrize(("place", "clockwise"), [(BERLIN, False), (LONDON, True)], ids=["keeps right", "keeps left"])
def test_one_goes_round_a_roundabout_to_the_left(tmp_path: Path, place: tuple[float, float], clockwise: bool) -> None:
    (tmp_path / "map.osm").write_bytes(xml(*roundabout(place, clockwise)))
    result = graph(tmp_path / "map.osm")
    ring = [street for street in result.streets if not (street.forward and street.backward)]
    assert len(ring) >= 3
    middle = np.mean([(result.junctions[s.start].x, result.junctions[s.start].y) for s in ring], axis=0)
    for street in ring:
        a, b = (np.array([result.junctions[k].x, result.junctions[k].y]) - middle for k in (street.start, street.end))
        ahead = 1 if street.forward else -1
        assert ahead * float(a[0] * b[1] - a[1] * b[0]) > 0
    assert len(build(result).lanes)


@pytest.mark.sim
@pytest.mark.parametrize("lanes", ["2;3", "yes", "1.5", "-1", "14", ""])
def test_lane_counts_that_are_missing_or_odd_are_guessed(tmp_path: Path, lanes: str) -> None:
    nodes, ways = grid(BERLIN, **({"lanes": lanes} if lanes else {}))
    (tmp_path / "map.osm").write_bytes(xml(nodes, ways))
    result = graph(tmp_path / "map.osm")
    assert result.streets and all(1 <= street.forward <= 4 and 1 <= street.backward <= 4 for street in result.streets)


@pytest.mark.parametrize(
    ("place", "left"), [(BERLIN, False), (TAIPEI, False), (LONDON, True), (TOKYO, True), (SYDNEY, True)]
)
def test_which_side_is_kept_to_by_place(tmp_path: Path, place: tuple[float, float], left: bool) -> None:
    (tmp_path / "map.osm").write_bytes(xml(*grid(place)))
    assert keeps_left(streets_of(tmp_path / "map.osm")) is left
    assert prepare(tmp_path / "map.osm", tmp_path / "out.osm") is left
    assert not prepare(tmp_path / "map.osm", tmp_path / "out.osm", traffic="right")


def test_tags_say_better_than_roundabouts_and_these_better_than_the_place(tmp_path: Path) -> None:
    path = tmp_path / "map.osm"
    path.write_bytes(xml(*roundabout(BERLIN, clockwise=True)))
    assert keeps_left(streets_of(path))
    nodes, ways = roundabout(LONDON, clockwise=True)
    path.write_bytes(xml(nodes, [(refs, tags | {"driving_side": "right"}) for refs, tags in ways]))
    assert not keeps_left(streets_of(path))


def test_mirrored_twice_is_as_it_was() -> None:
    nodes = Nodes(np.array([1, 2]), np.array([51.0, 51.1]), np.array([-0.1, 0.2]), {0: {"traffic_signals:left": "yes"}})
    way = Way(7, (1, 2), {"turn:lanes:forward": "left|through;right", "sidewalk": "left", "name": "Left Street"})
    ban = Relation(9, (("way", 7, "from"),), {"restriction": "no_left_turn"})
    once = mirror_streets(osm_map.Streets(nodes, (way,), (ban,)))
    assert once.nodes.lon == pytest.approx([0.2, -0.1]) and once.nodes.tags == {0: {"traffic_signals:right": "yes"}}
    assert once.ways[0].tags == {
        "turn:lanes:forward": "through;left|right",
        "sidewalk": "right",
        "name": "Left Street",
    }
    assert once.relations[0].tags == {"restriction": "no_right_turn"}
    assert mirror_streets(once).ways == (way,) and swap_sides(swap_sides(way.tags)) == way.tags


def test_a_network_that_keeps_left_is_mirrored(tmp_path: Path) -> None:
    lanes = '<lane id="{0}_0" index="0" speed="13" length="99" shape="0,0 100,10"/>'
    edges = '<edge id="ab" from="A" to="B" shape="0,0 40,9 100,0">' + lanes.format("ab") + "</edge>"
    edges += '<edge id="ba" from="B" to="A" shape="100,0 40,9 0,0">' + lanes.format("ba") + "</edge>"
    ends = '<junction id="A" type="priority" x="0" y="0"/><junction id="B" type="priority" x="100" y="0"/>'
    (tmp_path / "a.net.xml").write_text(f'<net lefthand="true">{edges}{ends}</net>')
    result = graph_of(tmp_path / "a.net.xml")
    assert {junction.x for junction in result.junctions} == {0, -100}
    assert result.streets[0].bends == ((-40.0, 9.0),)


def test_a_box_cuts_ways_where_they_leave_it(tmp_path: Path) -> None:
    nodes, ways = grid(BERLIN, size=5)
    (tmp_path / "map.osm.pbf").write_bytes(pbf(nodes, ways))
    (south, west), (north, east) = nodes[1], nodes[13]
    box = BoundingBox(west - 1e-4, south - 1e-4, east + 1e-4, north + 1e-4)
    streets = streets_of(tmp_path / "map.osm.pbf", box)
    assert sorted(way.refs for way in streets.ways) == sorted(
        [(1, 2, 3), (6, 7, 8), (11, 12, 13), (1, 6, 11), (2, 7, 12), (3, 8, 13)]
    )
    with pytest.raises(SimulatorError, match="holds no streets in that box"):
        streets_of(tmp_path / "map.osm.pbf", BoundingBox(0, 0, 1, 1))


def test_a_way_that_comes_back_into_the_box_is_two(tmp_path: Path) -> None:
    ends = at(BERLIN, {k: (50.0 * k, 400.0 if k == 4 else 0.0) for k in range(1, 8)})
    (tmp_path / "map.osm").write_bytes(xml(ends, [(list(range(1, 8)), {"highway": "primary"})]))
    streets = streets_of(tmp_path / "map.osm", BoundingBox(13, BERLIN[0] - 1e-3, 14, BERLIN[0] + 1e-3))
    assert [way.refs for way in streets.ways] == [(1, 2, 3), (5, 6, 7)]
    assert len({way.id for way in streets.ways}) == 2


def test_a_huge_map_tells_its_size_and_offers_a_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osm_map, "MOST_STREETS", 9)
    nodes, ways = grid(BERLIN, size=6, block=1000.0)
    path = tmp_path / "city.osm.pbf"
    path.write_bytes(pbf(nodes, ways))
    with pytest.raises(SimulatorError, match=r"covers 5\.0 x 5\.0 km with 12 streets.* 9 at most.*--box ") as refused:
        streets_of(path)
    offered = str(refused.value).partition("--box ")[2].partition(" ")[0]
    with pytest.raises(DataError, match="9 at most"):
        load_place(str(path))
    assert 0 < len(streets_of(path, BoundingBox.of(offered)).ways) <= 9


@pytest.mark.parametrize("box", ["", "1,2,3", "3,2,1,4", "a,b,c,d", "1,2,3,4,5", "nan,0,1,1", "0,0,0,0"])
def test_what_is_no_box_is_a_sentence(box: str) -> None:
    with pytest.raises(SimulatorError, match="is no box; give WEST,SOUTH,EAST,NORTH"):
        BoundingBox.of(box)


def test_a_place_may_be_a_box_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "map.osm.gz").write_bytes(gzip.compress(xml(*grid(BERLIN))))
    with pytest.raises(DataError, match="holds no streets in that box"):
        load_place(f"{tmp_path / 'map.osm.gz'}@0,0,1,1")
    with pytest.raises(DataError, match="is no box"):
        load_place(f"{tmp_path / 'map.osm.gz'}@0,0,1")


def damaged() -> dict[str, bytes]:
    nodes, ways = grid(BERLIN)
    whole, packed = pbf(nodes, ways), gzip.compress(xml(nodes, ways))
    return {
        "cut.osm.pbf": whole[:-20],
        "begun.osm.pbf": whole[:40],
        "other.osm.pbf": pbf(nodes, ways, b"HistoricalInformation"),
        "flipped.osm.pbf": whole[:-60] + bytes(60),
        "cut.osm.gz": packed[:-40],
        "cut.osm.bz2": bz2.compress(xml(nodes, ways))[:-40],
        "text.osm.pbf": b"no map at all",
    }


@pytest.mark.parametrize("name", damaged())
def test_a_damaged_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(damaged()[name])
    done = CliRunner().invoke(app, ["town", "--osm", str(tmp_path / name), "--out", str(tmp_path / "a.net.xml")])
    assert done.exit_code == 1 and name in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "a.net.xml").exists()
