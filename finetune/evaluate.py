"""How well the brain understands: exact plans on held-out templates and hand-written cases, beside its baselines."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from brain.director import Director, Reply
from brain.llm import ADAPTER
from brain.plan import Plan, PlanError, parse_line, print_line
from finetune.cases import Case, bare, read_tsv
from finetune.corpus import corpus
from finetune.rules import by_rules
from finetune.train import FinetuneConfig

HELD_OUT_SEED = 2  # not the one that training validates on
Note = Callable[[float, str], None]


def evaluate_brain(
    adapter: Path | None = None,
    *,
    cases: int = 400,
    baseline_cases: int = 120,
    hand_written: Path | None = None,
    report: Note | None = None,
) -> dict[str, Any]:
    """Exact match, validity and latency on held-out templates; the same for baselines and for `hand_written` cases.

    A held-out case shares no phrase and no joint with training; texts that training happens to hold too are left out.
    hand_written: a file of text TAB context TAB plan. Its short sentences ("make it rain") anyone would say, the corpus
    too: `hand_written_unseen` counts without them.
    """
    note = report or (lambda fraction, text: None)
    known = {bare(case.text) for case in corpus(FinetuneConfig().cases)}
    test = [case for case in corpus(cases, "held_out", HELD_OUT_SEED) if bare(case.text) not in known]
    director = Director.load(adapter or ADAPTER)
    result: dict[str, Any] = {"held_out": measured(director, test, lambda done: note(0.7 * done, "held-out templates"))}
    if hand_written:
        own = read_tsv(hand_written)
        unseen = [case for case in own if bare(case.text) not in known]
        lines: dict[Case, str] = {}
        result["hand_written"] = measured(
            director, own, lambda done: note(0.7 + 0.1 * done, "hand-written cases"), lines
        )
        result["hand_written_unseen"] = compare(unseen, [lines[case] for case in unseen])
        result["hand_written_rules"] = rules(own)
    result["keyword_rules"] = rules(test)
    base = Director.load(None)
    few = test[:baseline_cases]
    result["base_with_grammar"] = measured(
        base, few, lambda done: note(0.8 + 0.2 * done, "base model with the grammar")
    )
    return result


def measured(
    director: Director,
    cases: Sequence[Case],
    report: Callable[[float], None],
    lines_out: dict[Case, str] | None = None,
) -> dict[str, Any]:
    """The scores of a director: exact share overall, by kind, by language and by step; validity; seconds.

    What it answers is put into `lines_out`; what it got wrong is kept under `wrong`, for people to read.
    """
    replies: list[Reply] = []
    for number, case in enumerate(cases):
        replies.append(director.answer(case.text, case.context))
        report((number + 1) / len(cases))
    lines = [reply.line for reply in replies]
    scores = compare(cases, lines)
    if lines_out is not None:
        lines_out.update(zip(cases, lines, strict=True))
    scores["wrong"] = [
        [case.text, case.context, case.plan, line] for case, line in zip(cases, lines, strict=True) if line != case.plan
    ]
    seconds: dict[int, list[float]] = defaultdict(list)
    for reply in replies:
        if isinstance(reply.utterance, Plan):
            seconds[len(reply.utterance.steps)].append(reply.seconds)
    tokens = sum(reply.tokens for reply in replies)
    scores["ms_per_token"] = 1000 * sum(reply.seconds for reply in replies) / max(1, tokens)
    scores["seconds_median"] = {str(steps): statistics.median(spent) for steps, spent in sorted(seconds.items())}
    return scores


def rules(cases: Sequence[Case]) -> dict[str, Any]:
    return compare(cases, [by_rules(case.text) for case in cases])


def compare(cases: Sequence[Case], lines: Sequence[str]) -> dict[str, Any]:
    """Exact matches of `lines` with the cases' plans."""
    groups: dict[str, dict[str, list[bool]]] = {name: defaultdict(list) for name in ("kind", "language", "step")}
    exact, valid = [], []
    for case, line in zip(cases, lines, strict=True):
        try:
            valid.append(print_line(parse_line(line)) == line)
        except PlanError:
            valid.append(False)
        right = line == case.plan
        exact.append(right)
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
    return {"cases": len(exact), "exact": mean(exact), "valid": mean(valid)} | by


def mean(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result as rows of text, for people."""
    names = {
        "held_out": "held-out templates",
        "keyword_rules": "the same by keyword rules",
        "base_with_grammar": "the same by the base model with the grammar, no LoRA",
        "hand_written": "hand-written cases",
        "hand_written_unseen": "those of them that training never saw",
        "hand_written_rules": "hand-written cases by keyword rules",
    }
    rows = []
    for key, name in names.items():
        if key in result:
            score = result[key]
            languages = ", ".join(f"{lang} {value:.0%}" for lang, value in score["exact_by_language"].items())
            rows.append((f"exact plan, {name} ({score['cases']} cases)", f"{score['exact']:.1%} ({languages})"))
    held = result["held_out"]
    rows.append(("lines that parse", f"{held['valid']:.1%}"))
    rows += [(f"exact, {kind}", f"{value:.0%}") for kind, value in held["exact_by_kind"].items()]
    rows += [(f"median seconds, {steps} step(s)", f"{value:.2f}") for steps, value in held["seconds_median"].items()]
    return rows
