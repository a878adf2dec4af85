"""What to give up, the least first, where memory is tight: KV type, context, quantisation, a smaller brain, a brain on
the CPU. The world comes last, where nothing has been loaded yet, and never in mid-drive.
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
    """A setup that would fit. rung: the last thing given up for it."""

    rung: str
    plan: Budget
    changes: str


def choices(setup: Setup, capacity: int) -> list[Choice]:
    """For every rung the setup that gives up the least and fits, best first; another world only if nothing else does."""
    found: list[Choice] = []
    rungs = list(RUNGS)
    for number, rung in enumerate(rungs):
        if rung == "world" and found:
            break
        for candidate in _candidates(setup, rungs[: number + 1]):
            if (plan := budget(candidate, capacity)).fits:
                found.append(Choice(rung, plan, describe(setup, candidate)))
                break
    return found


def one_down(setup: Setup) -> Setup | None:
    """The same with one thing less, in mid-drive: the world stays. None at the ladder's foot."""
    for rung in RUNGS:
        if rung != "world" and (lower := RUNGS[rung](setup)):
            return lower[0](setup)
    return None


def describe(old: Setup, new: Setup) -> str:
    """What is other in `new`, in words."""
    said = []
    if new.world != old.world:
        said.append(f"the {new.world} world")
    if new.brain_device != old.brain_device:
        said.append(f"{new.brain} on the CPU in {new.quant}")
    else:
        if new.brain != old.brain:
            said.append(new.brain)
        if new.quant != old.quant:
            said.append(f"weights in {new.quant}")
        if new.context != old.context:
            said.append(f"{new.context:,} tokens of context")
        if new.kv != old.kv:
            said.append(f"KV cache in {new.kv}")
    return ", ".join(said)


def advice(setup: Setup, capacity: int, found: list[Choice]) -> str:
    """One sentence on a plan that does not fit."""
    if found:
        return f"That does not fit {show_size(capacity)}; best would be: {found[0].changes}."
    return f"Nothing of the ladder fits {show_size(capacity)} with {setup.sessions} sessions; ask for fewer or for more memory."


def _candidates(setup: Setup, rungs: list[str]) -> Iterator[Setup]:
    """All in which the last of `rungs` is changed and those before it may be, the fewest changes first."""
    *before, last = [RUNGS[rung](setup) for rung in rungs]
    stay: list[Change] = [replace]
    for picked in product(last, *(stay + changes for changes in reversed(before))):
        made = setup
        for change in reversed(picked):
            made = change(made)
        yield made


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
    brought = {"brain": small.brain, "quant": small.quant, "kv": small.kv, "brain_device": "cpu"}
    return [partial(replace, context=small.context, **brought)]


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
