"""Amounts of memory as people write them: '32GiB', '32G', '4096 MiB', '32 gb'. A size is a number of bytes.

GiB, Gi and G are powers of two, as memory comes; GB is a power of ten, as it is printed on the box.
"""

from __future__ import annotations

import re

from bridge.errors import LucidriveError

KIB, MIB, GIB = 1024, 1024**2, 1024**3
POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
UNITS = {f"{letter}{end}": 1024**power for letter, power in POWERS.items() for end in ("IB", "I", "")} | {
    f"{letter}B": 1000**power for letter, power in POWERS.items()
}
MOST = 2**50  # bytes; no device has more
WRITTEN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([A-Za-z]{1,3})", re.ASCII)
THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")


class BudgetError(LucidriveError):
    """A plan of memory cannot be made as it was asked for."""


def parse_size(text: str) -> int:
    """Bytes; BudgetError for anything but a positive number and its unit."""
    found = WRITTEN.fullmatch(THOUSANDS.sub(lambda number: number[0].replace(",", ""), text.strip(), count=1))
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
