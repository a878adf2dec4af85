"""A fake device with exact accounting, for tests and measurements: allocations fail when it is full, or on request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CountedDevice:
    """A `bridge.budget.device.Device` that counts. tenant: bytes that another program holds; failing: numbers, from 0, of allocations that fail."""

    def __init__(self, total: int, failing: frozenset[int] = frozenset()) -> None:
        self.size, self.limit, self.tenant, self.failing = total, total, 0, failing
        self.blocks: dict[int, int] = {}
        self.allocations = 0
        self.frees = 0
        self._lock = threading.Lock()

    def total(self) -> int:
        """Its size."""
        return self.size

    def used(self) -> int:
        """Bytes of all blocks."""
        return sum(self.blocks.values())

    def foreign(self) -> int:
        """Bytes of the other program."""
        return self.tenant

    def cap(self, size: int) -> None:
        """Limits all blocks together to `size`."""
        self.limit = size

    def free(self) -> None:
        """Counts the calls."""
        self.frees += 1

    def allocate(self, size: int) -> int:
        """The number of a new block. MemoryError where it does not fit or is to fail."""
        with self._lock:
            number, self.allocations = self.allocations, self.allocations + 1
            if number in self.failing:
                raise MemoryError(f"allocation {number} was told to fail")
            if self.used() + size > min(self.limit, self.size - self.tenant):
                raise MemoryError(f"{size} bytes are more than are left")
            self.blocks[number] = size
            return number

    def give_back(self, block: int) -> None:
        """Frees a block."""
        with self._lock:
            del self.blocks[block]

    @contextmanager
    def block(self, size: int) -> Iterator[None]:
        """A block for as long as the `with` lasts. MemoryError."""
        number = self.allocate(size)
        try:
            yield
        finally:
            self.give_back(number)
