"""The town: one drive, frame by frame. Row t of a drive is frame t, its labels, and the control that leads to t + 1."""

from __future__ import annotations

import math
import random

import numpy as np

from world.controls import DT, Command
from world.errors import SimulatorError
from world.kinematics import REAR_AXLE_TO_FRONT, WHEELBASE, Motion
from world.kinematics import step as drive_step
from world.town import expert
from world.town.actors import Actors, Signals, VisiblePixels, visible_pixels
from world.town.camera import TownCamera
from world.town.collision import Collision, touch
from world.town.detour import blocking, lane_free, swing
from world.town.events import Events
from world.town.events.base import relative
from world.town.lane_index import LaneIndex
from world.town.network import RoadNetwork, load, name_of
from world.town.options import CHANGES, FICKLE, THROUGH, TIMES, WEATHERS, Options, draw, draw_target
from world.town.pilots import Situation
from world.town.recovery import clear_ahead
from world.town.route import Fix, Route, RouteTurn
from world.town.scene import Scene
from world.town.spray import puffs
from world.town.traffic import Other, SumoTraffic
from world.town.weather import Developer
from world.weather import Atmosphere

JUNCTION_CAP = 60.0  # m
ARMS = {"l": 1, "s": 2, "r": 4}  # bits of the directions that a junction leads to
LIGHT_SEEN, GREEN_REQUEST = 40.0, 65.0  # m to the junction at which a light counts, and a green is requested
LIGHTS = {None: 0, "r": 1, "y": 2, "g": 3}
SPAWNS = 500  # start places to try
CENTRE = WHEELBASE / 2  # m from the rear axle to the car's centre


