"""Scores of the brain beside its baselines: exact plans, slots, paraphrases, pairs and refusals."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brain.director import Director, Reply
from brain.files import ADAPTER
from brain.llm import LocalModel
from brain.plan import Plan
from finetune.baselines import SHOTS, PromptedModel
from finetune.cases import BENCHMARK, Case, read_tsv
from finetune.confidence import threshold_scores
from finetune.corpus import apart, corpus
from finetune.fuzz import fuzz_texts, injections, robustness
from finetune.rules import by_rules
from finetune.scores import Answers, compare, mean, whole_sets
from finetune.train import FinetuneConfig
from world.telling import Report

HELD_OUT_SEED = 2  # not the one that training validates with
HAND_WRITTEN = BENCHMARK / "brain_cases.tsv"
PARTS = ("brain", "rules", "int8", "injections", "fuzz", "base")
PARAPHRASES, PAIRS = "brain_paraphrases.tsv", "brain_pairs.tsv"


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of an evaluation. Among paraphrases and pairs, cases of one kind form a set."""

    held_out: Sequence[Case]
    hand_written: Sequence[Case] = ()
    paraphrases: Sequence[Case] = ()
    pairs: Sequence[Case] = ()


def evaluate_brain(
    adapter: Path | None = None,
    *,
    only: Collection[str] = PARTS,
    cases: int = 400,
    fuzz: int = 10_000,
    seed: int = 0,
    attempts: int = 300,
    hand_written: Path | None = HAND_WRITTEN,
    report: Report | None = None,
) -> dict[str, Any]:
    """Scores of the parts in `only`: the brain and its baselines on held-out templates and the cases of `hand_written`.

    A held-out case shares no phrase, connective or template with training. The files brain_paraphrases.tsv and
    brain_pairs.tsv beside the hand-written file are used too, if there are any. fuzz, attempts: how many fuzzed texts
    and injections; seed: of the former. Raises ValueError for an unknown part, WeightsError where the adapter is
    missing or damaged, DataError where a file is malformed.
    """
    parts = [part for part in PARTS if part in only]
    if wrong := set(only) - set(PARTS):
        raise ValueError(f"there is no part {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}")
    tell = report or (lambda fraction, text: None)
    tests = load_suite(cases, hand_written)
    result: dict[str, Any] = {}
    director = Director.load(adapter or ADAPTER) if set(parts) - {"rules", "base"} else None
    for number, part in enumerate(parts):

        def note(share: float, what: str, number: int = number, part: str = part) -> None:
            tell((number + share) / len(parts), f"{part}: {what}")

        if part == "rules":
            result["keyword_rules"] = by_keywords(tests)
        elif part == "base":
            base = Director.load(None)
            result["base_zero_shot"] = scores_of(PromptedModel(base), tests, note)
            result["base_few_shot"] = scores_of(PromptedModel(base, shots=SHOTS), tests, note)
            del base
        elif director is not None:
            strange = (fuzz_texts(fuzz, seed), fuzz)
            result |= _of_brain(part, director, adapter or ADAPTER, tests, strange, attempts, note)
    return result


def _of_brain(
    part: str,
    director: Director,
    adapter: Path,
    tests: Suite,
    strange: tuple[Iterable[tuple[str, str]], int],
    attempts: int,
    note: Report,
) -> dict[str, Any]:
    if part == "brain":
        scores, replies = scores_and_replies(director, tests, note)
        return {"brain": scores, "confidence": threshold_scores(director.unsure, tests.held_out, replies["held_out"])}
    if part == "int8":
        return {"int8": against_fp32(director, adapter, tests.hand_written, note)}
    if part == "fuzz":
        return {"fuzz": robustness(director, *strange, note)}
    texts = (("injection", text) for text in injections(attempts))
    return {"injections": robustness(director, texts, attempts, note)}


def against_fp32(director: Director, adapter: Path, cases: Sequence[Case], note: Report) -> dict[str, Any]:
    """Exact plans of the brain in int8 and in fp32 on the same cases."""
    brains = {"int8": Director(director.model), "fp32": Director(LocalModel.load(adapter, quant="none"))}
    lines: dict[str, list[str]] = {"int8": [], "fp32": []}
    for number, case in enumerate(cases, 1):
        for name, brain in brains.items():
            lines[name].append(brain.answer(case.text, case.context).line)
        note(number / len(cases), "int8 beside fp32")
    exact = {
        name: mean([line == case.plan for case, line in zip(cases, answers, strict=True)])
        for name, answers in lines.items()
    }
    same = mean([a == b for a, b in zip(lines["int8"], lines["fp32"], strict=True)])
    return {
        "cases": len(cases),
        "exact": exact,
        "same_line": same,
        "points_lost": 100 * (exact["fp32"] - exact["int8"]),
    }


def load_suite(cases: int, hand_written: Path | None) -> Suite:
    """`cases` held-out cases, less those that share a template with training, and the hand-written files.

    DataError where a file is malformed.
    """
    held_out = apart(corpus(cases, "held_out", HELD_OUT_SEED), corpus(FinetuneConfig().cases))
    if hand_written is None:
        return Suite(held_out)
    beside = {name: hand_written.with_name(name) for name in (PARAPHRASES, PAIRS)}
    sets = {name: read_tsv(path) if path.exists() else [] for name, path in beside.items()}
    return Suite(held_out, read_tsv(hand_written), sets[PARAPHRASES], sets[PAIRS])


def scores_of(answers: Answers, tests: Suite, note: Report) -> dict[str, Any]:
    """All scores of one answerer, with its wrong lines and its latency."""
    return scores_and_replies(answers, tests, note)[0]


def scores_and_replies(answers: Answers, tests: Suite, note: Report) -> tuple[dict[str, Any], dict[str, list[Reply]]]:
    """The scores, and the replies behind them by part of the suite."""
    parts = {"held_out": tests.held_out, "hand_written": tests.hand_written}
    parts |= {"paraphrases": tests.paraphrases, "pairs": tests.pairs}
    total, count = sum(map(len, parts.values())), 0
    replies: dict[str, list[Reply]] = {name: [] for name in parts}
    for name, cases in parts.items():
        for case in cases:
            replies[name].append(answers.answer(case.text, case.context))
            count += 1
            note(count / total, name.replace("_", " "))
    result = score_lines(tests, {name: [reply.line for reply in answers] for name, answers in replies.items()})
    return result | latency([reply for answers in replies.values() for reply in answers]), replies


def by_keywords(tests: Suite) -> dict[str, Any]:
    """The scores of the keyword rules."""
    parts = {"held_out": tests.held_out, "hand_written": tests.hand_written}
    parts |= {"paraphrases": tests.paraphrases, "pairs": tests.pairs}
    return score_lines(tests, {name: [by_rules(case.text) for case in cases] for name, cases in parts.items()})


def score_lines(tests: Suite, lines: dict[str, list[str]]) -> dict[str, Any]:
    """The scores of `lines`, by part of the suite; a part without cases is left out."""
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


def latency(replies: Sequence[Reply]) -> dict[str, Any]:
    """Milliseconds per token, and the median of seconds by number of steps."""
    seconds: dict[int, list[float]] = defaultdict(list)
    for reply in replies:
        if isinstance(reply.utterance, Plan):
            seconds[len(reply.utterance.steps)].append(reply.seconds)
    tokens = sum(reply.tokens for reply in replies)
    return {
        "ms_per_token": 1000 * sum(reply.seconds for reply in replies) / max(1, tokens),
        "seconds_median": {str(steps): statistics.median(times) for steps, times in sorted(seconds.items())},
    }
