"""This machine: cores, memory and its use, the cache folder. Most is known on Linux, from /proc."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from world.errors import LucidriveError

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

MIB = 1024**2
ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
STATUS, MEMINFO = Path("/proc/self/status"), Path("/proc/meminfo")


class MemoryUnknownError(LucidriveError):
    """The amount of memory is unknown on this system."""


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder() -> Path:
    """The user's cache folder, which may not exist: $XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))


def few_arenas(most: int = 2) -> None:
    """Limits glibc's number of arenas, each of which keeps memory freed in it; by default every thread may have one. No effect with other
    allocators."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(ARENA_MAX, most)


def give_back() -> None:
    """Returns free memory to the system, with glibc; takes some milliseconds."""
    if (trim := _trim()) is not None:
        trim(0)


def resident() -> int:
    """Bytes of this process in RAM; its peak where the system does not say."""
    return _field(STATUS, "VmRSS") or peak()


def mapped() -> int:
    """Bytes of private memory mapped by this process, resident or not; 0 where the system does not say."""
    return _field(STATUS, "VmData") or 0


def peak() -> int:
    """The peak of this process's bytes in RAM; 0 where the system does not say."""
    if resource is None:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def high_water() -> int:
    """The peak since the system's last reset of it; `peak` where it does not say."""
    return _field(STATUS, "VmHWM") or peak()


def total() -> int:
    """Bytes of RAM in this machine. MemoryUnknownError where the system does not say."""
    if not hasattr(os, "sysconf"):
        raise MemoryUnknownError(
            "This system does not say how much memory it has; give it with --memory, such as 8GiB."
        )
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available() -> int | None:
    """Bytes available without swapping, within the container's limit; None where the system does not say."""
    free = _field(MEMINFO, "MemAvailable")
    room = _container_room()
    limits = [value for value in (free, room) if value is not None]
    return min(limits) if limits else None


def size_of(module: Any) -> int:
    """Bytes of a torch module's parameters and buffers, packed int8 weights included."""
    import torch

    def sizes(value: Any) -> int:
        if isinstance(value, torch.Tensor):
            return value.numel() * value.element_size()
        if isinstance(value, dict):
            return sum(sizes(item) for item in value.values())
        return sum(sizes(item) for item in value) if isinstance(value, (tuple, list)) else 0

    return sizes(dict(module.state_dict()))


@lru_cache(maxsize=1)
def _trim() -> ctypes._NamedFuncPointer | None:
    """glibc's malloc_trim; None where there is none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return None


def _field(path: Path, name: str) -> int | None:
    """A `name: N kB` line of a file in /proc, in bytes."""
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return None


def _container_room() -> int | None:
    """Bytes left in the cgroup (v2); None without a limit."""
    limit, current = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if not (limit.exists() and current.exists()) or not (text := limit.read_text().strip()).isdigit():
        return None
    return max(0, int(text) - int(current.read_text()))
