"""All props of a growing place, by cells of the land. Versions share unchanged cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from world.scene.hd_map import HDMap
from world.scene.objects import PROP, Kind

CELL = 256.0  # m
Rows = tuple[np.ndarray, np.ndarray]  # numbers int64 [N], ascending, and PROP [N]


@dataclass(frozen=True, eq=False)
class Stock:
    """cells: props by column and row; count: of all props, removed ones included. `signal` of a prop is meaningless here."""

    cells: Mapping[tuple[int, int], Rows]
    count: int

    @classmethod
    def of(cls, props: np.ndarray) -> Stock:
        """The stock of PROP [N], numbered from 0."""
        return cls({}, 0).changed((np.zeros(0, np.int64), props[:0]), props)

    def near(self, middles: np.ndarray, reach: float) -> Rows:
        """At least all props within `reach` m of some points [N, 2]."""
        far = reach + 0.71 * CELL
        parts = [
            own
            for cell, own in self.cells.items()
            if (np.hypot(*(middles - CELL * (np.array(cell) + 0.5)).T) < far).any()
        ]
        return _sorted(parts)

    def all(self) -> Rows:
        """All props."""
        return _sorted(list(self.cells.values()))

    def changed(self, old: Rows, new: np.ndarray) -> Stock:
        """The stock with PROP `new` in place of the old rows; further rows of `new` get the next numbers."""
        numbers, before = old
        cells, count = dict(self.cells), len(new) - len(before)
        removed = np.flatnonzero(new["kind"][: len(before)] != before["kind"])
        for cell in {(int(i), int(k)) for i, k in _cells(before[removed])}:
            own, props = cells[cell]
            at = np.searchsorted(own, numbers[removed])
            here = (at < len(own)) & (own[np.minimum(at, len(own) - 1)] == numbers[removed])
            props = props.copy()
            props[at[here]] = new[removed[here]]
            cells[cell] = own, props
        added = new[len(before) :]
        of = _cells(added)
        for cell in {(int(i), int(k)) for i, k in of}:
            here = np.flatnonzero((of == cell).all(1))
            own, props = cells.get(cell, (numbers[:0], before[:0]))
            cells[cell] = np.concatenate([own, self.count + here]), np.concatenate([props, added[here]])
        return Stock(cells, self.count + count)


def signalled(props: np.ndarray, place: HDMap) -> np.ndarray:
    """PROP [N] with `signal` set to the map's number of a post's signal, -1 for others."""
    lit = np.unique(place.lanes["signal"])
    lit = lit[lit >= 0]
    signals = place.signals[lit]
    number = dict(zip(zip(signals["x"].tolist(), signals["y"].tolist(), strict=True), lit.tolist(), strict=True))
    out = props.copy()
    out["signal"] = -1
    for k in np.flatnonzero(props["kind"] == int(Kind.SIGNAL)):
        out["signal"][k] = number.get((float(props["x"][k]), float(props["y"][k])), -1)
    return out


def _cells(props: np.ndarray) -> np.ndarray:
    return np.floor(np.stack([props["x"], props["y"]], 1) / CELL).astype(np.int64)


def _sorted(parts: list[Rows]) -> Rows:
    numbers = np.concatenate([np.zeros(0, np.int64), *(own for own, _ in parts)])
    order = np.argsort(numbers)
    return numbers[order], np.concatenate([np.zeros(0, PROP), *(props for _, props in parts)])[order]
