"""Consistency checks between labels, for the tests and for `lucidrive bench clips --only labels`. For pinhole cameras."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from world.labels.cameras import CameraSet
from world.labels.classes import SemanticClass
from world.labels.record import CameraRecord, Record
from world.labels.tracks import Track
from world.labels.truth import Truth, bounds, points_of
from world.render.camera import Rig, View, view
from world.scene.facts import inside
from world.scene.objects import Kind

STANDS_OUT = 0.35  # m by which mirrors, elbows and a swinging leg stand out of a box
BESIDE = 0.4  # m by which a pixel's point may lie beside its box
CLOSE, FAR = 30.0, 40.0  # m up to which road pixels, and pixels' flow, are checked
EVERY = 37  # one of so many road pixels is looked up on the map
FLAT = 0.3  # m by which the road lies above or below 0
APART = 0.5  # pixels by which flow may miss where a point was
STEPS, PUSHED = (
    2,
    1.5,
)  # who takes up a part is moved twice in that step; m/s by which somebody may be faster than it was or is


@dataclass(frozen=True, slots=True)
class Tally:
    """Number of wrong `cases`."""

    wrong: int = 0
    cases: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.wrong + other.wrong, self.cases + other.cases)

    @property
    def share(self) -> float:
        """Share of wrong cases; 0 without cases."""
        return self.wrong / max(1, self.cases)

    @classmethod
    def of(cls, right: np.ndarray) -> Tally:
        """Counts right: bool, of any shape."""
        return cls(int(right.size - np.count_nonzero(right)), int(right.size))


@dataclass(frozen=True, slots=True)
class Carried:
    """Squared error of the previous picture against the current one, over `values` levels: unchanged, and warped by flow."""

    stood: float = 0.0
    warped: float = 0.0
    values: int = 0

    def __add__(self, other: Carried) -> Carried:
        return Carried(self.stood + other.stood, self.warped + other.warped, self.values + other.values)

    @property
    def levels(self) -> tuple[float, float]:
        """Both root mean square errors, in levels of 255."""
        return math.sqrt(self.stood / max(1, self.values)), math.sqrt(self.warped / max(1, self.values))


@dataclass(frozen=True, slots=True)
class Checked:
    """boxes: contain their pixels; depth: puts pixels into their boxes; ground: road pixels are on the drivable area; surfaces: the road is
    flat, the sky far, a car's pixels are of class car; flow: leads to each point's former position; tracks: keep their identity; carried: warped
    by flow."""

    boxes: Tally = Tally()
    depth: Tally = Tally()
    ground: Tally = Tally()
    surfaces: Tally = Tally()
    flow: Tally = Tally()
    tracks: Tally = Tally()
    carried: Carried = Carried()

    def __add__(self, other: Checked) -> Checked:
        return Checked(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def checked(records: Sequence[Record], cameras: CameraSet) -> Checked:
    """All checks of the moments of a drive, each with the one before it."""
    out = Checked()
    for record in records:
        for name, own in record.views.items():
            sight = sight_of(record, cameras, name)
            out += picture(own.truth, sight, record.drivable)
    for before, now in pairwise(records):
        out += Checked(tracks=persist(before, now))
        for name, own in now.views.items():
            sight, earlier = (sight_of(one, cameras, name) for one in (now, before))
            out += Checked(flow=flow(own.truth, sight, earlier), carried=carried(before.views[name], own))
    return out


def picture(truth: Truth, sight: View, drivable: Sequence[np.ndarray] = ()) -> Checked:
    """The checks within one picture, with the drivable area if there is one."""
    of_road = ground(truth, sight, drivable) if drivable else Tally()
    return Checked(boxes(truth, sight), depth(truth, sight), of_road, surfaces(truth, sight))


def sight_of(record: Record, cameras: CameraSet, name: str) -> View:
    """The view of a pinhole camera of the set."""
    rig = cameras.cameras[name]
    assert isinstance(rig, Rig)
    return view(rig, record.ego.x, record.ego.y, record.ego.heading)


def boxes(truth: Truth, sight: View) -> Tally:
    """Boxes that are not tight round their pixels, or whose pixels stick out of the box in the world."""
    right = []
    for box in truth.boxes:
        left, top, low_right, bottom = box.seen
        tight = bounds(truth.instance == box.track.number + 1)[0] == box.seen
        room = 1.0 + STANDS_OUT * sight.focal / max(
            1.0, float(np.linalg.norm(np.subtract(box.track.centre, sight.eye)))
        )
        within = left >= box.whole[0] - room and low_right <= box.whole[2] + room
        within &= top >= box.whole[1] - room and bottom <= box.whole[3] + room
        right.append(tight and within and 0 < box.visible <= 1)
    return Tally.of(np.array(right, bool))


def depth(truth: Truth, sight: View) -> Tally:
    """Pixels of road users whose points lie outside their boxes."""
    points, out = points_of(sight, truth.depth), Tally()
    for box in truth.boxes:
        mine = points[truth.instance == box.track.number + 1] - box.track.centre
        out += Tally.of(_within(box.track, mine))
    return out


def _within(track: Track, points: np.ndarray) -> np.ndarray:
    """Whether points [N, 3], relative to a track's centre in the world's axes, lie in its box, bool [N]."""
    cos, sin = math.cos(track.heading), math.sin(track.heading)
    along, aside = points[:, 0] * cos + points[:, 1] * sin, points[:, 1] * cos - points[:, 0] * sin
    half = np.array(track.size) / 2 + BESIDE
    return np.asarray((abs(along) < half[0]) & (abs(aside) < half[1]) & (abs(points[:, 2]) < half[2]))


def ground(truth: Truth, sight: View, drivable: Sequence[np.ndarray]) -> Tally:
    """Pixels of near road, every EVERY-th, that lie on no polygon [N, 2] of the drivable area."""
    road = points_of(sight, truth.depth)[(truth.semantic == SemanticClass.ROAD) & (truth.depth < CLOSE)][::EVERY]
    return Tally.of(np.array([any(inside(area, x, y) for area in drivable) for x, y, _ in road], bool))


def surfaces(truth: Truth, sight: View) -> Tally:
    """Sky pixels that are near, road pixels off the road's height, and pixels of cars with another class."""
    road = truth.semantic == SemanticClass.ROAD
    heights = points_of(sight, truth.depth)[road][:, 2]
    cars = np.isin(truth.instance, [box.track.number + 1 for box in truth.boxes if box.track.kind is Kind.CAR])
    right = (
        np.isinf(truth.depth[truth.semantic == SemanticClass.SKY]),
        abs(heights) < FLAT,
        truth.semantic[cars] == SemanticClass.CAR,
    )
    return Tally.of(np.concatenate(right))


