"""Memory that is free goes back to the system, where the C library can be told to (glibc)."""

from __future__ import annotations

import ctypes
from functools import lru_cache


def give_back() -> None:
    """Does so; takes some milliseconds. Elsewhere nothing happens."""
    if (trim := _trim()) is not None:
        trim(0)


@lru_cache(maxsize=1)
def _trim() -> ctypes._NamedFuncPointer | None:
    """glibc's malloc_trim; None where there is none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return None
