"""The memory as the page shows it: who holds what, what would be given up, and the plan by part."""

from __future__ import annotations

from dataclasses import replace

from bridge.budget.ladder import RUNGS, describe
from bridge.budget.ledger import Ledger
from bridge.budget.plan import budget
from bridge.budget.setup import TIERS, Setup
from ui.drive import Memory, Rung, Share
from world.machine import resident


def memory_of(ledger: Ledger, sessions: int, brain: Setup | None, began: Setup | None) -> Memory:
    """What the Memory tab shows. brain: the language model's setup now; began: the one it began with; None where there is none."""
    now = brain or TIERS["embedded"].setup
    plan = budget(replace(now, device="cpu", sessions=max(1, sessions)), ledger.capacity)
    shares = tuple(Share(one.owner, one.size, one.committed) for one in ledger.leases())
    words = f"{now.brain}, {now.quant}, {now.context:,} tokens of context, KV cache in {now.kv}" if brain else ""
    rungs = ladder(now, began or now) if brain else ()
    items = tuple((item.part, item.size, item.source) for item in plan.items)
    return Memory(ledger.capacity, ledger.room, ledger.overrun, resident(), shares, words, rungs, items)


def ladder(now: Setup, began: Setup) -> tuple[Rung, ...]:
    """Every rung and what it would change in this setup; no change where it is at its end. The world stays."""
    rungs = []
    for name, changes in RUNGS.items():
        if name == "world":
            continue
        there = changes(now)
        over = bool(changes(began)) and len(there) < len(changes(began))
        rungs.append(Rung(name, describe(now, there[0](now)) if there else "", over))
    return tuple(rungs)
