"""Polylines in the plane, float64 [N, 2], m."""

from __future__ import annotations

import math

import numpy as np

BULB = 5.9  # m: radius of the turn in a turning place


def lengths(line: np.ndarray) -> np.ndarray:
    """m from the beginning to every point."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def resampled(line: np.ndarray, spacing: float) -> np.ndarray:
    """The same line with points about every `spacing` m, both ends kept."""
    s = lengths(line)
    return along(line, np.linspace(0.0, s[-1], max(2, math.ceil(s[-1] / spacing) + 1)))


def along(line: np.ndarray, s: np.ndarray | float) -> np.ndarray:
    """Points at `s` m from the beginning."""
    at = lengths(line)
    return np.stack([np.interp(s, at, line[:, 0]), np.interp(s, at, line[:, 1])], axis=-1)


def trimmed(line: np.ndarray, begin: float, end: float) -> np.ndarray:
    """The part between `begin` m after its beginning and `end` m before its end."""
    at = lengths(line)
    inside = line[(at > begin + 1e-6) & (at < at[-1] - end - 1e-6)]
    return np.concatenate([along(line, begin)[None], inside, along(line, at[-1] - end)[None]])


def rounded(line: np.ndarray) -> np.ndarray:
    """The line with its corners cut (Chaikin 1974, twice); ends stay."""
    for _ in range(2 if len(line) > 2 else 0):
        a, b = line[:-1], line[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        line = np.concatenate([line[:1], cut[1:-1], line[-1:]])
    return line


def headings(line: np.ndarray) -> np.ndarray:
    """rad at every point: of the chord between its neighbours."""
    ahead = np.concatenate([line[1:], line[-1:]]) - np.concatenate([line[:1], line[:-1]])
    return np.arctan2(ahead[:, 1], ahead[:, 0])


def offset(line: np.ndarray, left: float) -> np.ndarray:
    """The parallel `left` m to the left."""
    step = np.diff(line, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    before, after = np.concatenate([normal[:1], normal]), np.concatenate([normal, normal[-1:]])
    both = before + after
    scale = 2.0 / np.maximum(np.einsum("nd,nd->n", both, both), 0.8)
    return line + left * both * scale[:, None]


def curve(start: np.ndarray, heading: float, end: np.ndarray, arrival: float, spacing: float = 1.5) -> np.ndarray:
    """A cubic from pose to pose, close to an arc (or an S); points about every `spacing` m."""
    turn = (arrival - heading + math.pi) % (2 * math.pi) - math.pi
    distance = float(np.hypot(*(end - start)))
    half = abs(turn) / 2
    handle = distance / 3 if half < 0.05 else distance / (2 * math.sin(half)) * 4 / 3 * math.tan(half / 2)
    if abs(turn) > 2.6:
        return _round_a_bulb(start, heading, end, spacing)
    a = start + handle * np.array([math.cos(heading), math.sin(heading)])
    b = end - handle * np.array([math.cos(arrival), math.sin(arrival)])
    t = np.linspace(0.0, 1.0, 33)[:, None]
    line = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t**2 * b + t**3 * end
    return resampled(line, min(spacing, lengths(line)[-1] / 10))


def _round_a_bulb(start: np.ndarray, heading: float, end: np.ndarray, spacing: float) -> np.ndarray:
    """A U-turn to the left in a turning place: out to the right, round, and in again, with radii of at least BULB m."""
    ahead = np.array([math.cos(heading), math.sin(heading)])
    left = np.array([-ahead[1], ahead[0]])
    wide = float((end - start) @ left)
    down = max(0.0, BULB - wide / 2)
    out = max(3.0, 11.0 - max(0.0, wide / 2 - BULB))  # a wide street's way round is deep enough
    begin, finish = start + out * ahead - down * left, start + out * ahead + (wide + down) * left
    centre, radius = (begin + finish) / 2, (wide + 2 * down) / 2
    turn = np.linspace(-math.pi / 2, math.pi / 2, 17)[1:-1]
    arc = centre + radius * (np.cos(turn)[:, None] * ahead + np.sin(turn)[:, None] * left)
    first = curve(start, heading, begin, heading, 1.0)
    last = curve(finish, heading + math.pi, end, heading + math.pi, 1.0)
    return resampled(np.concatenate([first, arc, last]), spacing)


def bend(start: np.ndarray, control: np.ndarray, end: np.ndarray, points: int = 7) -> np.ndarray:
    """A quadratic from a point to a point, drawn towards a third."""
    t = np.linspace(0.0, 1.0, points)[:, None]
    return (1 - t) ** 2 * start + 2 * (1 - t) * t * control + t**2 * end


def meeting(p: np.ndarray, u: np.ndarray, q: np.ndarray, v: np.ndarray) -> tuple[float, float] | None:
    """(t, s) with p + t u = q + s v; None where they are parallel."""
    det = -u[0] * v[1] + u[1] * v[0]
    if abs(det) < 0.12:
        return None
    d = q - p
    return float((-d[0] * v[1] + d[1] * v[0]) / det), float((u[0] * d[1] - u[1] * d[0]) / det)


def crossing_point(a: np.ndarray, b: np.ndarray, line: np.ndarray) -> float | None:
    """Where (m along) a polyline first crosses the segment from a to b; None where it does not."""
    p, d = line[:-1], np.diff(line, axis=0)
    e = b - a
    det = d[:, 0] * e[1] - d[:, 1] * e[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = ((a[0] - p[:, 0]) * e[1] - (a[1] - p[:, 1]) * e[0]) / det
        s = ((a[0] - p[:, 0]) * d[:, 1] - (a[1] - p[:, 1]) * d[:, 0]) / det
    hit = np.flatnonzero((np.abs(det) > 1e-9) & (t >= 0) & (t <= 1) & (s >= 0) & (s <= 1))
    if not len(hit):
        return None
    k = hit[0]
    return float(lengths(line)[k] + t[k] * np.hypot(*d[k]))
