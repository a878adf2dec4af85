"""Searches the scenes of a take for danger: a collision, a near miss, a time to collision; at random, or by the cross-entropy method.

CEM: Rubinstein and Kroese, The Cross-Entropy Method (2004), chapter 5: samples of a Gaussian over the free parameters, which is
refitted to the best of them. Each take searches by its own seed: the same take finds the same in any batch and on any worker.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from brain.plan import ORDINARY, SIDES, Plan, When, check_step, print_line
from bridge.factory.scenario import SIDED, Scenario, ScenarioError
from world.dynamics.danger import HORIZON, time_to_collision
from world.scene.state import SceneState

METHODS = ("random", "cem")
NEAR_MISS = 1.0  # s to a collision that then does not come
TRIALS, MOST_TRIALS = 48, 2000  # scenes a take
GENERATION, ELITE, SMOOTHING, MIN_DEVIATION = (
    12,
    3,
    0.3,
    0.05,
)  # samples a generation; of which are fitted to; weight of the old fit
NAMES = ("lane", "where", "speed", "gaps", "reckless", "onset", "side", "level")
LOW = {"speed": 3.0, "gaps": 0.5, "reckless": 0.0, "onset": 0.5}  # m/s; density of traffic; share; s
HIGH = {"speed": 14.0, "gaps": 2.0, "reckless": 0.5, "onset": 4.0}


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """What a search looks for, how, and in how many scenes a take. seconds: of `ttc`, which the least time to collision must fall below."""

    what: str
    seconds: float = 0.0
    by: str = "random"
    trials: int = TRIALS

    @classmethod
    def of(cls, text: str, by: str = "random", trials: int = TRIALS) -> SearchSpec:
        """`text`: `collision`, `near-miss` or, say, `ttc<1.5`. ScenarioError for any other, an unknown method, or too many trials."""
        if by not in METHODS:
            raise ScenarioError(f"There is no search by '{by[:40]}'; there are: {', '.join(METHODS)}.")
        if not 1 <= trials <= MOST_TRIALS:
            raise ScenarioError(f"A search tries 1 to {MOST_TRIALS} scenes a clip, not {trials}.")
        text = "".join(text.lower().split())
        if text in ("collision", "near-miss"):
            return cls(text, by=by, trials=trials)
        match = re.fullmatch(r"ttc<(\d+(?:\.\d+)?)", text)
        if match is None or not 0 < float(match[1]) <= HORIZON:
            raise ScenarioError(
                f"'{text[:40]}' cannot be looked for; say collision, near-miss, or ttc< with seconds up to {HORIZON:g}, as ttc<1.5."
            )
        return cls("ttc", float(match[1]), by, trials)

    def met(self, least: float, contact: bool) -> bool:
        """Whether a drive is what is looked for. least: its least time to collision in s; contact: whether our car touched somebody."""
        if self.what == "collision":
            return contact
        return not contact and least < (NEAR_MISS if self.what == "near-miss" else self.seconds)

    def score(self, least: float, contact: bool) -> float:
        """How far a drive is from what is looked for, 0 at best; a contact counts as HORIZON where it must not come."""
        if self.what == "collision":
            return 0.0 if contact else 1.0 + least
        return HORIZON if contact else least

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample of the free parameters. lane, where: in [0, 1], which lane and how far along it; speed: m/s; gaps: density of traffic;
    reckless: share of the other drivers; onset (s), side, level: of the event, where the scenario has one.
    """

    lane: float
    where: float
    speed: float
    gaps: float
    reckless: float
    onset: float
    side: str
    level: int

    @classmethod
    def of(cls, sample: np.ndarray) -> Candidate:
        """`sample`: numbers in [0, 1], one for each of NAMES."""
        unit = dict(zip(NAMES, (float(value) for value in sample), strict=True))
        scaled = {name: round(LOW[name] + (HIGH[name] - LOW[name]) * unit[name], 3) for name in LOW}
        scaled["onset"] = round(2 * scaled["onset"]) / 2
        side, level = SIDES[int(unit["side"] >= 0.5)], 1 + min(2, int(3 * unit["level"]))
        return cls(min(0.999, unit["lane"]), unit["where"], side=side, level=level, **scaled)

    def apply(self, scenario: Scenario) -> Scenario:
        """The scenario with this onset, side and level in its events."""
        steps = []
        for step in scenario.plan.steps:
            if step.group == "event":
                args = (
                    *((self.side,) if step.name in SIDED else ()),
                    *(() if self.level == ORDINARY else (self.level,)),
                )
                step = replace(step, args=args, when=When("delay", self.onset))
            steps.append(check_step(step))
        return replace(scenario, line=print_line(Plan(tuple(steps))))


def search(find: SearchSpec, seed: int, evaluate: Callable[[Candidate], tuple[float, bool]]) -> None:
    """Draws candidates until one is accepted or the trials are spent. evaluate: a candidate's score, lower is better, and whether it is accepted."""
    chance = np.random.default_rng((seed, 21))
    mean, deviation = np.full(len(NAMES), 0.5), np.full(len(NAMES), 0.35)
    generation: list[tuple[float, int, np.ndarray]] = []
    for trial in range(find.trials):
        if find.by == "random" or trial < GENERATION:
            sample = chance.random(len(NAMES))
        else:
            sample = np.clip(chance.normal(mean, deviation), 0.0, 1.0)
        score, accepted = evaluate(Candidate.of(sample))
        if accepted:
            return
        generation.append((score, trial, sample))
        if len(generation) == GENERATION:
            best = np.stack([one for _, _, one in sorted(generation, key=lambda one: one[:2])[:ELITE]])
            mean = SMOOTHING * mean + (1 - SMOOTHING) * best.mean(0)
            deviation = np.maximum(MIN_DEVIATION, SMOOTHING * deviation + (1 - SMOOTHING) * best.std(0))
            generation = []


def min_ttc(states: Sequence[SceneState]) -> float:
    """The least time to collision of a drive in s; infinite where none was ahead within HORIZON."""
    return min((time_to_collision(state) for state in states), default=math.inf)
