"""A house's walls: bays with windows in reveals, doors, shop fronts. A wall runs along u, looks along `out`, and rises along z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from world.render.assets.faces import ACCENT, TRIM, WALL, Faces

STOREY = 3.1  # m
_GLASS = ("window", "window_curtain", "window_blind", "window_lit")
_LIT = ((1.0, 0.62, 0.28), (1.0, 0.74, 0.42), (0.92, 0.84, 0.66), (0.6, 0.75, 1.0))
_SHOP_LIGHT = ((1.0, 0.86, 0.64), (1.0, 0.95, 0.82), (0.84, 0.94, 1.0))


@dataclass(frozen=True, slots=True)
class Wall:
    """The position of a wall. origin: its lower left corner seen from outside; along: unit vector to the right; length in m."""

    origin: tuple[float, float]
    along: tuple[float, float]
    length: float

    def points(self, u: ArrayLike, out: ArrayLike, z: ArrayLike) -> np.ndarray:
        """Local (along, outwards, up) as x, y, z, [..., 3]."""
        u, out = np.asarray(u, float), np.asarray(out, float)
        (x, y), (ax, ay) = self.origin, self.along
        points = np.empty((*np.broadcast_shapes(u.shape, out.shape, np.shape(z)), 3))
        points[..., 0] = x + u * ax + out * ay
        points[..., 1] = y + u * ay - out * ax
        points[..., 2] = z
        return points

    def rectangles(self, u0, u1, z0, z1, out: float) -> np.ndarray:
        """Quads that face outwards, [N, 4, 3]."""
        shape = np.broadcast_shapes(np.shape(u0), np.shape(u1), np.shape(z0), np.shape(z1))
        u, z = np.empty((*shape, 4)), np.empty((*shape, 4))
        u[..., 0], u[..., 1], u[..., 2], u[..., 3] = u0, u1, u1, u0
        z[..., 0], z[..., 1], z[..., 2], z[..., 3] = z0, z0, z1, z1
        return self.points(u, out, z).reshape(-1, 4, 3)


def _wall_faces(faces: Faces, wall: Wall, name: str, u0, u1, z0, z1) -> None:
    """Wall between windows, its texture in metres from the wall's corner."""
    quads = wall.rectangles(u0, u1, z0, z1, 0.0)
    faces.quads(quads, name, part=WALL)


def windows(
    faces: Faces, wall: Wall, name: str, u, z, width: float, height: float, deep: float, detail: int, random
) -> None:
    """Glass, frames, reveals and sills of windows whose lower left corners are (u, z), arrays [N]."""
    kinds = random.choice(4, len(u), p=(0.36, 0.22, 0.12, 0.30))
    shine = random.integers(0, 4, len(u))
    depth = -deep if detail == 2 else 0.02
    quads = wall.rectangles(u, u + width, z, z + height, depth)
    for kind, glass in enumerate(_GLASS):
        for tone in range(4 if kind == 3 else 1):
            same = (kinds == kind) & (shine == tone) if kind == 3 else kinds == kind
            faces.pictures(quads[same], glass, _LIT[tone] if kind == 3 else (1.0, 1.0, 1.0))
    if detail < 2:
        return
    flat = np.zeros_like(u)
    sides = [
        ([u, u, u, u], [flat, flat - deep, flat - deep, flat], [z, z, z + height, z + height]),
        ([u + width] * 4, [flat - deep, flat, flat, flat - deep], [z, z, z + height, z + height]),
        ([u, u + width, u + width, u], [flat - deep, flat - deep, flat, flat], [z + height] * 4),
    ]
    for us, outs, zs in sides:
        corners = wall.points(np.stack(us, -1), np.stack(outs, -1), np.stack(zs, -1))
        faces.quads(corners, name, (0.92, 0.92, 0.92), WALL)
    bar, out = 0.07, 0.045 - deep
    bars = [
        (u, u + bar, z, z + height),
        (u + width - bar, u + width, z, z + height),
        (u + width / 2 - 0.03, u + width / 2 + 0.03, z, z + height),
        (u, u + width, z + height - bar, z + height),
        (u, u + width, z + height * 0.64, z + height * 0.64 + 0.05),
    ]
    for one in bars:
        faces.quads(wall.rectangles(*one, out), "frame", (0.72, 0.71, 0.68), TRIM)
    front = wall.rectangles(u - 0.1, u + width + 0.1, z - 0.09, z, 0.1)
    upper = wall.points(
        np.stack([u - 0.1, u + width + 0.1, u + width + 0.1, u - 0.1], -1),
        np.array([0.1, 0.1, -deep, -deep]),
        np.stack([z, z, z + 0.02, z + 0.02], -1),
    )
    faces.quads(np.concatenate([front, upper]), "stone", part=TRIM)


