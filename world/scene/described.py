"""Parses descriptions of streets: "dense old town, narrow streets, in a grid", 「郊區，雙線道」.

Rules, not a language model: a closed table of words in English and Chinese (described.tsv), the longest match first. Phrases that are not in
it are returned unchanged, for the parser of weather and time of day.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path

from world.errors import DataError
from world.scene.character import Character, Regions
from world.scene.tokens import MOST_LANES

TABLE = Path(__file__).with_suffix(".tsv")
OUTSIDE = 600  # m from the middle of a town, where the text gives no distance
SAYABLE = (
    "a place is dense, mixed or suburban; in a grid, winding or radial; narrow or wide, or of 1 to "
    f"{MOST_LANES} lanes each way; one way inside and another outside; and in any weather, at dawn, by day, at dusk or at night"
)
BREAK = re.compile(r"[^\w\s'-]+")
WORD = re.compile(r"[a-z0-9_']+|\w")  # of other scripts a character at a time
Words = dict[str, tuple[int | str, str]]  # kind -> value, and the original words


@dataclass(frozen=True, slots=True)
class Described:
    """regions: the streets' characters; rest: the other phrases, in order."""

    regions: Regions
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    """kind: of the table, or "number", "break", "unknown"; begin, end: of the text."""

    kind: str
    value: str
    begin: int
    end: int


@dataclass
class _Parts:
    """The words for everywhere (None), for the inside (0), and for the part that many metres out."""

    words: dict[int | None, Words] = field(default_factory=dict)

    def put(self, part: int | None, kind: str, value: int | str, word: str) -> None:
        """Adds a word for a part. DataError where it contradicts an earlier one."""
        before, earlier = self.words.setdefault(part, {}).setdefault(kind, (value, word))
        if before != value:
            raise _contradiction(earlier, word)

    def regions(self) -> Regions:
        """The characters of all parts, from the middle outwards. DataError where two words contradict each other."""
        everywhere, inside = self.words.get(None, {}), self.words.get(0, {})
        out = sorted(part for part in self.words if part)
        if inside and everywhere and not out:
            out = [OUTSIDE]
        characters = [(0, _character(everywhere | inside))]
        for far in out:
            own = _character(everywhere | self.words.get(far, {}))
            if own != characters[-1][1]:
                characters.append((far, own))
        return Regions(characters[0][1], tuple(characters[1:]))


def describe(text: str) -> Described:
    """The streets that a text describes. DataError where it contradicts itself or asks for impossible streets."""
    text = unicodedata.normalize("NFKC", text).lower()
    parts, led = _Parts(), False
    rest: list[str] = []
    for between, group in groupby(_tokens(text), lambda token: token.kind == "break"):
        if between:
            led = any(token.value == "outside" for token in group)
            continue
        clause = _counted(list(group))
        part = _part(clause, led)
        for token in clause:
            if token.kind in ("look", "plan", "width", "lanes"):
                value = int(token.value) if token.kind == "lanes" else token.value
                parts.put(part, token.kind, value, text[token.begin : token.end])
        rest += _phrases(text, clause)
    return Described(parts.regions(), tuple(rest))


def not_understood(phrases: list[str]) -> DataError:
    """The error for phrases that describe neither streets nor weather nor time. It names them and the accepted words."""
    phrase_list = ", ".join(f"'{phrase[:40]}'" for phrase in phrases)
    return DataError(f"Not understood: {phrase_list}; {SAYABLE}; or name one, such as town:7.")


def _character(words: Words) -> Character:
    fields: dict[str, int | str] = {kind: value for kind, (value, _) in words.items() if kind != "width"}
    if "width" in words:
        width, phrase = words["width"]
        allowed = [int(lanes) for lanes in str(width).split()]
        if fields.setdefault("lanes", allowed[0]) not in allowed:
            raise _contradiction(phrase, words["lanes"][1])
    return Character(**fields)  # type: ignore[arg-type]


def _contradiction(one: str, other: str) -> DataError:
    return DataError(
        f"'{one}' and '{other}' contradict each other; say one of them, or where each is: dense inside, suburban outside."
    )


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if match := BREAK.match(text, at):
            yield _Token("break", "", at, match.end())
            at = match.end()
        elif match := _pattern().match(text, at):
            word = " ".join(re.split(r"[\s-]+", match[0]))
            yield _Token(*_table()[word], at, match.end())
            at = match.end()
        elif match := WORD.match(text, at):
            kind = "number" if match[0].isdecimal() else "unknown"
            yield _Token(kind, match[0], at, match.end())
            at = match.end()
        else:  # a space or a hyphen
            at += 1


def _counted(clause: list[_Token]) -> list[_Token]:
    """Joins a number and its unit (lanes or metres) into one token. Other numbers become unknown, a unit alone becomes filler."""
    out: list[_Token] = []
    for token in clause:
        back = next((k for k in range(len(out) - 1, -1, -1) if out[k].kind != "filler"), -1)
        if token.kind == "unit" and back >= 0 and out[back].kind == "number":
            kind = "lanes" if token.value == "lane" else "metres"
            out[back:] = [_Token(kind, out[back].value, out[back].begin, token.end)]
        else:
            out.append(_Token("filler", "", token.begin, token.end) if token.kind == "unit" else token)
    return [_Token("unknown", *(one.value, one.begin, one.end)) if one.kind == "number" else one for one in out]


def _part(clause: list[_Token], outside: bool) -> int | None:
    """The part that a clause describes, as a key of `_Parts`. outside: whether the separator before it means outside."""
    away = next((int(token.value) for token in clause if token.kind == "metres"), 0)
    if outside or away or any(token.kind == "part" and token.value == "outside" for token in clause):
        return away or OUTSIDE
    return 0 if any(token.kind == "part" for token in clause) else None


def _phrases(text: str, clause: list[_Token]) -> Iterator[str]:
    """Runs of unknown words with the fillers between them, as in the text."""
    for loose, run in groupby(clause, lambda token: token.kind in ("filler", "unknown")):
        unknown = [token for token in run if token.kind == "unknown"]
        if loose and unknown:
            yield text[unknown[0].begin : unknown[-1].end]


@cache
def _table() -> dict[str, tuple[str, str]]:
    """Words -> kind, value."""
    rows = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    return {words: (kind, value) for words, kind, value in csv.reader(rows, delimiter="\t")}


@cache
def _pattern() -> re.Pattern[str]:
    """Matches any words of the table, the longest first; latin words only as whole words."""
    longest = sorted(_table(), key=len, reverse=True)
    latin = "|".join(r"[\s-]+".join(words.split()) for words in longest if words.isascii())
    other = "|".join(words for words in longest if not words.isascii())
    return re.compile(rf"(?<![a-z0-9'])(?:{latin})(?![a-z0-9'])|{other}")
