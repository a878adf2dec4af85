"""This machine: its cores, its memory and how much of it is taken, the folder for caches. Linux tells most, in /proc; elsewhere less is known."""

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
    """How much memory there is cannot be known here."""


def cores() -> int:
    """That this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder() -> Path:
    """The user's own: $XDG_CACHE_HOME, or ~/.cache. It may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))


def few_arenas(most: int = 2) -> None:
    """glibc gives every thread that allocates an arena of its own, and each keeps what was freed in it: of many threads only so
    many from now on. Where another library allocates, nothing changes.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(ARENA_MAX, most)


def give_back() -> None:
    """Memory that is free goes back to the system, where the C library can be told to (glibc); takes some milliseconds."""
    if (trim := _trim()) is not None:
        trim(0)


def resident() -> int:
    """Bytes of this process in RAM now; where the system does not say, its peak."""
    return _field(STATUS, "VmRSS") or peak()


def mapped() -> int:
    """Bytes of private memory that this process has asked for, resident or not; 0 where the system does not say."""
    return _field(STATUS, "VmData") or 0


def peak() -> int:
    """The most bytes this process ever had in RAM; 0 where the system does not say."""
    if resource is None:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def high_water() -> int:
    """The most that was resident since the system was last told to forget it; `peak` where it does not say."""
    return _field(STATUS, "VmHWM") or peak()


def total() -> int:
    """Bytes of RAM in this machine. MemoryUnknownError where the system does not say."""
    if not hasattr(os, "sysconf"):
        raise MemoryUnknownError(
            "This system does not say how much memory it has; give it with --memory, such as 8GiB."
        )
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available() -> int | None:
    """Bytes that could be taken without swapping, within the container's limit; None where the system does not say."""
    free = _field(MEMINFO, "MemAvailable")
    room = _container_room()
    known = [value for value in (free, room) if value is not None]
    return min(known) if known else None


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
    """What a cgroup (v2) leaves; None without a limit."""
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if not (limit.exists() and used.exists()) or not (text := limit.read_text().strip()).isdigit():
        return None
    return max(0, int(text) - int(used.read_text()))
