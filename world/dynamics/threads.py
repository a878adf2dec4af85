"""Rows of a batch on several threads, for compiled loops that release the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from world.machine import cores


def in_threads(work: Callable[[int, int], None], rows: int, together: int) -> None:
    """Calls `work(first, last)` for all rows, `together` at a time; the calls must be independent.

    The calling thread works too, alone if the others are busy. Blocks until complete and raises what `work` raises.
    """
    parts = iter(range(0, rows, together))  # shared between threads

    def take() -> None:
        for first in parts:
            work(first, min(rows, first + together))

    helpers = min(cores() - 1, (rows - 1) // together)
    others = [_pool(os.getpid()).submit(take) for _ in range(helpers)]
    try:
        take()
    finally:
        left = [one for one in others if not one.cancel()]
        for one in left:
            one.result()


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The pool of a process: a fork does not copy threads."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "rows")
