"""Picture metrics: PSNR, detail by bands, and warping of one frame to the next, independent of the painter.

Pictures are [H, W, 3] on a scale of 255; masks bool [H, W].
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from world.render.renderer import Shot

EQUAL = 100.0  # dB of two pictures that are the same
SIGMAS = (1.0, 2.0, 4.0)  # px: the Gaussians between which the bands lie
BANDS = ("fine", "middle", "coarse")  # details of up to 1 px, 2 px and 4 px
DEPTHS_AGREE = 0.05  # of the inverse depth, for a point to be the same as before


def psnr(picture: np.ndarray, reference: np.ndarray, where: np.ndarray | None = None) -> float:
    """PSNR in dB within a mask (default: everywhere); EQUAL for no error, NaN for an empty mask."""
    error = (picture.astype(np.float64) - reference) ** 2
    error = error if where is None else error[where]
    if not error.size:
        return math.nan
    mean = float(error.mean())
    return EQUAL if mean == 0 else min(EQUAL, 10 * math.log10(255**2 / mean))


def bands(picture: np.ndarray) -> np.ndarray:
    """Differences of Gaussians, finest first, float64 [BANDS, H, W, 3]: a full-size Laplacian pyramid (Burt and Adelson
    1983).
    """
    levels = [picture.astype(np.float64)]
    levels += [blur(levels[0], sigma) for sigma in SIGMAS]
    return np.stack([above - below for above, below in pairwise(levels)])


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """The picture [H, W, C] under a Gaussian of sigma pixels; borders repeated."""
    reach = math.ceil(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        size = picture.shape[axis]
        padded = np.pad(picture, [(reach, reach) if k == axis else (0, 0) for k in range(3)], mode="edge")
        picture = sum(weight * padded.take(range(k, k + size), axis) for k, weight in enumerate(kernel))
    return picture


def warp(before: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The previous frame ([H, W] or [H, W, C]) warped to the current one, float64; bilinear, borders repeated.

    motion [H, W, 2]: pixels from a point's current to its previous position.
    """
    rows, columns, down, right = _corners(motion)
    values = before.astype(np.float64)
    if values.ndim == 3:
        down, right = down[..., None], right[..., None]
    above = values[rows[0], columns[0]] * (1 - right) + values[rows[0], columns[1]] * right
    below = values[rows[1], columns[0]] * (1 - right) + values[rows[1], columns[1]] * right
    return np.asarray(above * (1 - down) + below * down)


def _corners(motion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The rows [2, H, W] and columns around every point's previous position, and the weights of the later ones."""
    height, width = motion.shape[:2]
    y = np.clip(np.arange(height)[:, None] + motion[..., 1].astype(np.float64), 0, height - 1)
    x = np.clip(np.arange(width)[None] + motion[..., 0].astype(np.float64), 0, width - 1)
    top, left = np.minimum(y.astype(int), height - 2), np.minimum(x.astype(int), width - 2)
    return np.stack([top, top + 1]), np.stack([left, left + 1]), y - top, x - left


def visible_before(now: Shot, before: Shot) -> np.ndarray:
    """Mask of pixels that show something visible in the previous frame too, bool [H, W].

    All four pixels around its previous position belong to the same object, without sky, at the expected depth. `now`
    was rendered with its motion since `before`.
    """
    buffer, was, motion = now.gbuffer, before.gbuffer, now.gbuffer.motion
    height, width = buffer.coverage.shape
    y, x = np.arange(height)[:, None] + motion[..., 1], np.arange(width)[None] + motion[..., 0]
    good = (buffer.coverage >= 1) & (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    rows, columns, _, _ = _corners(motion)
    for row in rows:
        for column in columns:
            good &= (was.instance[row, column] == buffer.instance) & (was.coverage[row, column] >= 1)
    deep = warp(was.inverse_depth, motion)
    expected = 1 / np.maximum(_depth_before(now, before), 1e-3)
    stands = buffer.instance >= 0
    return good & (~stands | (np.abs(deep - expected) <= DEPTHS_AGREE * expected))


def _depth_before(now: Shot, before: Shot) -> np.ndarray:
    """The depth of each pixel's object in the previous view, m [H, W]."""
    eye, height, width = now.view, now.view.height, now.view.width
    right = (np.arange(width) + 0.5 - 0.5 * width) / eye.focal
    down = (np.arange(height) + 0.5 - 0.5 * height) / eye.focal
    rays = eye.axes[2] + right[None, :, None] * eye.axes[0] + down[:, None, None] * eye.axes[1]
    depth = 1 / np.maximum(now.gbuffer.inverse_depth.astype(np.float64), 1e-6)
    forward = before.view.axes[2]
    return np.asarray(depth * (rays @ forward) + (eye.eye - before.view.eye) @ forward)
