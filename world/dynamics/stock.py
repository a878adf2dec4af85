"""All that stands in a place that grows, by tiles of the land: a version shares what it does not change with the one before."""

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
    """cells: what stands in each, by column and row; count: of all things, those that made way among them. `signal` means nothing here."""

    cells: Mapping[tuple[int, int], Rows]
    count: int

    @classmethod
    def of(cls, props: np.ndarray) -> Stock:
        return cls({}, 0).changed((np.zeros(0, np.int64), props[:0]), props)

    def near(self, middles: np.ndarray, reach: float) -> Rows:
        """At least what stands within `reach` m of some points [N, 2]."""
        far = reach + 0.71 * CELL
        found = [
            own
            for cell, own in self.cells.items()
            if (np.hypot(*(middles - CELL * (np.array(cell) + 0.5)).T) < far).any()
        ]
        return _sorted(found)

    def all(self) -> Rows:
        return _sorted(list(self.cells.values()))

    def changed(self, old: Rows, new: np.ndarray) -> Stock:
        """With PROP `new` for some old rows, and for more after them, which get the next numbers."""
        numbers, before = old
        cells, count = dict(self.cells), len(new) - len(before)
        gone = np.flatnonzero(new["kind"][: len(before)] != before["kind"])
        for cell in {(int(i), int(k)) for i, k in _cells(before[gone])}:
            own, props = cells[cell]
            at = np.searchsorted(own, numbers[gone])
            here = (at < len(own)) & (own[np.minimum(at, len(own) - 1)] == numbers[gone])
            props = props.copy()
            props[at[here]] = new[gone[here]]
            cells[cell] = own, props
        added = new[len(before) :]
        of = _cells(added)
        for cell in {(int(i), int(k)) for i, k in of}:
            here = np.flatnonzero((of == cell).all(1))
            own, props = cells.get(cell, (numbers[:0], before[:0]))
            cells[cell] = np.concatenate([own, self.count + here]), np.concatenate([props, added[here]])
        return Stock(cells, self.count + count)


def signalled(props: np.ndarray, place: HDMap) -> np.ndarray:
    """PROP [N] whose `signal` is the map's number of the signal that a post bears, -1 for others."""
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