def wall(
    faces: Faces,
    side: Wall,
    name: str,
    bays: int,
    floors: int,
    height: float,
    ground: str,
    detail: int,
    random: np.random.Generator,
) -> None:
    """One wall with a window in every bay. ground: the lowest floor, "windows", "door" or "shop"; height: of the whole wall, m."""
    bay = side.length / bays
    width, tall, sill = min(1.3, bay * 0.56), 1.62, 0.86
    lefts = (np.arange(bays) + 0.5) * bay - width / 2
    first = 0 if ground != "shop" else 1
    levels = np.arange(first, floors) * STOREY
    u, z = (array.ravel() for array in np.meshgrid(lefts, levels + sill))
    door = bays // 2 if ground == "door" else -1
    if ground == "door":
        keep = ~((np.arange(len(u)) % bays == door) & (z < STOREY))
        u, z = u[keep], z[keep]
    windows(faces, side, name, u, z, width, tall, 0.2, detail, random)
    if detail < 2:
        _wall_faces(faces, side, name, 0.0, side.length, first * STOREY, height)
    else:
        bottoms = np.concatenate([[first * STOREY], levels + sill + tall])
        tops = np.concatenate([levels + sill, [height]])
        _wall_faces(faces, side, name, 0.0, side.length, bottoms, tops)
        starts = np.concatenate([[0.0], lefts + width])
        ends = np.concatenate([lefts, [side.length]])
        a, low = (array.ravel() for array in np.meshgrid(starts, levels + sill))
        b = np.tile(ends, len(levels))
        _wall_faces(faces, side, name, a, b, low, low + tall)
    if ground == "door":
        _door(faces, side, name, (door + 0.5) * bay, width, sill, tall, detail)
    elif ground == "shop":
        _shops(faces, side, name, bays, detail, random)


def _door(
    faces: Faces, side: Wall, name: str, middle: float, width: float, sill: float, tall: float, detail: int
) -> None:
    """A door before the wall in the place of a window, with steps and a canopy."""
    half, out = 0.55, 0.03
    if detail == 2:
        _wall_faces(faces, side, name, middle - width / 2, middle + width / 2, sill, sill + tall)
        low, high = middle - half - 0.14, middle + half + 0.14
        surround = [(low, low + 0.14, 0.0, 2.45), (high - 0.14, high, 0.0, 2.45), (low, high, 2.3, 2.45)]
        for one in surround:
            faces.quads(side.rectangles(*one, 0.06), "stone", part=TRIM)
        _shelf(faces, side, middle - 0.9, middle + 0.9, 0.0, 0.15, 0.9)
        _shelf(faces, side, middle - 0.95, middle + 0.95, 2.55, 2.65, 0.8)
    faces.pictures(side.rectangles(middle - half, middle + half, 0.1, 2.3, out), "door", part=ACCENT)


def _shelf(faces: Faces, side: Wall, u0: float, u1: float, z0: float, z1: float, out: float) -> None:
    """A slab that sticks out of the wall: steps, canopies, cornices, balconies' floors."""
    quads = [
        side.rectangles(u0, u1, z0, z1, out),
        side.points([u0, u1, u1, u0], [out, out, 0, 0], [z1] * 4)[None],
        side.points([u0, u1, u1, u0], [0, 0, out, out], [z0] * 4)[None],
        side.points([u0, u0, u0, u0], [0, out, out, 0], [z0, z0, z1, z1])[None],
        side.points([u1, u1, u1, u1], [out, 0, 0, out], [z0, z0, z1, z1])[None],
    ]
    faces.quads(np.concatenate(quads), "stone", part=TRIM)


