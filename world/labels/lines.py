"""Lines in the plane: simplification, parallels, outlines of bands."""

from __future__ import annotations

import numpy as np


def simpler(line: np.ndarray, within: float = 0.03) -> np.ndarray:
    """A line [N, 2] with fewer points, within `within` m of the original (Douglas and Peucker 1973)."""
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    open_parts = [(0, len(line) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        chord = line[last] - line[first]
        off = line[first + 1 : last] - line[first]
        length = float(np.hypot(*chord))
        away = np.abs(chord[0] * off[:, 1] - chord[1] * off[:, 0]) / length if length > 1e-9 else np.hypot(*off.T)
        most = int(away.argmax())
        if away[most] > within:
            keep[first + 1 + most] = True
            open_parts += [(first, first + 1 + most), (first + 1 + most, last)]
    return np.asarray(line[keep])


def headings(line: np.ndarray) -> np.ndarray:
    """The headings [N] at the points of a line [N, 2], rad, unwrapped."""
    return np.unwrap(np.arctan2(np.gradient(line[:, 1]), np.gradient(line[:, 0])))


def beside(line: np.ndarray, left: float, turn: np.ndarray | None = None) -> np.ndarray:
    """The parallel [N, 2] `left` m to the left of a line; turn: its headings [N], where better than those of its points."""
    turn = headings(line) if turn is None else turn
    return np.asarray(line + left * np.stack([-np.sin(turn), np.cos(turn)], 1))


def band(line: np.ndarray, width: float) -> np.ndarray:
    """The outline [2N, 2] of a band round a line, counter-clockwise."""
    return np.concatenate([beside(line, -width / 2), beside(line, width / 2)[::-1]])


def length(line: np.ndarray) -> float:
    """Length of a line [N, 2], m."""
    return float(np.hypot(*np.diff(line, axis=0).T).sum())
