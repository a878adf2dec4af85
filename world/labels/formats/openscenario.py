"""A drive as an OpenSCENARIO XML 1.2 scenario, by `scenariogeneration`: all road users follow their recorded trajectories on the road network beside it.

Our car is `ego`; others are `track-NUMBER`, each a polyline of positions and times. A road user waits at its first position until it appears and stays
at its last. Weather and time of day are those of the first moment. Traffic lights are in the road network; their phases are not in the scenario.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from world.controls import TimeOfDay, Weather
from world.kinematics import (
    EGO_LENGTH,
    EGO_WIDTH,
    MAX_ACCELERATION,
    MAX_BRAKING,
    MAX_SPEED,
    REAR_AXLE_TO_FRONT,
    WHEELBASE,
)
from world.labels.formats.opendrive import OpenDrive, file_of
from world.labels.formats.writer import DriveInfo
from world.labels.record import Record
from world.labels.tracks import Track
from world.scene.objects import PEOPLE, VEHICLES, Kind

REACH = 120.0  # m: road users that never come this near to our car are left out
AXLE = 0.3  # of a vehicle's length from its middle back to its rear axle, where OpenSCENARIO has its origin
HEIGHT = 1.5  # m of our car
HOURS = {TimeOfDay.DAWN: 6, TimeOfDay.DAY: 12, TimeOfDay.DUSK: 19, TimeOfDay.NIGHT: 23}
RAIN = {Weather.RAIN_1: 2.0, Weather.RAIN_2: 8.0, Weather.RAIN_3: 30.0}  # mm/h
FOG = {Weather.FOG_1: 300, Weather.FOG_2: 120, Weather.FOG_3: 50}  # m seen
CATEGORIES = {Kind.BICYCLE: "bicycle", Kind.BUS: "bus", Kind.LORRY: "truck", Kind.FIRE_ENGINE: "truck", Kind.VAN: "van"}
Path = list[tuple[float, tuple[float, float, float]]]  # seconds; x, y, heading of the origin


class OpenScenario(OpenDrive):
    """The format `openscenario`. A drive's scenario is written when it ends, its road network when it begins."""

    def begin(self, drive: DriveInfo) -> None:
        """Writes the place's network if it is new."""
        super().begin(drive)
        self._drive = drive
        self._records: list[Record] = []

    def add(self, record: Record) -> None:
        """Keeps the record."""
        self._records.append(record)

    def end(self) -> None:
        """Writes the scenario."""
        from scenariogeneration import xosc

        document = scenario(xosc, self._drive, self._records)
        document.write_xml(str(self.folder / f"{self._drive.name}.xosc"))


def scenario(xosc: Any, drive: DriveInfo, records: Sequence[Record]) -> Any:
    """The scenario document of a drive's records. xosc: the module of `scenariogeneration`."""
    paths: dict[str, Path] = {"ego": [(one.seconds, (one.ego.x, one.ego.y, one.ego.heading)) for one in records]}
    who: dict[str, Track] = {}
    near = {
        track.number
        for one in records
        for track in one.tracks
        if math.hypot(track.centre[0] - one.ego.x, track.centre[1] - one.ego.y) <= REACH
    }
    for one in records:
        for track in one.tracks:
            if track.number in near:
                name = f"track-{track.number}"
                who[name] = track
                paths.setdefault(name, []).append((one.seconds, _origin(track)))
    entities = xosc.Entities()
    entities.add_scenario_object("ego", _ego(xosc))
    for name, track in who.items():
        entities.add_scenario_object(name, _object(xosc, name, track))
    init = xosc.Init()
    init.add_global_action(xosc.EnvironmentAction(_environment(xosc, records[0])))
    for name, path in paths.items():
        init.add_init_action(name, xosc.TeleportAction(_place(xosc, path[0][1])))
    board = xosc.StoryBoard(init, _at(xosc, "end", records[-1].seconds))
    act = xosc.Act("drive", _at(xosc, "begin", 0.0))
    for name, path in paths.items():
        if any(place != path[0][1] for _, place in path):
            act.add_maneuver_group(_follow(xosc, name, path))
    board.add_act(act)
    network = xosc.RoadNetwork(file_of(drive.place))
    return xosc.Scenario(
        drive.task,
        "lucidrive",
        xosc.ParameterDeclarations(),
        entities,
        board,
        network,
        xosc.Catalog(),
        osc_minor_version=2,
    )


