"""Surfaces for the path tracer: a frame's triangles by material and tint, with colours, gloss, water and snow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from world.render.atlas import decoded
from world.render.camera import View
from world.render.draw import Part
from world.render.library import MATERIALS
from world.render.light import Light
from world.render.materials import Material, Surface
from world.render.mesh import Mesh, join
from world.render.shading import _snow_cover
from world.render.surfaces import noise, ruts, smooth, snow_lies
from world.render.textures import texture

F = np.float32
PAVEMENT = int(Surface.PAVEMENT)
FLOORS = (Surface.ASPHALT, Surface.PAINT, Surface.PAVEMENT, Surface.GROUND)
FINISHES = {
    Surface.ASPHALT: "gloss",
    Surface.PAINT: "gloss",
    Surface.GLASS: "glass",
    Surface.CLEARCOAT: "paint",
    Surface.METAL: "metal",
    Surface.PLASTIC: "gloss",
    Surface.FOLIAGE: "leaf",
    Surface.LIGHT: "glass",
}
LEAF = 1.5  # leaves' albedo over plain shading's, whose crowns are hulls: among cards, light is lost at each
TINTS = 14  # steps of a tint's square root: each has its own bitmaps
FINE, PER_METRE = 0.5, 0.04  # m, longest edge of a floor's triangle with water or snow: near, and per m of distance
LIT = {"window": 1.0, "shop": 1.0, "lamp": 0.4}  # sampling weight of emissive groups; others are hit by chance
SHINES = 0.02  # exposed radiance below which a surface is not an emitter


@dataclass(frozen=True, eq=False)
class MaterialMesh:
    """Triangles of one material: position, normal [T, 3, 3], uv [T, 3, 2]. make: cache key of the BSDF.

    albedo: float32 [H, W, 3], or None where `tint` [T, 3, 3] is the colour; opacity: [H, W, 1]; over: the layer on top
    where `share` [T, 3] is 1, a texture or a colour; radiance: emission, a texture or a colour; lights: sampling weight
    as an emitter.
    """

    name: str
    make: Any
    position: np.ndarray
    normal: np.ndarray
    uv: np.ndarray
    finish: str
    roughness: float
    albedo: np.ndarray | None = None
    tint: np.ndarray | None = None
    opacity: np.ndarray | None = None
    share: np.ndarray | None = None
    over: np.ndarray | None = None
    over_finish: str = "matt"
    over_roughness: float = 0.9
    radiance: np.ndarray | None = None
    lights: float = 0.0


def shapes(parts: Sequence[Part], view: View, light: Light, amounts: np.ndarray) -> list[MaterialMesh]:
    """All triangles of a frame by material. amounts: float64 [6] (world.weather.AMOUNTS)."""
    rain, snow = round(float(amounts[0]), 2), round(float(amounts[1]), 2)
    whole = join([part.mesh for part in parts])
    steps = np.rint(np.sqrt(np.clip(whole.tint, 0, 4)) * TINTS).astype(np.int64)
    has_bitmap = np.array([bool(one.texture) or bool(one.emission) for one in MATERIALS])[whole.material]
    code = whole.material.astype(np.int64) << 32
    code = np.where(has_bitmap, code + (steps[:, 0] << 16) + (steps[:, 1] << 8) + steps[:, 2], code)
    order = np.argsort(code, kind="stable")
    ends = np.flatnonzero(np.diff(code[order])) + 1
    return [_shape(_select(whole, rows), view, light, rain, snow) for rows in np.split(order, ends) if len(rows)]


def _select(mesh: Mesh, rows: np.ndarray) -> Mesh:
    return Mesh(mesh.position[rows], mesh.normal[rows], mesh.uv[rows], mesh.material[rows], mesh.tint[rows])


def _shape(mesh: Mesh, view: View, light: Light, rain: float, snow: float) -> MaterialMesh:
    kind = int(mesh.material[0])
    material = MATERIALS[kind]
    if material.surface in FLOORS and (rain > 0 or snow > 0):
        mesh = finer(mesh, view.eye)
    damp = min(1.0, 2.2 * rain)
    surface = material.surface
    tint = mesh.tint[0]
    step = tuple(int(value) for value in np.rint(np.sqrt(np.clip(tint, 0, 4)) * TINTS))
    drinks = surface not in (Surface.GLASS, Surface.CLEARCOAT) and surface not in FLOORS
    dark = 1.0
    if surface in (Surface.ASPHALT, Surface.PAINT, Surface.PAVEMENT):
        dark = 1.0 - (0.25 if surface is Surface.PAINT else 0.5) * damp
    elif surface is Surface.GROUND:
        dark = 1.0 - 0.28 * damp
    elif drinks:
        dark = 1.0 - 0.2 * damp
    if surface is Surface.FOLIAGE:
        dark *= LEAF
    fields: dict[str, Any] = {}
    if material.texture:
        fields["albedo"] = tint_texture(material.texture, step, dark)
        if material.cutout:
            fields["opacity"] = opacity(material.texture)
    else:
        fields["tint"] = np.repeat(mesh.tint[:, None] * F(dark), 3, 1)
    finish, rough = FINISHES.get(surface, "matt"), material.roughness
    standing = wetness_and_snow(mesh, material, rain, snow)
    if snow > 0 and standing[..., 1].max(initial=0.0) > 0.01:
        fields |= {"share": standing[..., 1], "over": np.array([0.80, 0.82, 0.86], F)}
    elif rain > 0 and surface in (Surface.ASPHALT, Surface.PAINT, Surface.PAVEMENT):
        finish, rough = "wet", 0.33 - 0.10 * rain
        puddle = (
            tint_texture(material.texture, step, 0.75 * dark) if material.texture else np.array([0.05, 0.05, 0.05], F)
        )
        fields |= {"share": standing[..., 0], "over": puddle, "over_finish": "wet", "over_roughness": 0.04}
    value = light.group(material.emission)
    if value * light.exposure * float(tint.max()) > SHINES:
        fields["radiance"] = _radiance(material, step, tint, value)
        fields["lights"] = LIT.get(material.emission, 0.0)
    make = (kind, step if material.texture else None, rain, snow, "share" in fields)
    return MaterialMesh(material.name, make, mesh.position, mesh.normal, mesh.uv, finish, rough, **fields)


def _radiance(material: Material, step: tuple[int, ...], tint: np.ndarray, value: float) -> np.ndarray:
    if material.texture:
        return tint_texture(material.texture, step, 1.0) * F(value)
    return np.asarray(tint, F) * F(value)


@lru_cache(maxsize=400)
def tint_texture(name: str, step: tuple[int, ...], share: float) -> np.ndarray:
    """A texture's linear albedo times a tint and a share, float32 [H, W, 3]."""
    colour = (np.array(step, F) / TINTS) ** 2
    return decoded()[texture(name)[..., :3]] * colour * F(share)


