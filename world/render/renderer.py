"""A scene's picture: assets near the car, the G-buffer, plain shading, air."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from world.kinematics import REAR_AXLE_TO_FRONT
from world.render.air import develop
from world.render.assets.agents import agents_mesh
from world.render.assets.props import LAMP_ARM, LAMP_HEIGHT
from world.render.assets.signals import signal_mesh
from world.render.atlas import Library
from world.render.camera import Pose, Rig, View, view
from world.render.draw import Part, Rasterizer, Surroundings
from world.render.gbuffer import GBuffer
from world.render.library import EMISSIONS, MATERIALS
from world.render.light import Light, light, sun_position
from world.render.lookout import middle, outside, within
from world.render.mesh import Mesh, placed
from world.render.painter import Painter, gains, relit
from world.render.shading import shade
from world.render.textures import NAMES, texture
from world.render.tiles import Tiles
from world.scene.objects import VEHICLES, Kind, Lights
from world.scene.query import signal_colour
from world.scene.state import Place, SceneState

REACH = 110.0  # m within which signals are drawn
STEEP = 20.0  # degrees of pitch beyond which a camera may see objects behind it
_VEHICLES = [int(kind) for kind in VEHICLES]
PLACES = 6  # places whose tiles are kept: the towns that seeds choose among, and one more
HEADLIGHT, DAZZLE = 0.65, 0.07  # m above the ground; share of a low beam's strength that is seen from above its edge
BEAMS = 5  # vehicles whose headlights light the street, our own among them
MOST_LAMPS, MOST_BEAMS = 64, 12  # street lamps and vehicles, likewise, for a camera that may see them from above
BEFORE, ASIDE = (
    0.12,
    0.36,
)  # of a headlight: m in front of the body, which would hide it; share of the width to each side


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture with its intermediate results. around: input of the G-buffer; plain, radiance float32 [H, W, 3]: linear, before air, plainly
    shaded and painted (the same without a painter); picture uint8 [H, W, 3]; gains: the painter's output, None without one."""

    view: View
    light: Light
    around: Surroundings
    gbuffer: GBuffer
    plain: np.ndarray
    radiance: np.ndarray
    picture: np.ndarray
    gains: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Scenery:
    """The input of a G-buffer: parts, camera, light and surroundings."""

    parts: list[Part]
    view: View
    light: Light
    around: Surroundings


@lru_cache(maxsize=1)
def library() -> Library:
    """The materials with their textures."""
    return Library.of(MATERIALS, EMISSIONS, {name: texture(name) for name in NAMES})


