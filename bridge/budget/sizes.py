"""Amounts of memory as people write them: '32GiB', '32G', '4096 MiB', '32 gb'. A size is a number of bytes.

GiB, Gi and G are powers of two, as memory is built; GB is a power of ten, as vendors print it.
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
PATTERN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([A-Za-z]{1,3})", re.ASCII)
THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")


class BudgetError(LucidriveError):
    """A plan of memory that cannot be made."""


def parse_size(text: str) -> int:
    """The bytes of such a text. BudgetError for anything but a positive number and its unit."""
    match = PATTERN.fullmatch(THOUSANDS.sub(lambda number: number[0].replace(",", ""), text.strip(), count=1))
    unit = UNITS.get(match[2].upper()) if match else None
    size = int(float(match[1]) * unit) if match and unit else 0
    if not 0 < size <= MOST:
        raise BudgetError(
            f"'{text[:40]}' is no amount of memory; write a number and its unit, such as 32GiB or 4096MiB."
        )
    return size


def show_size(size: int) -> str:
    """Bytes as text, in GiB from a tenth of one on, in MiB below."""
    return f"{size / GIB:,.2f} GiB" if abs(size) >= GIB / 10 else f"{size / MIB:,.1f} MiB"