@lru_cache(maxsize=32)
def opacity(name: str) -> np.ndarray:
    """A texture's alpha as 0 or 1, float32 [H, W, 1]."""
    return (texture(name)[..., 3:] > 127).astype(F)


def finer(mesh: Mesh, eye: np.ndarray) -> Mesh:
    """The same floor subdivided near the eye, so that its corners can carry water and snow."""
    parts: list[Mesh] = []
    for _ in range(18):
        corner = mesh.position
        edges = np.linalg.norm(corner - np.roll(corner, -1, 1), axis=-1)  # of corner k to the next
        away = np.hypot(*np.moveaxis(corner.mean(1)[:, :2] - eye[:2], -1, 0)) - edges.max(1)
        long = edges.max(1) > np.where(away < 90.0, np.maximum(FINE, PER_METRE * away), 1e9)
        parts.append(_select(mesh, np.flatnonzero(~long)))
        if not long.any():
            break
        mesh = _bisect(_select(mesh, np.flatnonzero(long)), edges[long].argmax(1))
    else:
        parts.append(mesh)
    return join(parts)


def _bisect(mesh: Mesh, edge: np.ndarray) -> Mesh:
    """Every triangle cut in two across its longest edge; `edge` is that edge's first corner."""
    rows = np.arange(len(mesh))
    a, b, c = edge, (edge + 1) % 3, (edge + 2) % 3

    def cut(values: np.ndarray) -> np.ndarray:
        first, second, third = values[rows, a], values[rows, b], values[rows, c]
        middle = (first + second) / 2
        return np.concatenate([np.stack([first, middle, third], 1), np.stack([middle, second, third], 1)])

    return Mesh(
        cut(mesh.position), cut(mesh.normal), cut(mesh.uv), np.tile(mesh.material, 2), np.tile(mesh.tint, (2, 1))
    )


def wetness_and_snow(mesh: Mesh, material: Material, rain: float, snow: float) -> np.ndarray:
    """Shares of puddle and snow at every corner, float32 [T, 3, 2], as in plain shading."""
    out = np.zeros((len(mesh), 3, 2), F)
    if rain > 0 or snow > 0:
        kind = int(material.surface)
        _standing(out, mesh.position, mesh.normal, mesh.uv, kind, material.texture == "lane", F(rain), F(snow))
    return out


@njit(cache=True, error_model="numpy")
def _standing(out, position, normal, uv, kind, lane, rain, snow):
    """As world.render.resolve and world.render.shading compute them for a pixel near the eye."""
    one, zero = F(1.0), F(0.0)
    for triangle in range(len(out)):
        for corner in range(3):
            px, py, pz = position[triangle, corner]
            nz = normal[triangle, corner, 2]
            lean = pz * F(0.7)
            coarse = noise((px + lean) * F(0.4), (py + lean) * F(0.4), 3) * F(0.7)
            coarse += noise((px - lean) * F(1.6), (py + lean) * F(1.6), 5) * F(0.3)
            track, gutter = zero, zero
            if lane:
                track, gutter = ruts(uv[triangle, corner, 0])
            lies = snow_lies(kind, nz, lane, track)
            wet = F(0.75) * coarse
            if kind != PAVEMENT:
                large = noise(px * F(0.11), py * F(0.11), 17)
                wet = min(one, F(0.18) + F(0.3) * track + F(0.35) * coarse + F(0.4) * large + F(0.15) * gutter)
            flat = smooth(F(0.75), F(0.95), nz)
            full = wet + (coarse - F(0.5)) * F(0.25)
            out[triangle, corner, 0] = flat * smooth(F(1.10) - F(0.36) * rain, F(1.20) - F(0.36) * rain, full)
            out[triangle, corner, 1] = _snow_cover(lies, snow, coarse, nz) if snow > zero else zero
