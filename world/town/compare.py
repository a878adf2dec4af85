"""Our HD map beside netconvert's geometry of the same network: how far lanes lie apart, and which connections both have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from world.scene.build import build
from world.scene.geometry import along, lengths
from world.scene.hd_map import HDMap
from world.scene.sumo import graph_of
from world.town.network import Network, read

CLOSE = 0.5  # m between lane centres
SPACING = 2.0  # m between the points that are compared


@dataclass(frozen=True, slots=True)
class Agreement:
    """Points of netconvert's street lanes of which a lane of ours lies within CLOSE; connections of both, of netconvert alone, of ours alone."""

    points: int
    close: int
    same: int
    missing: int
    extra: int

    @property
    def lanes(self) -> float:
        return self.close / max(1, self.points)

    @property
    def connections(self) -> float:
        """Share of all connections that both have."""
        return self.same / max(1, self.same + self.missing + self.extra)


def compare(path: Path) -> Agreement:
    """Of one SUMO network. DataError where it has no street for cars."""
    theirs, ours = read(path), build(graph_of(path))
    lines, match, points, close = _lines(ours), dict[str, int](), 0, 0
    for name, lane in theirs.lanes.items():
        if lane.internal:
            continue
        there = along(lane.shape, np.arange(0.0, lengths(lane.shape)[-1] + 1e-9, SPACING))
        best, found = -1.0, -1
        for number, line in enumerate(lines):
            if np.hypot(*(line.mean(0) - there.mean(0))) > 25 or (line[-1] - line[0]) @ (there[-1] - there[0]) < 0:
                continue
            shared = _within(there, line)
            share = float((_away(there[shared], line) < CLOSE).mean()) if shared.any() else 0.0
            if share * shared.sum() > best:
                best, found = share * shared.sum(), number
        if found >= 0:
            shared = _within(there, lines[found])
            points += int(shared.sum())
            close += int((_away(there[shared], lines[found]) < CLOSE).sum())
            match[name] = found
        else:
            points += len(there)
    own = {(int(lane["source"]), int(lane["target"])) for lane in ours.lanes[ours.lanes["junction"] >= 0]}
    known = {(match[a], match[b]) for a, b in _turns(theirs) if a in match and b in match}
    return Agreement(points, close, len(own & known), len(known - own), len(own - known))


def _turns(network: Network) -> list[tuple[str, str]]:
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
