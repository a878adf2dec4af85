"""Textures of buildings and street furniture. Walls and roofs are near white: the tint gives their colour. Row 0 is the top."""

from __future__ import annotations

import numpy as np

from world.render.patterns import colour, encode, grid, noise, smooth

_WALL = 0.86  # mean albedo, which a tint multiplies


def plaster() -> np.ndarray:
    """8 m, smooth, with stains that run down."""
    shape = (256, 256)
    tone = 1 + 0.04 * noise(shape, 0.6, 17, 6, 120) + 0.06 * noise(shape, 1.5, 18, 1, 10)
    tone *= 1 - 0.24 * smooth(noise(shape, 1.0, 19, 2, 60, (1, 0.12)), 1.0, 2.2)
    return encode(colour(np.clip(tone * _WALL, 0.2, 1), (1.0, 0.985, 0.96)))


def plaster_rough() -> np.ndarray:
    """8 m, coarse, patched."""
    shape = (256, 256)
    tone = 1 + 0.09 * noise(shape, 0.35, 27, 12, 120) + 0.09 * noise(shape, 1.5, 28, 1, 9)
    patch = smooth(noise(shape, 1.6, 26, 1, 12), 1.1, 1.3)
    return encode(colour(np.clip(tone * (_WALL - 0.14 * patch), 0.2, 1), (1.0, 0.98, 0.95)))


def brick() -> np.ndarray:
    """4 m of brick: 48 courses of 16."""
    shape, rows, columns = (512, 512), 48, 16
    v, u = grid(shape)
    row = (v[:, 0] * rows).astype(int)
    across = (u * columns + 0.5 * (row % 2)[:, None]) % columns
    each = np.random.default_rng(19).normal(size=(rows, columns))[row[:, None], across.astype(int)]
    tone = _WALL * (1 + 0.15 * each + 0.06 * noise(shape, 0.4, 19, 10, 200))
    mortar = ((v * rows) % 1 < 0.16) | (across % 1 < 0.06)
    tone = np.where(mortar, 0.62, tone) * (1 + 0.07 * noise(shape, 1.4, 20, 1, 10))
    warm = np.where(mortar[..., None], np.array([1.0, 1.25, 1.35]), 1.0)
    return encode(colour(np.clip(tone, 0.05, 1)) * warm)


def concrete() -> np.ndarray:
    """6 m of panels of 3 m."""
    shape = (256, 256)
    tone = 0.80 * (1 + 0.05 * noise(shape, 0.6, 21, 4, 120) + 0.08 * noise(shape, 1.5, 22, 1, 12))
    tone *= 1 - 0.22 * smooth(noise(shape, 1.0, 23, 2, 40, (1, 0.1)), 1.0, 2.4)
    for at in (0, 128):
        tone[at : at + 2] *= 0.62
        tone[:, at : at + 2] *= 0.62
    return encode(colour(np.clip(tone, 0.1, 1)))


def tiles() -> np.ndarray:
    """4 m of roof tiles; v runs down the slope."""
    shape, rows, columns = (256, 256), 12, 16
    v, u = grid(shape)
    row, column = (v[:, 0] * rows).astype(int), (u[0] * columns).astype(int)
    down, across = (v * rows) % 1, (u * columns) % 1
    each = np.random.default_rng(23).normal(size=(rows, columns))[row][:, column]
    tone = (
        _WALL
        * (1 + 0.12 * each)
        * (0.55 + 0.45 * np.minimum(1, (1 - down) * 3))
        * (0.78 + 0.22 * np.sin(np.pi * across))
    )
    tone *= 1 + 0.12 * noise(shape, 1.4, 24, 1, 12)
    moss = smooth(noise(shape, 1.3, 25, 1, 20), 1.1, 2.2)[..., None] * 0.45
    return encode(colour(np.clip(tone, 0.05, 1)) * (1 - moss) + moss * np.array([0.22, 0.27, 0.12]))


