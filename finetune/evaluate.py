"""How well the brain understands: exact plans, slots, paraphrases, pairs and refusals, beside its baselines."""

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
from finetune.confidence import asked
from finetune.corpus import apart, corpus
from finetune.fuzz import endured, fuzzed, injections
from finetune.rules import by_rules
from finetune.scores import Answers, compare, mean, whole_sets
from finetune.train import FinetuneConfig
from world.telling import Report

HELD_OUT_SEED = 2  # not the one that training validates on
HAND_WRITTEN = BENCHMARK / "brain_cases.tsv"
PARTS = ("brain", "rules", "int8", "injections", "fuzz", "base")
PARAPHRASES, PAIRS = "brain_paraphrases.tsv", "brain_pairs.tsv"


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases that one answerer is measured on. Of paraphrases and pairs, those of one kind belong together."""

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
    """The parts of `only`: the brain and its baselines on held-out templates and on the cases of `hand_written`.

    A held-out case shares no phrase, connective or template with training. Beside the hand-written file, the files
    brain_paraphrases.tsv and brain_pairs.tsv are taken too, where they are. fuzz, attempts: how many strange texts, how many
    injections; seed: of the former.
    """
    wanted = [part for part in PARTS if part in only]
    if wrong := set(only) - set(PARTS):
        raise ValueError(f"there is no part {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}")
    told = report or (lambda fraction, text: None)
    tests = gathered(cases, hand_written)
    result: dict[str, Any] = {}
    director = Director.load(adapter or ADAPTER) if set(wanted) - {"rules", "base"} else None
    for number, part in enumerate(wanted):

        def note(done: float, what: str, number: int = number, part: str = part) -> None:
            told((number + done) / len(wanted), f"{part}: {what}")

        if part == "rules":
            result["keyword_rules"] = by_keywords(tests)
        elif part == "base":
            base = Director.load(None)
            result["base_zero_shot"] = measured(PromptedModel(base), tests, note)
            result["base_few_shot"] = measured(PromptedModel(base, shots=SHOTS), tests, note)
            del base
        elif director is not None:
            strange = (fuzzed(fuzz, seed), fuzz)
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
        found, replies = heard(director, tests, note)
        return {"brain": found, "confidence": asked(director.unsure, tests.held_out, replies["held_out"])}
    if part == "int8":
        return {"int8": against_fp32(director, adapter, tests.hand_written, note)}
    if part == "fuzz":
        return {"fuzz": endured(director, *strange, note)}
    texts = (("injection", text) for text in injections(attempts))
    return {"injections": endured(director, texts, attempts, note)}


def against_fp32(director: Director, adapter: Path, cases: Sequence[Case], note: Report) -> dict[str, Any]:
    """Exact plans of the brain as it is, int8, and of the same in fp32, on the same cases."""
    brains = {"int8": Director(director.model), "fp32": Director(LocalModel.load(adapter, quant="none"))}
    lines: dict[str, list[str]] = {"int8": [], "fp32": []}
    for number, case in enumerate(cases, 1):
        for name, brain in brains.items():
            lines[name].append(brain.answer(case.text, case.context).line)
        note(number / len(cases), "int8 beside fp32")
    exact = {
        name: mean([line == case.plan for case, line in zip(cases, said, strict=True)]) for name, said in lines.items()
    }
    same = mean([a == b for a, b in zip(lines["int8"], lines["fp32"], strict=True)])
    return {
        "cases": len(cases),
        "exact": exact,
        "same_line": same,
        "points_lost": 100 * (exact["fp32"] - exact["int8"]),
    }


def gathered(cases: int, hand_written: Path | None) -> Suite:
    """The tests: `cases` held-out ones, less those that share a template with training, and what is in files."""
    held_out = apart(corpus(cases, "held_out", HELD_OUT_SEED), corpus(FinetuneConfig().cases))
    if hand_written is None:
        return Suite(held_out)
    beside = {name: hand_written.with_name(name) for name in (PARAPHRASES, PAIRS)}
    sets = {name: read_tsv(path) if path.exists() else [] for name, path in beside.items()}
    return Suite(held_out, read_tsv(hand_written), sets[PARAPHRASES], sets[PAIRS])


def measured(answers: Answers, tests: Suite, note: Report) -> dict[str, Any]:
    """Every score of one answerer, with what it got wrong, for people to read, and how long it took."""
    return heard(answers, tests, note)[0]


def heard(answers: Answers, tests: Suite, note: Report) -> tuple[dict[str, Any], dict[str, list[Reply]]]:
    """The scores, and the replies that they were made from, by part of the tests."""
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
    return result | timed([reply for given in replies.values() for reply in given]), replies


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