class Renderer:
    """Draws drives, one at a time, painted or (painter None) plainly shaded. Keeps the tiles of a few places, and buffers."""

    def __init__(self, painter: Painter | None = None) -> None:
        self.painter = painter
        self._rasterizer = Rasterizer(library())
        self._tiles = lru_cache(maxsize=PLACES)(self._tiles_of)
        self._newest: Tiles | None = None

    def _tiles_of(self, place: Place) -> Tiles:
        """A place's tiles, which reuse those from before it grew."""
        before = self._newest if self._newest is not None and self._newest.place.name == place.name else None
        self._newest = Tiles(place, before)
        return self._newest

    def draw(self, state: SceneState, rig: Rig, row: int = 0) -> np.ndarray:
        """The picture of one drive, uint8 [H, W, 3]."""
        return self.shot(state, rig, row).picture

    def shot(
        self,
        state: SceneState,
        rig: Rig,
        row: int = 0,
        before: SceneState | None = None,
        earlier_gains: np.ndarray | None = None,
    ) -> Shot:
        """The picture of one drive with its G-buffer and radiance; its motion is since `before`, the same drive earlier.

        earlier_gains: the gains of that picture, of the same size. They follow the motion in place of a new call of the painter, which
        is good enough for a twentieth of a second.
        """
        return self._shot(self.assemble(state, rig, row, before), state, row, earlier_gains)

    def look(self, state: SceneState, rig: Rig, pose: Pose, row: int = 0) -> Shot:
        """One drive from a camera that is not on our car; our car is among the other road users."""
        state_there, aboard = outside(state, pose, row), within(state, pose, row)
        scenery = self.assemble(state_there, pose.mounted(rig))
        around, ego, agents = scenery.around, state_there.ego[0].copy(), state_there.agents[0]
        if aboard:
            around.beams[:1] = _beams(state.ego[row], agents, 1)  # the camera turns, our headlights do not
        else:
            ego["x"], ego["y"] = x, y = middle(pose)
            lamps = _lamps(state_there.places[0], x, y) if scenery.light.lamps_on else around.lamps
            beams = _beams(ego, agents, MOST_BEAMS) if scenery.light.headlights_on else around.beams
            beams[:1, 5] = 0.0  # our car's are among the others'
            scenery = replace(scenery, around=replace(around, lamps=lamps, beams=beams, lit=MOST_LAMPS))
        return self._shot(scenery, state_there)

    def ready(self, state: SceneState, pose: Pose, row: int = 0) -> bool:
        """Whether all tiles for a pose are built; if not, builds one more."""
        tiles = self._tiles(state.places[row])
        steep = math.degrees(abs(pose.pitch)) > STEEP
        return tiles.ready(pose.x, pose.y, pose.yaw) and (not steep or tiles.ready(pose.x, pose.y, pose.yaw + math.pi))

    def _shot(self, scenery: Scenery, state: SceneState, row: int = 0, own_gains: np.ndarray | None = None) -> Shot:
        eye, now, around, amounts = scenery.view, scenery.light, scenery.around, state.amounts[row]
        gbuffer = self._rasterizer.draw(scenery.parts, eye, now, around)
        plain = radiance = shade(gbuffer, eye, now, amounts, around.lamps, around.beams)
        if self.painter is not None:
            moved = own_gains is not None
            if own_gains is None:
                own_gains = gains(self.painter, gbuffer, eye, now, amounts, plain)
            radiance = relit(self.painter, gbuffer, now, plain, own_gains, moved)
        shot = Shot(eye, now, around, gbuffer, plain, radiance, _UNDEVELOPED, own_gains)
        return replace(shot, picture=developed(radiance, shot, state, row))

    def alone(self, meshes: Sequence[Mesh], eye: View) -> list[float]:
        """Pixels that each mesh would cover in a view if nothing hid it."""
        return self._rasterizer.alone(meshes, eye)

    def assemble(
        self,
        state: SceneState,
        rig: Rig,
        row: int = 0,
        before: SceneState | None = None,
        everywhere: bool = False,
    ) -> Scenery:
        """The scenery of one drive. everywhere: with tiles behind the camera, for their light."""
        place, ego, agents, amounts = state.places[row], state.ego[row], state.agents[row], state.amounts[row]
        x, y, heading = float(ego["x"]), float(ego["y"]), float(ego["heading"])
        seconds = 0.1 * float(state.clock[row])
        eye = view(rig, x, y, heading)
        now = light(amounts, *sun_position(zlib.crc32(place.name.encode())))
        look = heading + math.radians(rig.yaw)
        pieces = self._tiles(place).near(x, y, look)
        if everywhere or abs(rig.pitch) > STEEP:
            back = self._tiles(place).near(x, y, look + math.pi)
            pieces = list({id(piece.mesh): piece for piece in pieces + back}.values())
        visible = eye.sees(np.array([piece.mesh.sphere for piece in pieces]))
        parts = [
            Part(one.mesh, one.whose, one.moves, hidden=not there) for one, there in zip(pieces, visible, strict=True)
        ]
        mesh, whose = agents_mesh(agents, x, y, seconds, look)
        parts.append(Part(mesh, whose, moves=True))
        parts += [
            Part(one, np.array([1 + post], np.int32), moves=True) for post, one in _signals(place, x, y, look, seconds)
        ]
        around = Surroundings(
            lamps=_lamps(place, x, y) if now.lamps_on else np.zeros((0, 6), np.float32),
            beams=_beams(ego, agents) if now.headlights_on else np.zeros((0, 6), np.float32),
            boxes=_boxes(agents),
            wet=float(amounts[0]),
        )
        if before is not None:
            then = before.ego[row]
            movers, moves = _moves(agents, before.agents[row])
            was = view(rig, float(then["x"]), float(then["y"]), float(then["heading"]))
            around = replace(around, movers=movers, moves=moves, before=was)
        return Scenery(parts, eye, now, around)


_UNDEVELOPED = np.zeros((0, 0, 3), np.uint8)


def developed(
    radiance: np.ndarray, shot: Shot, state: SceneState, row: int = 0, *, particles: bool = True
) -> np.ndarray:
    """The picture uint8 [H, W, 3] of radiance [H, W, 3] in place of a shot's. particles: with rain and flakes in the air."""
    ego, amounts = state.ego[row], state.amounts[row].copy()
    if not particles:
        amounts[:2] = 0.0
    velocity = float(ego["speed"]) * np.array([math.cos(ego["heading"]), math.sin(ego["heading"]), 0.0])
    radiance = np.ascontiguousarray(radiance, np.float32)
    seconds, lights = 0.1 * float(state.clock[row]), _shining(shot.around, shot.light, ego)
    return develop(radiance, shot.gbuffer, shot.view, shot.light, amounts, seconds, velocity, lights)


def under_our_sky(traced: np.ndarray, shot: Shot) -> np.ndarray:
    """Traced radiance float32 [H, W, 3] with plain shading's sky where the G-buffer is empty."""
    return np.where(shot.gbuffer.coverage[..., None] > 0, traced, shot.plain).astype(np.float32)


@lru_cache(maxsize=1)
def plain_renderer() -> Renderer:
    """The process's shared renderer without a painter."""
    return Renderer()


def renderer(painter: Painter | None) -> Renderer:
    """A renderer with a painter; all renderers of a process share their tiles."""
    one = copy.copy(plain_renderer())
    one.painter = painter
    return one


