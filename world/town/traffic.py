"""Traffic: SUMO moves vehicles and people, runs the traffic lights, and treats our car as one of its own.

One simulation per process (libsumo). Positions in m, headings in rad (x east, counter-clockwise), speeds in m/s.
Importing the module raises SimulatorError without SUMO.
"""

from __future__ import annotations

import contextlib
import io
import math
import random
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from world.controls import DT
from world.errors import SimulatorError
from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT
from world.town.models import KINDS, PAINTS
from world.town.network import RoadNetwork

try:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a line about pyarrow, which we do not pass to it
        import libsumo
except ImportError as error:
    raise SimulatorError("The town's traffic needs SUMO: run `pip install 'lucidrive[sim]'`.") from error

EGO = "ego"
SIGHT = 130.0  # m; vehicles further away are ignored
BRAKE_SIGNAL = 8
LANE_CHANGES = 1621  # SUMO's default mode: all kinds
VEHICLES, PEOPLE = 34, 64  # at most
EACH_VEHICLE, EACH_PERSON = 130.0, 60.0  # m of lane or pavement for each; small towns have fewer


@dataclass(frozen=True, slots=True)
class Other:
    """Another road user. x, y: the centre of a vehicle's front bumper, or of a person."""

    id: str
    kind: str  # a key of models.KINDS, or "person" (animals too): what it is to a driver
    x: float
    y: float
    heading: float
    speed: float
    braking: bool
    look: str = ""  # a special model of its kind (world/town/props.py): "deer", "ambulance", "hazard", ...
    turn: float = 0.0  # rad/s


