"""Queries of the map and of objects on it: lane, position on it, lane ahead, signal, overlap, visibility.

Compiled functions take the tables of HDMap; lengths in m, angles in rad, times in s.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.scene.hd_map import HDMap
from world.scene.objects import Kind

GREEN, AMBER, RED = range(3)  # colours of a signal
SEARCH = 12.0  # m: how far from a pose a lane is looked for
_PER_RADIAN = 3.0  # m that a radian between headings counts as
_RAYS = 9  # lines of sight to a box
_PERSON, _DEER = int(Kind.PERSON), int(Kind.DEER)


@njit(cache=True)
def wrap(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


@njit(cache=True)
def pose(lanes, points, lane, s, left):
    """(x, y, heading) at s, `left` of a lane's centre line, which continues straight past its ends."""
    low = lanes[lane].first
    high = low + lanes[lane].count - 2
    while low < high:
        middle = (low + high + 1) // 2
        if points[middle].s <= s:
            low = middle
        else:
            high = middle - 1
    a, b = points[low], points[low + 1]
    share = (s - a.s) / max(b.s - a.s, 1e-9)
    inside = min(1.0, max(0.0, share))
    heading = a.heading + inside * wrap(b.heading - a.heading)
    x = a.x + share * (b.x - a.x) - left * math.sin(heading)
    return x, a.y + share * (b.y - a.y) + left * math.cos(heading), heading


@njit(cache=True)
def project(lanes, points, lane, x, y):
    """(s, left, distance) of the point on a lane's centre line nearest to (x, y); the line continues straight past its ends."""
    first, count = lanes[lane].first, lanes[lane].count
    best, best_s, best_left = 1e18, 0.0, 0.0
    for k in range(first, first + count - 1):
        a, b = points[k], points[k + 1]
        dx, dy = b.x - a.x, b.y - a.y
        length2 = max(dx * dx + dy * dy, 1e-12)
        share = ((x - a.x) * dx + (y - a.y) * dy) / length2
        if k > first and share < 0.0:
            share = 0.0
        if k < first + count - 2 and share > 1.0:
            share = 1.0
        ex, ey = a.x + share * dx - x, a.y + share * dy - y
        if ex * ex + ey * ey < best:
            best = ex * ex + ey * ey
            length = math.sqrt(length2)
            best_s = a.s + share * length
            best_left = ((y - a.y) * dx - (x - a.x) * dy) / length
    return best_s, best_left, math.sqrt(best)


@njit(cache=True)
def nearest_lane(lanes, points, grid, cell_first, cell_count, cell_items, point_lane, x, y, heading):
    """(lane, s, left) of the lane that fits a pose best; lane -1 where there is none within SEARCH."""
    low_x, low_y, size = grid
    rows, columns = cell_first.shape
    around = math.ceil(SEARCH / size)
    column, row = math.floor((x - low_x) / size), math.floor((y - low_y) / size)
    best, nearest = 1e18, -1
    for r in range(max(0, row - around), min(rows, row + around + 1)):
        for c in range(max(0, column - around), min(columns, column + around + 1)):
            for k in range(cell_first[r, c], cell_first[r, c] + cell_count[r, c]):
                point = points[cell_items[k]]
                d2 = (point.x - x) ** 2 + (point.y - y) ** 2
                if d2 > SEARCH * SEARCH:
                    continue
                turned = abs(wrap(point.heading - heading))
                if turned > 0.5 * math.pi:
                    continue
                cost = (
                    d2 + (_PER_RADIAN * turned) ** 2 + (1.0 if lanes[point_lane[cell_items[k]]].junction >= 0 else 0.0)
                )
                if cost < best:
                    best, nearest = cost, point_lane[cell_items[k]]
    if nearest < 0:
        return -1, 0.0, 0.0
    s, left, _ = project(lanes, points, nearest, x, y)
    return nearest, s, left


@njit(cache=True)
def lane_ahead(lanes, lane, s, onward, distance):
    """(lane, s) `distance` further on a path: this lane, the connection `onward`, the lane behind it; -1 past its end."""
    s += distance
    for _ in range(3):
        if s <= lanes[lane].length:
            return lane, s
        s -= lanes[lane].length
        if lanes[lane].junction >= 0:
            lane = lanes[lane].target
        elif onward >= 0 and lanes[onward].source == lane:
            lane = onward
        else:
            return -1, s
    return (lane, s) if s <= lanes[lane].length else (-1, s)


@njit(cache=True)
def to_junction(lanes, lane, s):
    """m from s to the junction at the lane's end; 0 within a junction."""
    return 0.0 if lanes[lane].junction >= 0 else max(0.0, lanes[lane].length - s)


