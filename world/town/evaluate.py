"""Evaluates the town's expert, whose drives the driver imitates."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from world.controls import DT, Event
from world.telling import Report
from world.town.camera import TownCamera
from world.town.expert import Advice
from world.town.network import SPLITS
from world.town.pilots import ExpertPilot, Pilot, Situation
from world.town.town import Town

DRIVE_SECONDS = 60.0
STUCK, OFF_ROAD = 15.0, 6.0  # s of standing, or off the road, that end a drive


class NoiselessPilot:
    """Follows the expert's advice."""

    def act(self, advice: Advice, now: Situation) -> tuple[float, float]:
        """The advised steer and accel."""
        return advice.steer, advice.accel


@dataclass
class DriveTotals:
    """Sums over drives: frames, m, collisions (`in_events`: during an event), frames off the road, drives that got
    stuck.
    """

    drives: int = 0
    frames: int = 0
    metres: float = 0.0
    collisions: int = 0
    in_events: int = 0
    off_road: int = 0
    stuck: int = 0
    events: int = 0

    def figures(self) -> dict[str, float]:
        """Rates per km, per frame and per hour."""
        km = self.metres / 1000
        return {
            "km": km,
            "minutes": self.frames * DT / 60,
            "mean_speed_kmh": 3.6 * self.metres / max(self.frames * DT, 1e-9),
            "collisions_per_km": self.collisions / max(km, 1e-9),
            "off_road_share": self.off_road / max(self.frames, 1),
            **{name: value for name, value in asdict(self).items() if name not in ("metres", "frames", "off_road")},
        }


def evaluate_town(
    minutes: float = 3.0, seed: int = 0, split: str = "test", report: Report | None = None
) -> dict[str, dict[str, float]]:
    """Drives `minutes` in every town of a split: with the expert's advice, and as in the data, with bursts of noise.

    Events, weather and traffic are those of the data; nothing is rendered. The same seed gives the same figures.
    SimulatorError without SUMO or Panda3D.
    """
    pilots: dict[str, Callable[[random.Random], Pilot]] = {
        "undisturbed": lambda rng: NoiselessPilot(),
        "with noise": ExpertPilot,
    }
    tallies = {name: DriveTotals() for name in pilots}
    camera, towns = TownCamera(), SPLITS[split]
    try:
        for number, identity in enumerate(towns):
            town = Town(identity, seed, camera)
            try:
                for part, (name, pilot) in enumerate(pilots.items()):
                    if report:
                        report((number + part / len(pilots)) / len(towns), f"town {identity}, {name}")
                    town.restart(seed)
                    measure(town, pilot, round(minutes * 60 / DT), seed, tallies[name])
            finally:
                town.close()
    finally:
        camera.close()
    return {name: tally.figures() for name, tally in tallies.items()}


def measure(
    town: Town, pilot: Callable[[random.Random], Pilot], frames: int, seed: int, tally: DriveTotals | None = None
) -> DriveTotals:
    """Drives of up to a minute, `frames` in all, added to `tally`.

    A drive ends early with a collision or off the road.
    """
    tally = tally or DriveTotals()
    rng = random.Random(f"measure-{town.id}-{seed}")
    remaining = frames
    while remaining > 0:
        hand = pilot(random.Random(rng.randrange(2**31)))
        town.reset(rng.randrange(2**31))
        tally.drives += 1
        for _ in range(min(remaining, round(DRIVE_SECONDS / DT))):
            tally.events += town.choose()
            town.step(*hand.act(town.advice, town.situation()))
            remaining -= 1
            tally.frames += 1
            tally.metres += town.speed * DT
            tally.off_road += town.off_road
            if town.collided:
                tally.collisions += 1
                tally.in_events += town.events.event != Event.NONE
                break
            if town.standing_seconds > STUCK:
                tally.stuck += 1
                break
            if town.off_road_seconds > OFF_ROAD:
                break
    return tally


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result as rows (name, value) for the terminal."""
    rows = []
    for name, f in result.items():
        rows += [
            (
                f"{name}: driven",
                f"{f['km']:.1f} km in {f['minutes']:.0f} min, {f['mean_speed_kmh']:.1f} km/h on average",
            ),
            (
                f"{name}: collisions",
                f"{f['collisions_per_km']:.2f} a km ({f['collisions']:.0f}, {f['in_events']:.0f} of them in one of {f['events']:.0f} events)",
            ),
            (
                f"{name}: off the road, stuck",
                f"{f['off_road_share']:.2%} of the frames, {f['stuck']:.0f} of {f['drives']:.0f} drives",
            ),
        ]
    return rows