def _moves(now: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`movers` and `moves` of the Surroundings for road users in both records."""
    now, before = (rows[rows["kind"] != int(Kind.NONE)] for rows in (now, before))
    _, here, there = np.intersect1d(now["id"], before["id"], return_indices=True)
    here, there = here[::-1], there[::-1]  # instances are -id - 1
    poses = [rows[name] for rows in (now[here], before[there]) for name in ("x", "y", "heading")]
    return (-now["id"][here] - 1).astype(np.int32), np.stack(poses, 1).astype(np.float32)


@lru_cache(maxsize=512)
def _signal(colour: int, x: float, y: float, z: float, heading: float) -> Mesh:
    return placed(signal_mesh(colour), x, y, z, heading)


def _signals(place: Place, x: float, y: float, heading: float, seconds: float) -> list[tuple[int, Mesh]]:
    """(number among the props, mesh in its current colour) of signal posts near the car and ahead of it."""
    props = place.props
    ahead = (props["x"] - x) * math.cos(heading) + (props["y"] - y) * math.sin(heading)
    near = (np.hypot(props["x"] - x, props["y"] - y) < REACH) & (ahead > -15.0)
    out = []
    for index in np.flatnonzero(near & (props["kind"] == int(Kind.SIGNAL)) & (props["signal"] >= 0)):
        post = props[index]
        colour = 2 - int(signal_colour(place.map.signals, int(post["signal"]), seconds))
        mesh = _signal(colour, float(post["x"]), float(post["y"]), float(post["z"]), float(post["heading"]))
        out.append((int(place.numbers[index]), mesh))
    return out


def _lamps(place: Place, x: float, y: float) -> np.ndarray:
    lamps = place.props[place.props["kind"] == int(Kind.LAMP)]
    near = lamps[np.hypot(lamps["x"] - x, lamps["y"] - y) < REACH]
    out = np.ones((len(near), 6), np.float32)
    out[:, 0] = near["x"] + LAMP_ARM * np.cos(near["heading"])
    out[:, 1] = near["y"] + LAMP_ARM * np.sin(near["heading"])
    out[:, 2] = LAMP_HEIGHT
    return out


def _shining(around: Surroundings, now: Light, ego: np.void) -> np.ndarray:
    """Lights with a halo (world.render.halos), float32 [N, 7]: street lamps, and others' headlights as far as they face the car."""
    lamps = around.lamps
    x, y, _, ahead_x, ahead_y, share = around.beams[1:].T  # the first are our own
    to_x, to_y = ego["x"] - x, ego["y"] - y
    towards = (ahead_x * to_x + ahead_y * to_y) / np.maximum(1.0, np.hypot(to_x, to_y))
    strength = np.clip(towards, 0.0, 1.0)[:, None] ** 8 * (DAZZLE * share[:, None] * np.array(now.beam))
    down = np.column_stack([lamps[:, :3], np.tile(now.lamp, (len(lamps), 1)), np.ones(len(lamps))])
    towards_us = np.column_stack([x, y, np.full_like(x, HEADLIGHT), strength, np.zeros_like(x)])
    return np.concatenate([down, towards_us]).astype(np.float32)


def _beams(ego: np.void, agents: np.ndarray, most: int = BEAMS) -> np.ndarray:
    """Headlights: one for our car, and two for each of the nearest others."""
    lit = agents[np.isin(agents["kind"], _VEHICLES) & (agents["lights"] & int(Lights.HEAD) > 0)]
    away = np.hypot(lit["x"] - ego["x"], lit["y"] - ego["y"])
    lit = np.repeat(lit[np.argsort(away, kind="stable")[: most - 1]], 2)
    out = np.ones((len(lit) + 1, 6), np.float32)
    heading = np.concatenate([[ego["heading"]], lit["heading"]])
    out[:, 3], out[:, 4] = np.cos(heading), np.sin(heading)
    reach = np.concatenate([[REAR_AXLE_TO_FRONT], 0.5 * lit["length"]]) + BEFORE
    aside = np.concatenate([[0.0], np.where(np.arange(len(lit)) % 2, -ASIDE, ASIDE) * lit["width"]])
    out[:, 0] = np.concatenate([[ego["x"]], lit["x"]]) + reach * out[:, 3] - aside * out[:, 4]
    out[:, 1] = np.concatenate([[ego["y"]], lit["y"]]) + reach * out[:, 4] + aside * out[:, 3]
    out[:, 2] = HEADLIGHT
    out[1:, 5] = 0.5
    return out


def _boxes(agents: np.ndarray) -> np.ndarray:
    """Vehicles, for the shade under them."""
    there = agents[np.isin(agents["kind"], _VEHICLES)]
    columns = [
        there["x"],
        there["y"],
        np.cos(there["heading"]),
        np.sin(there["heading"]),
        there["length"],
        there["width"],
    ]
    return np.stack(columns, axis=1).astype(np.float32)
