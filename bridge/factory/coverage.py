"""What a run covers: clips asked for and made, by scenario, weather, time of day and place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.factory.scenario import NONE, Scenario
from bridge.factory.start import place_of
from bridge.factory.store import Store

DEFAULTS = {"weather": "clear", "time": "day"}  # what a clip begins under where nothing is said


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination. asked: clips whose first take belongs to it; made: accepted clips that do; trials: scenes that were tried."""

    scenario: str
    weather: str
    time: str
    place: str
    asked: int
    made: int
    trials: int

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def table(store: Store) -> list[Cell]:
    """The cells of a run, sorted by their words. A clip made by a later take counts in the place of that take's seed."""
    counts: dict[tuple[str, str, str, str], list[int]] = {}
    for job in store.request.jobs:
        words = _words(job.scenario)
        counts.setdefault((*words, place_of(store.request.start, job.seed)), [0, 0, 0])[0] += 1
        for attempt, result in enumerate(store.results(job)):
            place = place_of(store.request.start, job.take(attempt).seed)
            cell = counts.setdefault((*words, place), [0, 0, 0])
            cell[1] += result.accepted
            cell[2] += result.trials
    return [Cell(*key, *values) for key, values in sorted(counts.items())]


def rows(cells: Sequence[Cell]) -> list[tuple[str, str, str, str, str, str]]:
    """Rows of a table for people, under HEAD."""
    return [
        (one.scenario, one.weather, one.time, one.place, f"{one.made} of {one.asked}", str(one.trials)) for one in cells
    ]


HEAD = ("scenario", "weather", "time", "place", "clips", "scenes tried")


def _words(scenario: Scenario) -> tuple[str, str, str]:
    """Event with side and level and manoeuvre; weather; time."""
    words = scenario.words()
    event = " ".join(words[name] for name in ("event", "side", "level") if words[name] != NONE)
    what = ", ".join(one for one in (event, words["manoeuvre"] if words["manoeuvre"] != NONE else "") if one)
    weather, time = (words[name] if words[name] != NONE else usual for name, usual in DEFAULTS.items())
    return what or "follow", weather, time