def _frame(image: np.ndarray, tone: float = 0.72) -> np.ndarray:
    """A casement frame with a mullion and a transom, painted round a square window."""
    size = len(image)
    edge, middle = max(2, size // 18), size // 2
    for part in (np.s_[:edge], np.s_[-edge:], np.s_[:, :edge], np.s_[:, -edge:], np.s_[:, middle - 1 : middle + 2]):
        image[part] = tone
    image[size // 3 : size // 3 + 2] = tone
    return image


def window(kind: str) -> np.ndarray:
    """One window from edge to edge. kind: dark, curtain, blind, lit."""
    shape = (64, 64)
    v, u = grid(shape)
    room = np.array([0.035, 0.04, 0.046]) * (1.6 - v[..., None]) + 0 * u[..., None]
    folds = 0.85 + 0.15 * np.sin(u * 95)
    if kind == "curtain":
        curtain = (np.abs(u - 0.5) > 0.2 + 0.1 * v) | (v < 0.1)
        room = np.where(curtain[..., None], (0.5 * folds)[..., None] * np.array([1.0, 0.96, 0.88]), room)
    elif kind == "blind":
        slats = 0.42 + 0.14 * (np.sin(v * 150) > 0)
        room = np.where((v < 0.62)[..., None], (slats + 0 * u)[..., None] * np.array([1.0, 0.98, 0.93]), room)
    elif kind == "lit":
        lamp = np.exp(-(((u - 0.6) ** 2 + (v - 0.3) ** 2) / 0.02))
        bright = 0.3 + 0.28 * (1 - v) + 0.5 * lamp
        bright = np.where(np.abs(u - 0.5) > 0.3, bright * folds * 0.8, bright)
        room = bright[..., None] * np.array([1.0, 0.85, 0.62])
    return encode(_frame(room.copy()))


def shop() -> np.ndarray:
    """A shop window: shelves with goods of many colours under bright light."""
    shape = (128, 256)
    v, u = grid(shape)
    random = np.random.default_rng(50)
    light = 0.42 + 0.4 * np.exp(-(((v - 0.1) / 0.14) ** 2)) + 0.16 * np.exp(-(((u - 0.3) / 0.25) ** 2))
    image = (light * (1 - 0.4 * v))[..., None] * np.array([1.0, 0.92, 0.78])
    for shelf in (44, 70, 98, 122):
        image[shelf : shelf + 3] *= 0.35
        x = int(random.integers(0, 6))
        while x < 248:
            wide, high = int(random.integers(5, 16)), int(random.integers(8, 22))
            goods = random.uniform(0.08, 0.85, 3) * random.uniform(0.5, 1.0)
            body = image[shelf - high : shelf, x : x + wide]
            body[:] = goods * np.linspace(1.0, 0.65, len(body))[:, None, None]
            body[:, -1:] *= 0.5
            body[high // 3 : high // 3 + 3, 1:-1] *= 1.4
            x += wide + int(random.integers(1, 7))
    for at in (0, 126):
        image[:, at : at + 3] = 0.06
    image[:, -3:], image[:3], image[-5:] = 0.06, 0.06, 0.06
    return encode(image)


def door() -> np.ndarray:
    """A panelled door with a glazed top; the tint gives its colour."""
    image = np.full((64, 32, 3), 0.85, np.float32)
    image[[0, 1, -1]] = 0.4
    image[:, [0, -1]] = 0.4
    image[6:22, 6:26] = (0.12, 0.14, 0.16)
    for top, end in ((27, 41), (45, 60)):
        for left, right in ((5, 14), (18, 27)):
            image[top:end, left:right] = 0.62
            image[top, left:right] = 0.35
            image[end - 1, left:right] = 1.0
    image[31:34, 28:30] = (0.5, 0.45, 0.3)
    return encode(image)


def awning() -> np.ndarray:
    """Stripes; the tint gives the darker ones' colour."""
    _, u = grid((32, 64))
    stripe = (np.sin(u * 2 * np.pi * 4) > 0) * np.ones((32, 1))
    return encode(colour(0.55 + 0.45 * stripe))


_PANES = (0.045, 0.05, 0.058)


def facade(kind: str) -> np.ndarray:
    """Four bays by four floors with windows painted in, for far houses. kind: plaster, brick, shops (one floor of shop fronts)."""
    shape = (256, 256)
    random = np.random.default_rng(61)
    if kind == "shops":
        image = np.repeat(np.repeat(shop_linear(), 2, axis=0), 1, axis=1)[:256, :256]
        image[:40] = 0.5
        image[232:] = 0.42
        return encode(image)
    tone = _WALL * (1 + (0.10 if kind == "brick" else 0.05) * noise(shape, 0.5, 62, 4, 120))
    image = colour(np.clip(tone, 0.2, 1))
    for row in range(4):
        image[row * 64 : row * 64 + 2] *= 0.82
        for column in range(4):
            top, left = row * 64 + 14, column * 64 + 19
            image[top - 2 : top + 38, left - 2 : left + 28] = 0.7
            image[top + 36 : top + 39, left - 4 : left + 30] = 0.8
            pane = image[top : top + 36, left : left + 26]
            pane[:] = np.array(_PANES) * random.uniform(0.7, 1.6)
            if random.random() < 0.45:
                pane[:, :7] = pane[:, -7:] = 0.42 * random.uniform(0.7, 1.1)
            elif random.random() < 0.3:
                pane[: int(random.integers(8, 26))] = 0.45
            pane[:2] *= 0.5
            pane[:, 12:14] = 0.68
            pane[11:13] = 0.68
    return encode(image)


def shop_linear() -> np.ndarray:
    """The shop window's picture in linear light, [128, 256, 3]."""
    return ((shop()[..., :3] / 255.0) ** 2.2).astype(np.float32)


def skyline() -> np.ndarray:
    """Eight bays by eight floors in the distance."""
    image = np.full((128, 128, 3), 0.8, np.float32)
    random = np.random.default_rng(71)
    for row in range(8):
        for column in range(8):
            image[row * 16 + 4 : row * 16 + 12, column * 16 + 4 : column * 16 + 12] = random.uniform(0.18, 0.5)
    return encode(image)


def metal() -> np.ndarray:
    """Painted or galvanised steel with faint streaks; the tint gives its colour."""
    return encode(colour(np.clip(0.9 + 0.05 * noise((64, 64), 0.8, 81, 1, 30, (1, 0.2)), 0.5, 1)))


def wood() -> np.ndarray:
    """1 m of planks with grain along u; the tint gives their colour."""
    shape = (64, 128)
    tone = 0.86 + 0.09 * noise(shape, 0.8, 82, 2, 60, (0.1, 1)) + 0.04 * noise(shape, 1.2, 83, 1, 8)
    tone[::16] *= 0.6
    return encode(colour(np.clip(tone, 0.2, 1)))


def wood_fence() -> np.ndarray:
    """2 m of upright boards."""
    shape = (128, 256)
    _, u = grid(shape)
    board = (u[0] * 14).astype(int)
    each = np.random.default_rng(84).normal(size=14)[board]
    tone = (0.8 + 0.09 * each)[None] * (1 + 0.08 * noise(shape, 0.8, 85, 2, 80, (1, 0.1)))
    tone = np.where((u * 14) % 1 < 0.1, 0.16, tone)
    tone[:3] *= 0.7
    return encode(colour(np.clip(tone, 0.05, 1), (1.0, 0.9, 0.78)))


def railing() -> np.ndarray:
    """1 m of upright bars between two rails, open between them."""
    shape = (128, 128)
    v, u = grid(shape)
    solid = ((u * 8) % 1 < 0.26) | (np.abs(v - 0.05) < 0.04) | (np.abs(v - 0.88) < 0.03)
    return encode(np.full((*shape, 3), 0.9, np.float32), solid.astype(np.float32))
