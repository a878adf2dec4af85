"""The hand-written test is whole: plans parse, languages and kinds are balanced, and no text is there twice."""

from __future__ import annotations

from collections import Counter

import pytest

from brain.plan import STEPS, Plan, Question, Refusal, parse_line, print_line
from finetune.cases import BENCHMARK, Case, bare, read_tsv, template

KINDS = {
    "command", "wish", "scene", "slang", "typo", "polite", "fragment", "number", "time", "steps", "sequence",
    "condition", "negation", "correction", "context", "question", "unsupported", "offtopic", "injection", "part",
}  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return read_tsv(BENCHMARK / "brain_cases.tsv")


def test_every_line_has_four_fields_and_a_canonical_plan() -> None:
    for line in (BENCHMARK / "brain_cases.tsv").read_text().splitlines():
        text, context, plan, kind = line.split("\t")
        assert print_line(parse_line(plan)) == plan
        assert text.strip() == text and kind in KINDS
        for pair in context.split():
            name, _, value = pair.partition("=")
            assert name in ("weather", "time", "speed", "pending")
            if name != "speed":
                assert print_line(parse_line(value)) == value


def test_both_languages_and_every_kind_have_their_share(cases: list[Case]) -> None:
    assert len(cases) >= 300
    by_language = Counter(case.language for case in cases)
    assert abs(by_language["en"] - by_language["zh"]) <= 0.1 * len(cases)
    by_kind = Counter((case.kind, case.language) for case in cases)
    assert {kind for kind, _ in by_kind} == KINDS
    assert min(by_kind.values()) >= 6 and len(by_kind) == 2 * len(KINDS)


def test_no_text_is_there_twice(cases: list[Case]) -> None:
    assert len({bare(case.text) for case in cases}) == len(cases)


def test_every_step_reason_and_slot_is_wanted_somewhere(cases: list[Case]) -> None:
    seen: set[str] = set()
    for case in cases:
        match parse_line(case.plan):
            case Plan(steps):
                seen |= {step.name for step in steps}
            case Refusal(word) | Question(word):
                seen.add(word)
    assert set(STEPS) | {"unsupported", "offtopic", "direction", "side", "event", "speed"} <= seen


def test_texts_that_differ_in_their_slots_alone_share_a_template() -> None:
    assert template("Turn left in 5 seconds!") == template("turn right in ten seconds")
    assert template("三秒後左轉。") == template("十五秒後右轉")
    assert template("turn left") != template("please turn left")
    assert bare("Left, NO... right!") == "left no right"
