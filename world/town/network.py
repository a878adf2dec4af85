"""Road networks: generated once by SUMO's netgenerate, cached per user, parsed into lanes and polygons.

A town's id determines its network, and splits never share an id. Lengths in m, x east, y north.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from world.errors import SimulatorError

VERSION = 3  # part of the cache key; raise it when a character or an option below changes
SPLITS: dict[str, tuple[int, ...]] = {
    "train": tuple(range(18)),
    "validation": (18, 19, 24),
    "test": (20, 21, 22, 23, 25),  # every plan, one to three lanes, dense and suburban
}
LANE_WIDTH = 3.4
SIDEWALK_WIDTH = 3.0

# Options that netgenerate and netconvert share: pavements, crossings, and lights with short waits.
STREETS = (
    *("--default.lanewidth", str(LANE_WIDTH), "--default.sidewalk-width", str(SIDEWALK_WIDTH)),
    *("--sidewalks.guess", "--sidewalks.guess.max-speed", "20", "--crossings.guess", "--walkingareas"),
    *("--default.crossing-width", "3.5", "--crossings.guess.speed-threshold", "1"),
    *("--tls.guess", "--tls.guess.threshold", "50", "--tls.cycle.time", "26", "--tls.yellow.time", "3"),
    *("--tls.left-green.time", "0", "--tls.default-type", "static", "--tls.allred.time", "1"),
    *("--tls.crossing-min.time", "1", "--tls.crossing-clearance.time", "1"),
    *("--no-turnarounds.except-deadend", "--junctions.corner-detail", "5", "--junctions.internal-link-detail", "9"),
)


@dataclass(frozen=True, slots=True)
class TownCharacter:
    """Parameters of a generated town. lanes: per direction; mixed: each street draws 1 to `lanes`; block: in m."""

    plan: str  # grid, random or spider
    lanes: int
    mixed: bool
    look: str  # dense, mixed or suburban (world.town.scene.LOOKS)
    block: float


TOWNS: tuple[TownCharacter, ...] = (
    TownCharacter("grid", 1, False, "suburban", 78),
    TownCharacter("grid", 2, False, "mixed", 88),
    TownCharacter("random", 1, False, "suburban", 98),
    TownCharacter("spider", 2, True, "mixed", 76),
    TownCharacter("grid", 3, True, "dense", 126),
    TownCharacter("random", 2, False, "mixed", 124),
    TownCharacter("grid", 2, True, "dense", 82),
    TownCharacter("spider", 1, False, "suburban", 68),
    TownCharacter("grid", 1, False, "mixed", 74),
    TownCharacter("random", 3, True, "dense", 138),
    TownCharacter("grid", 2, False, "suburban", 96),
    TownCharacter("spider", 2, False, "dense", 80),
    TownCharacter("grid", 3, False, "dense", 136),
    TownCharacter("random", 2, True, "suburban", 108),
    TownCharacter("grid", 1, False, "dense", 76),
    TownCharacter("spider", 3, True, "mixed", 84),
    TownCharacter("grid", 2, True, "mixed", 86),
    TownCharacter("random", 1, False, "dense", 94),
    TownCharacter("grid", 2, False, "dense", 90),  # validation
    TownCharacter("random", 1, False, "mixed", 100),  # validation
    TownCharacter("grid", 1, False, "suburban", 82),
    TownCharacter("random", 2, True, "dense", 118),
    TownCharacter("grid", 3, True, "mixed", 124),
    TownCharacter("spider", 2, False, "suburban", 78),
    TownCharacter("spider", 3, True, "suburban", 86),  # validation
    TownCharacter("grid", 2, False, "dense", 84),
)


@dataclass(frozen=True, slots=True)
class Lane:
    """A driving lane, or a part of one inside a junction. shape: float64 [N, 2] in driving direction."""

    id: str
    edge: str
    index: int
    shape: np.ndarray
    width: float
    length: float
    speed: float
    internal: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """A connection over a junction, from `lane` through the internal lanes `via` to lane `to`.

    direction: s, l, r or t.
    """

    lane: str
    via: tuple[str, ...]
    to: str
    direction: str
    signal: str | None  # id of the traffic light, None when there is none
    link: int


@dataclass(frozen=True)
class RoadNetwork:
    """A town's network as the driver, the camera and the labels need it."""

    path: Path
    lanes: dict[str, Lane]
    edge_lanes: dict[str, tuple[str, ...]]  # driving lanes of a non-internal edge, right to left
    edge_nodes: dict[str, tuple[str, str]]
    turns: dict[str, tuple[Turn, ...]]  # by lane
    junctions: dict[str, np.ndarray]  # polygons [N, 2]
    sidewalks: dict[str, Lane]  # by edge
    walking_areas: tuple[np.ndarray, ...]
    crossings: tuple[tuple[np.ndarray, float], ...]  # centre line, width
    bounds: tuple[float, float, float, float]
    walk_edges: dict[str, tuple[str, ...]] = field(default_factory=dict)  # node -> edges with a sidewalk at it
    dead_ends: frozenset[str] = frozenset()  # lanes from which every route ends in turning round
    look: str = "mixed"  # how its streets are lined (world.town.scene.LOOKS)


