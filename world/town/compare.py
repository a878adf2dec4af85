"""Compares our HD map with netconvert's geometry of the same network: distance of lanes, and shared connections.

`python -m world.town.compare [NETWORKS]` (extra `sim`) generates networks of every plan, builds both maps from their
junctions and streets, and prints how far they agree. Generated networks are cached, so a run resumes. Turn lanes, which
SUMO models as separate one-way streets, are not part of a road graph: networks with them are reported separately.
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

VERSION = 1  # of the networks; raise it when an option below changes
CLOSE = 0.5  # m between lane centres
SPACING = 2.0  # m between compared points
NETWORKS = 300
RANDOM = ("--rand.min-angle", "60", "--rand.grid")
KEEP_ORIGIN = ("--offset.disable-normalization", "true")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Points of netconvert's street lanes, and those within CLOSE of one of our lanes; connections of both, of one
    alone.

    led_on: our connections from lanes that netconvert ends at a junction where others continue.
    """

    points: int = 0
    close: int = 0
    same: int = 0
    missing: int = 0
    extra: int = 0
    led_on: int = 0

    @property
    def lanes(self) -> float:
        """Share of points within CLOSE."""
        return self.close / max(1, self.points)

    @property
    def connections(self) -> float:
        """Share of connections that both have, without those of lanes that netconvert ends."""
        return self.same / max(1, self.same + self.missing + self.extra)


def total(agreements: Iterable[Agreement]) -> Agreement:
    """The sum over networks."""
    return Agreement(*(sum(column) for column in zip(*map(astuple, agreements), strict=True)))


def compare(path: Path, graph: RoadGraph | None = None) -> Agreement:
    """Compares a SUMO network with the map of `graph` (default: its own). DataError where it has no street for cars."""
    theirs, ours = read(path), build(graph or graph_of(path))
    lines, match, points, close = _lines(ours), dict[str, int](), 0, 0
    middles, ways = np.array([line.mean(0) for line in lines]), np.array([line[-1] - line[0] for line in lines])
    for name, lane in theirs.lanes.items():
        if lane.internal:
            continue
        samples = along(lane.shape, np.arange(0.0, lengths(lane.shape)[-1] + 1e-9, SPACING))
        best, best_line = -1.0, -1
        near = (np.hypot(*(middles - samples.mean(0)).T) <= 25) & (ways @ (samples[-1] - samples[0]) >= 0)
        for number in np.flatnonzero(near):
            overlap = _within(samples, lines[number])
            share = float((_away(samples[overlap], lines[number]) < CLOSE).mean()) if overlap.any() else 0.0
            if share * overlap.sum() > best:
                best, best_line = share * overlap.sum(), int(number)
        if best_line >= 0:
            overlap = _within(samples, lines[best_line])
            points += int(overlap.sum())
            close += int((_away(samples[overlap], lines[best_line]) < CLOSE).sum())
            match[name] = best_line
        else:
            points += len(samples)
    own = {(int(lane["source"]), int(lane["target"])) for lane in ours.lanes[ours.lanes["junction"] >= 0]}
    netconvert_pairs = {(match[a], match[b]) for a, b in _turns(theirs) if a in match and b in match}
    sources = {source for source, _ in netconvert_pairs}
    alone = own - netconvert_pairs
    extra = {pair for pair in alone if pair[0] in sources}
    return Agreement(
        points, close, len(own & netconvert_pairs), len(netconvert_pairs - own), len(extra), len(alone) - len(extra)
    )


def generate(number: int) -> tuple[Path, RoadGraph]:
    """netconvert's network from the junctions and streets of a generated plan, and the graph of these alone.

    SimulatorError.
    """
    folder = cache_dir().parent / "compared"
    whole = folder / f"{VERSION}-{number}.net.xml"
    plain = folder / f"{VERSION}-{number}.plain.xml"
    if not (whole.exists() and plain.exists()):
        failure = f"network {number} could not be made"
        with tempfile.TemporaryDirectory() as scratch:
            prefix = Path(scratch) / "plain"
            options = [*_plan(number), *KEEP_ORIGIN, "--plain-output-prefix", str(prefix)]
            run_sumo("netgenerate", options, Path(scratch) / "first.net.xml", failure)
            nodes, edges = prefix.with_suffix(".nod.xml"), prefix.with_suffix(".edg.xml")
            run_sumo("netconvert", ["-n", str(nodes), "-e", str(edges), *STREETS, *KEEP_ORIGIN], whole, failure)
            aside = plain.with_suffix(".tmp")
            aside.write_bytes(ET.tostring(_as_network(ET.parse(nodes).getroot(), ET.parse(edges).getroot())))
            aside.replace(plain)
    return whole, graph_in(ET.parse(plain).getroot(), plain)


def _turn_lanes(number: int) -> bool:
    return number % 10 == 9


def _plan(number: int) -> list[str]:
    """netgenerate's options for a number: a grid, spider or random net of one to three lanes, with or without turn
    lanes.
    """
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
    """Junctions and streets of SUMO's plain files as a network without computed geometry."""
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


def compare_number(number: int) -> Agreement:
    """The agreement of the network of a number."""
    return compare(*generate(number))


def main(networks: int) -> None:
    """Prints the shares of so many networks."""
    agreements = list[Agreement]()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for agreement in pool.map(compare_number, range(networks), chunksize=1):
            agreements.append(agreement)
            if len(agreements) % 25 == 0:
                print(f"{len(agreements)} of {networks} networks", file=sys.stderr)
    rows = {
        name: [one for k, one in enumerate(agreements) if k % 3 == kind and not _turn_lanes(k)]
        for kind, name in enumerate(("grid", "spider", "random"))
    }
    rows["all of these"] = [one for own in rows.values() for one in own]
    rows["with turn lanes"] = [one for k, one in enumerate(agreements) if _turn_lanes(k)]
    for name, own in rows.items():
        print(f"{name} ({len(own)}): {_summary(total(own)) if own else 'none'}")


def _summary(result: Agreement) -> str:
    return (
        f"{100 * result.lanes:.1f}% of {result.points:,} points of lane centres within {CLOSE} m; {100 * result.connections:.1f}% of "
        f"{result.same + result.missing + result.extra:,} connections the same ({result.missing} of netconvert's alone, {result.extra} of "
        f"ours alone); {result.led_on} more from lanes that netconvert lets end"
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
    """Mask of the points beside a line, not before its start or past its end."""
    first, last = line[1] - line[0], line[-1] - line[-2]
    return ((points - line[0]) @ first >= 0) & ((points - line[-1]) @ last <= 0)


def _away(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance in m from every point to a polyline."""
    a, d = line[:-1], np.diff(line, axis=0)
    share = np.einsum("pkd,kd->pk", points[:, None] - a, d) / np.maximum(np.einsum("kd,kd->k", d, d), 1e-12)
    near = a + np.clip(share, 0, 1)[..., None] * d
    return np.hypot(*(points[:, None] - near).transpose(2, 0, 1)).min(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else NETWORKS)