class SumoTraffic:
    """A running simulation on one network. Call `close` before making another.

    SimulatorError where another simulation runs in this process or SUMO does not start.
    """

    def __init__(self, network: RoadNetwork, seed: int) -> None:
        self.network = network
        self._rng = random.Random(f"traffic-{seed}")
        self._count = 0
        self._kinds: dict[str, str] = {}
        self._looks: dict[str, str] = {}
        self._controlled: set[str] = set()  # commanded to brake or stand
        if libsumo.isLoaded():
            raise SimulatorError(
                "SUMO runs one simulation a process: close the other town first, or give each a process of its own "
                "(gymnasium's AsyncVectorEnv)."
            )
        command = ["sumo", "-n", str(network.path), "--step-length", str(DT), "--seed", str(seed % 2**31)]
        command += ["--no-step-log", "true", "--no-warnings", "true", "--time-to-teleport", "20"]
        command += ["--lanechange.duration", "1.6"]  # without it a car is on the other lane from one frame to the next
        command += ["--collision.action", "none", "--pedestrian.model", "striping", "--ignore-route-errors", "true"]
        try:
            libsumo.start(command)
        except (RuntimeError, libsumo.TraCIException, libsumo.FatalTraCIError) as error:
            raise SimulatorError(f"SUMO did not start on {Path(network.path).name}: {error}") from error
        self._end = weakref.finalize(self, libsumo.close)  # an abandoned simulation does not block the next
        self._edges = sorted(e for e in network.edge_lanes if self._onward(e))
        self._add_types()
        streets = sum(network.lanes[name].length for names in network.edge_lanes.values() for name in names)
        pavements = sum(walk.length for walk in network.sidewalks.values())
        self._vehicles = min(VEHICLES, 1 + int(streets / EACH_VEHICLE))
        self._people = min(PEOPLE, int(pavements / EACH_PERSON))
        for _ in range(self._vehicles):
            self._add_vehicle()
        for _ in range(self._people):
            self._add_person()
        route = self.random_route(self._edges[0])
        libsumo.route.add("ego-route", route)
        libsumo.vehicle.add(EGO, "ego-route", typeID="ego", departPos="0", departSpeed="0")
        libsumo.vehicle.setLaneChangeMode(EGO, 0)
        for _ in range(30):
            libsumo.simulationStep()
        self.others: dict[str, Other] = {}

    def close(self) -> None:
        """Ends the simulation."""
        self._end()

    def _add_types(self) -> None:
        libsumo.vehicletype.copy("DEFAULT_VEHTYPE", "ego")
        libsumo.vehicletype.setLength("ego", EGO_LENGTH)
        libsumo.vehicletype.setWidth("ego", EGO_WIDTH)
        for kind in (k for k in KINDS.values() if k.share > 0):
            libsumo.vehicletype.copy("DEFAULT_VEHTYPE", kind.name)
            libsumo.vehicletype.setLength(kind.name, kind.length)
            libsumo.vehicletype.setWidth(kind.name, kind.width)
            libsumo.vehicletype.setAccel(kind.name, 2.4 if kind.name == "car" else 1.6)
            libsumo.vehicletype.setDecel(kind.name, 4.5)
            libsumo.vehicletype.setImperfection(kind.name, 0.3)

    def _onward(self, edge: str) -> list[str]:
        """Edges that follow `edge`; U-turns only where there is nothing else."""
        ahead: set[str] = set()
        back: set[str] = set()
        for lane in self.network.edge_lanes[edge]:
            for turn in self.network.turns.get(lane, ()):
                (back if turn.direction == "t" else ahead).add(self.network.lanes[turn.to].edge)
        return sorted(ahead or back)

    def random_route(self, edge: str, length: int = 40) -> list[str]:
        """A random walk over edges from `edge` on."""
        route = [edge]
        while len(route) < length:
            onward = self._onward(route[-1])
            if not onward:
                break
            route.append(self._rng.choice(onward))
        return route

    def _add_vehicle(self) -> None:
        self._count += 1
        name = f"v{self._count}"
        kind = self._rng.choices(list(KINDS), [k.share for k in KINDS.values()])[0]
        libsumo.route.add(f"r-{name}", self.random_route(self._rng.choice(self._edges)))
        libsumo.vehicle.add(
            name, f"r-{name}", typeID=kind, departLane="random", departPos="random_free", departSpeed="0"
        )
        libsumo.vehicle.setSpeedFactor(name, self._rng.uniform(0.75, 1.05))
        self._kinds[name] = kind

    def _add_person(self) -> None:
        self._count += 1
        name = f"p{self._count}"
        walkable = [e for e in self._edges if e in self.network.sidewalks]
        if len(walkable) < 2:
            return
        for _ in range(4):
            start, goal = self._rng.sample(walkable, 2)
            walk = libsumo.simulation.findIntermodalRoute(start, goal)
            if walk and walk[0].edges:
                break
        else:
            return
        libsumo.person.add(name, start, self._rng.uniform(0.1, 0.9) * self.network.sidewalks[start].length)
        libsumo.person.setSpeed(name, self._rng.uniform(1.0, 1.8))
        libsumo.person.appendWalkingStage(name, walk[0].edges, 0.5 * self.network.sidewalks[goal].length)

    def place_ego(self, x: float, y: float, heading: float, speed: float, route: tuple[str, ...] = ()) -> None:
        """Places our car (its rear axle at x, y). route: the current street and those that it will take.

        Others give way to it only where SUMO knows its route.
        """
        if EGO not in libsumo.vehicle.getLoadedIDList():  # it may also wait at the roadside for its turn
            libsumo.route.add(f"ego-route-{self._count}", self.random_route(self._edges[0]))
            libsumo.vehicle.add(EGO, f"ego-route-{self._count}", typeID="ego", departPos="0", departSpeed="0")
            self._count += 1
        self._set_ego_route(route)
        fx, fy = x + REAR_AXLE_TO_FRONT * math.cos(heading), y + REAR_AXLE_TO_FRONT * math.sin(heading)
        angle = (90.0 - math.degrees(heading)) % 360.0
        libsumo.vehicle.moveToXY(EGO, "", -1, fx, fy, angle, 2)
        libsumo.vehicle.setPreviousSpeed(EGO, speed)

    def _set_ego_route(self, route: tuple[str, ...]) -> None:
        at = libsumo.vehicle.getRouteIndex(EGO)
        if at < 0:  # it has not entered yet
            return
        current = tuple(libsumo.vehicle.getRoute(EGO))[at:]
        if current and current[0] in route and current != route[route.index(current[0]) :]:
            with contextlib.suppress(
                libsumo.TraCIException
            ):  # streets that SUMO finds no way between: it keeps its own
                libsumo.vehicle.setRoute(EGO, list(route[route.index(current[0]) :]))

    def step(self, x: float, y: float) -> None:
        """Advances 0.1 s and refreshes `others` around (x, y)."""
        libsumo.simulationStep()
        self.look(x, y)
        vehicles = libsumo.vehicle.getIDCount()
        if vehicles < self._vehicles and self._rng.random() < 0.3:
            self._add_vehicle()
        if libsumo.person.getIDCount() < self._people and self._rng.random() < 0.3:
            self._add_person()

    def look(self, x: float, y: float) -> None:
        """Refreshes `others` around (x, y)."""
        others: dict[str, Other] = {}
        vehicle: Any = libsumo.vehicle
        for name in vehicle.getIDList():
            if name == EGO:
                continue
            vx, vy = vehicle.getPosition(name)
            if abs(vx - x) > SIGHT or abs(vy - y) > SIGHT or vx < -1e6:
                continue
            heading = math.radians(90.0 - vehicle.getAngle(name))
            braking = bool(vehicle.getSignals(name) & BRAKE_SIGNAL)
            kind = self._kinds.get(name, "car")
            look = self._looks.get(name, "")
            before = self.others.get(name)
            turn = math.remainder(heading - before.heading, math.tau) / DT if before else 0.0
            others[name] = Other(name, kind, vx, vy, heading, vehicle.getSpeed(name), braking, look, turn)
        person: Any = libsumo.person
        for name in person.getIDList():
            px, py = person.getPosition(name)
            if abs(px - x) > 90 or abs(py - y) > 90:
                continue
            others[name] = Other(
                name, "person", px, py, math.radians(90.0 - person.getAngle(name)), person.getSpeed(name), False
            )
        self.others = others

    def add_ahead(
        self, lane: str, position: float, speed: float, kind: str = "car", name: str | None = None, look: str = ""
    ) -> str | None:
        """Adds a vehicle on a lane with its front at `position` m; returns its name, or None where there is no room.

        It keeps to its lane until it is released.
        """
        self._count += 1
        name = name or f"v{self._count}"
        edge = self.network.lanes[lane].edge
        onward = sorted({self.network.lanes[t.to].edge for t in self.network.turns.get(lane, ()) if t.direction != "t"})
        route = [edge, *self.random_route(self._rng.choice(onward))] if onward else self.random_route(edge)
        try:
            libsumo.route.add(f"r-{name}", route)
            libsumo.vehicle.add(name, f"r-{name}", typeID=kind, departLane="first", departPos="0", departSpeed="0")
            libsumo.vehicle.moveTo(name, lane, position)
            libsumo.vehicle.setPreviousSpeed(name, speed)
            libsumo.vehicle.setLaneChangeMode(name, 0)
        except libsumo.TraCIException:
            return None
        self._controlled.add(name)
        self._kinds[name] = kind
        if look:
            self._looks[name] = look
        return name

    def clear_around(self, x: float, y: float, radius: float) -> None:
        """Releases all commanded vehicles, and removes those near a point before our car is placed there."""
        for name in list(self._controlled):
            self.release(name)
        for name in libsumo.vehicle.getIDList():
            vx, vy = libsumo.vehicle.getPosition(name)
            if name != EGO and math.hypot(vx - x, vy - y) < radius:
                libsumo.vehicle.remove(name)

    def brake(self, name: str, deceleration: float) -> bool:
        """Makes a vehicle brake to a stop; False when it is gone."""
        if name not in libsumo.vehicle.getIDList():
            return False
        speed = libsumo.vehicle.getSpeed(name)
        libsumo.vehicle.setSpeedMode(name, 0)
        libsumo.vehicle.setLaneChangeMode(name, 0)
        libsumo.vehicle.setDecel(name, max(deceleration, 4.5))
        libsumo.vehicle.slowDown(name, 0.0, max(0.3, speed / deceleration))
        self._controlled.add(name)
        return True

    def hold(self, name: str) -> None:
        """Makes a vehicle stand still."""
        if name in libsumo.vehicle.getLoadedIDList():
            libsumo.vehicle.setSpeedMode(name, 0)
            libsumo.vehicle.setSpeed(name, 0.0)
            self._controlled.add(name)

    def release(self, name: str) -> None:
        """Lets SUMO drive a vehicle again."""
        self._controlled.discard(name)
        self._looks.pop(name, None)
        if name in libsumo.vehicle.getIDList():
            libsumo.vehicle.setSpeedMode(name, 31)
            libsumo.vehicle.setLaneChangeMode(name, LANE_CHANGES)
            libsumo.vehicle.setSpeed(name, -1)

    def signal(self, light: str, link: int) -> str:
        """Colour of a traffic light's link: r, y or g."""
        state = libsumo.trafficlight.getRedYellowGreenState(light)
        letter = state[link].lower() if 0 <= link < len(state) else "g"
        return "r" if letter in "ru" else ("y" if letter == "y" else "g")

    def clearing(self, light: str) -> bool:
        """Whether a light is between two greens."""
        state = libsumo.trafficlight.getRedYellowGreenState(light)
        return "y" in state or "g" not in state.lower()

    def hasten(self, light: str) -> None:
        """Ends a light's phase soon, so that waits are short."""
        now = libsumo.simulation.getTime()
        if libsumo.trafficlight.getNextSwitch(light) > now + 0.6:
            libsumo.trafficlight.setPhaseDuration(light, 0.5)


def paint_of(name: str) -> tuple[int, int, int]:
    """A vehicle's colour, by its id."""
    return PAINTS[sum(ord(c) * 31**i for i, c in enumerate(name)) % len(PAINTS)]
