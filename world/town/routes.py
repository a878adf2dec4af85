"""Test routes: whether the expert completes them, and the causes of failures.

A route is 400 m of road from a random place in a test town, with the turns, target speeds, lane changes and stops of
the data. It is completed when its end is reached without a collision, leaving the road or running a red light.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from world.controls import DT, TimeOfDay, Weather
from world.kinematics import REAR_AXLE_TO_FRONT
from world.town.camera import TownCamera
from world.town.network import SPLITS
from world.town.options import Options
from world.town.town import Town

ROUTE_METRES = 400.0
ROUTE_SECONDS = 180.0  # long enough for every red light
STUCK_SECONDS = 45.0  # of standing
OFF_ROAD_SECONDS = 0.5  # with the car's centre off the road
DONE = "completed"
CAUSES: tuple[str, ...] = (
    "rear-ended by another",
    "ran into a vehicle",
    "ran into a person",
    "ran into something solid",
)
CAUSES += ("off the road", "stuck", "red light")


@dataclass(frozen=True, slots=True)
class Run:
    """One route: town, seed, outcome (`DONE` or one of `CAUSES`), length (m), duration (s), and its turns ("lrs")."""

    town: int | str
    seed: int
    outcome: str
    metres: float
    seconds: float
    turns: str


def drive(town: Town, seed: int, options: Options) -> Run:
    """Drives one route on the expert's advice. The same town, seed and options give the same run."""
    town.restart(seed)
    town.reset(seed, options)
    metres, frames, turns = 0.0, 0, ""
    outcome = "stuck"
    while frames * DT < ROUTE_SECONDS and town.standing_seconds < STUCK_SECONDS:
        town.choose()
        route, before = town.route, town.route.s + REAR_AXLE_TO_FRONT
        junction, light = route.next_junction(before - 1.0), town.light
        town.step(town.advice.steer, town.advice.accel)
        frames += 1
        metres += town.speed * DT
        after = town.route.s + REAR_AXLE_TO_FRONT
        if junction and before <= junction.entry + 0.5 < after:
            turns += junction.direction
            if light == "r" and town.light == "r":
                outcome = "red light"
                break
        if town.collision is not None:
            outcome = cause(town)
            break
        if town.off_road_seconds > OFF_ROAD_SECONDS:
            outcome = "off the road"
            break
        if metres >= ROUTE_METRES:
            outcome = DONE
            break
    return Run(town.id, seed, outcome, round(metres, 1), round(frames * DT, 1), turns)


def cause(town: Town) -> str:
    """The cause of a collision, one of `CAUSES`."""
    hit = town.collision
    assert hit is not None
    if hit.kind == "solid":
        return CAUSES[3]
    if hit.kind == "person":
        return CAUSES[2]
    return CAUSES[1] if hit.ours else CAUSES[0]


def evaluate_routes(
    routes: int = 200,
    seed: int = 0,
    events: bool = False,
    split: str = "test",
    report: Callable[[float, str], None] | None = None,
) -> dict[str, Any]:
    """Drives `routes` routes, spread evenly over the towns of a split, in clear weather, without rendering.

    Returns counts by outcome, means, and every failed run. The same arguments give the same result. SimulatorError
    without SUMO or Panda3D.
    """
    towns, camera, runs = SPLITS[split], TownCamera(), []
    rng = random.Random(f"routes-{seed}")
    options = Options(Weather.CLEAR, TimeOfDay.DAY, None, 1.0 if events else 0.0, changes=False)
    try:
        for number, identity in enumerate(towns):
            town = Town(identity, seed, camera)
            try:
                for _ in range(routes // len(towns) + (number < routes % len(towns))):
                    runs.append(drive(town, rng.randrange(2**31), options))
                    if report:
                        report(len(runs) / routes, f"town {identity}, {sum(r.outcome == DONE for r in runs)} completed")
            finally:
                town.close()
    finally:
        camera.close()
    return figures(runs)


def figures(runs: list[Run]) -> dict[str, Any]:
    """Counts and shares over runs."""
    outcomes = Counter(run.outcome for run in runs)
    turns = Counter("".join(run.turns for run in runs))
    junctions = max(1, sum(turns.values()))
    metres, seconds = sum(run.metres for run in runs), sum(run.seconds for run in runs)
    return {
        "routes": len(runs),
        "metres_a_route": ROUTE_METRES,
        "completed": outcomes[DONE],
        "completed_share": outcomes[DONE] / max(1, len(runs)),
        "failures": {cause: outcomes[cause] for cause in CAUSES},
        "km": metres / 1000,
        "mean_speed_kmh": 3.6 * metres / max(seconds, 1e-9),
        "junctions": junctions,
        "turns": {
            word: turns[letter] / junctions for letter, word in (("l", "left"), ("r", "right"), ("s", "straight"))
        },
        "failed": [asdict(run) for run in runs if run.outcome != DONE],
    }


def routes_table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result as rows (name, value) for the terminal."""
    rows = [
        ("routes completed", f"{result['completed']} of {result['routes']} ({result['completed_share']:.1%})"),
        ("driven", f"{result['km']:.1f} km, {result['mean_speed_kmh']:.1f} km/h on average"),
        ("at junctions", ", ".join(f"{word} {share:.0%}" for word, share in result["turns"].items())),
    ]
    rows += [(cause, str(count)) for cause, count in result["failures"].items() if count]
    return rows
