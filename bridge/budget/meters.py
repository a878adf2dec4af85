"""Ways to tell what a process has of a device at the end of a stage, and the most that it had within."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from world import machine

CLEAR, RESET_PEAK = Path("/proc/self/clear_refs"), "5"
Stages = dict[str, tuple[int, int]]


class Meter(Protocol):
    """Amounts in bytes."""

    def reset(self) -> None:
        """From now on the most is looked for."""
        ...

    def resident(self) -> int:
        """What there is now."""
        ...

    def most(self) -> int:
        """The most since the last reset."""
        ...


class RamMeter:
    """By the resident set of this process."""

    def reset(self) -> None:
        CLEAR.write_text(RESET_PEAK)

    def resident(self) -> int:
        return machine.resident()

    def most(self) -> int:
        return machine.high_water()


class CudaMeter:
    """What the whole device has given since this was made, so that the context counts, too; the most by torch's allocator,
    since the driver remembers none. Nobody else may use the device meanwhile.
    """

    def __init__(self) -> None:
        import torch

        self._cuda = torch.cuda
        self._before = self._cuda.mem_get_info()[0]  # free bytes

    def reset(self) -> None:
        self._cuda.synchronize()
        self._cuda.reset_peak_memory_stats()

    def resident(self) -> int:
        self._cuda.synchronize()
        return self._before - self._cuda.mem_get_info()[0]

    def most(self) -> int:
        return self.resident() + self._cuda.max_memory_reserved() - self._cuda.memory_reserved()


@contextmanager
def stage(stages: Stages, name: str, meter: Meter) -> Iterator[None]:
    """Notes what is resident at its end, and the most that was within."""
    meter.reset()
    yield
    stages[name] = (meter.resident(), meter.most())
