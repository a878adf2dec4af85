"""How well the brain understands: exact plans, slots, paraphrases, pairs and refusals, beside its baselines."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from brain.director import Director, Reply
from brain.files import ADAPTER
from brain.plan import Plan
from finetune.baselines import SHOTS, Prompted
from finetune.cases import Case, read_tsv
from finetune.corpus import apart, corpus
from finetune.rules import by_rules
from finetune.scores import compare, whole_sets
from finetune.train import FinetuneConfig

HELD_OUT_SEED = 2  # not the one that training validates on
PARAPHRASES, PAIRS = "brain_paraphrases.tsv", "brain_pairs.tsv"
Note = Callable[[float, str], None]
NAMES = {
    "brain": "the brain",
    "keyword_rules": "keyword rules",
    "base_zero_shot": "base model, grammar, told of the language",
    "base_few_shot": "base model, grammar, told and shown",
}


class Answers(Protocol):
    """Whatever makes a plan of a text: a director, or a baseline."""

    def answer(self, text: str, context: str = "") -> Reply: ...


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases that one answerer is measured on. Of paraphrases and pairs, those of one kind belong together."""

    held_out: Sequence[Case]
    hand_written: Sequence[Case] = ()
    paraphrases: Sequence[Case] = ()
    pairs: Sequence[Case] = ()

    def first(self, count: int) -> Suite:
        """A smaller test for slow baselines: so many of each, sets whole."""
        return Suite(
            _spread(self.held_out, count),
            _spread(self.hand_written, count),
            self.paraphrases[: count - count % 5],
            self.pairs[: count - count % 2],
        )


def evaluate_brain(
    adapter: Path | None = None,
    *,
    cases: int = 400,
    baseline_cases: int = 120,
    hand_written: Path | None = None,
    report: Note | None = None,
) -> dict[str, Any]:
    """The brain and its baselines on held-out templates and on the cases of `hand_written` (text, context, plan, kind).

    A held-out case shares no phrase, joint or template with training. Beside the hand-written file, the files
    brain_paraphrases.tsv and brain_pairs.tsv are taken too, where they are. The base model is slow: it does with
    `baseline_cases` of each.
    """
    note = report or (lambda fraction, text: None)
    tests = gathered(cases, hand_written)
    few = tests.first(baseline_cases)
    director = Director.load(adapter or ADAPTER)
    result: dict[str, Any] = {
        "brain": measured(director, tests, lambda done, what: note(0.5 * done, what)),
        "keyword_rules": by_keywords(tests),
    }
    del director
    base = Director.load(None)
    zero, shown = Prompted(base), Prompted(base, shots=SHOTS)
    result["base_zero_shot"] = measured(zero, few, lambda done, what: note(0.5 + 0.2 * done, f"base model: {what}"))
    result["base_few_shot"] = measured(
        shown, few, lambda done, what: note(0.7 + 0.3 * done, f"base model with examples: {what}")
    )
    return result


def gathered(cases: int, hand_written: Path | None) -> Suite:
    """The tests: `cases` held-out ones, less those that share a template with training, and what is in files."""
    held_out = apart(corpus(cases, "held_out", HELD_OUT_SEED), corpus(FinetuneConfig().cases))
    if hand_written is None:
        return Suite(held_out)
    beside = {name: hand_written.with_name(name) for name in (PARAPHRASES, PAIRS)}
    sets = {name: read_tsv(path) if path.exists() else [] for name, path in beside.items()}
    return Suite(held_out, read_tsv(hand_written), sets[PARAPHRASES], sets[PAIRS])


def measured(answers: Answers, tests: Suite, note: Note) -> dict[str, Any]:
    """Every score of one answerer, with what it got wrong, for people to read, and how long it took."""
    parts = {"held_out": tests.held_out, "hand_written": tests.hand_written}
    parts |= {"paraphrases": tests.paraphrases, "pairs": tests.pairs}
    total, done = sum(map(len, parts.values())), 0
    replies: dict[str, list[Reply]] = {name: [] for name in parts}
    for name, cases in parts.items():
        for case in cases:
            replies[name].append(answers.answer(case.text, case.context))
            done += 1
            note(done / total, name.replace("_", " "))
    result = scored(tests, {name: [reply.line for reply in given] for name, given in replies.items()})
    return result | timed([reply for given in replies.values() for reply in given])


