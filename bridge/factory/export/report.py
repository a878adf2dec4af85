"""What became of a run: yield by scenario, and reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bridge.factory.coverage import table
from bridge.factory.jobs import Request
from bridge.factory.matrix import coverage
from bridge.factory.scenario import Scenario
from bridge.factory.store import Store, Taken

MOST_REASONS = 8  # told of each scenario


def report(store: Store) -> dict[str, Any]:
    """Plain values for JSON, the same whenever and by whomever the run was made."""
    request = store.request
    by_line: dict[str, list[tuple[Taken, ...]]] = {}
    for job in request.jobs:
        by_line.setdefault(job.scenario.line, []).append(store.result(job))
    results = [takes for several in by_line.values() for takes in several]
    accepted = [job.scenario for job in request.jobs if any(taken.accepted for taken in store.result(job))]
    return {
        "synthetic": True,
        "find": request.find.plain() if request.find else None,
        "all": _yield(results),
        "scenarios": {line: _yield(several) for line, several in sorted(by_line.items())},
        "coverage": coverage(accepted),
        "asked": coverage([job.scenario for job in request.jobs]),
        "table": [cell.plain() for cell in table(store)],
    }


def _yield(several: Sequence[tuple[Taken, ...]]) -> dict[str, Any]:
    """jobs, how many of them have their clip, takes in all, and the share of those that were accepted; scenes tried, and the share
    of jobs whose very first scene was what was asked for; what the judge sees of the accepted ones.
    """
    takes = [taken for result in several for taken in result]
    good = sum(taken.accepted for taken in takes)
    why = Counter(reason.partition(":")[0] for taken in takes for reason in taken.reasons)
    return {
        "jobs": len(several),
        "accepted": sum(bool(result) and result[-1].accepted for result in several),
        "takes": len(takes),
        "trials": sum(taken.trials for taken in takes),
        "first": _first(several),
        "yield": round(good / len(takes), 4) if takes else None,
        "reasons": dict(why.most_common(MOST_REASONS)),
        "judge": _judged(taken for taken in takes if taken.accepted),
    }


def _judged(takes: Iterable[Taken]) -> dict[str, float]:
    """By kind of what the judge looked for in accepted takes (event, weather, time), the share of them in which it sees it."""
    looks: dict[str, list[bool]] = {}
    for taken in takes:
        for kind, there in taken.seen.items():
            looks.setdefault(kind, []).append(there)
    return {kind: round(sum(there) / len(there), 4) for kind, there in sorted(looks.items())}


def _first(several: Sequence[tuple[Taken, ...]]) -> float | None:
    begun = [result[0] for result in several if result]
    return round(sum(one.accepted and one.trials == 1 for one in begun) / len(begun), 4) if begun else None


def rows(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """For people: scenario, clips, share of takes accepted, what was missing most."""
    out = []
    for line, one in [*found["scenarios"].items(), ("all", found["all"])]:
        share = "-" if one["yield"] is None else f"{one['yield']:.0%}"
        why = ", ".join(f"{reason} ({count})" for reason, count in list(one["reasons"].items())[:3])
        out.append((line, f"{one['accepted']} of {one['jobs']}", f"{share} of {one['takes']}", why))
    return out


def cells(request: Request, store: Store) -> dict[tuple[str, str], tuple[int, int]]:
    """Accepted and asked-for clips by event and by weather and time together."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for job in request.jobs:
        key = _cell(job.scenario)
        good, asked = found.get(key, (0, 0))
        found[key] = good + any(taken.accepted for taken in store.result(job)), asked + 1
    return found


def _cell(scenario: Scenario) -> tuple[str, str]:
    words = scenario.words()
    event = words["event"] if words["event"] != "none" else f"no event, {words['manoeuvre']}"
    side = f" {words['side']}" if words["side"] != "none" else ""
    return event + side, f"{words['weather']} {words['time']}"
