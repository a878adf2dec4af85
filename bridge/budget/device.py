"""The memory that a ledger shares out: this machine's RAM, or one GPU's. bridge/bench/faults/counted_device.py fakes one."""

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
    """A device's memory at the moment, in bytes."""

    def total(self) -> int:
        """All of it."""
        ...

    def used(self) -> int:
        """What this process uses."""
        ...

    def foreign(self) -> int:
        """What other processes use."""
        ...

    def cap(self, size: int) -> None:
        """Limits this process to `size`; an allocation beyond it fails as if memory were out."""
        ...

    def free(self) -> None:
        """Gives unused memory back."""
        ...


class Ram:
    """This machine's RAM, by the resident set."""

    def total(self) -> int:
        """All RAM of this machine. MemoryUnknownError where the system does not say."""
        return machine.total()

    def used(self) -> int:
        """The resident set."""
        return machine.resident()

    def foreign(self) -> int:
        """What other processes use; 0 where the system does not say what is free."""
        free = machine.available()
        return 0 if free is None else max(0, self.total() - free - self.used())

    def cap(self, size: int) -> None:
        """Sets RLIMIT_DATA: Linux then refuses private memory beyond what is mapped now and the room left.

        The limit counts what is mapped, not what is resident, so threads' stacks and arenas use up room, too. No effect where the
        system has no such limit.
        """
        if resource is None:
            return
        room = max(0, size - self.used())
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (machine.mapped() + room, hard))

    def free(self) -> None:
        """Collects garbage."""
        gc.collect()


class Cuda:
    """One GPU, by torch's allocator and the driver."""

    def __init__(self, index: int = 0) -> None:
        import torch

        self._cuda, self.index = torch.cuda, index

    def total(self) -> int:
        """The GPU's memory."""
        return self._cuda.mem_get_info(self.index)[1]

    def used(self) -> int:
        """What torch's allocator has reserved."""
        return self._cuda.memory_reserved(self.index)

    def foreign(self) -> int:
        """What is occupied beyond torch's allocator; this process's own CUDA context counts here, since the driver does not tell whose it is."""
        free, total = self._cuda.mem_get_info(self.index)
        return max(0, total - free - self.used())

    def cap(self, size: int) -> None:
        """Sets the share of the GPU that torch's allocator may reserve."""
        self._cuda.set_per_process_memory_fraction(min(1.0, size / self.total()), self.index)

    def free(self) -> None:
        """Collects garbage and empties torch's cache."""
        gc.collect()
        self._cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that an allocation failed, in torch, CUDA or Python."""
    if isinstance(error, MemoryError):
        return True
    with contextlib.suppress(ImportError):
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
