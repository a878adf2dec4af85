"""What a run is made of: clips, each a job whose id is a hash of all that the clip depends on, in groups that are driven together.

The clips' order alone decides which are driven together, never which worker is free: the same request gives the same clips by
any number of workers.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from brain.plan import MAX_SECONDS
from bridge.errors import DataError
from bridge.factory.find import SearchSpec
from bridge.factory.scenario import Scenario, ScenarioError, vary
from bridge.factory.start import Start
from world.controls import FPS
from world.scene_world import RULES, SIZES, Others

FORMAT = 3  # of a run: another one where the same request would give other clips
TOGETHER = 8  # drives a group
MOST_RETRIES, MOST_BRANCHES, LONGEST = 20, 8, 60.0  # s
START = Start()
LEAST_SECONDS = 1.5
QUALITIES = {  # the dial's value by a picture's height and width; an encoded video's last bits vary where the height is no multiple of 16
    f"{height}x{width}": quality for quality, (height, width) in SIZES.items() if height and height % 16 == 0
}
SIZE = "144x256"


@dataclass(frozen=True)
class Request:
    """What a run makes. clips: each with its scenario and seed; seconds: of a clip; world: its hashes; retries: new seeds for a
    rejected clip; size: of the pictures, one of QUALITIES; branches: plan lines that each clip forks into after `fork_at`
    seconds; together: drives a group; others: who else is on the road; find: what is searched for among scenes; labels: whether each painted clip gets
    the ground truth of its pictures (bridge/factory/shard.py). ScenarioError for settings that no run can have.
    """

    clips: tuple[tuple[Scenario, int], ...]
    seconds: float
    world: dict[str, str]
    start: Start = START
    retries: int = 2
    size: str = SIZE
    branches: tuple[str, ...] = ()
    fork_at: float | None = None
    together: int = TOGETHER
    others: Others = RULES
    find: SearchSpec | None = None
    labels: bool = False

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return round(self.seconds * FPS)

    @property
    def quality(self) -> int:
        """The quality dial's value for pictures of `size`."""
        return QUALITIES[self.size]

    @property
    def pixels(self) -> int:
        """Pixels of a picture."""
        height, width = SIZES[self.quality]
        return height * width

    @property
    def fork_frame(self) -> int | None:
        """The last frame of the common past, counted from 0; None without branches."""
        return None if self.fork_at is None else round(self.fork_at * FPS)

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """Every clip or set of clips once, in the request's order."""
        common = self.common()
        jobs = [Job(job_id(common, scenario.line, seed), scenario, seed) for scenario, seed in self.clips]
        return tuple({job.id: job for job in jobs}.values())

    def groups(self) -> tuple[tuple[Job, ...], ...]:
        """The jobs that are driven together; where places are dreamt, clips of the same one follow one another."""
        each, names = max(1, self.together // max(1, len(self.branches))), self.start.names
        jobs = sorted(self.jobs, key=lambda job: job.seed % len(names)) if names else self.jobs
        return tuple(tuple(jobs[first : first + each]) for first in range(0, len(jobs), each))

    def common(self) -> dict[str, Any]:
        """All that a clip depends on apart from its line and seed."""
        return {
            "format": FORMAT,
            "seconds": self.seconds,
            "start": self.start.key,
            "size": self.size,
            "branches": list(self.branches),
            "fork_at": self.fork_at,
            "world": self.world,
            "together": self.together,
            "reckless": self.others.reckless,
            "find": self.find.plain() if self.find else None,
            **({"labels": True} if self.labels else {}),
        }

    def plain(self) -> dict[str, Any]:
        """For JSON; `of_plain` reads it back."""
        start: dict[str, Any] = {"scene": self.start.scene, "what": self.start.what}
        if self.start.names:
            start["names"] = list(self.start.names)
        clips = [{"line": scenario.line, "text": scenario.text, "seed": seed} for scenario, seed in self.clips]
        return {
            **self.common(),
            "retries": self.retries,
            "traffic": str(self.others.traffic),
            "begin": start,
            "wanted": clips,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """One clip, or with branches one set of them."""

    id: str
    scenario: Scenario
    seed: int

    def take(self, attempt: int) -> Take:
        """An attempt: the first has the job's seed, each later one a new seed."""
        seed = self.seed if attempt == 0 else int(_digest(f"{self.id} {attempt}")[:7], 16)
        return Take(self, attempt, seed)


@dataclass(frozen=True, slots=True)
class Take:
    """One attempt at a job."""

    job: Job
    attempt: int
    seed: int

    @property
    def stem(self) -> str:
        """The stem of its files' names."""
        return f"{self.job.id}-{self.attempt}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Takes that are driven together: what is left of a group in one round of attempts."""

    group: int
    takes: tuple[Take, ...]


def job_id(common: dict[str, Any], line: str, seed: int) -> str:
    """A hash, 16 hexadecimal digits, of all that a clip depends on. common: `Request.common`."""
    return _digest(json.dumps({**common, "line": line, "seed": seed}, sort_keys=True))[:16]


def vary_by_seed(scenario: Scenario, seed: int) -> Scenario:
    """The scenario with what it leaves open chosen by the seed."""
    chance = random.Random(f"vary {seed} {scenario.line}")
    return vary(scenario, chance.random(), chance.random())


def of_plain(values: dict[str, Any], start: Start) -> Request:
    """The request that `Request.plain` wrote. DataError where it is damaged or of another version."""
    try:
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']}")
        clips = tuple((Scenario(one["line"], one["text"]), int(one["seed"])) for one in values["wanted"])
        names = ("seconds", "world", "retries", "size", "fork_at", "together")
        settings = {name: values[name] for name in names}
        others = Others.of(values["traffic"], float(values["reckless"]))
        find = SearchSpec(**values["find"]) if values["find"] else None
        settings |= {"branches": tuple(values["branches"]), "labels": bool(values.get("labels"))}
        request = Request(clips, start=start, others=others, find=find, **settings)
        if any(values[name] != value for name, value in request.common().items()):
            raise ValueError("another beginning")
        return request
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The run in that folder is damaged or of another version ({error}); use a new folder."
        ) from error


def check_settings(request: Request) -> None:
    """ScenarioError for settings that no run can have."""
    r = request
    if not LEAST_SECONDS <= r.seconds <= LONGEST:
        raise ScenarioError(f"A clip lasts {LEAST_SECONDS:g} to {LONGEST:g} seconds, not {r.seconds:g}.")
    if r.size not in QUALITIES:
        raise ScenarioError(f"There is no picture size '{str(r.size)[:40]}'; there are: {', '.join(QUALITIES)}.")
    if not 0 <= r.retries <= MOST_RETRIES:
        raise ScenarioError(f"Retries are 0 to {MOST_RETRIES} a clip, not {r.retries}.")
    if not r.clips:
        raise ScenarioError("There is nothing to make: no clip was asked for.")
    if (r.fork_at is None) != (not r.branches):
        raise ScenarioError(
            'A counterfactual set needs both: when it forks, and into what: --fork-at 2.5 --branches "stop;left".'
        )
    if r.find is not None and (r.branches or r.start.state is not None):
        raise ScenarioError("A search chooses where a drive begins: leave out --from and --branches, or --find.")
    if r.fork_at is None:
        return
    if not 0.1 <= r.fork_at <= r.seconds - 0.5 or r.fork_at > MAX_SECONDS:
        raise ScenarioError(f"A clip of {r.seconds:g} s forks at 0.1 to {r.seconds - 0.5:g} s, not {r.fork_at:g}.")
    if not 2 <= len(r.branches) <= MOST_BRANCHES or len(set(r.branches)) < len(r.branches):
        raise ScenarioError(f"A set has 2 to {MOST_BRANCHES} branches, no two the same, not {len(r.branches)}.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
