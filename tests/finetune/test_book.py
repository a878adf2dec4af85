"""The phrase book is whole: no phrase twice, splits apart, plans that read, slots that can be filled; bad tables are refused."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import product
from pathlib import Path

import pytest

from brain.plan import Plan, parse_line, print_line
from finetune.book import COLUMNS, FOLDER, LANGUAGES, SPLITS, Row, Split, read_book, read_rows
from finetune.template_sampler import FORMS
from world.errors import DataError

ROWS = [row for path in sorted(FOLDER.glob("*.tsv")) for row in read_rows(path)]
# What the generator itself puts into a text, and into a plan.
GIVEN = {"a", "b", "n", "w", "who", "does", "do", "doing", "side", "from_side", "seconds", "speed"}
STEP = "rain(2)"  # takes every time
VALUES = {"a": STEP, "b": STEP, "n": STEP, "who": STEP, "weather": STEP, "side": "left", "kmh": "30", "seconds": "2.5"}
NAMED = ("order", "statement", "noun", "condition", "who", "does")  # lists of kinds that name the step they mean
ONE_WORD = ("weather_word.rain", "weather_word.snow", "weather_word.fog")  # lists too short to be split


@pytest.fixture(scope="module")
def by_list() -> dict[tuple[str, str], list[Row]]:
    rows = defaultdict(list)
    for row in ROWS:
        rows[row.language, row.kind].append(row)
    return rows


def test_no_phrase_is_there_twice(by_list: dict[tuple[str, str], list[Row]]) -> None:
    for which, rows in by_list.items():
        texts = [row.text for row in rows]
        assert len(set(texts)) == len(texts), which


def test_what_is_held_out_is_nowhere_else(by_list: dict[tuple[str, str], list[Row]]) -> None:
    """Validation, which chooses among trainings, shares the phrases of lists too short to be cut in three."""
    for row in ROWS:
        if row.kind not in ONE_WORD:
            assert row.splits in ({"train"}, {"validation"}, {"held_out"}, {"train", "validation"}), row
    for which, rows in by_list.items():
        lent = [row for row in rows if row.splits == {"train", "validation"}]
        assert not lent or not any(row.splits == {"validation"} for row in rows), which


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_split_has_its_own_share_of_every_list(language: str) -> None:
    """Of a list that is trained on alone, nothing was there before the splits were drawn."""
    book = read_book(language)
    assert len(book) > 150
    for kind, phrases in book.items():
        if phrases.weights["held_out"]:
            assert all(phrases.options[split] for split in SPLITS), kind
            assert phrases.weights["validation"] == phrases.weights["held_out"] <= phrases.weights["train"]
        else:
            assert phrases.options["train"] and kind.startswith("slot."), kind


def test_every_plan_template_reads() -> None:
    for row in ROWS:
        if row.plan:
            line = row.plan.format(**VALUES)
            assert print_line(parse_line(line)) == line, row


def test_kinds_of_one_name_mean_the_same_in_both_languages() -> None:
    plans = defaultdict(set)
    for row in ROWS:
        kind, _, name = row.kind.partition(".")
        plans[("a step", name) if kind in NAMED else (row.kind, "")].add(row.plan)
    assert {which: result for which, result in plans.items() if len(result) > 1} == {}
    steps = {name: plan for (_, name), (plan,) in plans.items() if name}
    for name, plan in steps.items():
        utterance = parse_line(plan.format(**VALUES))
        assert isinstance(utterance, Plan)
        if len(utterance.steps) == 1:
            assert name.startswith(utterance.steps[0].name)


@pytest.mark.parametrize(("language", "split"), list(product(LANGUAGES, SPLITS)))
def test_every_slot_can_be_filled_in_every_split(language: str, split: Split) -> None:
    book = read_book(language)
    for kind, phrases in book.items():
        for text in phrases.options[split]:
            for slot in set(re.findall(r"\{([A-Za-z_]+)\}", text)) - GIVEN:
                assert book[f"slot.{slot}"].options[split], (kind, text)


def test_an_english_act_has_three_forms() -> None:
    for row in ROWS:
        assert len(row.text.split(FORMS)) == (3 if (row.language, row.kind[:5]) == ("en", "does.") else 1), row


HEADER = "\t".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "does not begin with the columns text, language"),
        ("stop\ten\torder.stop\tstop\ttrain\n", "does not begin with the columns text, language"),
        (HEADER + "stop\ten\torder.stop\tstop\n", "Line 2 .*it has 4 columns"),
        (HEADER + "stop\tde\torder.stop\tstop\ttrain\n", "Line 2 .*the language is en or zh, not 'de'"),
        (HEADER + "stop\ten\torder.stop\tstop\ttest\n", "Line 2 .*train_extra, not 'test'"),
        (HEADER + "stop\ten\torder.stop\tstop\ttrain\n\ten\torder.stop\tstop\ttrain\n", "Line 3 .*may not be empty"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "drive.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        list(read_rows(path))


def test_phrases_of_one_kind_have_one_plan(tmp_path: Path) -> None:
    rows = ("stop\ten\torder.stop\tstop\ttrain\n", "go\ten\torder.stop\tgo\ttrain\n")
    (tmp_path / "drive.tsv").write_text(HEADER + "".join(rows), encoding="utf-8")
    with pytest.raises(DataError, match=r"order.stop \(en\) have several plans: go, stop"):
        read_book("en", tmp_path)
    with pytest.raises(DataError, match="There are no phrases in"):
        read_book("zh", tmp_path)


def test_what_is_added_for_training_leaves_the_other_splits_as_they_were(tmp_path: Path) -> None:
    rows = [f"{split} it\ten\torder.stop\tstop\t{split}\n" for split in SPLITS]
    added = "hold it\ten\torder.stop\tstop\ttrain_extra\n"
    for name, content in (("before", rows), ("after", [*rows, added])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "drive.tsv").write_text(HEADER + "".join(content), encoding="utf-8")
    before, after = (read_book("en", tmp_path / name)["order.stop"] for name in ("before", "after"))
    assert after.options["train"] == ("train it", "hold it")
    assert after.weights["train"] == before.weights["train"] + 1
    for split in ("validation", "held_out"):
        assert after.options[split] == before.options[split] and after.weights[split] == before.weights[split]


def test_quotes_and_spaces_of_a_text_stay(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text(HEADER + ' "from" the left \ten\tfrom_left\t\ttrain,validation\n', encoding="utf-8")
    assert list(read_rows(path)) == [
        Row(' "from" the left ', "en", "from_left", "", frozenset({"train", "validation"}))
    ]
