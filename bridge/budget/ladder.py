"""What to give up where memory is tight, the least first: KV type, context, quantisation, a smaller brain, a brain on
the CPU. The world comes last, only before anything is loaded, never during a drive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from bridge.budget.brains import brain, brains
from bridge.budget.plan import Budget, budget
from bridge.budget.setup import DEVICES, TIERS, Setup
from bridge.budget.sizes import show_size

LEAST_CONTEXT = 1024  # tokens; below, a long sentence no longer fits
WORLDS = ("rtx5090", "wide", "embedded")  # the largest first

Change = Callable[[Setup], Setup]


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan that fits. rung: the last thing given up for it; changes: all of them in words."""

    rung: str
    plan: Budget
    changes: str


def choices(setup: Setup, capacity: int) -> list[Choice]:
    """For every rung the setup that fits and gives up least, best first; another world only where nothing else fits."""
    fitting: list[Choice] = []
    rungs = list(RUNGS)
    for number, rung in enumerate(rungs):
        if rung == "world" and fitting:
            break
        for candidate in _candidates(setup, rungs[: number + 1]):
            if (plan := budget(candidate, capacity)).fits:
                fitting.append(Choice(rung, plan, describe(setup, candidate)))
                break
    return fitting


def one_down(setup: Setup) -> Setup | None:
    """The setup one rung lower, for use during a drive: the world stays. None at the ladder's foot."""
    for rung in RUNGS:
        if rung != "world" and (lower := RUNGS[rung](setup)):
            return lower[0](setup)
    return None


def describe(old: Setup, new: Setup) -> str:
    """What `new` changes, in words."""
    parts = []
    if new.world != old.world:
        parts.append(f"the {new.world} world")
    if new.brain_device != old.brain_device:
        parts.append(f"{new.brain} on the CPU in {new.quant}")
    else:
        if new.brain != old.brain:
            parts.append(new.brain)
        if new.quant != old.quant:
            parts.append(f"weights in {new.quant}")
        if new.context != old.context:
            parts.append(f"{new.context:,} tokens of context")
        if new.kv != old.kv:
            parts.append(f"KV cache in {new.kv}")
    return ", ".join(parts)


def advice(setup: Setup, capacity: int, fitting: list[Choice]) -> str:
    """A sentence on a plan that does not fit. fitting: its `choices`."""
    if fitting:
        return f"That does not fit {show_size(capacity)}; best would be: {fitting[0].changes}."
    return f"Nothing of the ladder fits {show_size(capacity)} with {setup.sessions} sessions; ask for fewer or for more memory."


def _candidates(setup: Setup, rungs: list[str]) -> Iterator[Setup]:
    """All setups in which the last of `rungs` is changed and those before it may be, the fewest changes first."""
    *before, last = [RUNGS[rung](setup) for rung in rungs]
    stay: list[Change] = [replace]
    for changes in product(last, *(stay + some for some in reversed(before))):
        candidate = setup
        for change in reversed(changes):
            candidate = change(candidate)
        yield candidate


def _kv(setup: Setup) -> list[Change]:
    here = DEVICES[setup.brain_device][0]
    return [partial(replace, kv=kv) for kv in here[here.index(setup.kv) + 1 :]]


def _context(setup: Setup) -> list[Change]:
    halves, context = [], setup.context // 2
    while context >= LEAST_CONTEXT:
        halves.append(context)
        context //= 2
    return [partial(replace, context=most) for most in halves]


def _quant(setup: Setup) -> list[Change]:
    here = DEVICES[setup.brain_device][1]
    return [partial(replace, quant=quant) for quant in here[here.index(setup.quant) + 1 :]]


def _brain(setup: Setup) -> list[Change]:
    names = list(brains())
    return [partial(_with_brain, name=name) for name in names[names.index(brain(setup.brain).name) + 1 :]]


def _with_brain(setup: Setup, name: str) -> Setup:
    return replace(setup, brain=name, context=min(setup.context, brain(name).max_position_embeddings))


def _cpu(setup: Setup) -> list[Change]:
    if setup.brain_device == "cpu":
        return []
    small = TIERS["embedded"].setup
    values = {"brain": small.brain, "quant": small.quant, "kv": small.kv, "brain_device": "cpu"}
    return [partial(replace, context=small.context, **values)]


def _world(setup: Setup) -> list[Change]:
    smaller = WORLDS[WORLDS.index(setup.world) + 1 :] if setup.world in WORLDS else ()
    return [partial(replace, world=world) for world in smaller]


RUNGS: dict[str, Callable[[Setup], list[Change]]] = {
    "KV type": _kv,
    "context": _context,
    "quantisation": _quant,
    "smaller brain": _brain,
    "CPU brain": _cpu,
    "world": _world,
}