class Town:
    """A town with our car in it. The camera may be shared by the towns of a process (`world.town.camera`).

    SimulatorError where the network cannot be loaded, or another town's traffic runs in this process.
    """

    def __init__(self, town: int | str, seed: int, camera: TownCamera) -> None:
        """`town`: a number of `network.TOWNS`, or the path of a network file."""
        self.network: RoadNetwork = load(town)
        self.id: int | str = town if isinstance(town, int) else name_of(town)
        self.scene = Scene(self.network, self.id, self.network.look)
        self.drivable = self.scene.drivable
        self.index = LaneIndex(self.network)
        self.camera = camera
        camera.load(self.scene)
        self.signals = Signals(camera, self.network)
        self.actors = Actors(camera)
        self.traffic = SumoTraffic(self.network, seed)
        self._edges = sorted(self.network.edge_lanes)

    def close(self) -> None:
        """Ends the traffic and removes our actors from the camera."""
        self.traffic.close()
        self.actors.reset()

    def restart(self, seed: int) -> None:
        """Restarts the traffic, so that the same drive can be repeated exactly."""
        self.close()
        self.traffic = SumoTraffic(self.network, seed)

    def reset(self, seed: int, options: Options | None = None) -> None:
        """Places our car and begins another drive. SimulatorError where the options' lane or turns are impossible."""
        self.options = options or Options()
        self._rng = rng = random.Random(f"drive-{self.id}-{seed}")
        self._through = rng.random() < THROUGH
        self.route = Route(self.network, self.index, rng, self._through, self.options.turns)
        self._developer = Developer(rng.randrange(2**31))
        self._ahead_of_us = {"label.junction_arms": 0, "label.lanes_left": 0, "label.lanes_right": 0}
        self._spawn()
        self.motion = Motion(rng.choice((0.0, *[rng.uniform(4, 12)] * 9)), 0.0)
        self.speed = self.motion.speed
        self.target = draw_target(rng, self._through)
        self.weather = draw(rng, WEATHERS) if self.options.weather is None else self.options.weather
        self.time = draw(rng, TIMES) if self.options.time is None else self.options.time
        self.atmosphere = Atmosphere()
        self.atmosphere.set(self.weather, self.time)
        self.events = Events(rng, self.options.event, self.options.events)
        self._lights = random.Random(f"lights-{seed}")
        self._stopping = 0.0  # remaining s of a STOP command's standstill
        self._stop = False
        self._until_stop = rng.uniform(12, 70)
        self._changes = CHANGES[rng.random() < FICKLE]
        self._until_change = rng.uniform(2, self._changes[1])
        self._until_target = rng.uniform(3, 9)
        self._until_lane = rng.uniform(1, 8)
        self.off_road_seconds, self.standing_seconds = 0.0, 0.0
        self._light_id, self._green_for_us = "", False  # whether the light ahead turns green for us
        self.collided = False
        self.collision: Collision | None = None
        self.lead: str | None = None
        self.lead_distance = JUNCTION_CAP
        self.traffic.place_ego(self.x, self.y, self.heading, self.speed, self.route.edges())
        self.traffic.step(self.x, self.y)
        self._observe()

    def _spawn(self) -> None:
        rng = self._rng
        dead = self.network.dead_ends
        if all(name in dead for edge in self._edges for name in self.network.edge_lanes[edge]):
            dead = frozenset()  # there are only dead ends
        if self.options.lane is not None and self.options.lane not in self.network.turns:
            examples = ", ".join(sorted(name for name in self.network.turns if name not in dead)[:4])
            raise SimulatorError(f"Town {self.id} has no lane '{self.options.lane}'; it has {examples} and others.")
        for _ in range(SPAWNS):
            edge = rng.choice(self._edges)
            lane = self.network.lanes[self.options.lane or rng.choice(self.network.edge_lanes[edge])]
            short = 12.0 if self.options.lane else 30.0
            if lane.length < short or not self.network.turns.get(lane.id):
                continue
            if lane.id in dead and not self.options.lane:
                continue
            at = rng.uniform(6, max(7.0, lane.length - (40.0 if self.options.turns else 22.0)))
            self.route.start(lane.id, at)
            if self.route.refused:
                continue
            self.x, self.y, self.heading = self.route.point(self.route.s)
            self.traffic.clear_around(self.x, self.y, 20.0)
            return
        where = f"Lane {self.options.lane} of town {self.id}" if self.options.lane else f"Town {self.id}"
        raise SimulatorError(f"{where} has no way that goes {self.options.turns or 'on'}; ask for other turns.")

    def _observe(self) -> None:
        """After our car has moved: updates its position, labels and advice."""
        fix = self.route.locate(self.x, self.y, self.heading)
        nearest = self.index.nearest(self.x, self.y, self.heading)
        if (
            (abs(fix.offset) > 2.6 or abs(fix.heading_error) > 1.2)
            and nearest
            and nearest[3] < min(2.0, abs(fix.offset))
            and nearest[0] != self.route.lane()
            and self.network.lanes[nearest[0]].length > 6
        ):
            self.route.start(nearest[0], nearest[1])
            fix = self.route.locate(self.x, self.y, self.heading)
        self.fix: Fix = fix
        self.others: list[Other] = [*self.traffic.others.values(), *self.events.others()]
        junction = self.route.next_junction(fix.s + REAR_AXLE_TO_FRONT - 1.0)
        self.light: str | None = None
        if junction and junction.signal:
            self._look_at_light(junction, junction.signal, junction.entry - fix.s - WHEELBASE)
        self._measure()
        self._go_round()
        target = 0.0 if self._stop else self.target
        self.advice = expert.advise(
            self.route,
            self.x,
            self.y,
            self.heading,
            self.speed,
            target,
            self.others,
            self.light,
            fix,
            self.scene.solid,
            self.off_road,
        )
        self.lead, self.lead_distance = self.advice.lead, self.advice.lead_distance

    def _look_at_light(self, junction: RouteTurn, name: str, distance: float) -> None:
        """Reads a light near enough to matter, and requests green where it is to turn green for us."""
        if name != self._light_id:
            self._light_id, self._green_for_us = name, self._lights.random() < self.options.greens
        state = self.traffic.signal(name, junction.link)
        if distance < LIGHT_SEEN:
            self.light = state
        if self._green_for_us and state == "r" and distance < GREEN_REQUEST and not self.traffic.clearing(name):
            self.traffic.hasten(name)

    def _measure(self) -> None:
        centre = self._ahead(CENTRE)
        self.off_road = not bool(self.drivable.at(np.array([centre]))[0])
        self.off_road_seconds = self.off_road_seconds + DT if self.off_road else 0.0
        self.standing_seconds = self.standing_seconds + DT if self.speed < 0.5 else 0.0
        if not self.collided:
            self.collision = touch(self.x, self.y, self.heading, self.speed, self.others, self.scene.solid)
            self.collided = self.collision is not None
        if self.standing_seconds > 0.7 and self.light == "r":
            self.traffic.hasten(self._light_id)

    def _go_round(self) -> None:
        """Where something blocks our lane: changes lanes, else swings round it."""
        if self.route.changing or self.route.swinging or abs(self.fix.offset) > 1.0:
            return
        block = blocking(self.route, self.others)
        gap = block.start - self.route.s - REAR_AXLE_TO_FRONT if block else 0.0
        if block is None or gap > 8.0 + 2.0 * self.speed:
            return
        if gap > 6.0 and any(self._change_lane(side, gap) for side in (1, -1)):
            return
        swing(self.route, block, self.speed, self.others, self.drivable)

    def _change_lane(self, side: int, within: float = math.inf) -> bool:
        """Changes lanes where there is one on that side with room."""
        lane = self.route.neighbour(side)
        if lane is None or not lane_free(self.route, lane, self.x, self.y, self.heading, self.speed, self.others):
            return False
        return self.route.change_lane(side, self.speed, within)

    def clear_ahead(self) -> float:
        """m (at most `recovery.REACH`) that our car can drive straight on before it touches something."""
        return clear_ahead(self.x, self.y, self.heading, self.speed, self.scene.solid, self.others)

    def situation(self) -> Situation:
        """What a pilot may know now."""
        return Situation(self.speed, self.fix.offset, self.off_road_seconds, self.fix.heading_error, self.clear_ahead())

    def _ahead(self, distance: float) -> tuple[float, float]:
        return self.x + distance * math.cos(self.heading), self.y + distance * math.sin(self.heading)

    def choose(self) -> bool:
        """Changes target, weather, stops and lanes before a frame's control; True at an event's onset."""
        rng = self._rng
        self._until_target -= DT
        if self._until_target <= 0:
            self.target, self._until_target = draw_target(rng, self._through), rng.uniform(3, 10)
        self._until_change -= DT
        if self._until_change <= 0 and self.options.changes:
            self._until_change = rng.uniform(*self._changes)
            if rng.random() < 0.62 and self.options.weather is None:
                self.weather = draw(rng, WEATHERS, self.weather)
            elif self.options.time is None:
                self.time = draw(rng, TIMES, self.time)
        self._choose_stop()
        self._until_lane -= DT
        if self._until_lane <= 0 and not self.options.turns:
            side = rng.choice((1, -1))
            if self.speed > 3 and (self._change_lane(side) or self._change_lane(-side)):
                self._until_lane = rng.uniform(3, 9)
        return self.events.trigger(self)

    def _choose_stop(self) -> None:
        rng = self._rng
        self._until_stop -= DT
        if self._until_stop <= 0 and not self._stop:
            self._stop, self._stopping = True, rng.uniform(0.8, 2.2) if rng.random() < 0.8 else rng.uniform(3, 6)
        if self._stop and self.speed < 0.3:
            self._stopping -= DT
            if self._stopping <= 0:
                self._stop, self._until_stop = False, rng.uniform(25, 80)

    def command(self) -> Command:
        """The navigator's command for this frame."""
        return Command.STOP if self._stop else self.route.command(self.speed)

    def render(self) -> tuple[np.ndarray, VisiblePixels]:
        """The picture, uint8 [144, 256, 3], and its counts of visible pixels."""
        self.actors.update(self.others, self.x, self.y, self.events.actor)
        self.signals.update(self.traffic)
        raw = self.camera.look(*self._ahead(WHEELBASE), self.heading)
        amounts = self.atmosphere.amounts
        spray = puffs(self.others, self.x, self.y, self.heading) if amounts["rain"] > 0 else []
        return self._developer.develop(raw, amounts, spray), visible_pixels(raw)

    def step(self, steer: float, accel: float) -> None:
        """Drives for 0.1 s; steer, accel in [-1, 1]. After a collision the car stands."""
        before = self.motion
        self.motion = Motion(0.0, 0.0) if self.collided else drive_step(before, steer, accel)
        self.speed = self.motion.speed
        mean, turn = 0.5 * (before.speed + self.speed) if not self.collided else 0.0, self.motion.yaw_rate * DT
        middle = self.heading + 0.5 * turn
        self.x += mean * DT * math.cos(middle)
        self.y += mean * DT * math.sin(middle)
        self.heading = math.remainder(self.heading + turn, 2 * math.pi)
        self.traffic.place_ego(self.x, self.y, self.heading, self.speed, self.route.edges())
        self.traffic.step(self.x, self.y)
        self.events.step(self)
        self.atmosphere.step(self.weather, self.time)
        self._observe()

    def _road(self) -> dict[str, int]:
        """Numbers of our direction's lanes beside ours, and bits of ARMS of the directions at the junction ahead.

        Inside a junction, as before it.
        """
        lane = self.network.lanes[self.route.lane()]
        if not lane.internal:
            lanes = self.network.edge_lanes[lane.edge]  # right to left
            leads = {turn.direction for one in lanes for turn in self.network.turns.get(one, ())}
            right = lanes.index(lane.id)
            self._ahead_of_us = {
                "label.junction_arms": sum(bit for direction, bit in ARMS.items() if direction in leads),
                "label.lanes_left": len(lanes) - 1 - right,
                "label.lanes_right": right,
            }
        return self._ahead_of_us

    def event_place(self) -> tuple[float, float]:
        """The nearest of the event's actors, m ahead of the camera and to the left; zeros where there is none."""
        actor = self.events.actor
        theirs = [other for other in self.others if actor is not None and other.id.split(".")[0] == actor]
        places = [relative(self, other.x, other.y) for other in theirs]
        return min(places, key=lambda place: math.hypot(*place), default=(0.0, 0.0))

    def labels(self) -> dict[str, float]:
        """Labels of this frame, by the dataset's columns."""
        front = self.fix.s + WHEELBASE
        junction = self.route.next_junction(front)
        distance = JUNCTION_CAP if junction is None else min(JUNCTION_CAP, max(0.0, junction.entry - front))
        offset, error = self.fix.offset, self.fix.heading_error
        if distance > 0 or self.route.changing:
            near = self.index.nearest(self.x, self.y, self.heading, plain=True)
            if (
                near is not None
                and abs(near[2]) < abs(offset) + 0.1
                and not self.network.lanes[self.route.lane()].internal
            ):
                offset = near[2]
        return {
            "label.junction_distance": distance,
            **self._road(),
            "label.lane_offset": offset,
            "label.heading_error": error,
            "label.collision": int(self.collided),
            "label.off_road": int(self.off_road),
            "label.traffic_light": LIGHTS[self.light],
            "label.lead_distance": self.lead_distance,
            **{f"label.{name}": amount for name, amount in self.atmosphere.amounts.items()},
        }
