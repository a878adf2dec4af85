"""A line of the table, and how often each thing is tried."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FaultResult:
    """met: whether what was aimed at was reached; numbers: what `measured` was made of."""

    what: str
    measured: str
    aim: str
    met: bool
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultAmounts:
    """damages: flips, cuts and appends, over all kinds of files; steps: interleaved frames of all sessions together; frames:
    of one long dream; clients: at once, where `tabs` may be open; dreams: numbers of them whose memory is compared.
    """

    kills: int = 200
    damages: int = 2000
    ooms: int = 100
    sessions: int = 16
    steps: int = 5000
    clients: int = 50
    tabs: int = 4
    frames: int = 20_000
    dreams: tuple[int, ...] = (1, 4, 8)


FULL = FaultAmounts()
QUICK = FaultAmounts(kills=10, damages=60, ooms=20, sessions=4, steps=80, clients=20, frames=1500, dreams=(1, 4))
