"""Every place by its name: a shipped town, a map of one's own, or a dreamt one; and the dreamt one that a sentence describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from world.dynamics.dreamt import DREAMT, DreamtName, dreamt_place, is_dreamt
from world.dynamics.streets import FOLDER
from world.errors import DataError
from world.scene.character import Regions
from world.scene.described import SAYABLE, describe, not_understood
from world.scene.places import ENDING, ENDINGS, OPENDRIVE, load_place, towns
from world.scene.state import Place

# What weather and time a phrase tells, as fields of a Control; None: it tells something else. The brain has one (brain/conditions.py).
ReadConditions = Callable[[str], Mapping[str, int] | None]
NAME = re.compile(
    rf"(town[:-]|osm:)\S.*|.*({'|'.join(map(re.escape, (*ENDINGS, ENDING, OPENDRIVE, '.net.xml')))})(@\S*)?",
    re.IGNORECASE,
)
TOWN = re.compile(r"^town:")
LONGEST = 500  # characters of a sentence
SEEDS = range(1, 17)  # of the dreamt places that drives begin in when nobody says where


def usual_places() -> tuple[str, ...]:
    """Where drives begin when nobody says: dreamt places where there is a network that dreams streets, else the test towns."""
    if (FOLDER / "config.json").exists():
        return tuple(f"{DREAMT}:{seed}" for seed in SEEDS)
    return tuple(towns()["test"])


@dataclass(frozen=True, slots=True)
class Where:
    """Where a drive begins. place: its name, None where the drive's seed says; conditions: what of weather and time was told, as fields of a Control."""

    place: str | None = None
    conditions: Mapping[str, int] = field(default_factory=dict)


ANYWHERE = Where()


def is_name(text: str) -> bool:
    """Whether that is meant as a place's name or a map's file, and not as a sentence."""
    return is_dreamt(text) or NAME.fullmatch(text) is not None


def where(text: str, seed: int = 0, read: ReadConditions = lambda phrase: None) -> Where:
    """A name as it is (`find_place` says whether there is such a place); of a sentence the dreamt place, whose seed is `seed`, and its conditions.

    Raises DataError, in one sentence: words that are not understood, that contradict each other, or that say nothing of a place.
    """
    text = text.strip()
    if is_name(text):
        return Where(TOWN.sub("town-", text))
    if len(text) > LONGEST:
        raise DataError(f"A place is described in {LONGEST} characters at most, not {len(text):,}; say it shorter.")
    told, unknown = describe(text), []
    conditions: dict[str, int] = {}
    by: dict[str, str] = {}  # the phrase that told each
    for phrase in told.rest:
        found = read(phrase)
        if found is None:
            unknown.append(phrase)
        for name, value in (found or {}).items():
            if conditions.setdefault(name, value) != value:
                raise DataError(f"'{by[name]}' and '{phrase}' contradict each other; say one of them.")
            by[name] = phrase
    if unknown:
        raise not_understood(unknown)
    if told.regions == Regions() and not conditions:
        raise DataError(f"'{text[:40]}' says nothing of a place; {SAYABLE}.")
    return Where(None if told.regions == Regions() else DreamtName(seed, told.regions).name, conditions)


def find_place(name: str) -> Place:
    """A name: "town-7" or "town:7"; a path or "osm:map.osm"; "dreamt", "dreamt:SEED:CHARACTER" (world/dynamics/dreamt.py).

    Raises DataError: there is no such place; WeightsError: no network dreams streets here.
    """
    if is_dreamt(name):
        return dreamt_place(name)
    kind, colon, rest = name.partition(":")
    if colon and kind == "town":
        return load_place(f"town-{rest}")
    return load_place(rest if colon and kind == "osm" else name)
