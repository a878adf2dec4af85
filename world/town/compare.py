"""Our HD map beside netconvert's geometry of the same network: how far lanes lie apart, and which connections both have.

`python -m world.town.compare [NETWORKS]` (extra `sim`) makes networks of every plan, builds both maps from the junctions and streets
alone, and prints how far they agree. Networks are kept, so that it goes on where it was stopped. Turn lanes, which SUMO makes streets of their own
for one direction alone, are no part of a road graph: networks that have them are told of apart.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from world.scene.build import build
from world.scene.geometry import along, lengths
from world.scene.graph import RoadGraph
from world.scene.hd_map import HDMap
from world.scene.sumo import graph_in, graph_of
from world.town.network import LANE_WIDTH, SIDEWALK_WIDTH, STREETS, RoadNetwork, cache_dir, read, run_sumo

VERSION = 1  # of the networks: raise it when an option below changes
CLOSE = 0.5  # m between lane centres
SPACING = 2.0  # m between the points that are compared
NETWORKS = 300
RANDOM = ("--rand.min-angle", "60", "--rand.grid")
UNMOVED = ("--offset.disable-normalization", "true")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Points of netconvert's street lanes of which a lane of ours lies within CLOSE; connections of both, of netconvert alone, of ours alone.

    `led_on`: connections of ours from lanes that netconvert lets end at a junction that has ways on.
    """

    points: int = 0
    close: int = 0
    same: int = 0
    missing: int = 0
    extra: int = 0
    led_on: int = 0

    @property
    def lanes(self) -> float:
        return self.close / max(1, self.points)

    @property
    def connections(self) -> float:
        """Share of all connections that both have; those of lanes that netconvert lets end are left out."""
        return self.same / max(1, self.same + self.missing + self.extra)


def total(found: Iterable[Agreement]) -> Agreement:
    """Of many networks as of one."""
    return Agreement(*(sum(column) for column in zip(*map(astuple, found), strict=True)))


def compare(path: Path, graph: RoadGraph | None = None) -> Agreement:
    """Of one SUMO network with the map of `graph` (default: the network's own). DataError where it has no street for cars."""
    theirs, ours = read(path), build(graph or graph_of(path))
    lines, match, points, close = _lines(ours), dict[str, int](), 0, 0
    middles, ways = np.array([line.mean(0) for line in lines]), np.array([line[-1] - line[0] for line in lines])
    for name, lane in theirs.lanes.items():
        if lane.internal:
            continue
        there = along(lane.shape, np.arange(0.0, lengths(lane.shape)[-1] + 1e-9, SPACING))
        best, found = -1.0, -1
        near = (np.hypot(*(middles - there.mean(0)).T) <= 25) & (ways @ (there[-1] - there[0]) >= 0)
        for number in np.flatnonzero(near):
            shared = _within(there, lines[number])
            share = float((_away(there[shared], lines[number]) < CLOSE).mean()) if shared.any() else 0.0
            if share * shared.sum() > best:
                best, found = share * shared.sum(), int(number)
        if found >= 0:
            shared = _within(there, lines[found])
            points += int(shared.sum())
            close += int((_away(there[shared], lines[found]) < CLOSE).sum())
            match[name] = found
        else:
            points += len(there)
    own = {(int(lane["source"]), int(lane["target"])) for lane in ours.lanes[ours.lanes["junction"] >= 0]}
    known = {(match[a], match[b]) for a, b in _turns(theirs) if a in match and b in match}
    leading = {source for source, _ in known}
    alone = own - known
    extra = {pair for pair in alone if pair[0] in leading}
    return Agreement(points, close, len(own & known), len(known - own), len(extra), len(alone) - len(extra))


def made(number: int) -> tuple[Path, RoadGraph]:
    """A network of netconvert's from the junctions and streets of a generated plan, and the graph of these alone. SimulatorError."""
    folder = cache_dir().parent / "compared"
    whole = folder / f"{VERSION}-{number}.net.xml"
    plain = folder / f"{VERSION}-{number}.plain.xml"
    if not (whole.exists() and plain.exists()):
        failed = f"network {number} could not be made"
        with tempfile.TemporaryDirectory() as scratch:
            prefix = Path(scratch) / "plain"
            options = [*_plan(number), *UNMOVED, "--plain-output-prefix", str(prefix)]
            run_sumo("netgenerate", options, Path(scratch) / "first.net.xml", failed)
            nodes, edges = prefix.with_suffix(".nod.xml"), prefix.with_suffix(".edg.xml")
            run_sumo("netconvert", ["-n", str(nodes), "-e", str(edges), *STREETS, *UNMOVED], whole, failed)
            aside = plain.with_suffix(".tmp")
            aside.write_bytes(ET.tostring(_as_network(ET.parse(nodes).getroot(), ET.parse(edges).getroot())))
            aside.replace(plain)
    return whole, graph_in(ET.parse(plain).getroot(), plain)


