"""Strict reading of hand-written JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from world.errors import DataError


class Fields:
    """A JSON object whose fields are read one by one. DataError for unknown, missing and invalid ones."""

    def __init__(self, row: Any, where: str, allowed: Iterable[str]) -> None:
        if not isinstance(row, dict):
            raise DataError(f"{where} is {_short(row)}; it must be an object.")
        if unknown := sorted(set(row) - set(allowed)):
            raise DataError(f"{where} has a field '{unknown[0]}'; it may have {', '.join(allowed)}.")
        self.row, self.where = row, where

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """A number in [low, high]; `default` where it is missing. DataError for anything else."""
        value = self.row.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            self.wrong(name, f"it must be a number from {low:.10g} to {high:.10g}")
        return float(value)

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number from 0 on; `default` where it is missing. DataError for anything else."""
        value = self.number(name, 0, 2**31 - 2, default)
        if value != int(value):
            self.wrong(name, "it must be a whole number")
        return int(value)

    def one_of(self, name: str, names: Iterable[str]) -> str:
        """One of some names. DataError for anything else."""
        value = self.row.get(name)
        if not isinstance(value, str) or value not in names:
            self.wrong(name, f"it must be one of {', '.join(names)}")
        return value

    def text(self, name: str) -> str:
        """A non-empty text. DataError for anything else."""
        value = self.row.get(name)
        if not isinstance(value, str) or not value:
            self.wrong(name, "it must be a text")
        return value

    def rows(self, name: str) -> list[Any]:
        """A list. DataError for anything else."""
        value = self.row.get(name)
        if not isinstance(value, list):
            self.wrong(name, "it must be a list")
        return value

    def wrong(self, name: str, but: str) -> NoReturn:
        """Raises DataError with the field's value and what it must be."""
        has = f"{name} is {_short(self.row[name])}" if name in self.row else f"there is no {name}"
        raise DataError(f"{self.where}: {has}; {but}.")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 40 else text[:36] + " ..."
