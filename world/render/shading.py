"""Plain shading: a G-buffer and a light give linear radiance, before air.

One fused kernel, a row of pixels at a time. Sun and lamps are direct light; the sky comes as irradiance by normal; mirrors (glass,
clearcoat, wet road) see the sky map above a dark skyline and, on the road, what the planar mirror holds.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from world.render.camera import View
from world.render.gbuffer import GBuffer
from world.render.lamps import glints, nearest
from world.render.light import Light
from world.render.materials import Surface
from world.render.sky import irradiance, look_up, sky, starlight, sun_disc
from world.render.surfaces import smooth

F = np.float32
PI = F(np.pi)
_NONE = np.zeros((0, 6), np.float32)
PUDDLE_WIDTH = F(0.03)  # of the slopes that drops ruffle up, as GGX has it
ASPHALT, PAINT, PAVEMENT, GROUND = int(Surface.ASPHALT), int(Surface.PAINT), int(Surface.PAVEMENT), int(Surface.GROUND)
GLASS, FOLIAGE, METAL, CLEARCOAT = int(Surface.GLASS), int(Surface.FOLIAGE), int(Surface.METAL), int(Surface.CLEARCOAT)


def shade(
    gbuffer: GBuffer,
    view: View,
    light: Light,
    amounts: np.ndarray,
    lamps: np.ndarray = _NONE,
    beams: np.ndarray = _NONE,
) -> np.ndarray:
    """Radiance float32 [H, W, 3] of every pixel, from amounts float64 [6] (world.weather.AMOUNTS).

    The G-buffer's emission and mirror are radiance already; its lamps and beams are irradiance of lights of intensity one,
    which take their strength and colour from the light. lamps float32 [L, 6] and beams [B, 6] (world.render.lamps) are what a wet road mirrors.
    """
    above = sky(light)
    out = np.empty((*gbuffer.inverse_depth.shape, 3), np.float32)
    rain, snow = F(amounts[0]), F(amounts[1])
    mirror = smeared(gbuffer.mirror) if rain > 0 else gbuffer.mirror
    numbers = np.array([rain, snow, light.night * (1 - light.overcast) ** 2, view.focal], F)
    lights = (lamps, beams) if rain > 0 else (_NONE, _NONE)
    colours = np.array([light.sun_direction, light.sun, light.lamp, light.beam, above.ground], F)
    _shade(
        out,
        np.asarray(view.axes, F),
        np.asarray(view.eye, F),
        numbers,
        colours,
        above.radiance,
        above.blurred,
        above.harmonics,
        gbuffer.albedo,
        gbuffer.normal,
        gbuffer.coverage,
        gbuffer.surface,
        gbuffer.roughness,
        gbuffer.wet,
        gbuffer.snow,
        gbuffer.emission,
        gbuffer.sun,
        gbuffer.occlusion,
        gbuffer.mirror,
        mirror,
        gbuffer.lamps,
        gbuffer.beams,
        gbuffer.noise,
        gbuffer.inverse_depth,
        nearest(np.asarray(lights[0], F), view.eye),
        np.asarray(lights[1], F),
    )
    return out


def smeared(mirror: np.ndarray) -> np.ndarray:
    """A mirror [H, W, 4] blurred along columns, as rough water stretches lights."""
    out = np.empty_like(mirror)
    _smear(mirror, out, max(2, mirror.shape[0] // 14))
    return out


@njit(cache=True, parallel=True, fastmath=True)
def _smear(mirror, out, reach):
    height, width = mirror.shape[0], mirror.shape[1]
    share = F(1.0) / F(2 * reach + 1)
    for block in prange((width + 31) // 32):
        first, last = block * 32, min(width, block * 32 + 32)
        total = np.zeros((32, 4), np.float32)
        for row in range(-reach, height):
            ahead, behind = row + reach, row - reach - 1
            for x in range(first, last):
                for channel in range(4):
                    if ahead < height:
                        total[x - first, channel] += mirror[ahead, x, channel]
                    if behind >= 0:
                        total[x - first, channel] -= mirror[behind, x, channel]
                    if row >= 0:
                        out[row, x, channel] = max(F(0.0), total[x - first, channel] * share)


@njit(cache=True, fastmath=True)
def _snow_cover(lies, amount, grain, up):
    """Share of a point covered by snow: by the ground's noise first; wheel tracks stay thin and grey longest."""
    level = lies * (F(0.55) + F(0.45) * smooth(F(-0.1), F(0.5), up)) * (F(0.45) + F(1.08) * amount)
    level += (grain - F(0.5)) * F(0.55) - F(0.62)
    cover = smooth(F(-0.04), F(0.30), level) * (F(0.82) + F(0.18) * min(F(1.0), amount * F(1.5)))
    thin = (F(0.10) + F(0.45) * grain) * amount * smooth(F(0.5), F(0.9), up)
    return cover + (F(1.0) - cover) * thin


