"""Dataclasses from plain values, by their fields' types: the inverse of `dataclasses.asdict`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_origin, get_type_hints

Record = TypeVar("Record")


def from_plain(kind: Callable[..., Record], values: Mapping[str, Any]) -> Record:
    """The dataclass of an `asdict` that went through JSON: nested records are restored, lists become tuples.

    TypeError for an unknown key, or a missing one without a default.
    """
    kinds = get_type_hints(kind)
    return kind(**{name: _made(kinds.get(name), value) for name, value in values.items()})


def _made(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return from_plain(kind, value)  # type: ignore[arg-type]
    return tuple(value) if get_origin(kind) is tuple else value
