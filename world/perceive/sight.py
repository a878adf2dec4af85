"""The content of a picture of a scene: our street, our place on it, the junction ahead, conditions, road users.

The same record holds ground truth (`targets`) and the network's estimate.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields, replace

import numpy as np

from world.render.camera import Rig, View, view
from world.scene.facts import NO_JUNCTION, conditions, junction_distance
from world.scene.hd_map import HDMap
from world.scene.objects import Kind
from world.scene.query import place_on, project, visible_share, wrap
from world.scene.state import SceneState

KINDS = (Kind.CAR, Kind.VAN, Kind.LORRY, Kind.BUS, Kind.BICYCLE, Kind.PERSON)  # classes; other kinds map to the likest
ALIKE = {
    Kind.POLICE: Kind.CAR,
    Kind.AMBULANCE: Kind.VAN,
    Kind.FIRE_ENGINE: Kind.LORRY,
    Kind.CHILD: Kind.PERSON,
}
MOST_LANES = 3  # a side; more count as so many
REACH = 60.0  # m within which road users count
SMALLEST = 3 / 144  # of the picture's height: lower road users do not count
VISIBLE = 0.5  # least visible share of a road user's width
PIXELS = 6  # least visible pixels of a road user, with a G-buffer


@dataclass(frozen=True, slots=True)
class SeenUser:
    """A road user in a picture. ahead, left: m from the camera along and across its axis; heading: rad from that axis, left positive.

    x, y, width, height: its box, by the middle, in shares of the picture; kind: a number of KINDS.
    """

    kind: int
    ahead: float
    left: float
    heading: float
    x: float
    y: float
    width: float
    height: float
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Sight:
    """The content of a picture.

    lanes, opposite: lanes of our direction (0: in a junction) and of the other; lane: ours, 0 the rightmost; left: m that the
    camera is left of the lane's centre; heading: rad of its axis from the lane's, left positive; junction: m from the bumper
    (0 inside one, NO_JUNCTION for none); weather, time: as in a Control; pitch: rad, up positive; focal: in picture widths;
    up: m that the camera is above the ground.
    """

    lanes: int
    opposite: int
    lane: int
    left: float
    heading: float
    junction: float
    weather: int
    time: int
    pitch: float
    focal: float
    up: float
    users: tuple[SeenUser, ...] = ()


ROAD = tuple(field.name for field in fields(Sight) if field.name != "users")  # columns of a sight as numbers
USER = tuple(field.name for field in fields(SeenUser))


def numbers(sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """A sight as float32 [ROAD] and [N, USER]."""
    road = np.array([getattr(sight, name) for name in ROAD], np.float32)
    return road, np.array([astuple(user) for user in sight.users], np.float32).reshape(-1, len(USER))


def sight_of(road: np.ndarray, users: np.ndarray) -> Sight:
    """The inverse of `numbers`."""
    whole = ("lanes", "opposite", "lane", "weather", "time")
    values = {name: int(value) if name in whole else float(value) for name, value in zip(ROAD, road, strict=True)}
    user_records = tuple(SeenUser(int(row[0]), *map(float, row[1:])) for row in users)
    return Sight(**values, users=user_records)  # type: ignore[arg-type]


def targets(state: SceneState, rig: Rig, instance: np.ndarray | None = None, row: int = 0) -> Sight:
    """The true sight of one drive's picture. instance: of the G-buffer, so that road users behind houses are left out."""
    ego, place = state.ego[row], state.places[row].map
    x, y, heading = (float(ego[name]) for name in ("x", "y", "heading"))
    eye = view(rig, x, y, heading)
    axis = heading + math.radians(rig.yaw)
    lanes, opposite, lane, left, along = _street(place, int(ego["lane"]), eye)
    weather, time = conditions(state.amounts[row])
    return Sight(
        lanes=lanes,
        opposite=opposite,
        lane=lane,
        left=left,
        heading=wrap(axis - along) if lanes else 0.0,
        junction=junction_distance(state, row),
        weather=weather,
        time=time,
        pitch=math.radians(rig.pitch),
        focal=eye.focal / eye.width,
        up=rig.up,
        users=_users(state.agents[row], eye, axis, instance),
    )


def _street(place: HDMap, lane: int, eye: View) -> tuple[int, int, int, float, float]:
    """(lanes our way, lanes the other way, ours, m left of it, its heading); zeros in a junction and off the map."""
    if lane < 0 or place.lanes[lane]["street"] < 0:
        return 0, 0, 0, 0.0, 0.0
    ours, other = beside(place, lane)
    s, left, _ = project(place.lanes, place.points, lane, float(eye.eye[0]), float(eye.eye[1]))
    return (
        min(MOST_LANES, ours),
        min(MOST_LANES, other),
        int(place.lanes[lane]["number"]),
        left,
        place_on(place, lane, s)[2],
    )


