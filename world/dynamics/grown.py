"""Dreamt places by name and extensions. Caches the last few places, and growth and stock of some more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from world.dynamics import roadside, streets
from world.dynamics.dreamt import GrowingPlace, dreamt_place
from world.dynamics.extend import extended, shown
from world.dynamics.growth import Extension, Growth
from world.dynamics.renumber import renumbered
from world.dynamics.stock import Stock
from world.dynamics.tables import tables
from world.machine import give_back

PLACES, GROWTHS = 2, 32  # of all drives together
Key = tuple[str, tuple[Extension, ...], Path, Path]
Value = TypeVar("Value")


class _Newest(Generic[Value]):
    """A least-recently-used cache, thread-safe."""

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
    extensions: tuple[Extension, ...],
    grown_by: Path = streets.FOLDER,
    lined_by: Path = roadside.FOLDER,
) -> GrowingPlace:
    """A dreamt place by its name and its extensions, in order. WeightsError and DataError as in `dreamt_place`."""
    place = first = dreamt_place(name, grown_by, lined_by)
    count, place_there = len(extensions), None
    while count and place_there is None:
        place_there = _known(first, (first.name, extensions[:count], *first.weights))
        count -= place_there is None
    place = place_there or first
    for one in extensions[count:]:
        place = _grown(place, one)
    return place


def grown_from(place: GrowingPlace, extension: Extension) -> GrowingPlace:
    """The place extended once more, with the tables for its drives' next step prepared. For a background thread."""
    grown = _grown(place, extension)
    tables(grown.map)
    renumbered(place.map, grown.map)
    give_back()  # frees memory here, in the background
    return grown


def _grown(place: GrowingPlace, extension: Extension) -> GrowingPlace:
    """`extended`, cached for drives with the same past."""
    key = (place.name, (*place.extensions, extension), *place.weights)
    grown = _places.get(key)
    if grown is None:
        grown = extended(place, extension)
        _places.put(key, grown)
        _growths.put(key, (grown.growth, grown.stock))
    return grown


def whole(place: GrowingPlace) -> GrowingPlace:
    """The place with a map of all its streets."""
    return shown(place, place.extensions, everywhere=True) if place.extensions else place


def _known(first: GrowingPlace, key: Key) -> GrowingPlace | None:
    place = _places.get(key)
    if place is None and (growth := _growths.get(key)) is not None:
        place = shown(replace(first, growth=growth[0], stock=growth[1]), key[1])
        _places.put(key, place)
    return place
