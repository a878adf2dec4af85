"""Scores of predicted lines: exact plans, slots, whole sets of paraphrases or pairs, refusals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from brain.director import Reply
from brain.plan import Plan, PlanError, Refusal, Utterance, parse_line, print_line
from finetune.cases import Case

Slots = Counter[tuple[object, ...]]


class Answers(Protocol):
    """A model that answers a text with a plan: a director, or a baseline."""

    def answer(self, text: str, context: str = "") -> Reply:
        """The reply to a text in a context. BrainInputError where the text cannot be read."""


def compare(cases: Sequence[Case], lines: Sequence[str]) -> dict[str, Any]:
    """Scores of `lines` against the cases' plans: exact overall, by kind, language and step; validity; slots; refusals."""
    groups: dict[str, dict[str, list[bool]]] = {name: defaultdict(list) for name in ("kind", "language", "step")}
    exact = [line == case.plan for case, line in zip(cases, lines, strict=True)]
    for case, right in zip(cases, exact, strict=True):
        groups["kind"][case.kind].append(right)
        groups["language"][case.language].append(right)
        utterance = parse_line(case.plan)
        names = {step.name for step in utterance.steps} if isinstance(utterance, Plan) else {case.plan.split("(")[0]}
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
    """Micro F1 over slots: a step, each of its arguments, its start and its duration are one slot each."""
    hit = predictions = truths = 0
    for plan, line in zip(plans, lines, strict=True):
        true, predicted = slots(parse_or_none(plan)), slots(parse_or_none(line))
        hit += (true & predicted).total()
        predictions += predicted.total()
        truths += true.total()
    return 2 * hit / (predictions + truths) if predictions + truths else 0.0


def slots(utterance: Utterance | None) -> Slots:
    """The slots of an utterance, each with its step; none for None."""
    if utterance is None:
        return Counter()
    if not isinstance(utterance, Plan):
        return Counter([(print_line(utterance),)])
    counts: Slots = Counter()
    for step in utterance.steps:
        counts[(step.name,)] += 1
        for place, argument in enumerate(step.args):
            counts[step.name, place, argument] += 1
        if step.when.kind != "now":
            counts[step.name, step.when.kind, step.when.seconds] += 1
        if step.duration is not None:
            counts[step.name, "lasts", step.duration] += 1
    return counts


def refusals(plans: Sequence[str], lines: Sequence[str]) -> dict[str, float]:
    """Precision and recall of refusing, and the share of true refusals that give the right reason.

    The precision of a model that never refuses is 0.
    """
    pairs = [(parse_or_none(plan), parse_or_none(line)) for plan, line in zip(plans, lines, strict=True)]
    true = [isinstance(plan, Refusal) for plan, _ in pairs]
    predicted = [isinstance(line, Refusal) for _, line in pairs]
    both = [(plan, line) for (plan, line), a, b in zip(pairs, true, predicted, strict=True) if a and b]
    return {
        "precision": len(both) / max(1, sum(predicted)),
        "recall": len(both) / max(1, sum(true)),
        "reason": mean([plan == line for plan, line in both]),
    }


def whole_sets(cases: Sequence[Case], lines: Sequence[str], name: Callable[[Case], str]) -> dict[str, Any]:
    """The share of sets whose cases are all right (pass^5 of five paraphrases, pass^2 of pairs), and the share of right
    cases.

    Cases of one kind form a set; `name` gives the heading under which a set is counted too.
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


def parse_or_none(line: str) -> Utterance | None:
    """The utterance of a line; None where it does not parse."""
    try:
        return parse_line(line)
    except PlanError:
        return None


def is_valid(line: str) -> bool:
    """Whether it is a canonical line of the plan language."""
    utterance = parse_or_none(line)
    return utterance is not None and print_line(utterance) == line


def mean(values: Sequence[bool]) -> float:
    """The share of true values; 0 for none."""
    return sum(values) / len(values) if values else 0.0
