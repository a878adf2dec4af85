"""The phrase book: what people say and what it means, one row a phrase, in tables by topic (finetune/phrases/*.tsv).

| column | what it holds |
|---|---|
| text | a phrase, or a template with slots: `{city}` is filled from the list `slot.city`, `{a}` by another phrase |
| language | en or zh |
| kind | the list that the phrase belongs to: `order.left` |
| plan | the phrase's plan with open slots: `speed({kmh})`; empty for a word within a sentence |
| split | the splits that may use the phrase: `train`, `validation`, `held_out`, separated by commas, or `train_extra` |

`train_extra` belongs to `train`, but was written after the splits had been drawn, so it does not change the weight of its
list in the other splits. The order of a list's rows is part of the corpus: a seed draws by position.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from world.errors import DataError

FOLDER = Path(__file__).parent / "phrases"
COLUMNS = ["text", "language", "kind", "plan", "split"]
LANGUAGES = ("en", "zh")
EXTRA = "train_extra"
Split = Literal["train", "validation", "held_out"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Row:
    """One phrase. splits: those that may use it; extra: whether it was added after the splits had been drawn."""

    text: str
    language: str
    kind: str
    plan: str
    splits: frozenset[str]
    extra: bool = False


@dataclass(frozen=True, slots=True)
class PhraseList:
    """The phrases of one kind in one language: their plan, and the options of each split.

    weights: sampling weight of the list beside another one of the same meaning: its number of phrases over all splits,
    so that every split draws from both alike.
    """

    plan: str
    options: Mapping[Split, tuple[str, ...]]
    weights: Mapping[Split, int]


Book = Mapping[str, PhraseList]  # by kind, in the order of the tables


@cache
def read_book(language: str, folder: Path = FOLDER) -> Book:
    """The phrases in one language. DataError where there are none, or a table is malformed."""
    rows = defaultdict(list)
    for path in sorted(folder.glob("*.tsv")):
        for row in read_rows(path):
            if row.language == language:
                rows[row.kind].append(row)
    if not rows:
        raise DataError(f"There are no phrases in {folder}; install lucidrive again.")
    return {kind: _phrase_list(its) for kind, its in rows.items()}


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of one table. DataError where a line is malformed; it names the first."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if next(lines, None) != COLUMNS:
            raise DataError(f"{path} does not begin with the columns {', '.join(COLUMNS)}, a tab between them.")
        for number, line in enumerate(lines, 2):
            try:
                yield _row(line)
            except ValueError as error:
                raise DataError(f"Line {number} of {path} is not {' TAB '.join(COLUMNS)} ({error}).") from error


def _row(line: list[str]) -> Row:
    if len(line) != len(COLUMNS):
        raise ValueError(f"it has {len(line)} columns")
    text, language, kind, plan, split = line
    extra = split == EXTRA
    splits = frozenset(("train",) if extra else split.split(","))
    if language not in LANGUAGES:
        raise ValueError(f"the language is {' or '.join(LANGUAGES)}, not '{language}'")
    if not splits <= set(SPLITS):
        raise ValueError(f"a split is {', '.join(SPLITS)} or {EXTRA}, not '{split}'")
    if not text or not kind:
        raise ValueError("text and kind may not be empty")
    return Row(text, language, kind, plan, splits, extra)


def _phrase_list(rows: list[Row]) -> PhraseList:
    if len(plans := {row.plan for row in rows}) > 1:
        raise DataError(
            f"Phrases of kind {rows[0].kind} ({rows[0].language}) have several plans: {', '.join(sorted(plans))}."
        )
    options: dict[Split, tuple[str, ...]] = {
        split: tuple(row.text for row in rows if split in row.splits) for split in SPLITS
    }
    original = sum(not row.extra for row in rows)
    return PhraseList(rows[0].plan, options, {split: len(rows) if split == "train" else original for split in SPLITS})


def kinds(book: Book, prefix: str) -> list[str]:
    """The names of a prefix's lists: `left`, `right`, ... of `noun.left`, `noun.right`, ... for `noun`."""
    return [kind.removeprefix(f"{prefix}.") for kind in book if kind.startswith(f"{prefix}.")]
