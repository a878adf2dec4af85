"""Weather and time of day: turns the camera's colours and surface classes into the picture, in numpy.

The camera renders noon only; `world/weather.py` gives the amounts of rain, snow, fog, night, dawn and dusk.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from world.town.mesh import GROUND, TownSurface
from world.town.spray import Puff, mist

HEIGHT, WIDTH = 144, 256
FOCAL, CAMERA_HEIGHT, FAR = WIDTH / 2, 1.5, 170.0

_Z = {  # sky colour at the zenith, at the horizon; light on everything
    "day": ((88, 148, 216), (206, 224, 238), (1.0, 1.0, 1.0)),
    "dawn": ((136, 164, 208), (255, 216, 194), (0.94, 0.85, 0.88)),
    "dusk": ((56, 52, 112), (240, 126, 74), (0.70, 0.50, 0.49)),
    "night": ((10, 14, 32), (36, 44, 72), (0.29, 0.33, 0.46)),
}
_CLOUD = (np.array([118, 126, 136], np.float32), np.array([170, 176, 182], np.float32))
_SNOW_CLOUD = (np.array([176, 182, 190], np.float32), np.array([214, 218, 222], np.float32))
_FOG_REACH = (70.0, 30.0, 13.0)  # m at levels 1, 2, 3
_DUSK_DARK, _DAWN_DARK = 0.55, 0.12  # share of the night's lamp and beam light


def _table(*surfaces: int) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[list(surfaces)] = 1
    return table


_IS_SKY = _table(TownSurface.SKY)
_IS_WET = _table(
    TownSurface.ROAD, TownSurface.MARKING, TownSurface.PAVEMENT, TownSurface.ROAD_LAMPLIT, TownSurface.PAVEMENT_LAMPLIT
)
_IS_GROUND = _table(*GROUND)
_IS_LAMPLIT = _table(TownSurface.ROAD_LAMPLIT, TownSurface.PAVEMENT_LAMPLIT)
_IS_GREEN = _table(TownSurface.GRASS, TownSurface.FOLIAGE)
_IS_PAVED = _table(TownSurface.PAVEMENT, TownSurface.PAVEMENT_LAMPLIT)
_IS_ROAD = _table(TownSurface.ROAD, TownSurface.ROAD_LAMPLIT, TownSurface.MARKING)
_GLOW = np.zeros((256, 3), np.float32)  # at night; -1: the surface's own colour
_GLOW[TownSurface.WINDOW] = (255, 206, 120)
_GLOW[TownSurface.WINDOW_DARK] = (26, 30, 42)
_GLOW[TownSurface.LAMP] = (255, 236, 190)
_GLOW[TownSurface.HEADLIGHT] = (255, 250, 224)
_GLOW[TownSurface.TAIL] = (190, 24, 22)
_GLOWS = _table(TownSurface.WINDOW, TownSurface.LAMP, TownSurface.HEADLIGHT, TownSurface.TAIL)
_HALOS = np.zeros((256, 3), np.float32)  # light that spreads around what shines
_HALOS[TownSurface.LAMP] = (255, 220, 160)
_HALOS[TownSurface.HEADLIGHT] = (255, 250, 230)
_OWN = _table(TownSurface.LIGHT)


def _halve(a: np.ndarray) -> np.ndarray:
    """Mean over 2x2 blocks of uint8 [2H, 2W(, C)], as float32."""
    rows = a[0::2].astype(np.uint16) + a[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]).astype(np.float32) * np.float32(0.25)


class Developer:
    """Develops pictures. Seeded: its generator draws rain streaks and flakes."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        row = np.arange(HEIGHT, dtype=np.float32)[:, None] + 0.5 - HEIGHT / 2
        self._row = row
        below = np.maximum(row, 0.1)
        self._ground_depth = np.minimum(FOCAL * CAMERA_HEIGHT / below, FAR)[:, 0]
        self._height = np.clip(1.0 - row / (HEIGHT / 2) - 1.0, 0, 1)  # 0 at the horizon, 1 at the top
        column = (np.arange(WIDTH, dtype=np.float32)[None, :] + 0.5 - WIDTH / 2) / FOCAL
        self._beam = np.exp(-((column / 0.5) ** 2))
        self._grain = _grain(np.random.default_rng(300))
        self._streaks = [_streaks(np.random.default_rng(100 + i), slant=4, length=13, count=70) for i in range(12)]
        self._flakes = [_streaks(np.random.default_rng(200 + i), slant=0, length=2, count=160) for i in range(12)]

    def _depth(self, surface: np.ndarray) -> np.ndarray:
        """Distance ahead of each pixel [H, W]: of ground by its row, of other surfaces by the ground below them."""
        ground = _IS_GROUND[surface].astype(bool) & (self._row > 0)
        index = np.where(ground, np.arange(HEIGHT)[:, None], HEIGHT - 1)
        # from the bottom up, keep the last ground row: the smallest row index so far in the column
        index = np.where(ground, index, HEIGHT)
        lowest = np.minimum.accumulate(index[::-1], axis=0)[::-1]
        depth = self._ground_depth[np.minimum(lowest, HEIGHT - 1)]
        # a crown overhangs ground further away than its trunk, so its distance comes from its height
        crown = (surface == TownSurface.FOLIAGE) & (self._row < 0)
        return np.where(crown, np.minimum(depth, FOCAL * 2.7 / np.maximum(-self._row, 2.0)), depth)

    def sky(self, amounts: dict[str, float]) -> np.ndarray:
        """The sky's colours [H, 1, 3]."""
        zenith, horizon, _ = self._blend(amounts)
        return horizon + (zenith - horizon) * (self._height**0.7)[:, :, None]

    def _blend(self, amounts: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        part = {name: amounts[name] for name in ("dawn", "dusk", "night")}
        total = sum(part.values())
        if total > 1:
            part = {name: value / total for name, value in part.items()}
        part["day"] = 1.0 - min(total, 1.0)
        zenith, horizon, light = (
            sum((share * np.array(_Z[name][k], np.float32) for name, share in part.items()), np.zeros(3, np.float32))
            for k in range(3)
        )
        rain, snow, fog = amounts["rain"], amounts["snow"], amounts["fog"]
        cloud = max(min(1.0, 1.2 * rain + 0.5 * min(1.0, 3 * rain)), min(1.0, 0.9 * snow + 0.3), 1.6 * fog)
        cloud = min(1.0, cloud) * min(1.0, 3 * max(rain, snow, fog))
        if cloud > 0:
            tint = 0.5 * light + 0.5 * float(np.mean(light))
            pale = snow / max(rain + snow + fog, 1e-6)
            storm = 1 - 0.36 * max(0.0, 1.5 * rain - 0.5)  # heavy rain darkens the day
            for number, colour in enumerate((zenith, horizon)):
                grey = (_CLOUD[number] + pale * (_SNOW_CLOUD[number] - _CLOUD[number])) * tint * storm
                colour += cloud * (grey - colour)
            light = light * (1 - 0.12 * cloud) * (0.3 + 0.7 * storm)
        return np.asarray(zenith, np.float32), np.asarray(horizon, np.float32), np.asarray(light, np.float32)

    def develop(self, raw: np.ndarray, amounts: dict[str, float], spray: Sequence[Puff] = ()) -> np.ndarray:
        """The picture uint8 [H, W, 3] of `TownCamera.look`'s uint8 [2H, 2W, 4]; `spray` is drawn when it rains."""
        full = raw[..., 3]
        surface = full[1::2, ::2]
        out = _halve(raw[..., :3])
        depth = self._depth(surface)
        rain, snow, fog, night = (amounts[name] for name in ("rain", "snow", "fog", "night"))
        dark = min(1.0, night + _DUSK_DARK * amounts["dusk"] + _DAWN_DARK * amounts["dawn"])
        sky = self.sky(amounts)
        _, horizon, light = self._blend(amounts)
        if snow > 0:
            white = (0.95 * min(1.0, 0.1 + 1.1 * snow)) * _IS_GREEN[surface]
            white = white + (0.9 * snow**0.7) * _IS_PAVED[surface] + (0.72 * snow**1.8) * _IS_ROAD[surface]
            white = white + (0.25 * snow) * (surface == TownSurface.WALL)
            white = white + (0.95 * min(1.0, max(0.0, 2.4 * snow - 0.75))) * (surface == TownSurface.ROOF)
            out += white[..., None].astype(np.float32) * (np.float32(236.0) - out)
        wet, lit = None, light
        if rain > 0:
            wet = _IS_WET[surface][..., None] * np.float32((0.35 + 0.65 * rain) * min(1.0, 3 * rain))
            out *= 1.0 - 0.38 * wet
        if dark > 0:
            pool = 0.34 * dark * _IS_LAMPLIT[surface].astype(np.float32)
            z = CAMERA_HEIGHT - self._row * depth / FOCAL
            low = np.clip(1.5 - 0.45 * z, 0.0, 1.0)
            beam = (0.9 * dark) * self._beam * np.minimum(1.0, 11.0 / depth) ** 1.1 * low
            warm = np.array([1.0, 0.93, 0.78], np.float32)
            lit = light + (beam + pool)[..., None] * warm
            out *= lit
        else:
            out *= light
        glow = None
        if dark > 0:
            shining = _halve(_GLOWS[full])[..., None] * np.float32(dark)
            glow = _GLOW[full[::2, ::2]] * (shining > 0)
            out += shining * (glow - out)
        own = _halve(_OWN[full])[..., None]
        if dark > 0 and own.any():
            shine = _halve(raw[..., :3] * _OWN[full][..., None])
            out += (1.0 - light) * shine
        if wet is not None:
            out += ((0.1 + 0.24 * rain) * wet) * self._mirror(out, sky)
        haze = 1 / 900.0 + rain**1.5 / 130.0 + snow**1.5 / 80.0
        if fog > 0:
            haze += float(np.interp(3 * fog, (0, 1, 2, 3), (0.0, *(1 / reach for reach in _FOG_REACH))))
        reach = 1.0 / haze
        through = np.exp(-depth / reach)[..., None]
        out = horizon + (out - horizon) * through
        cover = _halve(_IS_SKY[full])[..., None]
        out += cover * (sky - out) if fog <= 0 else cover * (sky + fog * (horizon - sky) - out)
        if dark > 0:
            out += (0.5 * dark) * self._halo(full)
        if rain > 0 and spray:
            grain = np.roll(self._grain, (int(self._rng.integers(HEIGHT)), int(self._rng.integers(WIDTH))), (0, 1))
            share = (0.3 + 0.65 * rain) * mist(spray, depth, grain)[..., None]
            out += share * (np.float32(206.0) * np.minimum(lit, 0.9) - out)
        if rain > 0:
            k = int(self._rng.integers(len(self._streaks)))
            out += ((6 + 30 * rain) * (1 - 0.6 * night)) * np.roll(self._streaks[k], int(self._rng.integers(WIDTH)), 1)
        if snow > 0:
            k = int(self._rng.integers(len(self._flakes)))
            out += ((30 + 90 * snow) * (1 - 0.5 * night)) * np.roll(self._flakes[k], int(self._rng.integers(WIDTH)), 1)
        return np.clip(out + 0.5, 0, 255).astype(np.uint8)

    def _mirror(self, out: np.ndarray, sky: np.ndarray) -> np.ndarray:
        """A wet road's reflection [H, W, 3]: the picture above the horizon upside down, blurred along the columns."""
        half = HEIGHT // 2
        above = np.where(out[:half].sum(axis=-1, keepdims=True) < 3.0, sky[:half], out[:half])[::-1]
        coarse = above.reshape(half // 8, 8, WIDTH // 8, 8, 3).mean(axis=(1, 3))
        small = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8))
        reflection = np.zeros_like(out)
        reflection[half:] = np.asarray(small.resize((WIDTH, half), Image.Resampling.BILINEAR))
        return reflection

    def _halo(self, full: np.ndarray) -> np.ndarray | float:
        """Soft light around lamps and headlights, [H, W, 3]."""
        near = _HALOS[full[2::4, 2::4]]
        if not near.any():
            return 0.0
        coarse = near.reshape(HEIGHT // 4, 2, WIDTH // 4, 2, 3).max(axis=(1, 3))
        soft = Image.fromarray(coarse.astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.6))
        return np.asarray(soft.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)).astype(np.float32)


def _grain(rng: np.random.Generator) -> np.ndarray:
    """Smooth noise around 1, float32 [H, W]."""
    coarse = rng.uniform(140, 255, (HEIGHT // 8, WIDTH // 8)).astype(np.uint8)
    fine = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return np.asarray(fine).astype(np.float32) / np.float32(197.0)


def _streaks(rng: np.random.Generator, slant: int, length: int, count: int) -> np.ndarray:
    """A layer of short slanted lines, float32 [H, W, 1] in [0, 1]."""
    layer = np.zeros((HEIGHT, WIDTH), np.float32)
    x, y = rng.integers(0, WIDTH, count), rng.integers(-length, HEIGHT, count)
    bright = rng.uniform(0.4, 1.0, count)
    for k in range(length):
        rows = y + k
        ok = (rows >= 0) & (rows < HEIGHT)
        cols = (x - slant * k // length) % WIDTH
        layer[rows[ok], cols[ok]] = np.maximum(layer[rows[ok], cols[ok]], bright[ok])
    return layer[..., None]
