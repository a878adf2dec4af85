"""Flat geometry: roads, markings, crossings, pavements. Painted in layers below everything else."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from world.town.mesh import MeshBuilder, TownSurface, cut_line, line_length, strip
from world.town.network import RoadNetwork

ASPHALT = (92, 95, 101)
JUNCTION = (86, 89, 95)
PAVEMENT = (176, 170, 160)
KERB = (208, 204, 196)
WHITE = (236, 236, 230)
YELLOW = (236, 190, 72)
GRASS = (122, 152, 88)
TILE = 60.0  # m; one node per layer and tile
LAYERS = ("pavement", "road", "marking")
Tiles = dict[tuple[int, int], MeshBuilder]


def tile_of(point: np.ndarray) -> tuple[int, int]:
    """The tile of a point."""
    return int(np.floor(point[0] / TILE)), int(np.floor(point[1] / TILE))


def _reverse(network: RoadNetwork, edge: str) -> str | None:
    start, end = network.edge_nodes[edge]
    for other, nodes in network.edge_nodes.items():
        if nodes == (end, start):
            return other
    return None


def _split(shape: np.ndarray, step: float) -> list[np.ndarray]:
    """Parts of a line of about `step` m, so that tiles stay small."""
    total = line_length(shape)
    count = max(1, round(total / step))
    return [cut_line(shape, total * i / count, total * (i + 1) / count) for i in range(count)]


def _dashes(
    tiles: Tiles, shape: np.ndarray, offset: float, colour: tuple[int, int, int], on: float, off: float
) -> None:
    total, at = line_length(shape), off / 2
    while at + on < total:
        piece = cut_line(shape, at, at + on)
        strip(tiles[tile_of(piece[0])], piece, offset + 0.11, offset - 0.11, colour, TownSurface.MARKING)
        at += on + off


def _solid(tiles: Tiles, shape: np.ndarray, offset: float, colour: tuple[int, int, int]) -> None:
    for piece in _split(shape, 30.0):
        strip(tiles[tile_of(piece[0])], piece, offset + 0.11, offset - 0.11, colour, TownSurface.MARKING)


def build(network: RoadNetwork) -> dict[str, Tiles]:  # noqa: C901
    """Meshes by layer and tile."""
    layers: dict[str, Tiles] = {name: defaultdict(MeshBuilder) for name in LAYERS}
    road, marking, pavement = layers["road"], layers["marking"], layers["pavement"]
    for shape in network.junctions.values():
        pavement[tile_of(shape[0])].flat(shape, JUNCTION, TownSurface.ROAD)
    for shape in network.walking_areas:
        if len(shape) >= 3:
            road[tile_of(shape[0])].flat(shape, PAVEMENT, TownSurface.PAVEMENT)
    for lane in network.sidewalks.values():
        half = lane.width / 2
        for piece in _split(lane.shape, 30.0):
            tile = tile_of(piece[0])
            strip(pavement[tile], piece, half, -half, PAVEMENT, TownSurface.PAVEMENT)
            strip(marking[tile], piece, half, half - 0.3, KERB, TownSurface.PAVEMENT)
    for edge, names in network.edge_lanes.items():
        lanes = [network.lanes[name] for name in names]
        for lane in lanes:
            half = lane.width / 2
            for piece in _split(lane.shape, 20.0):
                strip(road[tile_of(piece[0])], piece, half, -half, ASPHALT, TownSurface.ROAD)
            end = line_length(lane.shape)
            stop = cut_line(lane.shape, end - 0.6, end)
            strip(marking[tile_of(stop[0])], stop, half - 0.15, -half + 0.15, WHITE, TownSurface.MARKING)
        for lane in lanes[:-1]:
            _dashes(marking, lane.shape, lane.width / 2, WHITE, 3.0, 4.0)
        _solid(marking, lanes[0].shape, -lanes[0].width / 2 + 0.3, WHITE)
        back, left = _reverse(network, edge), lanes[-1]
        if back is None:
            _solid(marking, left.shape, left.width / 2 - 0.3, WHITE)
        elif edge < back:
            if len(lanes) > 1:
                _solid(marking, left.shape, left.width / 2 + 0.18, YELLOW)
                _solid(marking, left.shape, left.width / 2 - 0.18, YELLOW)
            else:
                _dashes(marking, left.shape, left.width / 2, YELLOW, 3.0, 3.0)
    for shape, width in network.crossings:
        total, at = line_length(shape), 0.35
        while at + 0.6 < total:
            bar = cut_line(shape, at, at + 0.6)
            strip(marking[tile_of(bar[0])], bar, width / 2, -width / 2, WHITE, TownSurface.MARKING)
            at += 1.2
    return layers
