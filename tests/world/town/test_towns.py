"""Towns: their splits, towns from a map, routes with wishes, test routes and ways round what blocks the lane."""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

if missing := [name for name in ("sumo", "libsumo", "panda3d") if find_spec(name) is None]:
    pytest.skip(f"the town needs the extra `sim` ({', '.join(missing)} missing)", allow_module_level=True)

from ui.cli import app
from world.controls import Command, TimeOfDay, Weather
from world.errors import SimulatorError
from world.kinematics import REAR_AXLE_TO_FRONT
from world.town import routes
from world.town.camera import TownCamera
from world.town.detour import blocking, lane_free, swing
from world.town.lane_index import LaneIndex
from world.town.network import SPLITS, TOWNS, RoadNetwork, load
from world.town.options import Options
from world.town.osm import from_osm
from world.town.pilots import StrayPilot
from world.town.recovery import REACH, way_back
from world.town.route import Route
from world.town.routes import CAUSES, DONE, Run, figures
from world.town.scene import Raster
from world.town.town import Town
from world.town.traffic import Other

pytestmark = pytest.mark.sim
PLAIN = Options(Weather.CLEAR, TimeOfDay.DAY, events=0, changes=False)


def quarter(streets: int = 3, block: float = 0.0011) -> str:
    """An invented quarter on OpenStreetMap's terms: a grid of streets, the middle ones wider, with lights amid."""
    nodes, ways = [], []
    for row in range(streets):
        for col in range(streets):
            light = '<tag k="highway" v="traffic_signals"/>' if row == col == streets // 2 else ""
            where = f'lat="{24.99 + row * block:.5f}" lon="{121.5 + col * block:.5f}"'
            nodes.append(f'<node id="{row * streets + col + 1}" {where} version="1">{light}</node>')
    lines = [[row * streets + col + 1 for col in range(streets)] for row in range(streets)]
    lines += [[row * streets + col + 1 for row in range(streets)] for col in range(streets)]
    for number, line in enumerate(lines):
        wide = number % streets == streets // 2
        refs = "".join(f'<nd ref="{ref}"/>' for ref in line)
        kind = (
            '<tag k="highway" v="secondary"/><tag k="lanes" v="4"/>' if wide else '<tag k="highway" v="residential"/>'
        )
        ways.append(f'<way id="{number + 1}" version="1">{refs}{kind}<tag k="maxspeed" v="50"/></way>')
    return f'<?xml version="1.0"?>\n<osm version="0.6">{"".join(nodes)}{"".join(ways)}</osm>\n'


@pytest.fixture(scope="module")
def own_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("osm")
    (folder / "map.osm").write_text(quarter())
    result = CliRunner().invoke(app, ["town", "--osm", str(folder / "map.osm"), "--out", str(folder / "own.net.xml")])
    assert result.exit_code == 0, result.output
    return folder / "own.net.xml"


@pytest.fixture(scope="module")
def town(own_town: Path) -> Iterator[Town]:
    camera = TownCamera()
    made = Town(str(own_town), 1, camera)
    yield made
    made.close()
    camera.close()


@pytest.fixture(scope="module")
def two_lanes() -> RoadNetwork:
    return load(25)


def test_no_town_is_in_two_splits_and_every_split_is_mixed() -> None:
    ids = [town for towns in SPLITS.values() for town in towns]
    assert sorted(ids) == list(range(len(TOWNS))) and len(ids) >= 24
    assert len(SPLITS["train"]) == 18 and len(SPLITS["validation"]) == 3 and len(SPLITS["test"]) >= 4
    for split in ("train", "test"):
        kinds = [TOWNS[town] for town in SPLITS[split]]
        assert {kind.plan for kind in kinds} == {"grid", "random", "spider"}
        assert {kind.lanes for kind in kinds} == {1, 2, 3}
        assert {kind.look for kind in kinds} == {"dense", "mixed", "suburban"}


