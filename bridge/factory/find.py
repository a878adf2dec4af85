"""Searches the scenes of a take for danger: a collision, a near miss, a time to collision; at random, or by the cross-entropy method.

CEM: Rubinstein and Kroese, The Cross-Entropy Method (2004), chapter 5: a Gaussian over the free parameters is drawn from, and fitted
to the best of what it gave. Each take searches by its own seed, so the same take finds the same whoever drives it and beside whom.
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

WAYS = ("random", "cem")
NEAR_MISS = 1.0  # s to a collision that then does not come
TRIALS, MOST_TRIALS = 48, 2000  # scenes a take
GENERATION, BEST, KEPT, LEAST = 12, 3, 0.3, 0.05  # drawn at a time; fitted to; share of the old fit; least deviation
NAMES = ("lane", "where", "speed", "gaps", "reckless", "onset", "side", "level")
LOW = {"speed": 3.0, "gaps": 0.5, "reckless": 0.0, "onset": 0.5}  # m/s; density of traffic; share; s
HIGH = {"speed": 14.0, "gaps": 2.0, "reckless": 0.5, "onset": 4.0}


@dataclass(frozen=True, slots=True)
class Find:
    """What is looked for. seconds: below which the least time to collision must lie, where that is asked for."""

    what: str
    seconds: float = 0.0
    by: str = "random"
    trials: int = TRIALS

    @classmethod
    def of(cls, text: str, by: str = "random", trials: int = TRIALS) -> Find:
        """`collision`, `near-miss` or `ttc<1.5`. ScenarioError."""
        if by not in WAYS:
            raise ScenarioError(f"There is no search by '{by[:40]}'; there are: {', '.join(WAYS)}.")
        if not 1 <= trials <= MOST_TRIALS:
            raise ScenarioError(f"A search tries 1 to {MOST_TRIALS} scenes a clip, not {trials}.")
        text = "".join(text.lower().split())
        if text in ("collision", "near-miss"):
            return cls(text, by=by, trials=trials)
        found = re.fullmatch(r"ttc<(\d+(?:\.\d+)?)", text)
        if found is None or not 0 < float(found[1]) <= HORIZON:
            raise ScenarioError(
                f"'{text[:40]}' cannot be looked for; say collision, near-miss, or ttc< with seconds up to {HORIZON:g}, as ttc<1.5."
            )
        return cls("ttc", float(found[1]), by, trials)

    def met(self, least: float, contact: bool) -> bool:
        """least: s to a collision at the worst moment; contact: whether one came."""
        if self.what == "collision":
            return contact
        return not contact and least < (NEAR_MISS if self.what == "near-miss" else self.seconds)

    def score(self, least: float, contact: bool) -> float:
        """Lower is nearer to what is looked for; a contact is none where it must not come."""
        if self.what == "collision":
            return 0.0 if contact else 1.0 + least
        return HORIZON if contact else least

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Values of the free parameters. lane, where: shares of the lanes and of the way along one; speed m/s; gaps: density of traffic;
    reckless: share of the others; onset s, side, level: of the event, where the scenario has one.
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
    def of(cls, drawn: np.ndarray) -> Candidate:
        """Of numbers in [0, 1], one for each of NAMES."""
        given = dict(zip(NAMES, (float(value) for value in drawn), strict=True))
        spread = {name: round(LOW[name] + (HIGH[name] - LOW[name]) * given[name], 3) for name in LOW}
        spread["onset"] = round(2 * spread["onset"]) / 2
        side, level = SIDES[int(given["side"] >= 0.5)], 1 + min(2, int(3 * given["level"]))
        return cls(min(0.999, given["lane"]), given["where"], side=side, level=level, **spread)

    def told(self, scenario: Scenario) -> Scenario:
        """The scenario with its events when, from where and as suddenly as this says."""
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


def search(find: Find, seed: int, judge: Callable[[Candidate], tuple[float, bool]]) -> None:
    """Draws beginnings until `judge`, which gives a score and whether it is found, has found one, or the trials are spent."""
    chance = np.random.default_rng((seed, 21))
    mean, deviation = np.full(len(NAMES), 0.5), np.full(len(NAMES), 0.35)
    scored: list[tuple[float, int, np.ndarray]] = []
    for trial in range(find.trials):
        if find.by == "random" or trial < GENERATION:
            drawn = chance.random(len(NAMES))
        else:
            drawn = np.clip(chance.normal(mean, deviation), 0.0, 1.0)
        score, found = judge(Candidate.of(drawn))
        if found:
            return
        scored.append((score, trial, drawn))
        if len(scored) == GENERATION:
            best = np.stack([one for _, _, one in sorted(scored, key=lambda one: one[:2])[:BEST]])
            mean = KEPT * mean + (1 - KEPT) * best.mean(0)
            deviation = np.maximum(LEAST, KEPT * deviation + (1 - KEPT) * best.std(0))
            scored = []


def worst(states: Sequence[SceneState]) -> float:
    """s to a collision at the worst moment of a drive; infinite where none was ahead within HORIZON."""
    return min((time_to_collision(state) for state in states), default=math.inf)
