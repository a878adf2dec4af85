"""A G-buffer of a small street by ray casting: a road with lanes and pavements, houses with windows, cars, a tree, lamps and a signal."""

from __future__ import annotations

import numpy as np

from world.render.camera import View
from world.render.gbuffer import GBuffer
from world.render.light import Light
from world.render.materials import Surface

SUN_STEPS = 40

# x0, x1, y0, y1, z0, z1, surface, albedo, emission group
BOXES = [
    *[
        (x, x + 17, side * 11 - (12 if side < 0 else 0), side * 11 + (12 if side > 0 else 0), 0, h, Surface.WALL, c, "")
        for x, side, h, c in (
            (6, 1, 9, (0.45, 0.36, 0.22)),
            (26, 1, 14, (0.30, 0.10, 0.07)),
            (50, 1, 11, (0.35, 0.38, 0.30)),
            (12, -1, 12, (0.42, 0.40, 0.36)),
            (36, -1, 8, (0.40, 0.20, 0.12)),
            (75, -1, 15, (0.32, 0.32, 0.34)),
        )
    ],
    (120, 128, -40, 40, 0, 14, Surface.WALL, (0.33, 0.30, 0.28), ""),
    (14, 18.2, -2.7, -0.9, 0.35, 0.9, Surface.CLEARCOAT, (0.35, 0.02, 0.02), ""),
    (15, 17.4, -2.55, -1.05, 0.9, 1.45, Surface.GLASS, (0.03, 0.03, 0.03), ""),
    (13.97, 14.05, -2.6, -2.25, 0.65, 0.85, Surface.LIGHT, (1.0, 0.06, 0.04), "tail"),
    (13.97, 14.05, -1.35, -1.0, 0.65, 0.85, Surface.LIGHT, (1.0, 0.06, 0.04), "brake"),
    (30, 34.4, 0.9, 2.7, 0.35, 0.95, Surface.CLEARCOAT, (0.5, 0.5, 0.52), ""),
    (31, 33.4, 1.05, 2.55, 0.95, 1.5, Surface.GLASS, (0.03, 0.03, 0.03), ""),
    (29.95, 30.05, 0.95, 1.3, 0.6, 0.8, Surface.LIGHT, (1.0, 0.95, 0.85), "head"),
    (29.95, 30.05, 2.3, 2.65, 0.6, 0.8, Surface.LIGHT, (1.0, 0.95, 0.85), "head"),
    (24, 24.15, -6.2, -6.05, 0, 3.2, Surface.METAL, (0.10, 0.10, 0.11), ""),
    (23.9, 24.2, -6.3, -5.95, 2.4, 3.3, Surface.PLASTIC, (0.02, 0.02, 0.02), ""),
    (23.85, 23.9, -6.22, -6.03, 2.5, 2.7, Surface.LIGHT, (0.05, 1.0, 0.45), "green"),
    (9, 9.6, -5.0, -4.6, 0.12, 1.8, Surface.CLOTH, (0.05, 0.25, 0.08), ""),
    *[(x, x + 0.15, 5.6, 5.75, 0, 6.0, Surface.METAL, (0.10, 0.10, 0.11), "") for x in (12, 37, 62)],
    *[(x - 0.1, x + 0.3, 4.2, 5.0, 5.9, 6.05, Surface.LIGHT, (1.0, 0.76, 0.5), "lamp") for x in (12, 37, 62)],
    *[(x, x + 0.3, -7.6, -7.3, 0, 2.5, Surface.BARK, (0.08, 0.06, 0.04), "") for x in (31, 66)],
    *[(x - 1.6, x + 1.8, -9.2, -5.8, 2.2, 5.2, Surface.FOLIAGE, (0.05, 0.11, 0.025), "") for x in (31, 66)],
]


def noise(x: np.ndarray, y: np.ndarray, size: float, seed: int) -> np.ndarray:
    """Value noise in [0, 1], anchored in the world, three octaves."""
    total = np.zeros_like(x)
    for octave in range(3):
        grid = np.random.default_rng(seed + octave).random((64, 64))
        u, v = x / size * 2**octave, y / size * 2**octave
        i, j = np.floor(u).astype(int), np.floor(v).astype(int)
        fu, fv = u - i, v - j
        fu, fv = fu * fu * (3 - 2 * fu), fv * fv * (3 - 2 * fv)
        i, j, k, m = i % 64, j % 64, (i + 1) % 64, (j + 1) % 64
        total += (
            (grid[i, j] * (1 - fu) + grid[k, j] * fu) * (1 - fv) + (grid[i, m] * (1 - fu) + grid[k, m] * fu) * fv
        ) / 2**octave
    return total / 1.75