def _turn_lanes(number: int) -> bool:
    return number % 10 == 9


def _plan(number: int) -> list[str]:
    """Options for netgenerate, drawn by number: a grid, a spider or a random net, of one to three lanes, with turn lanes or without."""
    rng = random.Random(f"compared-{VERSION}-{number}")
    block, size = rng.uniform(80, 160), str(rng.randint(3, 5))
    arms, omit = str(rng.randint(4, 8)), rng.choice(([], ["--spider.omit-center"]))
    least, most = f"{block - 20:.0f}", f"{block + 20:.0f}"
    plan = (
        ["--grid", "--grid.number", size, "--grid.length", f"{block:.0f}"],
        ["--spider", "--spider.arm-number", arms, "--spider.circle-number", "2", "--spider.space-radius", most, *omit],
        ["--rand", "--rand.iterations", "25", "--rand.min-distance", least, "--rand.max-distance", most, *RANDOM],
    )[number % 3]
    jitter = f"norm(0,{rng.uniform(0, 8):.1f})"
    plan += ["--perturb-x", jitter, "--perturb-y", jitter] * rng.randint(0, 1)
    plan += ["--default.lanenumber", str(rng.randint(1, 3)), *["--random-lanenumber"] * rng.randint(0, 1)]
    plan += ["--turn-lanes", "1", "--turn-lanes.length", "30"] if _turn_lanes(number) else []
    return [*plan, "--seed", str(number), "--default.speed", "13.9", "--tls.guess", "--tls.guess.threshold", "50"]


def _as_network(nodes: ET.Element, edges: ET.Element) -> ET.Element:
    """Junctions and streets as SUMO's plain files have them, in the form of a network that nobody has computed anything of."""
    net = ET.Element("net")
    for edge in edges.iter("edge"):
        own: dict[str, str] = {
            name: edge.attrib[name] for name in ("id", "from", "to", "shape", "spreadType") if name in edge.attrib
        }
        into, speed = ET.SubElement(net, "edge", own), edge.get("speed", "13.9")
        ET.SubElement(into, "lane", {"allow": "pedestrian", "width": str(SIDEWALK_WIDTH)})
        for _ in range(int(edge.get("numLanes", "1"))):
            ET.SubElement(into, "lane", {"disallow": "pedestrian", "width": str(LANE_WIDTH), "speed": speed})
    for node in nodes.iter("node"):
        ET.SubElement(
            net, "junction", {name: node.attrib[name] for name in ("id", "x", "y")} | {"type": node.get("type", "")}
        )
    return net


def one(number: int) -> Agreement:
    """Of the network of a number."""
    return compare(*made(number))


def main(networks: int) -> None:
    """Prints the shares of so many networks."""
    found = list[Agreement]()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for agreement in pool.map(one, range(networks), chunksize=1):
            found.append(agreement)
            if len(found) % 25 == 0:
                print(f"{len(found)} of {networks} networks", file=sys.stderr)
    rows = {
        name: [one for k, one in enumerate(found) if k % 3 == kind and not _turn_lanes(k)]
        for kind, name in enumerate(("grid", "spider", "random"))
    }
    rows["all of these"] = [one for own in rows.values() for one in own]
    rows["with turn lanes"] = [one for k, one in enumerate(found) if _turn_lanes(k)]
    for name, own in rows.items():
        print(f"{name} ({len(own)}): {_told(total(own)) if own else 'none'}")


def _told(found: Agreement) -> str:
    return (
        f"{100 * found.lanes:.1f}% of {found.points:,} points of lane centres within {CLOSE} m; {100 * found.connections:.1f}% of "
        f"{found.same + found.missing + found.extra:,} connections the same ({found.missing} of netconvert's alone, {found.extra} of "
        f"ours alone); {found.led_on} more from lanes that netconvert lets end"
    )


def _turns(network: RoadNetwork) -> list[tuple[str, str]]:
    return [(lane, turn.to) for lane, turns in network.turns.items() for turn in turns]


def _lines(ours: HDMap) -> list[np.ndarray]:
    out = []
    for lane in ours.lanes[ours.lanes["junction"] < 0]:
        rows = ours.points[lane["first"] : lane["first"] + lane["count"]]
        out.append(np.stack([rows["x"], rows["y"]], 1))
    return out


def _within(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Which points lie beside a line, not before its beginning or past its end: the part that both have."""
    first, last = line[1] - line[0], line[-1] - line[-2]
    return ((points - line[0]) @ first >= 0) & ((points - line[-1]) @ last <= 0)


def _away(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """m from every point to a polyline."""
    a, d = line[:-1], np.diff(line, axis=0)
    share = np.einsum("pkd,kd->pk", points[:, None] - a, d) / np.maximum(np.einsum("kd,kd->k", d, d), 1e-12)
    near = a + np.clip(share, 0, 1)[..., None] * d
    return np.hypot(*(points[:, None] - near).transpose(2, 0, 1)).min(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else NETWORKS)
