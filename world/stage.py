"""Says what is where in a dream, frame by frame: an event's actor takes a course that was seen in the town, crossroads that a
command asks for come nearer as the car drives, there is the lane that one is to change to, and the way that leads there; and
how much there is of each weather. The world model shows it (world/layout.py).

Positions are seen from the camera, m ahead and m to the left; a course's are seen from where the camera was when it began.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from world import way
from world.controls import DT, NULL, Command, Control, Event, Side
from world.kinematics import WHEELBASE, Motion
from world.layout import AIR, BOX, JUNCTION, LANES, LOOK, NEAR, WAY, unknown
from world.weather import AMOUNTS, Atmosphere, goal

HORIZON, CAMERA_HEIGHT, SLOPE = 0.5, 1.5, 128 / 144  # of the town's camera: 90 degrees across, 16:9
COURSES = "courses"  # the file beside the weights
NEAREST = 1.0  # m ahead: nearer, an actor is out of the picture
AHEAD_SECONDS, LEAST_AHEAD = 5.0, 36.0  # of a junction that is asked for
BLOCK = 60.0  # m from one junction to the next, where the command stays
TURNED = math.radians(70)  # what ends a turn
SIGHT, TRUST = 36.0, 0.3  # m: a junction that is read to be nearer is believed in; how much of it in a frame
LAID = 16.0  # m ahead of a junction from which on the way through it is laid
CROSSING = Command.LEFT, Command.STRAIGHT, Command.RIGHT
BESIDE = {Command.LANE_LEFT: (1.0, 0.0), Command.LANE_RIGHT: (0.0, 1.0)}  # lanes to the left and to the right


@dataclass(frozen=True, slots=True)
class Course:
    """places: float32 [T, 2], ahead and left; width, height: m, as the camera sees it; speed: our own when it began, m/s;
    look: how bright it is (world/actor.py).
    """

    places: Tensor
    width: float
    height: float
    speed: float
    look: tuple[float, float, float] = (0.0, 0.0, 0.0)


Courses = Mapping[tuple[int, int, int], tuple[Course, ...]]  # by event, side and level


@dataclass(frozen=True, slots=True)
class _Pose:
    """Of the rear axle, since the event began."""

    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0

    def on(self, motion: Motion) -> _Pose:
        middle = self.heading + 0.5 * motion.yaw_rate * DT
        step = motion.speed * DT
        return _Pose(
            self.x + step * math.cos(middle), self.y + step * math.sin(middle), self.heading + motion.yaw_rate * DT
        )

    def plain(self) -> tuple[float, float, float]:
        return self.x, self.y, self.heading

    def sees(self, ahead: float, left: float) -> tuple[float, float]:
        """A point that was there when the pose was zero, as it is seen now."""
        dx, dy = ahead + WHEELBASE - self.x, left - self.y
        c, s = math.cos(self.heading), math.sin(self.heading)
        return dx * c + dy * s - WHEELBASE, dy * c - dx * s


@dataclass(frozen=True, slots=True)
class State:
    """All that the next frames depend on, as plain values."""

    asked: tuple[int, int, int] = (0, 0, 0)  # event, side and level
    course: int = -1
    frame: int = 0
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    command: int = 0
    distance: float = math.nan  # to the junction, m; below 0 within it
    turned: float = 0.0
    air: tuple[float, ...] = (0.0,) * len(AMOUNTS)  # how much there is of each
    way: tuple[int, float, float] | None = None  # as laid: command, m to the junction, m/s
    gone: tuple[float, float, float] = (0.0, 0.0, 0.0)  # the pose since
    lane: int = 0  # the lane change that is asked for, and has had its way


class Stage:
    def __init__(self, courses: Courses, seed: int = 0, begun: Control | None = None) -> None:
        """`begun`: the weather and light in which the dream begins."""
        self._courses, self._seed = courses, seed
        begun = begun or Control()
        self.now = State(air=tuple(goal(begun.weather, begun.time).values()))

    def fork(self) -> Stage:
        other = Stage(self._courses, self._seed)
        other.now = self.now
        return other

    def step(self, control: Control, motion: Motion, sight: float = math.nan) -> Tensor:
        """The layout [1, L] of the next frame, to which `motion` leads under `control`. sight: m to the junction that the last
        frame shows, by the world's readouts.
        """
        out = unknown(1)
        out[0, AIR] = torch.tensor(self._air(control))
        if self._courses:
            out[0, BOX] = torch.tensor(self._actor(control, motion))
            if out[0, BOX].any():
                out[0, LOOK] = torch.tensor(self._of(control)[self.now.course].look)
        closeness = self._junction(control, motion, sight)
        if closeness is not None:
            out[0, JUNCTION] = torch.tensor((closeness, 1.0, 1.0, 1.0))
        if control.command in BESIDE:
            out[0, LANES] = torch.tensor(BESIDE[Command(control.command)])
        if (led := self._way(control, motion)) is not None:
            out[0, WAY] = torch.tensor(led)
        return out

    def _air(self, control: Control) -> list[float]:
        """Every amount, on its way to what is asked for; NaN where nothing is asked."""
        air = Atmosphere(dict(zip(AMOUNTS, self.now.air, strict=True)))
        air.step(control.weather, control.time)
        self.now = replace(self.now, air=tuple(air.amounts.values()))
        said = [control.weather != NULL] * 3 + [control.time != NULL] * 3
        return [amount if known else math.nan for amount, known in zip(self.now.air, said, strict=True)]

    def _way(self, control: Control, motion: Motion) -> list[float] | None:
        """Where the way leads that a command asks for, until it has been driven; None where one is to follow the road."""
        now, command = self.now, int(control.command)
        if now.way is not None:
            other = command != now.way[0] and (command in CROSSING or command in BESIDE)
            gone = _Pose(*now.gone).on(motion).plain()
            now = replace(now, gone=gone, way=None if other else now.way)
        begins = command != now.lane if command in BESIDE else command in CROSSING and 0 < now.distance <= LAID
        if now.way is None and begins:
            now = replace(now, way=(command, now.distance, motion.speed), gone=(0.0, 0.0, 0.0))
        self.now = now = replace(now, lane=command if command in BESIDE else 0)
        if now.way is None:
            return None
        led = way.ahead(way.laid(*now.way), now.gone)
        if led is None:
            self.now = replace(now, way=None)
        return led

    def _actor(self, control: Control, motion: Motion) -> tuple[float, float, float, float]:
        now = self.now
        asked = int(control.event), int(control.side), int(control.level)
        if asked != now.asked:
            now = self.now = replace(
                now, asked=asked, course=self._chosen(control, motion.speed), frame=0, pose=(0.0, 0.0, 0.0)
            )
        if control.event <= Event.NONE or now.course < 0:
            return (0.0,) * 4
        course, pose = self._of(control)[now.course], _Pose(*now.pose).on(motion)
        if now.frame >= len(course.places):
            return (0.0,) * 4
        ahead, left = pose.sees(*course.places[now.frame].tolist())
        self.now = replace(now, frame=now.frame + 1, pose=pose.plain())
        return box(ahead, left, course.width, course.height)

    def _of(self, control: Control) -> tuple[Course, ...]:
        """The courses of an event: of its side and level, or else of any level, or else of any side."""
        for side in (control.side, None):
            for level in (control.level, None):
                found = [
                    course
                    for (event, its_side, its_level), courses in sorted(self._courses.items())
                    if event == control.event and side in (None, its_side) and level in (None, its_level)
                    for course in courses
                ]
                if found:
                    return tuple(found)
        return ()

    def _chosen(self, control: Control, speed: float) -> int:
        """One of those that began at a speed like ours."""
        courses = self._of(control)
        like = sorted(range(len(courses)), key=lambda number: abs(courses[number].speed - speed))[:3]
        return random.Random(f"{self._seed} {control.event} {self.now.frame}").choice(like) if like else -1

    def _junction(self, control: Control, motion: Motion, sight: float) -> float | None:
        """How close the crossroads that a command asks for are; None where there is none and anything may come."""
        command, now = control.command, self.now
        if command not in CROSSING:
            if math.isnan(now.distance) or now.distance > 0:  # taken back, or none was asked for
                if 0 < now.distance <= LAID:
                    now = replace(now, way=None)
                self.now = replace(now, command=int(max(command, 0)), distance=math.nan, turned=0.0)
                return None
        elif command != now.command or math.isnan(now.distance):
            ahead = max(LEAST_AHEAD, AHEAD_SECONDS * motion.speed)
            now = self.now = replace(now, command=int(command), distance=ahead, turned=0.0)
        driven = motion.speed * DT
        distance = now.distance - driven
        if now.distance > LAID and sight < SIGHT:  # where the picture shows one, it is that one
            distance = min(distance + TRUST * (sight - distance), now.distance - driven / 2)
        turned = now.turned + abs(motion.yaw_rate) * DT * (distance <= 0)
        done = distance < -way.CROSSING or (distance <= 0 and turned > TURNED)
        distance, turned = (BLOCK, 0.0) if done else (distance, turned)
        self.now = replace(now, distance=distance, turned=turned)
        return math.exp(-max(0.0, distance) / NEAR)


def box(ahead: float, left: float, width: float, height: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what stands there, as shares of the picture; zeros where it is out of it."""
    if ahead < NEAREST:
        return (0.0,) * 4
    middle, half = 0.5 - 0.5 * left / ahead, 0.25 * width / ahead
    bottom = HORIZON + SLOPE * CAMERA_HEIGHT / ahead
    top = bottom - SLOPE * height / ahead
    sides = [min(1.0, max(0.0, share)) for share in (middle - half, top, middle + half, bottom)]
    return (sides[0], sides[1], sides[2], sides[3]) if sides[2] > sides[0] and sides[3] > sides[1] else (0.0,) * 4


