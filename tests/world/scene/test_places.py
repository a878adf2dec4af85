"""Places: the shipped towns, maps of one's own, the file that a graph is kept in."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.scene.test_sumo import edge, lane
from world.errors import DataError, SimulatorError
from world.scene.graph import LOOKS, Junction, RoadGraph, Street
from world.scene.places import ENDING, FOLDER, load, load_place, save, towns
from world.town.network import SPLITS, TOWNS

cm = st.integers(-500_000, 500_000).map(lambda v: v / 100)
junctions = st.lists(st.builds(Junction, cm, cm, st.booleans()), min_size=2, max_size=5).map(tuple)
streets = st.builds(
    Street,
    st.integers(0, 1),
    st.integers(0, 1),
    st.lists(st.tuples(cm, cm), max_size=3).map(tuple),
    st.integers(1, 4),
    st.integers(0, 4),
    st.integers(250, 400).map(lambda v: v / 100),
    st.integers(0, 500).map(lambda v: v / 100),
    st.integers(100, 3000).map(lambda v: v / 100),
    st.booleans(),
    st.booleans(),
)
graphs = st.builds(RoadGraph, junctions, st.lists(streets, max_size=4).map(tuple), st.sampled_from(LOOKS))


@settings(max_examples=30, deadline=None)
@given(graph=graphs)
def test_a_graph_comes_back_as_it_was(tmp_path_factory, graph):
    path = tmp_path_factory.mktemp("place") / f"own{ENDING}"
    save(graph, path)
    assert load(path) == graph


def test_equal_graphs_make_equal_files(tmp_path):
    graph = load(FOLDER / f"town-5{ENDING}")
    save(graph, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == (FOLDER / f"town-5{ENDING}").read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        gzip.compress(b"{}"),
        gzip.compress(b"[1"),
        gzip.compress(json.dumps({"version": 1, "look": "mixed", "junctions": [[1, 2]], "streets": []}).encode()),
        gzip.compress(
            json.dumps(
                {"version": 1, "look": "mixed", "junctions": [[1, 2, 0]], "streets": [[0, 7, [], 1, 1, 3, 3, 9, 1, 1]]}
            ).encode()
        ),
    ],
    ids=["empty", "no archive", "no fields", "no JSON", "a junction too short", "a street to nowhere"],
)
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / f"own{ENDING}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="install lucidrive again"):
        load(path)


def test_every_town_is_shipped_and_small():
    names = [name for split in towns().values() for name in split]
    assert {split: len(found) for split, found in towns().items()} == {s: len(n) for s, n in SPLITS.items()}
    assert len(set(names)) == len(names) == len(TOWNS)
    for name in names:
        path = FOLDER / f"{name}{ENDING}"
        assert path.stat().st_size < 10_000
        graph = load(path)
        assert graph.look == TOWNS[int(name.removeprefix("town-"))].look
        assert len(graph.streets) >= 20


def test_a_place_is_made_once():
    place = load_place("town-20")
    assert place is load_place("town-20")
    assert place.name == "town-20" and len(place.map.lanes) and len(place.props)


def test_unknown_names_are_answered_with_what_there_is():
    with pytest.raises(DataError, match=r"town-0, town-1, .*town-25.*\.osm"):
        load_place("town-99")


def test_a_network_of_ones_own(tmp_path):
    path = tmp_path / "own.net.xml"
    ends = '<junction id="A" type="priority" x="0" y="0"/><junction id="B" type="priority" x="150" y="0"/>'
    path.write_text(f"<net>{edge('ab', 'AB', [lane('ab', 0)])}{edge('ba', 'BA', [lane('ba', 0)])}{ends}</net>")
    assert len(load_place(str(path)).map.graph.streets) == 1


def test_one_way_streets_that_lead_nowhere_are_left_out(tmp_path):
    path = tmp_path / "own.net.xml"
    at = {"A": (0, 0), "B": (150, 0), "C": (150, 150), "D": (300, 0)}
    ends = "".join(f'<junction id="{name}" type="priority" x="{x}" y="{y}"/>' for name, (x, y) in at.items())
    both = edge("ab", "AB", [lane("ab", 0)]) + edge("ba", "BA", [lane("ba", 0)])
    path.write_text(f"<net>{both}{edge('bd', 'BD', [lane('bd', 0)])}{edge('cb', 'CB', [lane('cb', 0)])}{ends}</net>")
    graph = load_place(str(path)).map.graph
    assert [(street.forward, street.backward) for street in graph.streets] == [(1, 1), (1, 0)]
    assert len(graph.junctions) == 3
    path = tmp_path / "trap.net.xml"
    path.write_text(f"<net>{edge('bd', 'BD', [lane('bd', 0)])}{edge('ab', 'AB', [lane('ab', 0)])}{ends}</net>")
    with pytest.raises(DataError, match="lead nowhere"):
        load_place(str(path))


@pytest.mark.parametrize(
    "content", ["", "<osm", "no map at all", "<osm></osm>", "<osm><node id='1' lat='1' lon='1'/></osm>"]
)
def test_a_damaged_or_empty_map_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "own.osm"
    path.write_text(content)
    with pytest.raises(DataError) as refused:
        load_place(str(path))
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_a_map_without_sumo_is_refused_in_one_sentence(tmp_path, monkeypatch):
    def missing(*_: object) -> None:
        raise SimulatorError("The town needs SUMO, which is not installed: run `pip install 'lucidrive[sim]'`.")

    monkeypatch.setattr("world.town.osm.run_sumo", missing)
    path = tmp_path / "own.osm"
    path.write_text('<osm><node id="1" lat="1" lon="1"/><way id="1"><nd ref="1"/></way></osm>')
    with pytest.raises(DataError, match="pip install"):
        load_place(str(path))


def test_a_file_that_is_no_map_is_refused(tmp_path):
    (tmp_path / "own.osm").write_text("<html/>")
    with pytest.raises(DataError, match="no OpenStreetMap file"):
        load_place(str(tmp_path / "own.osm"))


@pytest.mark.sim
def test_shipped_towns_are_what_the_generator_makes(tmp_path):
    pytest.importorskip("sumo")
    from world.scene.sumo import graph_of
    from world.town.network import ensure

    save(graph_of(ensure(7), TOWNS[7].look), tmp_path / "town")
    assert load(tmp_path / "town") == load(FOLDER / f"town-7{ENDING}")
