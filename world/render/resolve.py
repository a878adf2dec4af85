"""From records and samples to the G-buffer: every distinct triangle of a pixel's four samples is evaluated once."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from world.render.atlas import LANE
from world.render.lamps import beamlight, lamplight, under
from world.render.materials import Surface
from world.render.shadows import sunlit
from world.render.surfaces import albedo, noise

F = np.float32
ASPHALT, PAINT, PAVEMENT, WALL = int(Surface.ASPHALT), int(Surface.PAINT), int(Surface.PAVEMENT), int(Surface.WALL)
FOLIAGE, GROUND = int(Surface.FOLIAGE), int(Surface.GROUND)
# Columns of the resolve's output.
ALBEDO, NORMAL, DEPTH, COVERAGE, ROUGH, WET, SNOW, EMISSION = 0, 3, 6, 7, 8, 9, 10, 11
SUN, OPEN, REFLECTED, LAMPS, BEAMS, NOISE, MOTION, WIDTH = 14, 15, 16, 18, 21, 24, 26, 28


@njit(cache=True, fastmath=True, error_model="numpy")
def _smooth(low, high, value):
    share = min(F(1.0), max(F(0.0), (value - low) / (high - low)))
    return share * share * (F(3.0) - F(2.0) * share)


@njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def resolve(
    out, surface, instance, ids, floats, ints, camera, moves, table, roughness, textures, texels, linear, emission,
    shadow, shadow_matrix, lamps, beams, boxes,
):  # fmt: skip
    """Fills out float32 [H, W, 28] (columns above), surface uint8 and instance int32 [H, W].

    camera float32 [9, 3]: axes, eye, axes of the previous view, the eye's way since then, (focal, previous focal, -).
    moves float32 [K, 6]: x, y, heading of moving things now and before. emission float32 [G]: value of each group.
    """
    height, width = surface.shape
    one, zero = F(1.0), F(0.0)
    for row in prange(height):
        mine, weight, sx, sy = np.empty(4, np.int32), np.empty(4, F), np.empty(4, F), np.empty(4, F)
        for col in range(width):
            found, hits = 0, zero
            for k in range(4):
                n = ids[2 * row + (k >> 1), 2 * col + (k & 1)]
                if n < 0:
                    continue
                hits += one
                x, y = F(2 * col + (k & 1)), F(2 * row + (k >> 1))
                known = False
                for m in range(found):
                    if mine[m] == n:
                        weight[m] += one
                        sx[m] += x
                        sy[m] += y
                        known = True
                if not known:
                    mine[found], weight[found], sx[found], sy[found] = n, one, x, y
                    found += 1
            o = out[row, col]
            o[:] = zero
            surface[row, col] = 0
            instance[row, col] = 0
            if found == 0:
                o[OPEN], o[SUN] = one, one
                continue
            o[COVERAGE] = hits * F(0.25)
            best, best_depth = zero, zero
            for m in range(found):
                n = mine[m]
                f, i = floats[n], ints[n]
                share = weight[m] / hits
                x, y = sx[m] / weight[m], sy[m] / weight[m]
                dx, dy = x - F(i[0]), y - F(i[2])
                e0 = f[2] + f[0] * dx + f[1] * dy
                e1 = f[5] + f[3] * dx + f[4] * dy
                e2 = f[8] + f[6] * dx + f[7] * dy
                deep = e0 + e1 + e2
                w = one / deep
                b0, b1, b2 = e0 * w, e1 * w, e2 * w
                across = ((x + F(0.5)) * F(0.5) - F(0.5) * F(width)) / camera[8, 0]
                down = ((y + F(0.5)) * F(0.5) - F(0.5) * F(height)) / camera[8, 0]
                rx = (camera[2, 0] + across * camera[0, 0] + down * camera[1, 0]) * w
                ry = (camera[2, 1] + across * camera[0, 1] + down * camera[1, 1]) * w
                rz = (camera[2, 2] + across * camera[0, 2] + down * camera[1, 2]) * w
                px, py, pz = camera[3, 0] + rx, camera[3, 1] + ry, camera[3, 2] + rz
                nx = b0 * f[18] + b1 * f[21] + b2 * f[24]
                ny = b0 * f[19] + b1 * f[22] + b2 * f[25]
                nz = b0 * f[20] + b1 * f[23] + b2 * f[26]
                norm = one / np.sqrt(max(nx * nx + ny * ny + nz * nz, F(1e-12)))
                nx, ny, nz = nx * norm, ny * norm, nz * norm
                u = b0 * f[12] + b1 * f[14] + b2 * f[16]
                v = b0 * f[13] + b1 * f[15] + b2 * f[17]
                material = i[4]
                kind, flags, texture = table[material, 1], table[material, 3], table[material, 0]
                ar, ag, ab = one, one, one
                if texture >= 0:
                    # d(U / D) = (dU - u dD) / D, over a pixel, which is two samples wide.
                    sum_x, sum_y = f[0] + f[3] + f[6], f[1] + f[4] + f[7]
                    two = F(2.0) * w
                    ux = (f[0] * f[12] + f[3] * f[14] + f[6] * f[16] - u * sum_x) * two
                    vx = (f[0] * f[13] + f[3] * f[15] + f[6] * f[17] - v * sum_x) * two
                    uy = (f[1] * f[12] + f[4] * f[14] + f[7] * f[16] - u * sum_y) * two
                    vy = (f[1] * f[13] + f[4] * f[15] + f[7] * f[17] - v * sum_y) * two
                    ar, ag, ab = albedo(texels, linear, textures, texture, u, v, ux, vx, uy, vy)
                ar, ag, ab = ar * f[27], ag * f[28], ab * f[29]
                group = table[material, 2]
                if group >= 0:
                    value = emission[group] * share
                    o[EMISSION] += ar * value
                    o[EMISSION + 1] += ag * value
                    o[EMISSION + 2] += ab * value
                # Noise fades to its mean where a cell is smaller than a pixel.
                foot = w / camera[8, 0]
                lean = pz * F(0.7)
                coarse = noise((px + lean) * F(0.4), (py + lean) * F(0.4), 3)
                finer = noise((px - lean) * F(1.6), (py + lean) * F(1.6), 5)
                coarse = coarse * F(0.7) + (F(0.5) + (finer - F(0.5)) * min(one, F(0.3) / foot)) * F(0.3)
                fade = min(one, F(0.12) / foot)
                fine = F(0.5) + (noise((px + lean) * F(4.0), (py - lean) * F(4.0), 9) - F(0.5)) * fade
                wet, snow, open_ = zero, zero, one
                if kind == FOLIAGE:
                    snow = F(0.3) + F(0.4) * _smooth(F(-0.2), F(0.7), nz)
                else:
                    snow = F(0.9) * _smooth(F(0.2), F(0.85), nz)
                if kind in (ASPHALT, PAINT, PAVEMENT, GROUND):
                    track, gutter = zero, zero
                    if flags & LANE:
                        side = u - np.floor(u)
                        off = (abs(side - F(0.5)) - F(0.235)) / F(0.09)
                        track = np.exp(-off * off)
                        edge = F(0.5) - abs(side - F(0.5))
                        gutter = np.exp(-edge * edge * F(180.0))
                        snow *= F(0.83) - F(0.5) * track
                    large = noise(px * F(0.11), py * F(0.11), 17)
                    if kind == PAVEMENT:
                        wet = F(0.75) * coarse
                    elif kind != GROUND:
                        wet = F(0.18) + F(0.3) * track + F(0.35) * coarse + F(0.4) * large + F(0.15) * gutter
                        wet = min(one, wet)
                    if len(boxes):
                        open_ = under(boxes, px, py, max(zero, pz))
                elif kind == WALL:
                    open_ = F(0.72) + F(0.28) * _smooth(F(-0.2), F(1.6), pz)
                lit = sunlit(shadow, shadow_matrix, px, py, pz, nx, ny, nz)
                o[ALBEDO] += ar * share
                o[ALBEDO + 1] += ag * share
                o[ALBEDO + 2] += ab * share
                o[NORMAL] += nx * share
                o[NORMAL + 1] += ny * share
                o[NORMAL + 2] += nz * share
                o[DEPTH] += deep * share
                o[ROUGH] += roughness[material] * share
                o[WET] += wet * share
                o[SNOW] += snow * share
                o[SUN] += lit * share
                o[OPEN] += open_ * share
                o[NOISE] += coarse * share
                o[NOISE + 1] += fine * share
                if len(lamps):
                    lr, lg, lb = lamplight(lamps, px, py, pz, nx, ny, nz)
                    o[LAMPS] += lr * share
                    o[LAMPS + 1] += lg * share
                    o[LAMPS + 2] += lb * share
                if len(beams):
                    shine = beamlight(beams, px, py, pz, nx, ny, nz) * share
                    o[BEAMS] += shine
                    o[BEAMS + 1] += shine
                    o[BEAMS + 2] += shine
                if weight[m] > best or (weight[m] == best and deep > best_depth):
                    best, best_depth = weight[m], deep
                    surface[row, col] = kind
                    instance[row, col] = i[5]
                    qx, qy, qz = rx + camera[7, 0], ry + camera[7, 1], rz + camera[7, 2]
                    move = i[6]
                    if move >= 0:
                        # The point in its owner's own axes, put where the owner was.
                        lx, ly = px - moves[move, 0], py - moves[move, 1]
                        turn = moves[move, 5] - moves[move, 2]
                        cos, sin = np.cos(turn), np.sin(turn)
                        qx += moves[move, 3] + lx * cos - ly * sin - px
                        qy += moves[move, 4] + lx * sin + ly * cos - py
                    before = camera[6, 0] * qx + camera[6, 1] * qy + camera[6, 2] * qz
                    o[MOTION], o[MOTION + 1] = zero, zero
                    if before > F(0.05):
                        o[MOTION] = (camera[4, 0] * qx + camera[4, 1] * qy + camera[4, 2] * qz) / before * camera[8, 1]
                        o[MOTION + 1] = (
                            (camera[5, 0] * qx + camera[5, 1] * qy + camera[5, 2] * qz) / before * camera[8, 1]
                        )
                        o[MOTION] -= across * camera[8, 0]
                        o[MOTION + 1] -= down * camera[8, 0]
            nx, ny, nz = o[NORMAL], o[NORMAL + 1], o[NORMAL + 2]
            norm = one / np.sqrt(max(nx * nx + ny * ny + nz * nz, F(1e-12)))
            nx, ny, nz = nx * norm, ny * norm, nz * norm
            o[NORMAL], o[NORMAL + 1], o[NORMAL + 2] = nx, ny, nz
            across = (F(col) + F(0.5) - F(0.5) * F(width)) / camera[8, 0]
            down = (F(row) + F(0.5) - F(0.5) * F(height)) / camera[8, 0]
            dx = camera[2, 0] + across * camera[0, 0] + down * camera[1, 0]
            dy = camera[2, 1] + across * camera[0, 1] + down * camera[1, 1]
            dz = camera[2, 2] + across * camera[0, 2] + down * camera[1, 2]
            twice = F(2.0) * (dx * nx + dy * ny + dz * nz)
            size = np.sqrt(dx * dx + dy * dy + dz * dz)
            o[REFLECTED] = (dz - twice * nz) / size
            o[REFLECTED + 1] = np.arctan2(dy - twice * ny, dx - twice * nx)
