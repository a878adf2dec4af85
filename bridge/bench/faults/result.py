"""A result of a fault measurement, and how often each fault is tried."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FaultResult:
    """A row of the table. met: whether the aim is reached; numbers: the figures in `measured`."""

    what: str
    measured: str
    aim: str
    met: bool
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultAmounts:
    """How often each fault is tried. damages: over all kinds of files; steps: interleaved frames of all `sessions`; clients: at
    once, where `tabs` may be open; frames: of one long dream; dreams: numbers of them whose memory is compared.
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