def cache_dir() -> Path:
    """The cache for networks: $XDG_CACHE_HOME/lucidrive/towns or ~/.cache/lucidrive/towns."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lucidrive" / "towns"


def _options(town: int) -> list[str]:
    """netgenerate's options for a town; what its character leaves open is drawn from the town's id."""
    rng, kind = random.Random(f"town-{VERSION}-{town}"), TOWNS[town]
    if kind.plan == "grid":
        plan = ["--grid", "--grid.x-number", "5", "--grid.y-number", "5"]
        plan += [
            "--grid.x-length",
            f"{kind.block:.1f}",
            "--grid.y-length",
            f"{kind.block * rng.uniform(0.9, 1.15):.1f}",
        ]
        jitter = rng.uniform(3, 9)
        plan += ["--perturb-x", f"norm(0,{jitter:.1f})", "--perturb-y", f"norm(0,{jitter:.1f})"]
    elif kind.plan == "spider":
        plan = ["--spider", "--spider.arm-number", str(rng.choice([7, 8, 9])), "--spider.circle-number", "3"]
        plan += ["--spider.space-radius", f"{kind.block:.1f}", "--spider.omit-center"]
    else:
        plan = ["--rand", "--rand.grid", "--rand.iterations", "45", "--rand.min-distance", f"{kind.block - 22:.1f}"]
        plan += ["--rand.max-distance", f"{kind.block + 10:.1f}", "--rand.min-angle", "60"]
        plan += ["--rand.neighbor-dist1", "0", "--rand.neighbor-dist2", "2"]
    plan += ["--random-lanenumber"] if kind.mixed else []
    return [
        *plan,
        *("--seed", str(1000 + town), "--default.lanenumber", str(kind.lanes), "--default.speed", "13.9"),
        *("--default.junctions.radius", f"{rng.uniform(4.0, 7.0):.1f}", *STREETS),
    ]


def ensure(town: int) -> Path:
    """The network file of a town, generated on first use. SimulatorError where netgenerate is missing or fails."""
    target = cache_dir() / f"town-{VERSION}-{town}.net.xml"
    if not target.exists():
        run_sumo("netgenerate", _options(town), target, f"netgenerate could not build town {town}")
    return target


def run_sumo(program: str, options: Sequence[str], target: Path, failure: str) -> None:
    """Runs one of SUMO's programs, which writes `target` whole or not at all.

    SimulatorError where it is missing, the file cannot be written, or it fails, whose sentence begins with `failure`.
    """
    try:
        import sumo  # the package eclipse-sumo carries the binaries
    except ImportError as error:
        raise SimulatorError(
            "The town needs SUMO, which is not installed: run `pip install 'lucidrive[sim]'`."
        ) from error
    binary = Path(sumo.SUMO_HOME) / "bin" / program
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            network = Path(scratch) / "made.net.xml"
            result = subprocess.run(
                [str(binary), *options, "-o", str(network)], capture_output=True, text=True, check=False
            )
            if result.returncode != 0 or not network.exists():
                errors = " ".join(line for line in result.stderr.splitlines() if line.startswith("Error"))
                raise SimulatorError(f"{failure}: {errors[-300:] or 'it wrote nothing'}")
            network.replace(target)
    except OSError as error:
        raise SimulatorError(f"{target} cannot be written ({error.strerror}); choose another place.") from error


def _points(text: str) -> np.ndarray:
    return np.array([[float(v) for v in p.split(",")[:2]] for p in text.split()], dtype=np.float64)


def _drivable(lane: ET.Element) -> bool:
    allow, disallow = lane.get("allow"), lane.get("disallow", "")
    return (allow is None or "passenger" in allow.split()) and "passenger" not in disallow.split() and disallow != "all"


def read(path: Path, look: str = "mixed") -> RoadNetwork:  # noqa: C901
    """Parses a SUMO network file. Raises ValueError, KeyError or ET.ParseError where it is none."""
    root = ET.parse(path).getroot()
    lanes: dict[str, Lane] = {}
    edge_lanes: dict[str, tuple[str, ...]] = {}
    edge_nodes: dict[str, tuple[str, str]] = {}
    sidewalks: dict[str, Lane] = {}
    areas: list[np.ndarray] = []
    crossings: list[tuple[np.ndarray, float]] = []
    for edge in root.iter("edge"):
        function, eid = edge.get("function", ""), edge.get("id", "")
        here: list[str] = []
        for item in edge.findall("lane"):
            lane = Lane(
                id=item.get("id", ""),
                edge=eid,
                index=int(item.get("index", "0")),
                shape=_points(item.get("shape", "")),
                width=float(item.get("width", "3.2")),
                length=float(item.get("length", "0")),
                speed=float(item.get("speed", "13.9")),
                internal=function == "internal",
            )
            if function == "walkingarea":
                areas.append(lane.shape)
            elif function == "crossing":
                crossings.append((lane.shape, lane.width))
            elif _drivable(item):
                lanes[lane.id] = lane
                here.append(lane.id)
            elif function == "":
                sidewalks[eid] = lane
        if function == "" and here:
            edge_lanes[eid] = tuple(here)
            edge_nodes[eid] = (edge.get("from", ""), edge.get("to", ""))
    links = [c.attrib for c in root.iter("connection")]
    onward = {f"{c['from']}_{c['fromLane']}": c for c in links if c["from"].startswith(":")}
    turns: dict[str, list[Turn]] = {}
    for c in links:
        source, goal = f"{c['from']}_{c['fromLane']}", f"{c['to']}_{c['toLane']}"
        if c["from"].startswith(":") or source not in lanes or goal not in lanes or "via" not in c:
            continue
        via = [c["via"]]
        while via[-1] in onward and "via" in onward[via[-1]]:
            via.append(onward[via[-1]]["via"])
        if any(v not in lanes for v in via):
            continue
        turn = Turn(source, tuple(via), goal, c["dir"].lower(), c.get("tl"), int(c.get("linkIndex", "-1")))
        turns.setdefault(source, []).append(turn)
    junctions = {
        j.get("id", ""): _points(j.get("shape", ""))
        for j in root.iter("junction")
        if j.get("type") != "internal" and len(j.get("shape", "").split()) >= 3
    }
    walk: dict[str, list[str]] = {}
    for eid in sidewalks:
        if eid in edge_nodes:
            for node in edge_nodes[eid]:
                walk.setdefault(node, []).append(eid)
    if root.tag != "net" or not lanes:
        raise ValueError("no network")
    everything = np.concatenate([lane.shape for lane in lanes.values()])
    low, high = everything.min(axis=0), everything.max(axis=0)
    return RoadNetwork(
        path=path,
        lanes=lanes,
        edge_lanes=edge_lanes,
        edge_nodes=edge_nodes,
        turns={k: tuple(v) for k, v in turns.items()},
        junctions=junctions,
        sidewalks=sidewalks,
        walking_areas=tuple(areas),
        crossings=tuple(crossings),
        bounds=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        walk_edges={k: tuple(v) for k, v in walk.items()},
        dead_ends=_dead_ends(edge_lanes, turns),
        look=look,
    )


def _dead_ends(edge_lanes: dict[str, tuple[str, ...]], turns: dict[str, list[Turn]]) -> frozenset[str]:
    onward = {
        name: {turn.to for turn in turns.get(name, ()) if turn.direction != "t"}
        for names in edge_lanes.values()
        for name in names
    }
    dead: set[str] = set()
    while more := {name for name, goals in onward.items() if name not in dead and goals <= dead}:
        dead |= more
    return frozenset(dead)


def name_of(town: str | Path) -> str:
    """A short name of a network file."""
    return Path(town).name.removesuffix(".xml").removesuffix(".net")


def load(town: int | str | Path) -> RoadNetwork:
    """The network of a town by number (see SPLITS), or of a file.

    SimulatorError where there is none or it cannot be driven in.
    """
    if isinstance(town, int):
        return read(ensure(town), TOWNS[town].look)
    path = Path(town)
    if not path.is_file():
        raise SimulatorError(
            f"There is no network file {path}; make one with `lucidrive town --osm map.osm --out {path}`."
        )
    try:
        network = read(path)
    except (ET.ParseError, ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise SimulatorError(f"{path} is not a SUMO network; make one with `lucidrive town --osm map.osm`.") from error
    if not any(lane.length >= 30 and network.turns.get(lane.id) for lane in network.lanes.values()):
        raise SimulatorError(f"{path} has no street for cars that is 30 m long and leads on; take a larger map.")
    return network