def cast(eye: np.ndarray, ray: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest hits of rays [N, 3] from eye [3] or [N, 3]: distance (inf: none), index (-1 ground, -2 none), normal [N, 3]."""
    safe = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
    eye = np.broadcast_to(eye, ray.shape)
    best = np.where(safe[:, 2] < 0, -eye[:, 2] / safe[:, 2], np.inf)
    best = np.where(best > 400, np.inf, best)
    index = np.where(np.isfinite(best), -1, -2)
    normal = np.zeros_like(ray)
    normal[index == -1, 2] = 1
    for number, box in enumerate(BOXES):
        low, high = np.array([box[0], box[2], box[4]]), np.array([box[1], box[3], box[5]])
        t0, t1 = (low - eye) / safe, (high - eye) / safe
        near, far = np.minimum(t0, t1), np.maximum(t0, t1)
        enter, leave = near.max(1), far.min(1)
        hit = (enter < leave) & (enter > 1e-4) & (enter < best)
        axis = near.argmax(1)
        best[hit], index[hit] = enter[hit], number
        normal[hit] = 0
        rows = np.flatnonzero(hit)
        normal[rows, axis[rows]] = -np.sign(safe[rows, axis[rows]])
    return best, index, normal


def paint(point: np.ndarray, index: np.ndarray, normal: np.ndarray, light: Light) -> dict[str, np.ndarray]:
    """Surface, albedo, roughness, emission, wet, snow, noise of the points hit."""
    n = len(point)
    x, y, z = point.T
    surface = np.zeros(n, np.uint8)
    albedo, emission = np.zeros((n, 3)), np.zeros((n, 3))
    rough, wet, snow = np.full(n, 0.8), np.zeros(n), np.clip(normal[:, 2], 0, 1) * 0.9
    coarse, fine = noise(x, y, 2.5, 3), noise(x + z, y + z, 0.35, 9)
    ground = index == -1
    road = ground & (np.abs(y) < 4)
    pavement = ground & (np.abs(y) >= 4) & (np.abs(y) < 8)
    surface[ground], surface[road], surface[pavement] = Surface.GROUND, Surface.ASPHALT, Surface.PAVEMENT
    albedo[ground] = (0.09, 0.13, 0.04)
    albedo[road] = (0.085, 0.083, 0.08)
    albedo[pavement] = (0.26, 0.25, 0.235)
    line = road & (((np.abs(y) < 0.08) & (x % 6 < 3)) | (np.abs(np.abs(y) - 3.7) < 0.07))
    line |= road & (np.abs(x - 22) < 1.5) & (y % 1 < 0.5)
    surface[line], albedo[line] = Surface.PAINT, (0.62, 0.62, 0.58)
    track = np.exp(-(((np.abs(np.abs(y) - 1.85) - 0.8) / 0.3) ** 2))
    wet[road] = (0.25 + 0.35 * track + 0.55 * coarse + 0.5 * np.exp(-((np.abs(y) - 4) ** 2) / 0.1))[road]
    wet[pavement] = 0.75 * coarse[pavement]
    snow[road] = (0.75 - 0.45 * track)[road]
    albedo *= (0.8 + 0.4 * fine)[:, None]
    for number, (_, _, _, _, _, _, kind, colour, group) in enumerate(BOXES):
        here = index == number
        surface[here], albedo[here] = kind, colour
        if group:
            emission[here] = np.array(colour) * light.group(group)
        if kind == Surface.WALL:
            albedo[here] *= (0.75 + 0.5 * fine)[here, None]
            along = np.where(np.abs(normal[:, 0]) > 0.5, y, x)
            bay, storey = np.floor(along / 2.6), np.floor(z / 3)
            window = (
                here
                & (np.abs(normal[:, 2]) < 0.5)
                & (along % 2.6 > 0.8)
                & (along % 2.6 < 1.9)
                & (z % 3 > 0.9)
                & (z % 3 < 2.4)
            )
            surface[window], albedo[window], rough[window] = Surface.GLASS, (0.03, 0.035, 0.04), 0.05
            lit = window & (np.sin(bay * 12.9 + storey * 78.2 + number * 37.7) > 0.45)
            emission[lit] = np.array([1.0, 0.78, 0.45]) * light.group("window")
        if kind == Surface.CLEARCOAT:
            rough[here] = 0.15
        if kind == Surface.FOLIAGE:
            albedo[here] *= (0.5 + fine)[here, None]
    return {
        "albedo": albedo,
        "surface": surface,
        "roughness": rough,
        "emission": emission,
        "wet": np.clip(wet, 0, 1),
        "snow": snow,
        "noise": np.stack([coarse, fine], 1),
    }


def lamps(point: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Irradiance of street lamps of intensity one."""
    total = np.zeros(len(point))
    for x in (12, 37, 62):
        to = np.array([x + 0.1, 4.6, 5.9]) - point
        away = np.linalg.norm(to, axis=1)
        total += np.clip((to * normal).sum(1) / away, 0, 1) / away**2 * np.clip(to[:, 2] / away - 0.2, 0, 1)
    return np.repeat(total[:, None], 3, 1)


def beams(point: np.ndarray, normal: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """Irradiance of the camera car's headlights with intensity one: low beams, cut off at their own height."""
    to = np.array([eye[0] + 1.5, eye[1], 0.7]) - point
    away = np.linalg.norm(to, axis=1)
    ahead = -to / away[:, None]
    width = np.exp(-((ahead[:, 1] / 0.35) ** 2)) * np.exp(-(((ahead[:, 2] + 0.03) / 0.06) ** 2)) * (ahead[:, 0] > 0)
    return np.repeat((np.clip((to * normal).sum(1) / away, 0, 1) / away**2 * width)[:, None], 3, 1)


def street(view: View, light: Light, raining: bool = False) -> GBuffer:
    """What the view sees of the street; the mirror is drawn only if it is raining."""
    f = np.float32
    height, width = view.height, view.width
    col, row = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    ray = (view.axes[2] + (col[..., None] * view.axes[0] + row[..., None] * view.axes[1]) / view.focal).reshape(-1, 3)
    distance, index, normal = cast(view.eye, ray)
    hit = index >= -1
    point = view.eye + np.where(hit, distance, 0)[:, None] * ray
    seen = paint(point, index, normal, light)
    toward = np.broadcast_to(np.array(light.sun_direction), ray.shape)
    shadow, _, _ = cast(point + normal * 0.02, toward.copy())
    open_ = np.ones(len(ray))
    for azimuth in np.arange(6) * 1.05:
        side = np.array([np.cos(azimuth), np.sin(azimuth), 0.0]) + 0.7 * normal + np.array([0, 0, 0.4])
        away, _, _ = cast(point + normal * 0.03, side / np.linalg.norm(side, axis=1, keepdims=True))
        open_ -= np.where(away < 4, (1 - away / 4) / 8, 0)
    mirror = np.zeros((len(ray), 4))
    if raining:
        flat = hit & (normal[:, 2] > 0.9) & (point[:, 2] < 0.2)
        down = ray * np.array([1, 1, -1.0])
        away, what, face = cast(point + np.array([0, 0, 0.01]), down)
        there = flat & (what >= 0)
        content = paint(point + np.where(there, away, 0)[:, None] * down, what, face, light)
        up = 3.0 * np.exp(-np.log(light.exposure / 0.2))
        mirror[there, :3] = (content["albedo"] * up / np.pi + content["emission"])[there]
        mirror[there, 3] = 1

    def image(values: np.ndarray, dtype: type = f) -> np.ndarray:
        masked = np.where(hit if values.ndim == 1 else hit[:, None], values, 0)
        return masked.reshape(height, width, *values.shape[1:]).astype(dtype)

    return GBuffer(
        albedo=image(seen["albedo"]),
        normal=image(normal),
        inverse_depth=image(np.where(hit, 1 / np.maximum(distance, 1e-6), 0)),
        coverage=image(np.ones(len(ray))),
        surface=image(seen["surface"], np.uint8),
        roughness=image(seen["roughness"]),
        wet=image(seen["wet"]),
        snow=image(seen["snow"]),
        emission=image(seen["emission"]),
        sun=image((~np.isfinite(shadow)).astype(float)),
        occlusion=image(open_),
        mirror=image(mirror),
        lamps=image(lamps(point, normal)),
        beams=image(beams(point, normal, view.eye)),
        noise=image(seen["noise"]),
        motion=np.zeros((height, width, 2), f),
        instance=image(index + 2, np.int32),
        sharp=image(np.where(hit, 1 / np.maximum(distance, 1e-6), 0)),
    )
