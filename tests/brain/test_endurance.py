"""Fuzzed texts, injections and the threshold of doubt, on a real tiny model and on fakes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from brain.director import Director, Reply
from brain.plan import Plan, Refusal
from finetune.cases import Case
from finetune.confidence import ANNOYING, FEWEST, calibrate_threshold, threshold_scores
from finetune.corpus import corpus
from finetune.evaluate import PARTS, evaluate_brain
from finetune.fuzz import fuzz_texts, injections, robustness
from tests.brain.tiny_brain import tiny_model


def silent(done: float, what: str) -> None:
    pass


def test_fuzzed_texts_are_of_every_kind_and_the_same_again() -> None:
    texts = list(fuzz_texts(2000))
    assert texts == list(fuzz_texts(2000)) and texts != list(fuzz_texts(2000, seed=1))
    assert set(Counter(kind for kind, _ in texts).values()) == {200} and len({kind for kind, _ in texts}) == 10
    assert max(len(text) for _, text in texts) > 900


def test_injections_are_distinct_and_of_both_languages() -> None:
    attempts = injections(300)
    assert len(set(attempts)) == 300
    assert any(c > "\u2e80" for text in attempts for c in text)


@pytest.mark.slow
def test_a_model_of_random_weights_endures_whatever_comes() -> None:
    """Its answers roam the grammar far more than a trained one's."""
    found = robustness(Director(tiny_model(2), unsure=0.0), fuzz_texts(60), 60, silent)
    assert (found["texts"], found["invalid"], found["crashes"]) == (60, 0, 0)
    assert sum(found["answers"].values()) == 60


def test_invalid_lines_and_crashes_are_counted() -> None:
    class Broken:
        def answer(self, text: str, context: str = "") -> Reply:
            if text == "crash":
                raise RuntimeError("broken")
            return Reply(Refusal("offtopic"), "refuse(everything)", 0.1, 3, -0.1)

    found = robustness(Broken(), [("one", "crash"), ("two", "say"), ("two", "say")], 3, silent)
    assert (found["crashes"], found["invalid"], found["texts"]) == (1, 2, 3)
    assert len(found["faults"]) == 3


class Doubter(Director):
    """Right on every third case and sure of nothing; half as sure where it is wrong."""

    def __init__(self, cases: list[Case], unsure: float | None = None) -> None:
        self.plans, self.unsure = {case.text: case.plan for case in cases}, unsure
        self.number = 0

    def answer(self, text: str, context: Any = "") -> Reply:
        self.number += 1
        right, confidence = self.number % 3 == 0, -0.001 * (1 + self.number % 50)
        line = self.plans[text] if right else "dusk;dawn"
        confidence = confidence if right else confidence - 0.02
        instead = self.plans[text] if self.unsure is not None and confidence < self.unsure else None
        return Reply(Plan(()), line, 0.1, 3, confidence, instead)


def test_the_threshold_asks_about_a_tenth_of_the_right_plans() -> None:
    tests = corpus(300, "validation", 3)
    found = calibrate_threshold(Doubter(tests), 300)
    assert found is not None and found["right"] == 100
    doubter = Doubter(tests, found["unsure"])
    again = threshold_scores(found["unsure"], tests, [doubter.answer(case.text) for case in tests])
    assert again["right_plans_asked_about"] == pytest.approx(ANNOYING, abs=0.03)
    assert again["wrong_plans_asked_about"] > 2 * again["right_plans_asked_about"]
    assert again["exact_with_one_question"] > again["exact"]
    assert calibrate_threshold(Doubter(tests[: FEWEST + 10]), FEWEST + 10) is None


def test_a_part_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="no part speed"):
        evaluate_brain(only=("speed",))
    assert set(PARTS) >= {"brain", "rules", "base", "fuzz", "injections", "int8"}