def flow(truth: Truth, sight: View, earlier: View) -> Tally:
    """Pixels whose flow does not lead to the position, in the previous picture, of their point moved back by scene flow."""
    sure = np.isfinite(truth.depth) & (truth.depth < FAR)
    was = points_of(sight, truth.depth)[sure] - truth.scene_flow[sure]
    ahead_of_eye = (was - earlier.eye) @ earlier.axes.T
    ahead = ahead_of_eye[:, 2] > 0.5
    rows, columns = np.nonzero(sure)
    x, y = (earlier.focal * ahead_of_eye[ahead, k] / ahead_of_eye[ahead, 2] for k in (0, 1))
    off_x = x + earlier.width / 2 - (columns[ahead] + 0.5) - truth.flow[sure][ahead, 0]
    off_y = y + earlier.height / 2 - (rows[ahead] + 0.5) - truth.flow[sure][ahead, 1]
    return Tally.of(np.hypot(off_x, off_y) < APART)


def persist(before: Record, now: Record) -> Tally:
    """Visible tracks that vanish, change kind or size, or move too far; and boxes without a track in the record."""
    seconds = now.seconds - before.seconds
    there, was = ({track.number: track for track in one.tracks} for one in (now, before))
    right = [_goes_on(was[number], track, seconds) for number, track in there.items() if number in was]
    right += [number in there for number in _shown(before)] + [number in there for number in _shown(now)]
    return Tally.of(np.array(right, bool))


def _shown(record: Record) -> set[int]:
    return {box.track.number for one in record.views.values() for box in one.truth.boxes}


def _goes_on(was: Track, now: Track, seconds: float) -> bool:
    speed = max(math.hypot(*was.velocity), math.hypot(*now.velocity))
    distance = math.dist(was.centre[:2], now.centre[:2])
    return was.kind is now.kind and was.size == now.size and distance <= (STEPS * speed + PUSHED) * seconds


def carried(before: CameraRecord, now: CameraRecord) -> Carried:
    """Over pixels where both pictures have the same class, sky aside."""
    height, width = now.truth.depth.shape
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    u, v = (np.rint(axis + now.truth.flow[..., k]).astype(int) for k, axis in ((0, x), (1, y)))
    same = (u >= 0) & (u < width) & (v >= 0) & (v < height) & np.isfinite(now.truth.depth)
    u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
    same &= before.truth.semantic[v, u] == now.truth.semantic
    stood, warped = (
        (one[same].astype(float) - now.picture[same]) ** 2 for one in (before.picture, before.picture[v, u])
    )
    return Carried(float(stood.sum()), float(warped.sum()), int(stood.size))
