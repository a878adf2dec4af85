"""Textures and materials as flat arrays, for kernels: one atlas of mip pyramids, one row per material."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from world.errors import DataError
from world.render.materials import Material, Surface

# Bits of Library.material[:, 3].
CUTOUT, TWO_SIDED, LANE, FLOOR, DECAL = 1, 2, 4, 8, 16
_FLOORS = (Surface.ASPHALT, Surface.PAINT, Surface.PAVEMENT, Surface.GROUND)


def decoded() -> np.ndarray:
    """Linear light of every sRGB byte, float32 [256]."""
    x = np.arange(256) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(linear: np.ndarray) -> np.ndarray:
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, x * 12.92, 1.055 * x ** (1 / 2.4) - 0.055)


def _halved(pixels: np.ndarray) -> np.ndarray:
    """Means over 2 x 2 texels of linear RGB and alpha [H, W, 4]; colour is weighted by alpha."""
    for axis in (0, 1):
        if pixels.shape[axis] > 1:
            first, second = (
                pixels[part] if axis == 0 else pixels[:, part] for part in (slice(0, None, 2), slice(1, None, 2))
            )
            weight = np.stack([first[..., 3:], second[..., 3:]]) + 1e-4
            colour = (first[..., :3] * weight[0] + second[..., :3] * weight[1]) / weight.sum(0)
            pixels = np.concatenate([colour, (first[..., 3:] + second[..., 3:]) / 2], -1)
    return pixels


@dataclass(frozen=True, eq=False)
class Atlas:
    """All textures. texels uint8 [N, 4] sRGB and alpha, every mip level row by row, finest first; table int32 [K, 4]: offset, width,
    height and number of levels of each; names: which row is which."""

    texels: np.ndarray
    table: np.ndarray
    names: tuple[str, ...]

    @property
    def packed(self) -> np.ndarray:
        """The texels with their four bytes in one number, uint32 [N], red lowest."""
        return self.texels.view("<u4")[:, 0]

    @classmethod
    def of(cls, textures: Mapping[str, np.ndarray]) -> Atlas:
        """From uint8 [H, W, 4] arrays with sides that are powers of two. Raises DataError for others."""
        linear, parts, rows, offset = decoded(), [np.zeros((1, 4), np.uint8)], [], 1
        for name, texture in textures.items():
            height, width = texture.shape[:2]
            good = texture.dtype == np.uint8 and texture.shape == (height, width, 4)
            if not good or height & (height - 1) or width & (width - 1):
                raise DataError(f"Texture {name!r} must be uint8 [H, W, 4] with sides that are powers of two.")
            start, levels = offset, 0
            pixels = np.concatenate([linear[texture[..., :3]], texture[..., 3:] / np.float32(255)], -1)
            while True:
                flat = np.concatenate([_encoded(pixels[..., :3]), pixels[..., 3:]], -1).reshape(-1, 4)
                parts.append((flat * 255 + 0.5).astype(np.uint8))
                offset, levels = offset + len(flat), levels + 1
                if pixels.shape[0] == pixels.shape[1] == 1:
                    break
                pixels = _halved(pixels)
            rows.append((start, width, height, levels))
        return cls(np.concatenate(parts), np.array(rows, np.int32).reshape(-1, 4), tuple(textures))


@dataclass(frozen=True, eq=False)
class Library:
    """Materials for kernels. material int32 [M, 4]: texture (-1: plain), surface, emission group (-1: none), flags; roughness float32 [M]."""

    atlas: Atlas
    material: np.ndarray
    roughness: np.ndarray

    @classmethod
    def of(cls, materials: Sequence[Material], groups: Sequence[str], textures: Mapping[str, np.ndarray]) -> Library:
        """Raises DataError for a material whose texture or group of lights does not exist."""
        atlas = Atlas.of(textures)
        rows = []
        for one in materials:
            if (one.texture and one.texture not in atlas.names) or (one.emission and one.emission not in groups):
                raise DataError(f"Material {one.name!r} names a texture or a group of lights that does not exist.")
            flags = CUTOUT * one.cutout | TWO_SIDED * one.two_sided | LANE * (one.texture == "lane")
            flags |= FLOOR * (one.surface in _FLOORS) | DECAL * (one.surface is Surface.PAINT)
            texture = atlas.names.index(one.texture) if one.texture else -1
            rows.append((texture, int(one.surface), groups.index(one.emission) if one.emission else -1, flags))
        return cls(atlas, np.array(rows, np.int32), np.array([one.roughness for one in materials], np.float32))