def test_a_map_becomes_a_town_with_pavements_crossings_and_lights(own_town: Path) -> None:
    network = load(own_town)
    assert len(network.edge_lanes) == 16  # eight streets, those at the corners run on; both ways
    assert {len(names) for names in network.edge_lanes.values()} == {1, 2}
    assert len(network.sidewalks) >= 14 and network.crossings
    assert any(turn.signal for turns in network.turns.values() for turn in turns)
    assert not network.dead_ends


def test_one_drives_in_a_town_of_ones_own(town: Town) -> None:
    town.reset(3, PLAIN)
    begin = (town.x, town.y)
    for _ in range(60):
        town.choose()
        town.step(town.advice.steer, town.advice.accel)
    assert not town.off_road and np.hypot(town.x - begin[0], town.y - begin[1]) > 5
    assert town.id == "own"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<osm><node", "damaged or no OpenStreetMap"),
        ("<html></html>", "no OpenStreetMap file .*begins with <html>"),
        ("<osm></osm>", "holds no ways"),
        ('<osm><node id="1" lat="1" lon="1"/><way id="1"><nd ref="1"/></way></osm>', "own.osm"),
    ],
)
def test_a_bad_map_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.osm").write_text(text)
    with pytest.raises(SimulatorError, match=said) as refused:
        from_osm(tmp_path / "own.osm", tmp_path / "own.net.xml")
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["own.osm"]


def test_a_bad_network_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="no network file"):
        load(tmp_path / "none.net.xml")
    for text in ("no xml", "<net></net>", "<osm></osm>"):
        (tmp_path / "bad.net.xml").write_text(text)
        with pytest.raises(SimulatorError, match="not a SUMO network"):
            load(tmp_path / "bad.net.xml")


def drawn(network: RoadNetwork, seed: int, wishes: str = "") -> Route:
    rng, index = random.Random(seed), LaneIndex(network)
    route = Route(network, index, rng, directions=wishes)
    lanes = sorted(name for name in network.turns if network.lanes[name].length > 50 and name not in network.dead_ends)
    for _ in range(50):
        route.start(rng.choice(lanes), 5.0)
        if not route.refused:
            return route
    raise AssertionError(f"no start for {wishes}")


@pytest.mark.slow
@pytest.mark.parametrize("wishes", ["lrs", "lll", "ssr"])
def test_a_route_takes_the_turns_that_were_wished_for(two_lanes: RoadNetwork, wishes: str) -> None:
    changed = False
    for seed in range(4):
        route = drawn(two_lanes, seed, wishes)
        assert "".join(junction.direction for junction in route.junctions)[: len(wishes)] == wishes
        points, _ = route.ahead(1e9)
        assert np.hypot(*np.diff(points, axis=0).T).max() < 2.5  # one path, without a gap
        words = set()
        while route.s < route.junctions[len(wishes) - 1].exit:
            x, y, heading = route.point(route.s + 1.0)
            route.locate(x, y, heading)
            words.add(route.command(8.0))
        changed = changed or bool(words & {Command.LANE_LEFT, Command.LANE_RIGHT})
    assert changed or wishes != "lrs"


def test_turns_are_many_and_balanced(two_lanes: RoadNetwork) -> None:
    turns = ""
    for seed in range(30):
        route = drawn(two_lanes, seed)
        while route.s < 350:
            route.locate(*route.point(route.s + 8.0))
        turns += "".join(junction.direction for junction in route.junctions)
    shares = [turns.count(letter) / len(turns) for letter in "lrs"]
    assert min(shares[:2]) > 0.15 and shares[0] + shares[1] > 0.5
    assert turns.count("t") == 0


def cone(route: Route, ahead: float, left: float, name: str = "c") -> Other:
    x, y, heading = route.point(route.s + ahead)
    return Other(name, "cone", x - left * np.sin(heading), y + left * np.cos(heading), heading, 0.0, False)