def plain(state: State) -> dict[str, Any]:
    """For JSON."""
    return {
        "asked": list(state.asked),
        "course": state.course,
        "frame": state.frame,
        "pose": list(state.pose),
        "command": state.command,
        "distance": None if math.isnan(state.distance) else state.distance,
        "turned": state.turned,
        "air": list(state.air),
        "way": state.way and [None if math.isnan(value) else value for value in state.way],
        "gone": list(state.gone),
        "lane": state.lane,
    }


def state_of(values: Mapping[str, Any]) -> State:
    distance = math.nan if values["distance"] is None else values["distance"]
    tuples = {name: tuple(values[name]) for name in ("asked", "pose", "air", "gone")}
    way = values["way"] and tuple(math.nan if value is None else value for value in values["way"])
    return State(**{**values, **tuples, "distance": distance, "way": way})


def courses_to_tensors(courses: Courses) -> dict[str, Tensor]:
    """One tensor a course, `EVENT/SIDE/LEVEL/NUMBER`: [T + 2, 3], sizes and speed, its look, then places and a zero."""
    out = {}
    for (event, side, level), several in courses.items():
        for number, course in enumerate(several):
            head = torch.tensor([[course.width, course.height, course.speed], course.look])
            rows = torch.cat([course.places, torch.zeros(len(course.places), 1)], dim=1)
            name = f"{Event(event).name}/{Side(side).name}/{level}/{number}"
            out[name.lower()] = torch.cat([head, rows])
    return out


def courses_of_tensors(tensors: Mapping[str, Tensor]) -> Courses:
    found: dict[tuple[int, int, int], list[Course]] = {}
    for name, rows in sorted(tensors.items()):
        event, side, level, _ = name.upper().split("/")
        width, height, speed = rows[0].tolist()
        red, green, blue = rows[1].tolist()
        key = (int(Event[event]), int(Side[side]), int(level))
        found.setdefault(key, []).append(Course(rows[2:, :2].contiguous(), width, height, speed, (red, green, blue)))
    return {key: tuple(several) for key, several in found.items()}
