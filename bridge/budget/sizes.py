"""Amounts of memory as people write them: '32GiB', '4096 MiB', '32 GB'. A size is a number of bytes."""

from __future__ import annotations

import re

from bridge.errors import LucidriveError

KIB, MIB, GIB = 1024, 1024**2, 1024**3
UNITS = {"KIB": KIB, "MIB": MIB, "GIB": GIB, "TIB": 1024**4, "MB": 10**6, "GB": 10**9, "TB": 10**12}
MOST = 2**50  # bytes; no device has more
WRITTEN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([A-Za-z]{1,3})", re.ASCII)


class BudgetError(LucidriveError):
    """A plan of memory cannot be made as it was asked for."""


def parse_size(text: str) -> int:
    """Bytes; BudgetError for anything but a positive number and its unit."""
    found = WRITTEN.fullmatch(text.strip())
    unit = UNITS.get(found[2].upper()) if found else None
    size = int(float(found[1]) * unit) if found and unit else 0
    if not 0 < size <= MOST:
        raise BudgetError(
            f"'{text[:40]}' is no amount of memory; write a number and its unit, such as 32GiB or 4096MiB."
        )
    return size


def show_size(size: int) -> str:
    """GiB from a tenth of one on, MiB below."""
    return f"{size / GIB:,.2f} GiB" if abs(size) >= GIB / 10 else f"{size / MIB:,.1f} MiB"