@njit(cache=True)
def signal_colour(signals, signal, seconds):
    """GREEN, AMBER or RED of a signal at a time."""
    cycle = signals[signal].cycle
    since = (seconds - signals[signal].green) % cycle
    if since < (signals[signal].amber - signals[signal].green) % cycle:
        return GREEN
    return AMBER if since < (signals[signal].red - signals[signal].green) % cycle else RED


@njit(cache=True)
def on_lane(agent):
    """The lane that an agent is on, -1: none. The `lane` of those who walk is a walk, so they give -1."""
    return -1 if agent.kind == 0 or _PERSON <= agent.kind <= _DEER else agent.lane


@njit(cache=True)
def overlap(ax, ay, ah, al, aw, bx, by, bh, bl, bw):
    """Whether two boxes (centre, heading, length, width) touch: separating axis theorem."""
    dx, dy = bx - ax, by - ay
    reach = 0.5 * (math.hypot(al, aw) + math.hypot(bl, bw))
    if dx * dx + dy * dy > reach * reach:
        return False
    c, s = math.cos(bh - ah), math.sin(bh - ah)
    ca, sa, cb, sb = math.cos(ah), math.sin(ah), math.cos(bh), math.sin(bh)
    if abs(dx * ca + dy * sa) > 0.5 * (al + bl * abs(c) + bw * abs(s)):
        return False
    if abs(dy * ca - dx * sa) > 0.5 * (aw + bl * abs(s) + bw * abs(c)):
        return False
    if abs(dx * cb + dy * sb) > 0.5 * (bl + al * abs(c) + aw * abs(s)):
        return False
    return abs(dy * cb - dx * sb) <= 0.5 * (bw + al * abs(s) + aw * abs(c))


@njit(cache=True)
def _crosses(x0, y0, x1, y1, x, y, heading, length, width):
    """Whether a line of sight from (x0, y0) to (x1, y1) passes through a box (slab method)."""
    c, s = math.cos(heading), math.sin(heading)
    low, high = 0.0, 1.0
    for axis in range(2):
        ux, uy = (c, s) if axis == 0 else (-s, c)
        half = 0.5 * (length if axis == 0 else width)
        start = (x0 - x) * ux + (y0 - y) * uy
        step = (x1 - x0) * ux + (y1 - y0) * uy
        if abs(step) < 1e-9:
            if abs(start) > half:
                return False
            continue
        a, b = (-half - start) / step, (half - start) / step
        low, high = max(low, min(a, b)), min(high, max(a, b))
    return low < high


@njit(cache=True)
def visible_share(x, y, agents, which):
    """The share [0, 1] of a box that is visible from (x, y) past the other boxes, by _RAYS lines of sight across its width."""
    target = agents[which]
    away = math.atan2(target.y - y, target.x - x)
    turn = away - target.heading
    half = 0.5 * (target.length * abs(math.sin(turn)) + target.width * abs(math.cos(turn)))
    clear = 0
    for ray in range(_RAYS):
        aside = half * (2.0 * (ray + 0.5) / _RAYS - 1.0)
        x1, y1 = target.x - aside * math.sin(away), target.y + aside * math.cos(away)
        free = True
        for k in range(len(agents)):
            a = agents[k]
            hides = k != which and a.kind != 0 and a.height > 0.6 * target.height
            if hides and _crosses(x, y, x1, y1, a.x, a.y, a.heading, a.length, a.width):
                free = False
                break
        clear += free
    return clear / _RAYS


def locate(place: HDMap, x: float, y: float, heading: float) -> tuple[int, float, float]:
    """(lane, s, left) of a pose on the map; lane -1 where there is none."""
    return nearest_lane(
        place.lanes,
        place.points,
        place.grid,
        place.cell_first,
        place.cell_count,
        place.cell_items,
        place.point_lane,
        x,
        y,
        heading,
    )


def place_on(place: HDMap, lane: int, s: float, left: float = 0.0) -> tuple[float, float, float]:
    """(x, y, heading) on a lane of the map."""
    return pose(place.lanes, place.points, lane, s, left)


def touching(boxes: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of agents [N] (AGENT) whose boxes touch."""
    live = boxes["kind"] != 0
    x, y, reach = boxes["x"], boxes["y"], 0.5 * np.hypot(boxes["length"], boxes["width"])
    near = np.hypot(x[:, None] - x, y[:, None] - y) <= reach[:, None] + reach
    pairs = np.argwhere(np.triu(near & live[:, None] & live, 1))
    shape = [tuple(float(box[name]) for name in ("x", "y", "heading", "length", "width")) for box in boxes]
    return [(int(i), int(k)) for i, k in pairs if overlap(*shape[i], *shape[k])]
