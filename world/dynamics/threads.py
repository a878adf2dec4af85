"""Rows of a batch on several threads, in compiled loops that leave the interpreter to others."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from world.machine import cores


def in_threads(work: Callable[[int, int], None], rows: int, together: int) -> None:
    """Calls `work(first, last)`, `together` rows at a time, until every row was in one; what one comes to must not depend on the others.

    This thread works too: where the others are busy elsewhere, it does all of it. Blocks until all is done; raises what `work` does.
    """
    parts = iter(range(0, rows, together))  # which threads may share

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
    """Of a process: threads stay behind at a fork."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "rows")
