"""The memory that a ledger shares out: this machine's RAM, or one GPU's. fake.py has a third with exact accounting."""

from __future__ import annotations

import contextlib
import gc
from typing import Protocol

from world import machine

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]


class Device(Protocol):
    """Amounts in bytes, as they are now."""

    def total(self) -> int:
        """What there is at all."""
        ...

    def used(self) -> int:
        """Of this process."""
        ...

    def foreign(self) -> int:
        """Of everyone else."""
        ...

    def cap(self, size: int) -> None:
        """From now on this process gets no more than `size`; what would go beyond fails as if memory were out."""
        ...

    def free(self) -> None:
        """Gives back what nothing needs any more."""
        ...


class Ram:
    """RAM by the resident set."""

    def total(self) -> int:
        return machine.total()

    def used(self) -> int:
        return machine.resident()

    def foreign(self) -> int:
        """0 where the system does not say what is free."""
        free = machine.available()
        return 0 if free is None else max(0, self.total() - free - self.used())

    def cap(self, size: int) -> None:
        """By RLIMIT_DATA: Linux then refuses private memory beyond what this process has mapped and the room left.

        It counts what is mapped, not what is resident, so threads' stacks and arenas come out of the room, too. Where the system
        has no such limit there is none.
        """
        if resource is None:
            return
        room = max(0, size - self.used())
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (machine.mapped() + room, hard))

    def free(self) -> None:
        gc.collect()


class Cuda:
    """One GPU by torch's allocator; what other processes hold is what the driver counts beyond it."""

    def __init__(self, index: int = 0) -> None:
        import torch

        self._cuda, self.index = torch.cuda, index

    def total(self) -> int:
        return self._cuda.mem_get_info(self.index)[1]

    def used(self) -> int:
        return self._cuda.memory_reserved(self.index)

    def foreign(self) -> int:
        """This process's own context is counted here: the driver does not tell whose memory is whose."""
        free, total = self._cuda.mem_get_info(self.index)
        return max(0, total - free - self.used())

    def cap(self, size: int) -> None:
        self._cuda.set_per_process_memory_fraction(min(1.0, size / self.total()), self.index)

    def free(self) -> None:
        gc.collect()
        self._cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether torch, CUDA or Python says by `error` that an allocation failed."""
    if isinstance(error, MemoryError):
        return True
    with contextlib.suppress(ImportError):
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
