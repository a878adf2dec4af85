"""The corpus is what it says it is: large, in two languages, of every kind, parsed, and apart from what tests it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from brain.plan import REASONS, SLOTS, STEPS, Plan, Question, Refusal, parse_line, print_line
from finetune import numbers, reserved
from finetune.cases import BENCHMARK, Case, bare, read_tsv, template
from finetune.corpus import apart, corpus
from finetune.template_sampler import EVENT_SIDES

COUNT = 20_000


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return corpus(COUNT)


@pytest.fixture(scope="module")
def held_out() -> list[Case]:
    return corpus(1500, "held_out", 2)


@pytest.mark.slow
def test_twenty_thousand_distinct_texts_in_two_languages(cases: list[Case]) -> None:
    assert (
        len({case.text for case in cases if case.kind != "context"} | {f"{c.context}{c.text}" for c in cases}) >= COUNT
    )
    assert (
        len({case.text for case in cases}) >= 0.95 * COUNT
    )  # what is said of the drive's state is said again and again
    chinese = sum(case.language == "zh" for case in cases)
    assert 0.42 < chinese / len(cases) < 0.58


def test_every_kind_is_there_in_both_languages(cases: list[Case], held_out: list[Case]) -> None:
    by_kind = Counter((case.kind, case.language) for case in cases)
    assert len(by_kind) == 2 * 21
    assert min(by_kind.values()) > 100, by_kind.most_common()[-3:]
    assert {(case.kind, case.language) for case in held_out} == set(by_kind)


def test_every_plan_is_canonical_and_the_whole_language_is_covered(cases: list[Case]) -> None:
    seen: set[str] = set()
    for case in cases:
        utterance = parse_line(case.plan)
        assert print_line(utterance) == case.plan
        match utterance:
            case Plan(steps):
                for step in steps:
                    seen |= {step.name, f"@{step.when.kind}", f"~{step.duration is not None}"}
                    seen |= {f"{step.name}({argument})" for argument in step.args}
            case Refusal(word) | Question(word):
                seen.add(word)
    levels = {f"{kind}({level})" for kind in ("rain", "snow", "fog") for level in (1, 2, 3)}
    sides = {f"{event}({side})" for event in EVENT_SIDES for side in ("left", "right")}
    assert {*STEPS, *REASONS, *SLOTS, *levels, *sides, "@now", "@delay", "@next", "@junction", "~True"} <= seen


def test_no_slot_is_left_empty(cases: list[Case]) -> None:
    assert not [case.text for case in cases if re.search(r"\{[a-z_]+\}", case.text)]


def test_the_same_seed_gives_the_same_corpus() -> None:
    assert corpus(200) == corpus(200)
    assert corpus(200) != corpus(200, seed=1)


def test_held_out_texts_share_no_template_with_training(cases: list[Case], held_out: list[Case]) -> None:
    """Split phrases and connectives keep nearly all apart; `apart` removes the rest, whose templates coincide."""
    kept = apart(held_out, cases)
    assert len(kept) > 0.97 * len(held_out)
    assert not {template(case.text) for case in kept} & {template(case.text) for case in cases}


def test_no_hand_written_text_nor_its_template_is_trained_on(cases: list[Case]) -> None:
    own = [case for path in sorted(BENCHMARK.glob("*.tsv")) for case in read_tsv(path)]
    trained = {case.text for case in cases}
    assert not [case.text for case in own if case.text in trained]
    assert not {bare(case.text) for case in own} & {bare(text) for text in trained}
    assert not {template(case.text) for case in own} & {template(text) for text in trained}
    assert {reserved.fingerprint(case.text) for case in own} == reserved.reserved(), (
        "run python -m finetune.reserved finetune/benchmark/*.tsv"
    )


def test_numbers_in_words() -> None:
    assert [numbers.english(n) for n in (0, 7, 15, 20, 42, 60)] == [
        "zero",
        "seven",
        "fifteen",
        "twenty",
        "forty-two",
        "sixty",
    ]
    assert [numbers.chinese(n) for n in (5, 10, 15, 20, 42)] == ["五", "十", "十五", "二十", "四十二"]
