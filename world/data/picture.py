"""Decoded video frames as 8-bit RGB: upright, with square pixels, tone-mapped for an ordinary screen."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc

UNTAGGED = 2  # AVCOL_SPC_UNSPECIFIED
HD = 576  # lines; above, untagged colours are BT.709 as in players
WHITE, PEAK = 203.0, 1000.0  # cd/m2 of paper white (ITU-R BT.2408) and of the brightest shade preserved
TO_709 = np.array(  # linear light, BT.2020 primaries to BT.709 (ITU-R BT.2087)
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned upright: transposed, then mirrored left to right, then flipped upside down."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """From the frame's display matrix. ValueError where it is no quarter turn."""
        try:
            matrix = bytes(frame.side_data[Type.DISPLAYMATRIX])  # type: ignore[typeddict-item]
        except KeyError:
            return cls()
        (a, b), (c, d) = np.frombuffer(matrix, "<i4").reshape(3, 3)[:2, :2] / 2**16
        if abs(b) + abs(c) < 0.01 and a and d:
            return cls(False, bool(a < 0), bool(d < 0))
        if abs(a) + abs(d) < 0.01 and b and c:
            return cls(True, bool(c < 0), bool(b < 0))
        raise ValueError("it is shown at an angle that is no quarter turn; turn it upright first")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """A stored image [H, W, ...] turned upright."""
        image = image.swapaxes(0, 1) if self.transposed else image
        image = image[:, ::-1] if self.mirrored else image
        return np.ascontiguousarray(image[::-1] if self.flipped else image)


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame that is converted on demand: most are skipped when a video is resampled.

    aspect: pixel width over pixel height.
    """

    frame: av.VideoFrame
    aspect: Fraction = Fraction(1)
    turn: Orientation = Orientation()

    def rgb(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """uint8 [H, W, 3], scaled by area to `size` (H, W) if given. HDR is tone-mapped."""
        shape = self._shape() if size is None else size[::-1] if self.turn.transposed else size
        return self.turn(_wide(self.frame, shape) if _is_wide(self.frame) else _plain(self.frame, shape, "rgb24"))

    def _shape(self) -> tuple[int, int]:
        """Height and width as stored, in square pixels, without loss of detail."""
        height, width = self.frame.height, self.frame.width
        if self.aspect >= 1:
            return height, round(width * self.aspect)
        return round(height / self.aspect), width


def _plain(frame: av.VideoFrame, shape: tuple[int, int], code: str) -> np.ndarray:
    untagged = frame.colorspace == UNTAGGED and frame.height > HD and not frame.format.is_rgb
    space = Colorspace.ITU709 if untagged else None
    if shape == (frame.height, frame.width):
        return frame.to_ndarray(format=code, src_colorspace=space)
    return frame.to_ndarray(format=code, height=shape[0], width=shape[1], interpolation="AREA", src_colorspace=space)


def _is_wide(frame: av.VideoFrame) -> bool:
    """Whether it is HDR or has BT.2020 primaries."""
    return frame.color_trc in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67) or (
        frame.color_primaries == ColorPrimaries.BT2020
    )


def _wide(frame: av.VideoFrame, shape: tuple[int, int]) -> np.ndarray:
    """BT.2020 colours of any transfer as BT.709, highlights compressed."""
    light = _light(int(frame.color_trc))[_plain(frame, shape, "rgb48le")]
    return _screen()[(np.clip(light @ TO_709.T, 0, 1) * 4095 + 0.5).astype(np.uint16)]


@lru_cache(maxsize=4)
def _light(transfer: int) -> np.ndarray:
    """Linear light, 1 for white, of every 16-bit code: float32 [65536].

    PQ: SMPTE ST 2084. HLG: ITU-R BT.2100 with its system gamma of 1.2 on every primary. Both are compressed from PEAK
    to WHITE by the curve of ITU-R BT.2390, section 5.4.1; other transfers are BT.1886.
    """
    code = np.linspace(0, 1, 2**16)
    if transfer == ColorTrc.SMPTE2084:
        light = _pq_light(code)
    elif transfer == ColorTrc.ARIB_STD_B67:
        bright = (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
        light = PEAK * np.where(code <= 0.5, code**2 / 3, bright) ** 1.2
    else:
        return (code**2.4).astype(np.float32)
    peak, white = _pq_code(np.array([PEAK, WHITE]))
    most = white / peak
    knee = 1.5 * most - 0.5
    relative = np.minimum(_pq_code(light) / peak, 1)
    t = (relative - knee) / (1 - knee)
    compressed = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    )  # a Hermite spline from the knee to white
    return (_pq_light(np.where(relative < knee, relative, compressed) * peak) / WHITE).astype(np.float32)


@lru_cache(maxsize=1)
def _screen() -> np.ndarray:
    """8-bit codes (ITU-R BT.1886) of 4096 steps of linear light."""
    return np.round(255 * np.linspace(0, 1, 4096) ** (1 / 2.4)).astype(np.uint8)


def _pq_light(code: np.ndarray) -> np.ndarray:
    root = code ** (1 / 78.84375)
    return 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def _pq_code(light: np.ndarray) -> np.ndarray:
    root = (light / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * root) / (1 + 18.6875 * root)) ** 78.84375
