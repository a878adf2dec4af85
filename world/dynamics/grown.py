"""A dreamt place by its name and where it was extended. The last few are kept whole, and of some more what they follow from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from world.dynamics import roadside, streets
from world.dynamics.dreamt import GrowingPlace, dreamt_place
from world.dynamics.extend import extended, shown
from world.dynamics.growth import Asked, Growth
from world.dynamics.renumber import renumbered
from world.dynamics.stock import Stock
from world.dynamics.tables import tables
from world.machine import give_back

PLACES, GROWTHS = 2, 32  # of all drives together
Key = tuple[str, tuple[Asked, ...], Path, Path]
Value = TypeVar("Value")


class _Newest(Generic[Value]):
    """The values that were wanted last."""

    def __init__(self, most: int) -> None:
        self._most, self._of, self._lock = most, OrderedDict[Key, Value](), threading.Lock()

    def get(self, key: Key) -> Value | None:
        with self._lock:
            if key not in self._of:
                return None
            self._of.move_to_end(key)
            return self._of[key]

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            self._of[key] = value
            self._of.move_to_end(key)
            while len(self._of) > self._most:
                self._of.popitem(last=False)


_places = _Newest[GrowingPlace](PLACES)
_growths = _Newest[tuple[Growth, Stock]](GROWTHS)


def grown_place(
    name: str,
    asked: tuple[Asked, ...],
    grown_by: Path = streets.FOLDER,
    lined_by: Path = roadside.FOLDER,
) -> GrowingPlace:
    """A dreamt place by its name and where it was extended, in order. Errors as `dreamt_place`'s."""
    place = first = dreamt_place(name, grown_by, lined_by)
    count, found = len(asked), None
    while count and found is None:
        found = _known(first, (first.name, asked[:count], *first.weights))
        count -= found is None
    place = found or first
    for one in asked[count:]:
        place = _grown(place, one)
    return place


def grown_from(place: GrowingPlace, asked: Asked) -> GrowingPlace:
    """The place extended once more, with what the next step of its drives wants of it, made here, where nobody waits for it."""
    grown = _grown(place, asked)
    tables(grown.map)
    renumbered(place.map, grown.map)
    give_back()  # what it was made with, while nobody waits
    return grown


def _grown(place: GrowingPlace, asked: Asked) -> GrowingPlace:
    """As `extended`, once for drives with the same past."""
    key = (place.name, (*place.asked, asked), *place.weights)
    grown = _places.get(key)
    if grown is None:
        grown = extended(place, asked)
        _places.put(key, grown)
        _growths.put(key, (grown.growth, grown.stock))
    return grown


def whole(place: GrowingPlace) -> GrowingPlace:
    """The place with a map of all of it."""
    return shown(place, place.asked, everywhere=True) if place.asked else place


def _known(first: GrowingPlace, key: Key) -> GrowingPlace | None:
    place = _places.get(key)
    if place is None and (growth := _growths.get(key)) is not None:
        place = shown(replace(first, growth=growth[0], stock=growth[1]), key[1])
        _places.put(key, place)
    return place
