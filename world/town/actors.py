"""The moving parts of the picture: vehicles, people, signal heads; and how many pixels of them are visible."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from panda3d.core import NodePath

from world.town import models, props
from world.town.camera import TownCamera
from world.town.mesh import Colour, MeshBuilder, TownSurface, line_length
from world.town.network import RoadNetwork
from world.town.traffic import Other, SumoTraffic, paint_of

COATS = ((190, 70, 64), (64, 96, 150), (222, 190, 90), (70, 120, 92), (150, 92, 140), (226, 222, 212), (60, 62, 70))
TROUSERS = ((52, 56, 72), (92, 84, 76), (40, 40, 44))
EVENT_SURFACES = (TownSurface.EVENT_VEHICLE, TownSurface.EVENT_PERSON, TownSurface.EVENT_ANIMAL, TownSurface.EVENT_PROP)
EVENT_COATS = ((226, 44, 52), (236, 200, 40), (40, 110, 220), (222, 60, 150))
DRAW_DISTANCE = 110.0  # m
TRAFFIC_KINDS = frozenset(name for name, kind in models.KINDS.items() if kind.share > 0)


NOWHERE = (0.0,) * 4


@dataclass(frozen=True, slots=True)
class VisiblePixels:
    """Counts of pixels (at 144x256) that show vehicles, people and the event's actor.

    box: around the event's actor: left, top, right, bottom as shares of width and height; zeros where it is not
    visible.
    """

    vehicles: int
    people: int
    event: int
    box: tuple[float, float, float, float]


def visible_pixels(raw: np.ndarray) -> VisiblePixels:
    """Counts the surface classes in a raw view (`TownCamera.look`)."""
    counts = np.bincount(raw[..., 3].reshape(-1), minlength=32) // 4
    event = int(sum(counts[s] for s in EVENT_SURFACES))
    vehicles = int(counts[TownSurface.VEHICLE] + counts[TownSurface.EVENT_VEHICLE])
    people = int(counts[TownSurface.PERSON] + counts[TownSurface.EVENT_PERSON])
    return VisiblePixels(vehicles, people, event, _box(np.isin(raw[..., 3], EVENT_SURFACES)) if event else NOWHERE)


def _box(mask: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    height, width = mask.shape
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


_Key = tuple[str, bool, str]  # id, whether it is the event's actor, look


class _VariantModel:
    """A model with alternatives of which one is shown."""

    def __init__(self, parent: NodePath, base: MeshBuilder | None, variants: list[MeshBuilder]) -> None:
        self.node = parent.attachNewNode("actor")
        if base is not None:
            self.node.attachNewNode(base.node("base"))
        self._variants = [self.node.attachNewNode(v.node("variant")) for v in variants]
        self._shown = -1
        self.show(0)

    def show(self, which: int) -> None:
        if which != self._shown:
            for k, node in enumerate(self._variants):
                node.show() if k == which else node.hide()
            self._shown = which


class Actors:
    """Synchronises the scene graph with the traffic."""

    def __init__(self, camera: TownCamera) -> None:
        self._camera = camera
        self._pool: dict[_Key, _VariantModel] = {}
        self._tick = 0

    def reset(self) -> None:
        """Removes all actors before another simulation."""
        for actor in self._pool.values():
            actor.node.removeNode()
        self._pool.clear()
        self._tick = 0

    def update(self, others: list[Other], x: float, y: float, event_actor: str | None) -> None:
        """Places everybody near (x, y); the event's actor gets its own surface class."""
        self._tick += 1
        present: set[_Key] = set()
        for other in others:
            if math.hypot(other.x - x, other.y - y) > DRAW_DISTANCE:
                continue
            key = (other.id, event_actor is not None and other.id.split(".")[0] == event_actor, other.look)
            actor = self._pool.get(key) or self._make(other, key)
            present.add(key)
            actor.node.setPosHpr(other.x, other.y, 0, math.degrees(other.heading), 0, 0)
            actor.show(self._variant(other))
        for key in [k for k in self._pool if k not in present]:
            self._pool.pop(key).node.removeNode()

    def _variant(self, other: Other) -> int:
        """Index of the model's variant to show: walking pose, beacon phase or brake light."""
        phase = self._tick + sum(map(ord, other.id))
        if other.look in props.FLASHING:
            return (self._tick // 2) % 2
        if other.look == "hazard":
            return (self._tick // 3) % 2
        if other.look == "worker":
            return (phase // 4) % 2
        if other.kind in ("person", "bicycle"):
            stride = 2 if other.speed > 2.4 else 3
            return (phase // stride) % 2 if other.speed > 0.1 else 0
        return 1 if other.braking and other.kind in TRAFFIC_KINDS else 0

    def _make(self, other: Other, key: _Key) -> _VariantModel:
        pick = sum(ord(c) * 17**i for i, c in enumerate(other.id))
        kind, look, event = other.kind, other.look, key[1]
        base: MeshBuilder | None = None
        if kind == "person" and look in props.ANIMALS:
            surface = TownSurface.EVENT_ANIMAL if event else TownSurface.PERSON
            variants = [props.animal(look, surface, pose) for pose in (0, 1)]
        elif kind in ("person", "bicycle"):
            surface = TownSurface.EVENT_PERSON if event else TownSurface.PERSON
            coats = EVENT_COATS if look else COATS
            coat, legs = coats[pick % len(coats)], TROUSERS[pick // 7 % len(TROUSERS)]
            variants = [_someone(look, coat, legs, surface, pose) for pose in (0, 1)]
        elif kind not in TRAFFIC_KINDS:
            variants = [props.prop(kind, TownSurface.EVENT_PROP if event else TownSurface.WALL)]
        else:
            surface = TownSurface.EVENT_VEHICLE if event else TownSurface.VEHICLE
            base = props.body(look, kind, paint_of(other.id), surface)
            if look in props.FLASHING:
                base.add(models.rear_lights(kind, False), 0, 0, 0)
                variants = [props.beacons(look, kind, phase) for phase in (0, 1)]
            elif look == "hazard":
                base.add(models.rear_lights(kind, False), 0, 0, 0)
                variants = [props.hazards(kind, on) for on in (True, False)]
            else:
                if look == "headlights":
                    base.add(props.headlights(kind), 0, 0, 0)
                variants = [models.rear_lights(kind, braking) for braking in (False, True)]
        actor = _VariantModel(self._camera.actors, base, variants)
        self._pool[key] = actor
        return actor


def _someone(look: str, coat: Colour, legs: Colour, surface: int, pose: int) -> MeshBuilder:
    if look == "cyclist":
        return props.cyclist(coat, surface, pose)
    if look == "child":
        return props.child(coat, legs, surface, pose)
    if look == "worker":
        return props.worker(surface, pose)
    return models.person(coat, legs, surface, pose)


class Signals:
    """The signal heads of every approach: one at the stop line, one on the far side, both facing the approach."""

    def __init__(self, camera: TownCamera, network: RoadNetwork) -> None:
        self._heads: list[tuple[str, int, list[_VariantModel]]] = []
        parent = camera.attach(MeshBuilder(), 0, 0, 0)
        for names in network.edge_lanes.values():
            turns = [t for name in names for t in network.turns.get(name, ()) if t.signal and t.direction != "t"]
            if not turns:
                continue
            straight = next((t for t in turns if t.direction == "s"), turns[0])
            line = network.lanes[names[0]].shape
            heading = math.atan2(*(line[-1] - line[-2])[::-1])
            right = np.array([math.sin(heading), -math.cos(heading)])
            ahead = np.array([math.cos(heading), math.sin(heading)])
            across = (
                sum(line_length(network.lanes[v].shape) for v in straight.via) if straight.direction == "s" else 17.0
            )
            side = network.lanes[names[0]].width / 2 + 0.7
            near = line[-1] + right * side + ahead * 0.3
            far = line[-1] + right * side + ahead * (across + 3.6)
            heads = []
            for place in (near, far):
                holder = parent.attachNewNode("head")
                holder.setPosHpr(float(place[0]), float(place[1]), 0, math.degrees(heading), 0, 0)
                arm = 0.0
                heads.append(
                    _VariantModel(holder, models.signal_post(arm), [models.signal_lens(s, arm) for s in "ryg"])
                )
            assert straight.signal is not None
            self._heads.append((straight.signal, straight.link, heads))

    def update(self, traffic: SumoTraffic) -> None:
        """Shows the current state of the lights."""
        for light, link, heads in self._heads:
            which = "ryg".index(traffic.signal(light, link))
            for head in heads:
                head.show(which)
