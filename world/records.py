"""Records out of plain values, by what their fields are: the other way round `dataclasses.asdict` does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_origin, get_type_hints

Record = TypeVar("Record")


def from_plain(kind: Callable[..., Record], values: Mapping[str, Any]) -> Record:
    """The dataclass whose `asdict` went through JSON: records within it are made too, lists become tuples.

    TypeError for a key that is unknown or missing without a default.
    """
    kinds = get_type_hints(kind)
    return kind(**{name: _made(kinds.get(name), value) for name, value in values.items()})


def _made(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return from_plain(kind, value)  # type: ignore[arg-type]
    return tuple(value) if get_origin(kind) is tuple else value
