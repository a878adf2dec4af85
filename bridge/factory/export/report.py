"""The report of a run: the yield of each scenario, and the reasons for rejection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bridge.factory.coverage import table
from bridge.factory.jobs import Request
from bridge.factory.matrix import coverage
from bridge.factory.scenario import Scenario
from bridge.factory.store import Store, TakeResult

MOST_REASONS = 8  # a scenario


def report(store: Store) -> dict[str, Any]:
    """Plain values for JSON, the same whenever and by however many workers the run was made."""
    request = store.request
    by_line: dict[str, list[tuple[TakeResult, ...]]] = {}
    for job in request.jobs:
        by_line.setdefault(job.scenario.line, []).append(store.results(job))
    results = [takes for several in by_line.values() for takes in several]
    accepted = [job.scenario for job in request.jobs if any(take.accepted for take in store.results(job))]
    return {
        "synthetic": True,
        "find": request.find.plain() if request.find else None,
        "all": _yield(results),
        "scenarios": {line: _yield(several) for line, several in sorted(by_line.items())},
        "coverage": coverage(accepted),
        "asked": coverage([job.scenario for job in request.jobs]),
        "table": [cell.plain() for cell in table(store)],
    }


def _yield(several: Sequence[tuple[TakeResult, ...]]) -> dict[str, Any]:
    """Counts of some jobs and their takes. first: share of jobs whose very first scene is accepted; yield: share of takes accepted;
    judge: see `_judge_shares`.
    """
    takes = [take for result in several for take in result]
    good = sum(take.accepted for take in takes)
    why = Counter(reason.partition(":")[0] for take in takes for reason in take.reasons)
    return {
        "jobs": len(several),
        "accepted": sum(bool(result) and result[-1].accepted for result in several),
        "takes": len(takes),
        "trials": sum(take.trials for take in takes),
        "first": _first(several),
        "yield": round(good / len(takes), 4) if takes else None,
        "reasons": dict(why.most_common(MOST_REASONS)),
        "judge": _judge_shares(take for take in takes if take.accepted),
    }


def _judge_shares(takes: Iterable[TakeResult]) -> dict[str, float]:
    """By kind (event, weather, time), the share of the takes in which the judge sees it."""
    answers: dict[str, list[bool]] = {}
    for take in takes:
        for kind, seen in take.judge.items():
            answers.setdefault(kind, []).append(seen)
    return {kind: round(sum(seen) / len(seen), 4) for kind, seen in sorted(answers.items())}


def _first(several: Sequence[tuple[TakeResult, ...]]) -> float | None:
    takes = [result[0] for result in several if result]
    return round(sum(one.accepted and one.trials == 1 for one in takes) / len(takes), 4) if takes else None


def rows(summary: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows of a table for people: scenario, clips, share of takes accepted, most frequent reasons. summary: the report."""
    out = []
    for line, one in [*summary["scenarios"].items(), ("all", summary["all"])]:
        share = "-" if one["yield"] is None else f"{one['yield']:.0%}"
        why = ", ".join(f"{reason} ({count})" for reason, count in list(one["reasons"].items())[:3])
        out.append((line, f"{one['accepted']} of {one['jobs']}", f"{share} of {one['takes']}", why))
    return out


def cells(request: Request, store: Store) -> dict[tuple[str, str], tuple[int, int]]:
    """Numbers of accepted and requested clips, by event and by weather with time."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for job in request.jobs:
        key = _cell(job.scenario)
        good, total = counts.get(key, (0, 0))
        counts[key] = good + any(take.accepted for take in store.results(job)), total + 1
    return counts


def _cell(scenario: Scenario) -> tuple[str, str]:
    words = scenario.words()
    event = words["event"] if words["event"] != "none" else f"no event, {words['manoeuvre']}"
    side = f" {words['side']}" if words["side"] != "none" else ""
    return event + side, f"{words['weather']} {words['time']}"
