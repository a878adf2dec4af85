"""One example (text, context, plan), the files it is kept in, and when two texts are the same to a learner."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from brain.plan import PlanError, parse_line, print_line
from world.errors import DataError

BENCHMARK = Path(__file__).parent / "benchmark"  # cases written by hand, for evaluation alone
_NUMBER_WORD = (
    "half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty"
)
_SLOTS = re.compile(
    rf"[0-9]+(?:\.[0-9]+)?|\b(?:{_NUMBER_WORD})\b|[零一二兩三四五六七八九十百半]+(?=秒|公里|分鐘|英里)|\b(?:left|right)\b|[左右]"
)


@dataclass(frozen=True, slots=True)
class Case:
    """One example. `kind` says what sort of sentence it is, for reporting by kind; language is en or zh."""

    text: str
    context: str
    plan: str
    kind: str
    language: str


def bare(text: str) -> str:
    """The text without what makes no difference to its meaning: capitals, punctuation, spaces, widths."""
    wide = unicodedata.normalize("NFKC", text).lower()
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in wide.replace("\u2019", "'"))
    return " ".join(kept.split())


def template(text: str) -> str:
    """`bare`, with every number and every side replaced by a mark: what is left when a text's slots are emptied."""
    return " ".join(_SLOTS.sub("#", bare(text)).split())


def language_of(text: str) -> str:
    """Chinese ("zh") where a character is a Han one, else English ("en")."""
    return "zh" if any("\u2e80" < c < "\ua000" or "\uf900" <= c < "\ufb00" or c >= "\U00020000" for c in text) else "en"


def read_tsv(path: Path) -> list[Case]:
    """Hand-written cases: text TAB context TAB plan, and TAB kind where there is one; DataError names the first bad line.

    Lines that begin with # are remarks.
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
    """Cases from a jsonl file; DataError names the first bad line."""
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
    """One JSON object a line."""
    path.write_text("".join(json.dumps(asdict(case), ensure_ascii=False) + "\n" for case in cases))
