"""Scores of lines against the right ones: exact plans, slots, whole sets of paraphrases or pairs, refusals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from brain.director import Reply
from brain.plan import Plan, PlanError, Refusal, Utterance, parse_line, print_line
from finetune.cases import Case

Slots = Counter[tuple[object, ...]]


class Answers(Protocol):
    """Whatever makes a plan of a text: a director, or a baseline."""

    def answer(self, text: str, context: str = "") -> Reply: ...


def compare(cases: Sequence[Case], lines: Sequence[str]) -> dict[str, Any]:
    """How `lines` fit the cases' plans: exact overall, by kind, by language and by step; validity; slots; refusals."""
    groups: dict[str, dict[str, list[bool]]] = {name: defaultdict(list) for name in ("kind", "language", "step")}
    exact = [line == case.plan for case, line in zip(cases, lines, strict=True)]
    for case, right in zip(cases, exact, strict=True):
        groups["kind"][case.kind].append(right)
        groups["language"][case.language].append(right)
        wanted = parse_line(case.plan)
        names = {step.name for step in wanted.steps} if isinstance(wanted, Plan) else {case.plan.split("(")[0]}
        for name in names:
            groups["step"][name].append(right)
    by = {
        f"exact_by_{name}": {key: mean(values) for key, values in sorted(group.items())}
        for name, group in groups.items()
    }
    plans = [case.plan for case in cases]
    totals = {"cases": len(exact), "exact": mean(exact), "valid": mean([is_valid(line) for line in lines])}
    return totals | by | {"slot_f1": slot_f1(plans, lines), "refusals": refusals(plans, lines)}


def slot_f1(plans: Sequence[str], lines: Sequence[str]) -> float:
    """Micro F1 over slots: a step, each of its arguments, when it begins and how long it lasts are a slot each."""
    hit = given = wanted = 0
    for plan, line in zip(plans, lines, strict=True):
        right, said = slots(parsed(plan)), slots(parsed(line))
        hit += (right & said).total()
        given += said.total()
        wanted += right.total()
    return 2 * hit / (given + wanted) if given + wanted else 0.0


def slots(utterance: Utterance | None) -> Slots:
    """The slots of an utterance, each with the step it belongs to; none for a line that does not parse."""
    if utterance is None:
        return Counter()
    if not isinstance(utterance, Plan):
        return Counter([(print_line(utterance),)])
    found: Slots = Counter()
    for step in utterance.steps:
        found[(step.name,)] += 1
        for place, argument in enumerate(step.args):
            found[step.name, place, argument] += 1
        if step.when.kind != "now":
            found[step.name, step.when.kind, step.when.seconds] += 1
        if step.duration is not None:
            found[step.name, "lasts", step.duration] += 1
    return found


def refusals(plans: Sequence[str], lines: Sequence[str]) -> dict[str, float]:
    """Precision and recall of refusing at all, and the share of right refusals that give the right reason.

    A model that never refuses has a precision of 0 here, not of nothing.
    """
    pairs = [(parsed(plan), parsed(line)) for plan, line in zip(plans, lines, strict=True)]
    wanted = [isinstance(plan, Refusal) for plan, _ in pairs]
    given = [isinstance(line, Refusal) for _, line in pairs]
    both = [(plan, line) for (plan, line), a, b in zip(pairs, wanted, given, strict=True) if a and b]
    return {
        "precision": len(both) / max(1, sum(given)),
        "recall": len(both) / max(1, sum(wanted)),
        "reason": mean([plan == line for plan, line in both]),
    }


def whole_sets(cases: Sequence[Case], lines: Sequence[str], name: Callable[[Case], str]) -> dict[str, Any]:
    """The share of sets of which every case is right (pass^5 of five paraphrases, pass^2 of pairs), and of cases.

    The cases of one kind are a set; `name` gives the heading under which a set is counted, beside all together.
    """
    sets: dict[str, list[bool]] = defaultdict(list)
    heading: dict[str, str] = {}
    for case, line in zip(cases, lines, strict=True):
        sets[case.kind].append(line == case.plan)
        heading[case.kind] = name(case)
    whole: dict[str, list[bool]] = defaultdict(list)
    for kind, rights in sets.items():
        whole[heading[kind]].append(all(rights))
    return {
        "sets": len(sets),
        "all_right": mean([all(rights) for rights in sets.values()]),
        "all_right_by": {key: mean(values) for key, values in sorted(whole.items())},
        "exact": mean([right for rights in sets.values() for right in rights]),
    }


def parsed(line: str) -> Utterance | None:
    """What a line says; None where it is none of the plan language."""
    try:
        return parse_line(line)
    except PlanError:
        return None


def is_valid(line: str) -> bool:
    """Whether it is a canonical line of the plan language."""
    utterance = parsed(line)
    return utterance is not None and print_line(utterance) == line


def mean(values: Sequence[bool]) -> float:
    """The share that is true; 0 of none."""
    return sum(values) / len(values) if values else 0.0
