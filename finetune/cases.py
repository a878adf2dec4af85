"""One example (text, context, plan), its files, and the template of a text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from brain.plan import PlanError, parse_line, print_line
from world.errors import DataError

BENCHMARK = Path(__file__).parent / "benchmark"  # hand-written cases, for evaluation alone
_NUMBER_WORD = (
    "half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty"
)
_SLOTS = re.compile(
    rf"[0-9]+(?:\.[0-9]+)?|\b(?:{_NUMBER_WORD})\b|[零一二兩三四五六七八九十百半]+(?=秒|公里|分鐘|英里)|\b(?:left|right)\b|[左右]"
)


@dataclass(frozen=True, slots=True)
class Case:
    """One example. kind: the sort of sentence, for scores by kind; language: en or zh."""

    text: str
    context: str
    plan: str
    kind: str
    language: str


def bare(text: str) -> str:
    """The text in lower case, NFKC, without punctuation and repeated spaces."""
    wide = unicodedata.normalize("NFKC", text).lower()
    words = "".join(c if c.isalnum() or c == "'" else " " for c in wide.replace("\u2019", "'"))
    return " ".join(words.split())


def template(text: str) -> str:
    """`bare` with every number and side replaced by "#"; the same for texts that differ in their slots alone."""
    return " ".join(_SLOTS.sub("#", bare(text)).split())


def language_of(text: str) -> str:
    """ "zh" where the text has a Han character, else "en"."""
    return "zh" if any("\u2e80" < c < "\ua000" or "\uf900" <= c < "\ufb00" or c >= "\U00020000" for c in text) else "en"


def read_tsv(path: Path) -> list[Case]:
    """Hand-written cases: text TAB context TAB plan, and TAB kind where there is one. DataError names the first bad
    line.

    Lines that begin with # are comments.
    """
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            text, context, plan, *kind = line.split("\t")
            plan = print_line(parse_line(plan))
            (name,) = kind or ["hand-written"]
        except (ValueError, PlanError) as error:
            raise DataError(f"Line {number} of {path} is not text TAB context TAB plan ({error}).") from error
        cases.append(Case(text, context, plan, name, language_of(text)))
    return cases


def read_cases(path: Path) -> list[Case]:
    """Cases from a jsonl file. DataError names the first bad line."""
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            row = json.loads(line)
            text, plan = str(row["text"]), print_line(parse_line(row["plan"]))
            language = row.get("language", language_of(text))
            cases.append(Case(text, str(row.get("context", "")), plan, row.get("kind", "own"), language))
        except (ValueError, KeyError, TypeError, PlanError) as error:
            raise DataError(
                f"Line {number} of {path} is not a case ({error}); it needs text, context and plan."
            ) from error
    return cases


def write_cases(cases: Iterable[Case], path: Path) -> None:
    """Writes one JSON object per line."""
    path.write_text("".join(json.dumps(asdict(case), ensure_ascii=False) + "\n" for case in cases))
