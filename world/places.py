"""Places by name: shipped towns, imported maps and dreamt places; and the dreamt place of a description."""

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

# Weather and time of a phrase, as fields of a Control; None for another phrase. Implemented in brain/conditions.py.
ReadConditions = Callable[[str], Mapping[str, int] | None]
NAME = re.compile(
    rf"(town[:-]|osm:)\S.*|.*({'|'.join(map(re.escape, (*ENDINGS, ENDING, OPENDRIVE, '.net.xml')))})(@\S*)?",
    re.IGNORECASE,
)
TOWN = re.compile(r"^town:")
LONGEST = 500  # characters of a sentence
SEEDS = range(1, 17)  # of the default dreamt places


def usual_places() -> tuple[str, ...]:
    """Default places of drives: dreamt ones if there is a streets' network, else the test towns."""
    if (FOLDER / "config.json").exists():
        return tuple(f"{DREAMT}:{seed}" for seed in SEEDS)
    return tuple(towns()["test"])


@dataclass(frozen=True, slots=True)
class Where:
    """Where a drive begins. place: its name, None for a choice by the seed; conditions: weather and time, as fields of a Control."""

    place: str | None = None
    conditions: Mapping[str, int] = field(default_factory=dict)


ANYWHERE = Where()


def is_name(text: str) -> bool:
    """Whether a text is a place's name or a map's file, and not a sentence."""
    return is_dreamt(text) or NAME.fullmatch(text) is not None


def where(text: str, seed: int = 0, read: ReadConditions = lambda phrase: None) -> Where:
    """A name unchanged (`find_place` checks it); for a sentence the dreamt place with `seed`, and the conditions.

    Raises DataError for words that are not understood, that contradict each other, or that describe no place.
    """
    text = text.strip()
    if is_name(text):
        return Where(TOWN.sub("town-", text))
    if len(text) > LONGEST:
        raise DataError(f"A place is described in {LONGEST} characters at most, not {len(text):,}; say it shorter.")
    description, unknown = describe(text), []
    conditions: dict[str, int] = {}
    by: dict[str, str] = {}  # the phrase of each condition
    for phrase in description.rest:
        fields = read(phrase)
        if fields is None:
            unknown.append(phrase)
        for name, value in (fields or {}).items():
            if conditions.setdefault(name, value) != value:
                raise DataError(f"'{by[name]}' and '{phrase}' contradict each other; say one of them.")
            by[name] = phrase
    if unknown:
        raise not_understood(unknown)
    if description.regions == Regions() and not conditions:
        raise DataError(f"'{text[:40]}' says nothing of a place; {SAYABLE}.")
    return Where(None if description.regions == Regions() else DreamtName(seed, description.regions).name, conditions)


def find_place(name: str) -> Place:
    """The place of a name: "town-7" or "town:7"; a path or "osm:map.osm"; "dreamt", "dreamt:SEED:CHARACTER" (world/dynamics/dreamt.py).

    Raises DataError where there is no such place, WeightsError where the streets' network is missing.
    """
    if is_dreamt(name):
        return dreamt_place(name)
    kind, colon, rest = name.partition(":")
    if colon and kind == "town":
        return load_place(f"town-{rest}")
    return load_place(rest if colon and kind == "osm" else name)