def test_what_stands_on_the_lane_is_gone_round(two_lanes: RoadNetwork) -> None:
    route = drawn(two_lanes, 1)
    assert blocking(route, [cone(route, 25, 2.5), cone(route, 25, -2.5)]) is None
    things = [cone(route, 20, -0.5, "a"), cone(route, 22, 0.6, "b")]
    block = blocking(route, things)
    assert block and block.left > 0.5 and block.start == pytest.approx(20, abs=1.5)
    everywhere = Raster(two_lanes.bounds, 1.0)
    assert not swing(route, block, 8.0, things, everywhere)  # nothing to drive on
    x0, y0, x1, y1 = two_lanes.bounds
    everywhere.fill(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]))
    x, y, heading = route.point(route.s + 45.0)
    coming = Other("v", "car", x - 2.0 * np.sin(heading), y + 2.0 * np.cos(heading), heading + np.pi, 8.0, False)
    assert not swing(route, block, 8.0, [*things, coming], everywhere)
    assert swing(route, block, 8.0, things, everywhere) and route.swinging
    points, _ = route.ahead(45.0)
    for thing in things:
        assert np.hypot(points[:, 0] - thing.x, points[:, 1] - thing.y).min() > 1.2
    assert all(np.hypot(*(b - a)) < 2.5 for a, b in pairwise(points))


def test_nobody_changes_lanes_into_another(two_lanes: RoadNetwork) -> None:
    route = drawn(two_lanes, 2)
    route.s += 10.0
    lane = next(name for name in (route.neighbour(1), route.neighbour(-1)) if name)
    side = 3.4 if lane == route.neighbour(1) else -3.4
    x, y, heading = route.point(route.s)
    beside = Other("v", "car", x - side * np.sin(heading), y + side * np.cos(heading), heading, 6.0, False)
    assert lane_free(route, lane, x, y, heading, 6.0, [])
    assert not lane_free(route, lane, x, y, heading, 6.0, [beside])


def test_the_way_back_leads_round_a_wall(two_lanes: RoadNetwork) -> None:
    route = drawn(two_lanes, 1)
    x, y, heading = route.point(route.s + 6.0)
    route.locate(x, y, heading)
    x, y = x + 7.0 * np.sin(heading), y - 7.0 * np.cos(heading)  # to the right of the lane
    solid = Raster(two_lanes.bounds, 0.5)
    free = way_back(route, x, y, heading, 4.0, 0.5, solid, [])
    assert (free.steer, free.free) == (0.5, REACH)
    ahead = np.array([np.cos(heading), np.sin(heading)])
    across = np.array([-ahead[1], ahead[0]])
    corner = np.array([x, y]) + ahead * (REAR_AXLE_TO_FRONT + 4.0)
    solid.fill(np.array([corner + across * u + ahead * v for u, v in ((-9, 0), (1.5, 0), (1.5, 6), (-9, 6))]))
    round_it = way_back(route, x, y, heading, 4.0, 0.0, solid, [])
    assert round_it.steer > 0.2 and round_it.free > 5.0


@pytest.mark.slow
def test_a_stray_comes_back(town: Town) -> None:
    left = back = 0
    for seed in range(6):
        town.restart(seed)
        town.reset(seed, PLAIN)
        hand, away = StrayPilot(random.Random(seed)), False
        for _ in range(200):
            town.choose()
            town.step(*hand.act(town.advice, town.situation()))
            if abs(town.fix.offset) > 1.9 and not away:
                left, away = left + 1, True
            if away and abs(town.fix.offset) < 0.7:
                back, away = back + 1, False
            if town.collided:
                break
    assert left >= 3 and back >= left / 2


def test_a_route_is_driven_and_judged_again_alike(town: Town) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "ROUTE_METRES", 60.0)
        first, again = (routes.drive(town, 5, PLAIN) for _ in range(2))
    assert first == again
    assert first.outcome in (DONE, *CAUSES) and first.seconds > 3
    assert (first.outcome == DONE) == (first.metres >= 60)


def test_figures_of_runs_add_up() -> None:
    runs = [Run(20, 1, DONE, 400.0, 60.0, "lrs"), Run(21, 2, CAUSES[1], 100.0, 15.0, "r")]
    result = figures(runs)
    assert result["completed"] == 1 and result["completed_share"] == 0.5
    assert sum(result["failures"].values()) == 1 and result["failures"][CAUSES[1]] == 1
    assert [run["town"] for run in result["failed"]] == [21]
    assert result["turns"] == {"left": 0.25, "right": 0.5, "straight": 0.25}
