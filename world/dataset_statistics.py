"""Statistics of a dataset of drives, for `lucidrive collect` and for its card."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from world.controls import FPS, NO_LEVEL, Command, Event, Side, TimeOfDay, Weather
from world.data.reader import DriveDataset

TASK = re.compile(r"drive through town (?P<town>.+) \((?P<pilot>\w+)\)")
SPEEDS = (0.0, 0.5, 10.0, 20.0, 30.0, 40.0, 50.0, 100.0)  # km/h
CROSSINGS = {Command.LEFT: "left", Command.RIGHT: "right", Command.STRAIGHT: "straight"}


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """Frames by content or command; counts of incidents; shares in [0, 1]."""

    frames: int
    drives: int
    mean_speed_kmh: float
    speeds: dict[str, int]
    weather: dict[str, int]
    time: dict[str, int]
    command: dict[str, int]
    event: dict[str, int]  # "ped_cross left 2": event, side, level
    onsets: dict[str, int]
    crossings: dict[str, int]  # junctions passed, by the turn commanded at their entry
    town: dict[str, int]
    pilot: dict[str, int]
    turning: float  # yaw rate above 0.15 rad/s
    standing: float  # below 0.5 m/s
    in_event: float
    off_road: float
    beside_lane: float  # more than 1.7 m from the lane's middle
    returns: int  # times that the car came back from beside its lane
    collisions: int


def statistics_of(dataset: DriveDataset) -> DatasetStatistics:
    """The statistics of a dataset recorded in the town."""
    state, drive = dataset.column("observation.state"), np.zeros(len(dataset), dtype=np.int64)
    drive[dataset.starts[1:-1]] = 1
    drive = np.cumsum(drive)
    kmh = 3.6 * state[:, 0]
    event, side, level = (dataset.column(f"control.{name}") for name in ("event", "side", "level"))
    happening = event != Event.NONE
    named = [_happening(*row) for row in zip(event[happening], side[happening], level[happening], strict=True)]
    onset = dataset.column("event.onset") > 0
    away = np.abs(dataset.column("label.lane_offset")) > 1.7
    tasks, of = dataset.tasks, dataset.column("task_index")
    towns, pilots = Counter[str](), Counter[str]()
    for index, count in enumerate(np.bincount(of, minlength=len(tasks))):
        if (match := TASK.fullmatch(tasks[index])) and count:
            towns[match["town"]] += int(count)
            pilots[match["pilot"]] += int(count)
    return DatasetStatistics(
        frames=len(dataset),
        drives=len(dataset.starts) - 1,
        mean_speed_kmh=float(kmh.mean()),
        speeds={
            f"{low:g} to {high:g}" if high < 100 else f"over {low:g}": int(((kmh >= low) & (kmh < high)).sum())
            for low, high in pairwise(SPEEDS)
        },
        weather=_by_name(Weather, dataset.column("control.weather")),
        time=_by_name(TimeOfDay, dataset.column("control.time")),
        command=_by_name(Command, dataset.column("control.command")),
        event=_most(Counter(named)),
        onsets=_by_name(Event, event[onset]),
        crossings=_crossings(dataset, drive),
        town=_most(towns),
        pilot=_most(pilots),
        turning=float(np.mean(np.abs(state[:, 1]) > 0.15)),
        standing=float(np.mean(state[:, 0] < 0.5)),
        in_event=float(happening.mean()),
        off_road=float(np.mean(dataset.column("label.off_road") > 0)),
        beside_lane=float(away.mean()),
        returns=int((away[:-1] & ~away[1:] & (drive[:-1] == drive[1:])).sum()),
        collisions=int((np.diff(dataset.column("label.collision"), prepend=0) > 0).sum()),
    )


def _happening(event: int, side: int, level: int) -> str:
    words = [Event(event).name.lower()]
    words += [Side(side).name.lower()] if side != Side.NONE else []
    words += [str(level)] if level != NO_LEVEL else []
    return " ".join(words)


def _by_name(kind: Any, values: np.ndarray) -> dict[str, int]:
    return {member.name.lower(): int((values == member).sum()) for member in kind if (values == member).any()}


def _most(counts: Counter[str]) -> dict[str, int]:
    """The commonest first; equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _crossings(dataset: DriveDataset, drive: np.ndarray) -> dict[str, int]:
    """Marks entries of junctions: the distance to the next falls to zero, under a turn command."""
    inside = dataset.column("label.junction_distance") <= 0
    entered = np.flatnonzero(~inside[:-1] & inside[1:] & (drive[:-1] == drive[1:])) + 1
    return {
        word: int((dataset.column("control.command")[entered] == command).sum()) for command, word in CROSSINGS.items()
    }


def rows(statistics: DatasetStatistics) -> list[tuple[str, str]]:
    """The statistics as rows of text."""
    table = [
        (
            "frames",
            f"{statistics.frames:,} at {FPS} Hz in {statistics.drives:,} drives ({statistics.frames / FPS / 3600:.1f} h)",
        ),
        ("mean speed", f"{statistics.mean_speed_kmh:.1f} km/h"),
        ("standing, turning", f"{statistics.standing:.1%}, {statistics.turning:.1%}"),
        (
            "off the road, beside the lane",
            f"{statistics.off_road:.1%}, {statistics.beside_lane:.1%}; {statistics.returns} returns",
        ),
        ("in an event", f"{statistics.in_event:.1%}; {sum(statistics.onsets.values())} onsets"),
        ("collisions", str(statistics.collisions)),
        ("speed, km/h", _shares(statistics.speeds, statistics.frames)),
        ("weather", _shares(statistics.weather, statistics.frames)),
        ("time of day", _shares(statistics.time, statistics.frames)),
        ("command", _shares(statistics.command, statistics.frames)),
        ("turns at junctions", _shares(statistics.crossings, max(1, sum(statistics.crossings.values())))),
        ("town", _shares(statistics.town, statistics.frames)),
        ("pilot", _shares(statistics.pilot, statistics.frames)),
    ]
    return table


def _shares(counts: dict[str, int], total: int) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count / total:.1%}" for name, count in counts.items())


def card(statistics: DatasetStatistics, split: str, seed: int, town: str | None = None) -> str:
    """The dataset's card (Markdown)."""
    where = f"the network {town}" if town else f"the towns of lucidrive's {split} split"
    lines = [
        "---",
        "license: apache-2.0",
        "task_categories: [robotics]",
        "tags: [LeRobot, driving, world-model]",
        "---",
        "",
        f"# Drives through lucidrive's town ({split})",
        "",
        f"{statistics.frames} frames at {FPS} Hz, 144x256, in {statistics.drives} drives through {where}; seed {seed}. LeRobotDataset v3.",
        "Licence: Apache-2.0.",
        "",
        "How it was made: SUMO moves traffic, people and lights on a road network; a kinematic bicycle model is the car;",
        "Panda3D's software renderer is its camera, and weather and light are laid over the picture. Everything follows",
        "from the seed. Who drives (`tasks` names it): the town's expert with bursts of noise; a random hand; keys",
        "pressed and released; and one that strays from lane and road on purpose and lets the expert bring it back.",
        "`expert.action` is what the expert would do in every frame, whoever drives.",
        "",
        "| what | in this dataset |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in rows(statistics)]
    lines += ["", "| event, side, level | frames |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {count} |" for name, count in sorted(statistics.event.items())]
    onsets = [f"{name.replace('_', ' ')} {count}" for name, count in statistics.onsets.items()]
    lines += ["", f"Onsets: {', '.join(onsets) or 'none'}.", ""]
    return "\n".join(lines)
