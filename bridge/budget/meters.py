"""Measure the memory of a device that a process holds at the end of a stage, and its peak within."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from world import machine

CLEAR, RESET_PEAK = Path("/proc/self/clear_refs"), "5"
Stages = dict[str, tuple[int, int]]


class Meter(Protocol):
    """Memory of this process, in bytes."""

    def reset(self) -> None:
        """Starts a new peak."""
        ...

    def resident(self) -> int:
        """What the process holds now."""
        ...

    def most(self) -> int:
        """The peak since the last reset."""
        ...


class RamMeter:
    """RAM, by the resident set; Linux only."""

    def reset(self) -> None:
        """By /proc/self/clear_refs. OSError where the system has none."""
        CLEAR.write_text(RESET_PEAK)

    def resident(self) -> int:
        """The resident set."""
        return machine.resident()

    def most(self) -> int:
        """Its high-water mark."""
        return machine.high_water()


class CudaMeter:
    """A GPU's memory: what became occupied since this object was made, the CUDA context included; the peak is torch's, since the
    driver keeps none. Nobody else may use the device meanwhile.
    """

    def __init__(self) -> None:
        import torch

        self._cuda = torch.cuda
        self._before = self._cuda.mem_get_info()[0]  # free bytes

    def reset(self) -> None:
        """Resets the peak of torch's allocator."""
        self._cuda.synchronize()
        self._cuda.reset_peak_memory_stats()

    def resident(self) -> int:
        """Bytes fewer free than at first."""
        self._cuda.synchronize()
        return self._before - self._cuda.mem_get_info()[0]

    def most(self) -> int:
        """What is resident, and what torch has reserved and given back since."""
        return self.resident() + self._cuda.max_memory_reserved() - self._cuda.memory_reserved()


@contextmanager
def stage(stages: Stages, name: str, meter: Meter) -> Iterator[None]:
    """Records a stage: bytes resident at its end, and the peak within."""
    meter.reset()
    yield
    stages[name] = (meter.resident(), meter.most())