def _origin(track: Track) -> tuple[float, float, float]:
    back = AXLE * track.size[0] if track.kind in VEHICLES else 0.0
    x, y = track.centre[0] - back * math.cos(track.heading), track.centre[1] - back * math.sin(track.heading)
    return x, y, track.heading


def _ego(xosc: Any) -> Any:
    box = xosc.BoundingBox(EGO_WIDTH, EGO_LENGTH, HEIGHT, REAR_AXLE_TO_FRONT - EGO_LENGTH / 2, 0.0, HEIGHT / 2)
    front, rear = xosc.Axle(0.6, 0.65, 1.6, WHEELBASE, 0.325), xosc.Axle(0.0, 0.65, 1.6, 0.0, 0.325)
    return xosc.Vehicle("ego", xosc.VehicleCategory.car, box, front, rear, MAX_SPEED, MAX_ACCELERATION, MAX_BRAKING)


def _object(xosc: Any, name: str, track: Track) -> Any:
    length, width, height = track.size
    if track.kind in VEHICLES:
        box = xosc.BoundingBox(width, length, height, AXLE * length, 0.0, height / 2)
        front, rear = (
            xosc.Axle(steer, 0.65, 0.9 * width, at, 0.325) for steer, at in ((0.6, 0.6 * length), (0.0, 0.0))
        )
        category = getattr(xosc.VehicleCategory, CATEGORIES.get(track.kind, "car"))
        return xosc.Vehicle(name, category, box, front, rear, 30.0, 4.0, 8.0)
    box = xosc.BoundingBox(width, length, height, 0.0, 0.0, height / 2)
    if track.kind in PEOPLE:
        return xosc.Pedestrian(
            name, 40.0 if track.kind is Kind.CHILD else 75.0, xosc.PedestrianCategory.pedestrian, box
        )
    if track.kind in (Kind.DOG, Kind.DEER):
        return xosc.Pedestrian(name, 40.0, xosc.PedestrianCategory.animal, box)
    return xosc.MiscObject(name, 5.0, xosc.MiscObjectCategory.obstacle, box)


def _follow(xosc: Any, name: str, path: Path) -> Any:
    if path[0][0] > 0:
        path = [(0.0, path[0][1]), *path]
    line = xosc.Trajectory(f"way of {name}", False)
    line.add_shape(xosc.Polyline([time for time, _ in path], [_place(xosc, place) for _, place in path]))
    follow = xosc.FollowTrajectoryAction(line, xosc.FollowingMode.position, xosc.ReferenceContext.absolute, 1, 0)
    event = xosc.Event(f"{name} drives", xosc.Priority.override)
    event.add_action(f"{name} follows", follow)
    event.add_trigger(_at(xosc, f"{name} begins", 0.0))
    maneuver = xosc.Maneuver(f"{name} moves")
    maneuver.add_event(event)
    group = xosc.ManeuverGroup(f"group of {name}")
    group.add_actor(name)
    group.add_maneuver(maneuver)
    return group


def _place(xosc: Any, place: tuple[float, float, float]) -> Any:
    x, y, heading = (round(value, 4) for value in place)
    return xosc.WorldPosition(x, y, 0, heading, 0, 0)


def _at(xosc: Any, name: str, seconds: float) -> Any:
    condition = xosc.SimulationTimeCondition(seconds, xosc.Rule.greaterOrEqual)
    return xosc.ValueTrigger(name, 0, xosc.ConditionEdge.none, condition, "stop" if name == "end" else "start")


def _environment(xosc: Any, record: Record) -> Any:
    weather, hour = record.facts.weather, HOURS[TimeOfDay(record.facts.time)]
    wet, snow = RAIN.get(Weather(weather), 0.0), Weather.SNOW_1 <= weather <= Weather.SNOW_3
    kind = xosc.PrecipitationType.rain if wet else xosc.PrecipitationType.snow if snow else xosc.PrecipitationType.dry
    sky = xosc.Weather(
        xosc.FractionalCloudCover.eightOktas if wet or snow else xosc.FractionalCloudCover.twoOktas,
        fog=xosc.Fog(FOG.get(Weather(weather), 100_000)),
        precipitation=xosc.Precipitation(kind, wet or (2.0 if snow else 0.0)),
    )
    road = xosc.RoadCondition(0.6 if wet else 0.3 if snow else 1.0)
    return xosc.Environment("as it was", xosc.TimeOfDay(False, 2026, 6, 1, hour, 0, 0), sky, road)
