"""From records and samples to the G-buffer: every distinct triangle of a pixel's four samples is evaluated once."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from world.render.atlas import LANE
from world.render.lamps import CELL, CELLS, beamlight, lamplight, under
from world.render.materials import Surface
from world.render.shadows import sunlit
from world.render.surfaces import albedo, noise, ruts, smooth, snow_lies

F = np.float32
ASPHALT, PAINT, PAVEMENT, WALL = int(Surface.ASPHALT), int(Surface.PAINT), int(Surface.PAVEMENT), int(Surface.WALL)
GROUND = int(Surface.GROUND)


@njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def resolve(  # noqa: C901 (a compiled loop)
    albedos, normals, depths, coverage, surface, rough, wet, snow, emitted, sun, occlusion, lamplit, beamlit, noises, motion, instance,
    sharp, ids, floats, ints, camera, moves, table, roughness, textures, texels, linear, emission, shadow, shadow_matrix, lamps, beams, boxes,
    cells, rains, moved,
):  # fmt: skip
    """Fills the arrays of a G-buffer, in its order and with its shapes; lamplit, beamlit and motion only where they are not zero.

    camera float32 [9, 3]: axes, eye, axes of the previous view, the eye's way since then, (focal, previous focal, -).
    moves float32 [K, 6]: x, y, heading of moving things now and before. emission float32 [G]: value of each group. cells: of `under`.
    rains: whether wet is filled; moved: whether motion is.
    """
    height, width = surface.shape
    one, zero = F(1.0), F(0.0)
    focal = camera[8, 0]
    west = (np.floor(camera[3, 0] / CELL) - F(CELLS // 2)) * CELL
    south = (np.floor(camera[3, 1] / CELL) - F(CELLS // 2)) * CELL
    sunny = shadow.shape[0] > 8
    for row in prange(height):
        mine, weight, sx, sy = np.empty(4, np.int32), np.empty(4, F), np.empty(4, F), np.empty(4, F)
        for col in range(width):
            first = ids[2 * row, 2 * col]
            if (
                first == ids[2 * row, 2 * col + 1]
                and first == ids[2 * row + 1, 2 * col]
                and first == ids[2 * row + 1, 2 * col + 1]
            ):
                count, hits = 1 if first >= 0 else 0, F(4.0)
                mine[0], weight[0] = first, hits
                sx[0], sy[0] = F(8 * col + 2), F(8 * row + 2)
            else:
                count, hits = 0, zero
                for k in range(4):
                    n = ids[2 * row + (k >> 1), 2 * col + (k & 1)]
                    if n < 0:
                        continue
                    hits += one
                    x, y = F(2 * col + (k & 1)), F(2 * row + (k >> 1))
                    repeated = False
                    for m in range(count):
                        if mine[m] == n:
                            weight[m] += one
                            sx[m] += x
                            sy[m] += y
                            repeated = True
                    if not repeated:
                        mine[count], weight[count], sx[count], sy[count] = n, one, x, y
                        count += 1
            seen_kind, seen_whose = 0, 0
            if count == 0:
                for k in range(3):
                    albedos[row, col, k], normals[row, col, k], emitted[row, col, k] = zero, zero, zero
                depths[row, col], coverage[row, col], rough[row, col], wet[row, col] = zero, zero, zero, zero
                snow[row, col], sun[row, col], occlusion[row, col] = zero, one, one
                noises[row, col, 0], noises[row, col, 1] = zero, zero
                surface[row, col], instance[row, col], sharp[row, col] = 0, 0, zero
                continue
            t_ar, t_ag, t_ab, t_nx, t_ny, t_nz = zero, zero, zero, zero, zero, zero
            t_er, t_eg, t_eb, t_deep, t_rough, t_wet, t_snow = zero, zero, zero, zero, zero, zero, zero
            t_sun, t_open, t_coarse, t_fine = zero, zero, zero, zero
            t_lr, t_lg, t_lb, t_beam = zero, zero, zero, zero
            best, best_depth = zero, zero
            for m in range(count):
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
                across = ((x + F(0.5)) * F(0.5) - F(0.5) * F(width)) / focal
                down = ((y + F(0.5)) * F(0.5) - F(0.5) * F(height)) / focal
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
                ar, ag, ab = f[27], f[28], f[29]
                if texture >= 0:
                    # d(U / D) = (dU - u dD) / D, over a pixel, which is two samples wide.
                    sum_x, sum_y = f[0] + f[3] + f[6], f[1] + f[4] + f[7]
                    two = F(2.0) * w
                    ux = (f[0] * f[12] + f[3] * f[14] + f[6] * f[16] - u * sum_x) * two
                    vx = (f[0] * f[13] + f[3] * f[15] + f[6] * f[17] - v * sum_x) * two
                    uy = (f[1] * f[12] + f[4] * f[14] + f[7] * f[16] - u * sum_y) * two
                    vy = (f[1] * f[13] + f[4] * f[15] + f[7] * f[17] - v * sum_y) * two
                    r, g, b = albedo(texels, linear, textures, texture, u, v, ux, vx, uy, vy)
                    ar, ag, ab = ar * r, ag * g, ab * b
                group = table[material, 2]
                if group >= 0:
                    value = emission[group] * share
                    t_er, t_eg, t_eb = t_er + ar * value, t_eg + ag * value, t_eb + ab * value
                # Noise fades to its mean where a cell is smaller than a pixel.
                foot = w / focal
                lean = pz * F(0.7)
                coarse = noise((px + lean) * F(0.4), (py + lean) * F(0.4), 3) * F(0.7) + F(0.15)
                if foot < F(3.0):
                    finer = noise((px - lean) * F(1.6), (py + lean) * F(1.6), 5)
                    coarse += (finer - F(0.5)) * min(one, F(0.3) / foot) * F(0.3)
                fine = F(0.5)
                if foot < F(1.2):
                    fine += (noise((px + lean) * F(4.0), (py - lean) * F(4.0), 9) - F(0.5)) * min(one, F(0.12) / foot)
                water, open_, track, gutter = zero, one, zero, zero
                lane = flags & LANE and kind in (ASPHALT, PAINT, PAVEMENT, GROUND)
                if lane:
                    track, gutter = ruts(u)
                lies = snow_lies(kind, nz, lane, track)
                if kind in (ASPHALT, PAINT, PAVEMENT, GROUND):
                    if rains:
                        if kind == PAVEMENT:
                            water = F(0.75) * coarse
                        elif kind != GROUND:
                            large = noise(px * F(0.11), py * F(0.11), 17)
                            water = F(0.18) + F(0.3) * track + F(0.35) * coarse + F(0.4) * large + F(0.15) * gutter
                            water = min(one, water)
                    open_ = under(boxes, cells, west, south, px, py, max(zero, pz))
                elif kind == WALL:
                    open_ = F(0.72) + F(0.28) * smooth(F(-0.2), F(1.6), pz)
                lit = sunlit(shadow, shadow_matrix, px, py, pz, nx, ny, nz) if sunny else one
                t_ar, t_ag, t_ab = t_ar + ar * share, t_ag + ag * share, t_ab + ab * share
                t_nx, t_ny, t_nz = t_nx + nx * share, t_ny + ny * share, t_nz + nz * share
                t_deep, t_rough, t_wet = (
                    t_deep + deep * share,
                    t_rough + roughness[material] * share,
                    t_wet + water * share,
                )
                t_snow, t_sun, t_open = t_snow + lies * share, t_sun + lit * share, t_open + open_ * share
                t_coarse, t_fine = t_coarse + coarse * share, t_fine + fine * share
                if len(lamps):
                    r, g, b = lamplight(lamps, px, py, pz, nx, ny, nz)
                    t_lr, t_lg, t_lb = t_lr + r * share, t_lg + g * share, t_lb + b * share
                if len(beams):
                    t_beam += beamlight(beams, px, py, pz, nx, ny, nz) * share
                if weight[m] > best or (weight[m] == best and deep > best_depth):
                    best, best_depth = weight[m], deep
                    seen_kind, seen_whose = kind, i[5]
                    if moved:
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
                        motion[row, col, 0], motion[row, col, 1] = zero, zero
                        if before > F(0.05):
                            along = (camera[4, 0] * qx + camera[4, 1] * qy + camera[4, 2] * qz) / before
                            below = (camera[5, 0] * qx + camera[5, 1] * qy + camera[5, 2] * qz) / before
                            motion[row, col, 0] = along * camera[8, 1] - across * focal
                            motion[row, col, 1] = below * camera[8, 1] - down * focal
            norm = one / np.sqrt(max(t_nx * t_nx + t_ny * t_ny + t_nz * t_nz, F(1e-12)))
            albedos[row, col, 0], albedos[row, col, 1], albedos[row, col, 2] = t_ar, t_ag, t_ab
            normals[row, col, 0], normals[row, col, 1], normals[row, col, 2] = t_nx * norm, t_ny * norm, t_nz * norm
            emitted[row, col, 0], emitted[row, col, 1], emitted[row, col, 2] = t_er, t_eg, t_eb
            depths[row, col], coverage[row, col], rough[row, col], wet[row, col] = (
                t_deep,
                hits * F(0.25),
                t_rough,
                t_wet,
            )
            snow[row, col], sun[row, col], occlusion[row, col] = t_snow, t_sun, t_open
            noises[row, col, 0], noises[row, col, 1] = t_coarse, t_fine
            surface[row, col], instance[row, col], sharp[row, col] = seen_kind, seen_whose, best_depth
            if len(lamps):
                lamplit[row, col, 0], lamplit[row, col, 1], lamplit[row, col, 2] = t_lr, t_lg, t_lb
            if len(beams):
                beamlit[row, col, 0], beamlit[row, col, 1], beamlit[row, col, 2] = t_beam, t_beam, t_beam
