"""The corpus is what it says it is: large, in two languages, of every kind, parsed, and apart from what tests it."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from brain.plan import REASONS, SLOTS, STEPS, Plan, Question, Refusal, parse_line, print_line
from finetune import numbers, reserved
from finetune.cases import Case, bare, read_tsv, template
from finetune.corpus import apart, corpus
from finetune.phrases import en, zh
from finetune.pieces import FEWEST, FEWEST_VALIDATED, Pieces, of_split

DATA = Path(__file__).parent / "data"
COUNT = 20_000


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return corpus(COUNT)


@pytest.fixture(scope="module")
def held_out() -> list[Case]:
    return corpus(1500, "held_out", 2)


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
    sides = {f"{event}({side})" for event in ("ped_cross", "cyclist", "cut_in", "animal") for side in ("left", "right")}
    assert {*STEPS, *REASONS, *SLOTS, *levels, *sides, "@now", "@delay", "@next", "@junction", "~True"} <= seen


def test_no_slot_is_left_empty(cases: list[Case]) -> None:
    assert not [case.text for case in cases if re.search(r"\{[a-z_]+\}", case.text)]


def test_the_same_seed_gives_the_same_corpus() -> None:
    assert corpus(200) == corpus(200)
    assert corpus(200) != corpus(200, seed=1)


def test_held_out_texts_share_no_template_with_training(cases: list[Case], held_out: list[Case]) -> None:
    """By their phrases and joints alone nearly all are apart; the rest, built alike from other words, are taken out."""
    kept = apart(held_out, cases)
    assert len(kept) > 0.97 * len(held_out)
    assert not {template(case.text) for case in kept} & {template(case.text) for case in cases}


def lists(words: object) -> Iterator[tuple[str, ...]]:
    """Every list of options in a language's phrase books that is split."""
    if isinstance(words, tuple):
        yield words
    elif isinstance(words, dict):
        for value in words.values():
            yield from lists(value)
    elif isinstance(words, ModuleType):
        for name, value in vars(words).items():
            if "MORE" not in name.upper() and (name.isupper() or isinstance(value, ModuleType)):
                yield from lists(value)


@pytest.mark.parametrize("words", [en, zh])
def test_what_was_added_later_is_for_training_alone(words: ModuleType) -> None:
    rng = random.Random(0)
    training, others = (Pieces(words, "en", split, rng) for split in ("train", "held_out"))
    known = set(lists(words))
    kept_back = {option for options in known if len(options) >= FEWEST for option in of_split(options, "held_out")}
    assert not kept_back & {option for added in (*words.MORE.values(), *words.MORE_SLOTS.values()) for option in added}
    for options, added in words.MORE.items():
        assert options in known and added
        assert len(set(added)) == len(added) and not set(added) & set(options)
        tested = {training.pick(options) for _ in range(60)}
        assert not tested & set(of_split(options, "held_out"))
        assert not {others.pick(options) for _ in range(60)} & set(added)
    assert not set(words.MORE_SLOTS) & set(words.SLOTS)


@pytest.mark.parametrize("words", [en, zh])
def test_every_split_has_its_own_share_of_every_list(words: ModuleType) -> None:
    found = list(lists(words))
    assert len(found) > 150
    for options in found:
        assert len(set(options)) == len(options)
        if len(options) < FEWEST:
            assert len(options) == 1 and options[0] in ("rain", "snow", "fog", "雨", "雪", "霧", "等")
            continue
        train, tested = set(of_split(options, "train")), set(of_split(options, "held_out"))
        validated = set(of_split(options, "validation"))
        assert train and tested and validated and not tested & (train | validated)
        assert tested | train | validated == set(options)
        assert not train & validated or len(options) < FEWEST_VALIDATED


def test_no_hand_written_text_nor_its_template_is_trained_on(cases: list[Case]) -> None:
    own = [case for path in sorted(DATA.glob("brain_*.tsv")) for case in read_tsv(path)]
    trained = {case.text for case in cases}
    assert not [case.text for case in own if case.text in trained]
    assert not {bare(case.text) for case in own} & {bare(text) for text in trained}
    assert not {template(case.text) for case in own} & {template(text) for text in trained}
    assert {reserved.fingerprint(case.text) for case in own} == reserved.RESERVED, (
        "run python -m finetune.reserved tests/data/brain_*.tsv"
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