def by_keywords(tests: Suite) -> dict[str, Any]:
    """The scores of keyword rules."""
    parts = {"held_out": tests.held_out, "hand_written": tests.hand_written}
    parts |= {"paraphrases": tests.paraphrases, "pairs": tests.pairs}
    return scored(tests, {name: [by_rules(case.text) for case in cases] for name, cases in parts.items()})


def scored(tests: Suite, lines: dict[str, list[str]]) -> dict[str, Any]:
    """The scores of `lines` given to each part of the tests; a part without cases has none."""
    result: dict[str, Any] = {}
    for name, cases in (("held_out", tests.held_out), ("hand_written", tests.hand_written)):
        if cases:
            wrong = [
                [case.text, case.context, case.plan, line]
                for case, line in zip(cases, lines[name], strict=True)
                if line != case.plan
            ]
            result[name] = compare(cases, lines[name]) | {"wrong": wrong}
    if tests.paraphrases:
        result["paraphrases"] = whole_sets(tests.paraphrases, lines["paraphrases"], lambda case: case.language)
    if tests.pairs:
        result["pairs"] = whole_sets(tests.pairs, lines["pairs"], lambda case: case.kind.split()[0])
    return result


def timed(replies: Sequence[Reply]) -> dict[str, Any]:
    """Milliseconds a token, and the median of seconds by the number of steps."""
    seconds: dict[int, list[float]] = defaultdict(list)
    for reply in replies:
        if isinstance(reply.utterance, Plan):
            seconds[len(reply.utterance.steps)].append(reply.seconds)
    tokens = sum(reply.tokens for reply in replies)
    return {
        "ms_per_token": 1000 * sum(reply.seconds for reply in replies) / max(1, tokens),
        "seconds_median": {str(steps): statistics.median(spent) for steps, spent in sorted(seconds.items())},
    }


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result as rows of text, for people."""
    rows = []
    for who, name in NAMES.items():
        if who in result:
            rows += _rows(name, result[who])
    brain = result["brain"]
    rows += [(f"exact, {kind}", f"{value:.0%}") for kind, value in brain["held_out"]["exact_by_kind"].items()]
    rows += [(f"median seconds, {steps} step(s)", f"{value:.2f}") for steps, value in brain["seconds_median"].items()]
    return rows


def _rows(name: str, scores: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for part, called in (("held_out", "held-out templates"), ("hand_written", "hand-written test")):
        if part in scores:
            score = scores[part]
            languages = ", ".join(f"{lang} {value:.0%}" for lang, value in score["exact_by_language"].items())
            refused = score["refusals"]
            rows += [
                (f"{name}: exact plan, {called} ({score['cases']} cases)", f"{score['exact']:.1%} ({languages})"),
                (f"{name}: slot F1, {called}", f"{score['slot_f1']:.1%}"),
                (
                    f"{name}: refusals, {called}",
                    f"precision {refused['precision']:.0%}, recall {refused['recall']:.0%}",
                ),
                (f"{name}: lines that parse, {called}", f"{score['valid']:.1%}"),
            ]
    for part, called in (("paraphrases", "all five paraphrases right"), ("pairs", "both of a pair right")):
        if part in scores:
            by = ", ".join(f"{key} {value:.0%}" for key, value in scores[part]["all_right_by"].items())
            rows.append((f"{name}: {called} ({scores[part]['sets']} sets)", f"{scores[part]['all_right']:.1%} ({by})"))
    return rows


def _spread(cases: Sequence[Case], count: int) -> Sequence[Case]:
    """About `count` of the cases, evenly from first to last: a file in order of kinds keeps all its kinds."""
    return cases[:: max(1, -(-len(cases) // max(1, count)))]