def _shops(faces: Faces, side: Wall, name: str, bays: int, detail: int, random: np.random.Generator) -> None:
    """A ground floor of shop windows between piers, a board with the shop's colour above, awnings."""
    bay = side.length / bays
    starts = np.arange(bays) * bay
    lit = random.random(bays) < 0.72
    light = _SHOP_LIGHT[int(random.integers(3))]
    deep = -0.22 if detail == 2 else 0.02
    doors = np.arange(bays) == int(random.integers(bays))
    quads = side.rectangles(starts + 0.25, starts + bay - 0.25, 0.4, 2.55, deep)
    faces.pictures(quads[lit], "shop_lit", light)
    faces.pictures(quads[~lit], "shop", (0.45, 0.45, 0.48))
    if detail < 2:
        _wall_faces(faces, side, name, 0.0, side.length, 0.0, STOREY)
    else:
        _wall_faces(faces, side, name, 0.0, side.length, np.array([0.0, 2.55]), np.array([0.4, STOREY]))
        piers = np.concatenate([starts - 0.25, [side.length - 0.25]])
        _wall_faces(faces, side, name, np.maximum(piers, 0), np.minimum(piers + 0.5, side.length), 0.4, 2.55)
        for edge in (starts + 0.25, starts + bay - 0.31, starts + bay / 2 - 0.03):
            faces.quads(side.rectangles(edge, edge + 0.06, 0.4, 2.55, deep + 0.03), "frame", (0.05, 0.052, 0.055))
        for at, turn in ((starts + 0.25, 1), (starts + bay - 0.25, -1)):
            outs = np.array([0, deep, deep, 0] if turn > 0 else [deep, 0, 0, deep])
            corners = side.points(np.repeat(at[:, None], 4, 1), outs, np.array([0.4, 0.4, 2.55, 2.55]))
            faces.quads(corners, name, (0.9, 0.9, 0.9), WALL)
        door = starts[doors] + bay / 2
        faces.pictures(side.rectangles(door - 0.5, door + 0.5, 0.05, 2.4, 0.02), "door", part=ACCENT)
    board = side.rectangles(0.2, side.length - 0.2, 2.6, 3.08, 0.12)
    faces.quads(board, "frame", part=ACCENT)
    if random.random() < 0.6:
        begin = int(random.integers(bays))
        u0 = begin * bay + 0.2
        u1 = min((begin + int(random.integers(1, bays + 1))) * bay, side.length) - 0.2
        slope = side.points([u0, u1, u1, u0], [1.25, 1.25, 0.1, 0.1], [2.25, 2.25, 2.75, 2.75])
        edge = side.points([u0, u1, u1, u0], [1.25] * 4, [2.02, 2.02, 2.25, 2.25])
        repeats = (u1 - u0) / 2.0
        uv = np.broadcast_to(np.array([[0, 1], [repeats, 1], [repeats, 0], [0, 0]]), (2, 4, 2))
        faces.quads(np.stack([slope, edge]), "awning", part=ACCENT, uv=uv)


def balconies(faces: Faces, side: Wall, bays: int, floors: int, random: np.random.Generator) -> None:
    """Balconies with railings before some bays of the upper floors."""
    bay = side.length / bays
    half = min(1.3, bay * 0.42)
    for column in np.flatnonzero(random.random(bays) < 0.5):
        middle = (column + 0.5) * bay
        for floor in range(1, floors):
            z, u0, u1 = floor * STOREY + 0.02, middle - half, middle + half
            _shelf(faces, side, u0, u1, z - 0.16, z, 1.1)
            rails = [
                side.points([u0, u1, u1, u0], [1.06] * 4, [z, z, z + 1, z + 1]),
                side.points([u0, u0, u0, u0], [0, 1.06, 1.06, 0], [z, z, z + 1, z + 1]),
                side.points([u1, u1, u1, u1], [1.06, 0, 0, 1.06], [z, z, z + 1, z + 1]),
            ]
            lengths = np.array([u1 - u0, 1.06, 1.06])
            uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float)[None] * np.stack([lengths, np.ones(3)], -1)[:, None]
            faces.quads(np.stack(rails), "railing", (0.05, 0.05, 0.055), uv=uv)


def cornice(faces: Faces, side: Wall, z: float, out: float, high: float) -> None:
    """A band of stone along the whole wall."""
    _shelf(faces, side, -out, side.length + out, z, z + high, out)
