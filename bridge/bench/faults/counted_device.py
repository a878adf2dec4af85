"""A device with exact accounting, for tests and measurements: allocations fail when it is full, or when told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CountedDevice:
    """tenant: bytes that another program holds. The allocations numbered in `failing` (from 0) fail, once each."""

    def __init__(self, total: int, failing: frozenset[int] = frozenset()) -> None:
        self.size, self.limit, self.tenant, self.failing = total, total, 0, failing
        self.blocks: dict[int, int] = {}
        self.allocations = 0
        self.frees = 0
        self._lock = threading.Lock()

    def total(self) -> int:
        return self.size

    def used(self) -> int:
        return sum(self.blocks.values())

    def foreign(self) -> int:
        return self.tenant

    def cap(self, size: int) -> None:
        self.limit = size

    def free(self) -> None:
        self.frees += 1

    def allocate(self, size: int) -> int:
        """A block's number; MemoryError."""
        with self._lock:
            number, self.allocations = self.allocations, self.allocations + 1
            if number in self.failing:
                raise MemoryError(f"allocation {number} was told to fail")
            if self.used() + size > min(self.limit, self.size - self.tenant):
                raise MemoryError(f"{size} bytes are more than are left")
            self.blocks[number] = size
            return number

    def give_back(self, block: int) -> None:
        with self._lock:
            del self.blocks[block]

    @contextmanager
    def block(self, size: int) -> Iterator[None]:
        number = self.allocate(size)
        try:
            yield
        finally:
            self.give_back(number)