@njit(cache=True, fastmath=True)
def _skyline(x, y, z):
    """Share of a reflection towards (x, y, z) that is hidden by houses, which cover the sky near the horizon."""
    azimuth = np.arctan2(y, x)
    top = F(0.10) + F(0.07) * np.sin(azimuth * F(7.0)) * np.sin(azimuth * F(3.0) + F(1.0))
    return F(1.0) - smooth(top, top + F(0.10), z)


@njit(cache=True, fastmath=True)
def _highlight(nx, ny, nz, hx, hy, hz, rough):
    """The sun's highlight (the distribution of GGX alone, Walter et al. 2007); (hx, hy, hz): sun minus ray, any length."""
    half = max(F(0.0), nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz + F(1e-9))
    alpha = max(F(0.06), rough * rough) ** 2
    lobe = half * half * (alpha - F(1.0)) + F(1.0)
    return min(F(6.0), alpha / (PI * lobe * lobe) * F(0.25))


@njit(cache=True, parallel=True, fastmath=True)
def _shade(  # noqa: C901 (a compiled loop)
    out,
    axes,
    eye,
    numbers,
    colours,
    sky_map,
    blurred,
    harmonics,
    albedo,
    normal,
    coverage,
    surface,
    roughness,
    wet,
    snow_lies,
    emission,
    sun_share,
    occlusion,
    mirror,
    smear,
    lamps,
    beams,
    noise,
    near,
    street_lamps,
    headlights,
):
    height, width = coverage.shape
    rain, snow, stars, focal = numbers[0], numbers[1], numbers[2], numbers[3]
    sx, sy, sz = colours[0, 0], colours[0, 1], colours[0, 2]
    one, zero = F(1.0), F(0.0)
    damp_all = min(one, rain * F(2.2))
    shining = len(street_lamps) + len(headlights) > 1
    for row in prange(height):
        for col in range(width):
            u = (F(col) + F(0.5) - F(0.5) * F(width)) / focal
            v = (F(row) + F(0.5) - F(0.5) * F(height)) / focal
            dx = axes[2, 0] + u * axes[0, 0] + v * axes[1, 0]
            dy = axes[2, 1] + u * axes[0, 1] + v * axes[1, 1]
            dz = axes[2, 2] + u * axes[0, 2] + v * axes[1, 2]
            length = one / np.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx * length, dy * length, dz * length
            cover = coverage[row, col]
            sr, sg, sb = zero, zero, zero
            if cover < F(0.999):
                sr, sg, sb = look_up(sky_map, dx, dy, dz)
                disc = sun_disc(dx * sx + dy * sy + dz * sz)
                star = starlight(dx, dy, dz, stars) if stars > zero else zero
                sr, sg, sb = (
                    sr + disc * colours[1, 0] + star,
                    sg + disc * colours[1, 1] + star,
                    sb + disc * colours[1, 2] + star,
                )
                if cover < F(0.001):
                    out[row, col, 0], out[row, col, 1], out[row, col, 2] = sr, sg, sb
                    continue
            kind = surface[row, col]
            nx, ny, nz = normal[row, col, 0], normal[row, col, 1], normal[row, col, 2]
            size = np.sqrt(nx * nx + ny * ny + nz * nz)
            if size > F(1e-4):
                nx, ny, nz = nx / size, ny / size, nz / size
            else:
                nx, ny, nz = -dx, -dy, -dz
            facing = -(nx * dx + ny * dy + nz * dz)
            ar, ag, ab = albedo[row, col, 0], albedo[row, col, 1], albedo[row, col, 2]
            rough = roughness[row, col]
            grain, speck = noise[row, col, 0], noise[row, col, 1]
            open_ = occlusion[row, col]

            white = zero
            if snow > zero:
                white = _snow_cover(snow_lies[row, col], snow, grain, nz)
                if kind == FOLIAGE:  # snow lies on twigs here and there, and leaves show between
                    white = min(one, white * (F(0.35) + F(0.3) * speck) * (F(0.7) + F(0.95) * snow))
                bright = F(0.80) + F(0.10) * speck
                rest = one - white
                slush = one - F(0.35) * snow * smooth(F(0.5), F(0.9), nz)
                ar = ar * slush * rest + bright * F(0.96) * white
                ag = ag * slush * rest + bright * F(0.98) * white
                ab = ab * slush * rest + bright * F(1.02) * white
                rough = rough * rest + F(0.9) * white

            # Rain darkens what drinks it, and stands as a film or as puddles on what is flat.
            film, puddle = zero, zero
            if rain > zero:
                if kind in (ASPHALT, PAINT, PAVEMENT):
                    flat = smooth(F(0.75), F(0.95), nz)
                    full = wet[row, col] + (grain - F(0.5)) * F(0.25)
                    puddle = flat * smooth(F(1.10) - F(0.36) * rain, F(1.20) - F(0.36) * rain, full)
                    film = flat * damp_all * (F(0.55) + F(0.45) * grain)
                    dark = one - (F(0.25) if kind == PAINT else F(0.50)) * damp_all
                    dark = dark * (one - F(0.25) * puddle)
                    ar, ag, ab = ar * dark, ag * dark, ab * dark
                elif kind != GLASS and kind != CLEARCOAT:
                    dark = one - F(0.28) * damp_all * (F(0.4) + F(0.6) * max(zero, nz))
                    ar, ag, ab = ar * dark, ag * dark, ab * dark
                    if kind != FOLIAGE and kind != GROUND:  # leaves and blades mirror every which way
                        rough = rough * (one - F(0.35) * damp_all)

            # Direct sun, with light through leaves.
            cosine = nx * sx + ny * sy + nz * sz
            share = sun_share[row, col]
            direct = max(zero, cosine) * share
            through = zero
            if kind == FOLIAGE:
                direct = share * (F(0.7) * max(zero, cosine) + F(0.14))
                through = share * (F(0.16) + F(0.30) * max(zero, dx * sx + dy * sy + dz * sz) ** 2)
            for_sky = open_ * (F(0.35) + F(0.65) * open_)

            er = irradiance(harmonics, nx, ny, nz, 0) * for_sky + direct * colours[1, 0]
            eg = irradiance(harmonics, nx, ny, nz, 1) * for_sky + direct * colours[1, 1]
            eb = irradiance(harmonics, nx, ny, nz, 2) * for_sky + direct * colours[1, 2]
            er += (
                lamps[row, col, 0] * colours[2, 0]
                + beams[row, col, 0] * colours[3, 0]
                + through * colours[1, 0] * F(1.1)
            )
            eg += (
                lamps[row, col, 1] * colours[2, 1]
                + beams[row, col, 1] * colours[3, 1]
                + through * colours[1, 1] * F(1.25)
            )
            eb += (
                lamps[row, col, 2] * colours[2, 2]
                + beams[row, col, 2] * colours[3, 2]
                + through * colours[1, 2] * F(0.35)
            )
            r, g, b = ar * er / PI, ag * eg / PI, ab * eb / PI

            # What is mirrored: Fresnel's share (Schlick) of the sky, dulled by roughness.
            base, polish = F(0.04), (one - rough) * (one - rough)
            if kind == GLASS:
                base, polish = F(0.09), one - white
            elif kind == CLEARCOAT:
                base, polish = F(0.05), one - white
            elif kind == METAL:
                base = F(0.35)
            polish = max(polish, max(F(0.34) * film, puddle) * (one - white))
            if polish > F(0.03):
                grazing = one - min(one, max(zero, facing))
                grazing2 = grazing * grazing
                schlick = grazing2 * grazing2 * grazing
                fresnel = (base + (one - base) * schlick) * polish
                rx = dx + F(2.0) * facing * nx
                ry = dy + F(2.0) * facing * ny
                rz = dz + F(2.0) * facing * nz
                if film > zero and puddle < F(0.5):
                    # A rough film is seen at its own slopes, which look up rather than along the road.
                    rz = max(rz, F(0.03)) + F(0.07) * (one - puddle)
                    norm = one / np.sqrt(rx * rx + ry * ry + rz * rz)
                    rx, ry, rz = rx * norm, ry * norm, rz * norm
                if rough < F(0.25) or puddle > F(0.5) or kind in (GLASS, CLEARCOAT):
                    mr, mg, mb = look_up(sky_map, rx, ry, rz)
                else:
                    mr, mg, mb = look_up(blurred, rx, ry, rz)
                stands = one - smooth(F(-0.10), F(0.02), rz) if film == zero else zero  # below lies the street
                stands = max(stands, _skyline(rx, ry, rz) * (one if film == zero else F(0.35)))
                mr = mr * (one - stands) + colours[4, 0] * F(1.1) * stands
                mg = mg * (one - stands) + colours[4, 1] * F(1.1) * stands
                mb = mb * (one - stands) + colours[4, 2] * F(1.1) * stands
                hide = F(0.3) + F(0.7) * open_
                mr, mg, mb = mr * hide, mg * hide, mb * hide
                if film > zero or puddle > zero:
                    # Drops ruffle a puddle: it shows what is a few pixels off.
                    off = int(F(row) + (speck - F(0.5)) * rain * F(height) * F(0.05))
                    off = min(height - 1, max(0, off))
                    if mirror[off, col, 3] == zero:
                        off = int(F(row))
                    still, rest = puddle, one - puddle
                    alpha = one - mirror[off, col, 3] * still - smear[row, col, 3] * rest
                    mr = mr * alpha + mirror[off, col, 0] * still + smear[row, col, 0] * rest
                    mg = mg * alpha + mirror[off, col, 1] * still + smear[row, col, 1] * rest
                    mb = mb * alpha + mirror[off, col, 2] * still + smear[row, col, 2] * rest
                if share > zero and cosine > zero:
                    gloss = F(0.28) if kind == CLEARCOAT else rough
                    shine = _highlight(nx, ny, nz, sx - dx, sy - dy, sz - dz, gloss) * share * cosine
                    mr, mg, mb = mr + shine * colours[1, 0], mg + shine * colours[1, 1], mb + shine * colours[1, 2]
                if kind == METAL:
                    mr, mg, mb = mr * ar * F(2.0), mg * ag * F(2.0), mb * ab * F(2.0)
                r = r * (one - fresnel) + mr * fresnel
                g = g * (one - fresnel) + mg * fresnel
                b = b * (one - fresnel) + mb * fresnel
            if (film > F(0.05) or puddle > F(0.05)) and shining:
                away = one / (length * max(F(1e-4), near[row, col]))
                px, py, pz = eye[0] + away * dx, eye[1] + away * dy, eye[2] + away * dz
                for pool in range(2):  # what is rough, and puddles
                    share = puddle if pool else min(one, F(1.6) * film) * (one - puddle)
                    if share > F(0.02):
                        wide = PUDDLE_WIDTH if pool else (F(0.33) - F(0.10) * rain) ** 2
                        gr, gg, gb, gbeam = glints(street_lamps, headlights, px, py, pz, dx, dy, dz, wide)
                        share *= one - white
                        r += share * (gr * colours[2, 0] + gbeam * colours[3, 0])
                        g += share * (gg * colours[2, 1] + gbeam * colours[3, 1])
                        b += share * (gb * colours[2, 2] + gbeam * colours[3, 2])
            uncovered = one - F(0.6) * white
            r += emission[row, col, 0] * uncovered
            g += emission[row, col, 1] * uncovered
            b += emission[row, col, 2] * uncovered
            out[row, col, 0] = r * cover + sr * (one - cover)
            out[row, col, 1] = g * cover + sg * (one - cover)
            out[row, col, 2] = b * cover + sb * (one - cover)
