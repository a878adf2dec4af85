"""A clip factory that is quick: the tiny world, and a judge that sees clear days and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from bridge.factory.jobs import Request
from bridge.factory.scenario import of_line
from bridge.factory.worker import Place, judge_hashes
from tests.tiny_world import write_tiny_world
from world.controls import Event, TimeOfDay, Weather
from world.files import read_config
from world.judge import Judge, JudgeConfig, save

SMALL = JudgeConfig(height=36, width=64, ages=(9, 4, 1, 0), channels=(8, 8, 16, 16), hidden=32, features=16)
TRAINED = {
    "held_out": {
        "weather": {one.name.lower(): 0.99 for one in Weather},
        "time": {one.name.lower(): 0.99 for one in TimeOfDay},
        "event": {one.name.lower(): 0.6 for one in Event} | {"none": 0.95},
        "side": 0.9,
        "speed_error": 1.0,
        "yaw_rate_error": 0.02,
    }
}
SEEN = {"clear": 0, "day": len(Weather) + TimeOfDay.DAY, "none": len(Weather) + len(TimeOfDay)}


def tiny_place(folder: Path) -> Place:
    """Weights of both in `folder`."""
    torch.manual_seed(0)
    judge = Judge(SMALL)
    with torch.no_grad():
        judge.answers.weight.mul_(0.01)
        judge.answers.bias.zero_()
        judge.answers.bias[list(SEEN.values())] = 5.0
    (folder / "judge").mkdir(parents=True)
    save(judge, folder / "judge", TRAINED)
    return Place(write_tiny_world(folder / "world"), folder / "judge")


def tiny_request(place: Place, lines: str = "follow night", seeds: int = 3, **changes: Any) -> Request:
    """`follow` is accepted, whatever asks for something else is not; lines are parted by spaces."""
    assert place.world is not None
    wanted = tuple((of_line(line), seed) for line in lines.split() for seed in range(seeds))
    values: dict[str, Any] = {"retries": 1, "together": 4, "seconds": 1.5} | changes
    hashes = dict(read_config(place.world)[1]["files"])
    return Request(wanted, world=hashes, judge=judge_hashes(place.judge), **values)


def sums(out: Path) -> dict[str, str]:
    """Every file of a folder by its sha256, but for the lock."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
