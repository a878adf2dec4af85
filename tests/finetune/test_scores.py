"""The brain's scores are right for models that are fakes: perfect ones, stubborn ones, ones that say no to everything."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from brain.director import Reply
from brain.plan import parse_line, print_line
from brain.prompt import prompt_tokens
from finetune.baselines import INSTRUCTION, SHOTS, PromptedModel
from finetune.cases import BENCHMARK, Case, read_tsv
from finetune.evaluate import Suite, by_keywords, scores_of
from finetune.report import AIMS, markdown, table
from finetune.scores import compare, refusals, slot_f1, whole_sets
from tests.brain.tiny_brain import tiny_director, tiny_tokenizer


class Fake:
    """Answers from a list of lines by text, and with one line where the text is not there."""

    def __init__(self, lines: dict[str, str], otherwise: str = "follow") -> None:
        self.lines, self.otherwise = lines, otherwise

    def answer(self, text: str, context: str = "") -> Reply:
        line = self.lines.get(f"{context}|{text}", self.otherwise)
        return Reply(parse_line(line), line, 0.5, 5, -0.1)


@pytest.fixture(scope="module")
def tests() -> Suite:
    own = read_tsv(BENCHMARK / "brain_cases.tsv")
    return Suite(own[::7], own, read_tsv(BENCHMARK / "brain_paraphrases.tsv"), read_tsv(BENCHMARK / "brain_pairs.tsv"))


def key(tests: Suite) -> dict[str, str]:
    every = [*tests.held_out, *tests.hand_written, *tests.paraphrases, *tests.pairs]
    return {f"{case.context}|{case.text}": case.plan for case in every}


def test_paraphrases_are_sets_of_five_of_one_meaning_in_one_language(tests: Suite) -> None:
    sets: dict[str, list[Case]] = defaultdict(list)
    for case in tests.paraphrases:
        sets[case.kind].append(case)
    assert len(sets) >= 40
    assert all(len(cases) == 5 for cases in sets.values())
    assert all(len({(case.plan, case.context, case.language) for case in cases}) == 1 for cases in sets.values())
    languages = Counter(cases[0].language for cases in sets.values())
    assert languages["en"] == languages["zh"]


def test_pairs_are_two_of_one_language_that_mean_different_things(tests: Suite) -> None:
    pairs: dict[str, list[Case]] = defaultdict(list)
    for case in tests.pairs:
        pairs[case.kind].append(case)
    assert Counter(kind.split()[0] for kind in pairs) == {"negation": 20, "correction": 20}
    for first, second in pairs.values():
        assert first.language == second.language and first.plan != second.plan


def test_a_perfect_model_has_every_score_at_one(tests: Suite) -> None:
    notes: list[float] = []
    result = scores_of(Fake(key(tests)), tests, lambda done, what: notes.append(done))
    for part in ("held_out", "hand_written"):
        score = result[part]
        assert score["exact"] == score["valid"] == score["slot_f1"] == 1.0 and score["wrong"] == []
        assert score["refusals"] == {"precision": 1.0, "recall": 1.0, "reason": 1.0}
        assert set(score["exact_by_language"].values()) == {1.0}
    assert result["paraphrases"]["all_right"] == result["pairs"]["all_right"] == 1.0
    assert result["seconds_median"]["1"] == 0.5 and result["ms_per_token"] == pytest.approx(100)
    assert notes[-1] == 1.0 and notes == sorted(notes)


def test_one_paraphrase_of_five_wrong_is_a_set_lost(tests: Suite) -> None:
    lines = key(tests)
    for index in (0, 1, 5):  # two sets
        lines[f"|{tests.paraphrases[index].text}"] = "dusk;dawn"
    score = scores_of(Fake(lines), tests, lambda done, what: None)["paraphrases"]
    assert score["all_right"] == pytest.approx(1 - 2 / score["sets"])
    assert score["exact"] == pytest.approx(1 - 3 / len(tests.paraphrases))
    assert score["all_right_by"]["zh"] == 1.0 > score["all_right_by"]["en"]


def test_a_model_that_hears_no_negation_and_no_correction_loses_every_pair(tests: Suite) -> None:
    lines = [case.plan for case in tests.pairs]
    deaf = [lines[index - index % 2] for index in range(len(lines))]
    score = whole_sets(tests.pairs, deaf, lambda case: case.kind.split()[0])
    assert score["all_right"] == 0.0 and score["exact"] == 0.5
    assert score["all_right_by"] == {"correction": 0.0, "negation": 0.0}


def test_slots_count_what_is_half_right() -> None:
    assert slot_f1(["left;rain(2)@next"], ["left;rain(2)@next"]) == 1.0
    assert slot_f1(["left;rain(2)@next"], ["left;rain(3)@next"]) == pytest.approx(2 * 3 / 8)
    assert slot_f1(["left"], ["right"]) == 0.0
    assert slot_f1(["stop@+5"], ["stop@+6"]) == pytest.approx(0.5)
    assert slot_f1(["rain(2)~10"], ["rain(2)"]) == pytest.approx(2 * 2 / 5)
    assert slot_f1(["left;left@next"], ["left"]) == pytest.approx(2 * 1 / 4)
    assert slot_f1(["left"], ["nonsense"]) == 0.0


def test_refusals_by_precision_and_recall() -> None:
    plans = ["refuse(offtopic)", "refuse(unsupported)", "left", "ask(side)"]
    assert refusals(plans, ["refuse(offtopic)", "refuse(offtopic)", "left", "ask(side)"]) == {
        "precision": 1.0,
        "recall": 1.0,
        "reason": 0.5,
    }
    assert refusals(plans, ["refuse(offtopic)"] * 4)["precision"] == 0.5
    assert refusals(plans, ["left"] * 4) == {"precision": 0.0, "recall": 0.0, "reason": 0.0}


def test_what_does_not_parse_is_neither_valid_nor_right() -> None:
    cases = [Case("left", "", "left", "drive", "en"), Case("左轉", "", "left", "drive", "zh")]
    score = compare(cases, ["left", "turn left"])
    assert (score["exact"], score["valid"]) == (0.5, 0.5)
    assert score["exact_by_language"] == {"en": 1.0, "zh": 0.0}


def test_every_answerer_has_rows_in_the_table(tests: Suite) -> None:
    fake = scores_of(Fake({}, "refuse(offtopic)"), tests, lambda done, what: None)
    rows = table({"brain": fake, "keyword_rules": by_keywords(tests)})
    names = [name for name, _ in rows]
    assert any("keyword rules: slot F1" in name for name in names)
    assert any("the brain: all five paraphrases right" in name for name in names)
    assert len(set(names)) == len(names)


def test_the_readme_has_every_score_beside_its_baselines(tests: Suite) -> None:
    perfect, stubborn = scores_of(Fake(key(tests)), tests, lambda *_: None), by_keywords(tests)
    written = markdown({"brain": perfect, "keyword_rules": stubborn, "start": {"seconds": 1.5}}).splitlines()
    assert written[0] == "| what | the brain | keyword rules | aimed at |"
    rows = {row.split(" | ")[0].strip("| "): row.split(" | ") for row in written if row.startswith("| ")}
    assert rows["exact plan, hand-written test, English / Chinese"][1] == "100.0% / 100.0%"
    assert rows["all five paraphrases of a meaning right"][1] == "100.0%"
    assert rows["all five paraphrases of a meaning right"][2] != "100.0%"
    assert rows["the brain's start from its cache"][1] == "1.5 s |"
    assert len({row.count("|") for row in written[: len(AIMS) + 2]}) == 1


def test_a_prompted_base_model_speaks_the_language_too() -> None:
    director = tiny_director(3)
    for shots in ((), SHOTS[:2]):
        reply = PromptedModel(director, shots=shots).answer("turn left", "weather=rain(1)")
        assert print_line(parse_line(reply.line)) == reply.line and reply.tokens > 0


def test_shots_are_turns_before_the_question() -> None:
    tokenizer = tiny_tokenizer()
    written = tokenizer.decode(prompt_tokens(tokenizer, "stop", "speed=30", INSTRUCTION, SHOTS[:1]))
    assert written.endswith("<user>turn left here<end><assistant>left<end><user>speed=30\nstop<end><assistant>")
    assert prompt_tokens(tokenizer, "stop", "") == prompt_tokens(tokenizer, "stop", "", shots=())


def test_shots_are_right_and_in_no_test(tests: Suite) -> None:
    texts = {case.text for case in (*tests.hand_written, *tests.paraphrases, *tests.pairs)}
    for shot in SHOTS:
        assert print_line(parse_line(shot.plan)) == shot.plan
        assert shot.text not in texts