def beside(place: HDMap, lane: int) -> tuple[int, int]:
    """Number of a street's lanes in a lane's direction, and in the other."""
    same = place.lanes["street"] == place.lanes[lane]["street"]
    ours = same & (place.lanes["forward"] == place.lanes[lane]["forward"])
    return int(ours.sum()), int((same & ~ours).sum())


def _users(agents: np.ndarray, eye: View, axis: float, instance: np.ndarray | None) -> tuple[SeenUser, ...]:
    """Road users visible in the picture, nearest first."""
    out = []
    for which in np.flatnonzero(agents["kind"] != 0).tolist():
        agent = agents[which]
        kind = ALIKE.get(Kind(int(agent["kind"])), Kind(int(agent["kind"])))
        if kind not in KINDS:
            continue
        user = _user(agent, KINDS.index(kind), eye, axis)
        if user is None or user.height < SMALLEST:
            continue
        if instance is not None:
            visible = int((instance == -int(agent["id"]) - 1).sum()) >= PIXELS
        else:
            visible = visible_share(float(eye.eye[0]), float(eye.eye[1]), agents, which) >= VISIBLE
        if visible:
            out.append(user)
    return tuple(sorted(out, key=lambda one: one.ahead))


def _user(agent: np.void, kind: int, eye: View, axis: float) -> SeenUser | None:
    """An agent as a road user in the picture; None where its middle is outside or too far away."""
    cos, sin = math.cos(float(agent["heading"])), math.sin(float(agent["heading"]))
    along, across, up = (np.array(side) for side in zip(*_CORNERS, strict=True))
    x = float(agent["x"]) + along * float(agent["length"]) * cos - across * float(agent["width"]) * sin
    y = float(agent["y"]) + along * float(agent["length"]) * sin + across * float(agent["width"]) * cos
    right, down, forward = eye.axes @ (np.stack([x, y, up * float(agent["height"])]) - eye.eye[:, None])
    dx, dy = float(agent["x"]) - float(eye.eye[0]), float(agent["y"]) - float(eye.eye[1])
    ahead, left = dx * math.cos(axis) + dy * math.sin(axis), dy * math.cos(axis) - dx * math.sin(axis)
    if ahead < 1.0 or math.hypot(ahead, left) > REACH or forward[0] < 1.0:
        return None
    forward = np.maximum(forward, 0.3)
    u, v = 0.5 + eye.focal * right / forward / eye.width, 0.5 + eye.focal * down / forward / eye.height
    if not (0 <= u[0] < 1 and 0 <= v[0] < 1):
        return None
    (u0, v0), (u1, v1) = (np.clip([edge(u[1:]), edge(v[1:])], 0, 1) for edge in (np.min, np.max))
    heading = wrap(float(agent["heading"]) - axis)
    return SeenUser(kind, ahead, left, heading, float(u[0]), float(v[0]), float(u1 - u0), float(v1 - v0))


# The middle of a box, then its corners: shares of length and width from the middle, of height from the ground.
_CORNERS = [(0.0, 0.0, 0.5)] + [(a, b, c) for a in (-0.5, 0.5) for b in (-0.5, 0.5) for c in (0.0, 1.0)]


def reframed(sight: Sight, zoom: float, right: float, down: float, aspect: float = 9 / 16) -> Sight:
    """The sight of a part of its picture: enlarged by `zoom` about a point `right` and `down` of the middle, in shares of the picture.

    The part equals the view of a longer lens turned towards that point; aspect: height over width.
    """
    turn = -math.atan2(right, sight.focal)  # to the left
    cos, sin = math.cos(turn), math.sin(turn)
    users = []
    for user in sight.users:
        x, y = 0.5 + (user.x - 0.5 - right) * zoom, 0.5 + (user.y - 0.5 - down) * zoom
        ahead, left = user.ahead * cos + user.left * sin, user.left * cos - user.ahead * sin
        if 0 <= x < 1 and 0 <= y < 1 and ahead >= 1.0 and user.height * zoom >= SMALLEST:
            one = replace(user, ahead=ahead, left=left, heading=wrap(user.heading - turn), x=x, y=y)
            users.append(replace(one, width=min(1.0, user.width * zoom), height=min(1.0, user.height * zoom)))
    heading = sight.heading + turn if sight.lanes else 0.0
    pitch = sight.pitch - math.atan2(down * aspect, sight.focal)
    return replace(sight, heading=heading, pitch=pitch, focal=sight.focal * zoom, users=tuple(users))


assert NO_JUNCTION >= REACH
