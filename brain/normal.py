"""Normalises a sentence before the language model reads it, where the meaning is certain.

Full-width digits and letters, simplified characters, arrows and emoji, letters that changed places, and speeds in other units
(`brain.speeds`). Words are left to the model.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache
from pathlib import Path

from brain.speeds import in_kmh

FOLDER = Path(__file__).parent
WORDS = frozenset(
    [
        "left",
        "right",
        "turn",
        "turning",
        "straight",
        "lane",
        "stop",
        "start",
        "make",
        "slow",
        "slower",
        "fast",
        "faster",
        "speed",
        "brake",
        "then",
        "and",
        "night",
        "day",
        "dawn",
        "dusk",
        "rain",
        "raining",
        "rainy",
        "snow",
        "snowing",
        "snowy",
        "fog",
        "foggy",
        "heavy",
        "light",
        "clear",
        "sunny",
        "weather",
        "cross",
        "crossing",
        "junction",
        "intersection",
        "pedestrian",
        "cyclist",
        "ambulance",
        "animal",
    ]
)
WIDE = (  # full-width letters, squared units, circled digits, letters of mathematics
    ("\uff21", "\uff5a"),
    ("\u3380", "\u33df"),
    ("\u2460", "\u2473"),
    ("\U0001d400", "\U0001d7cb"),
)
KEYCAP = re.compile("\ufe0f?\u20e3")  # makes a key of the digit before it
KEPT_DOUBLE = re.compile(r"(.)\1")
ARROWS = "←◀⬅→▶➡↑⬆"
JOINS = "→▶➡"  # between two commands they mean "then"
TURNED = re.compile(
    r"(?:\b(?:turn|go|head|drive|lane|to)|(?<![左右])轉|[向往])$", re.IGNORECASE
)  # an arrow is its direction
LEADS = re.compile(
    rf"{TURNED.pattern}|\b(?:then|and)$|[再,,;;]$|然後$", re.IGNORECASE
)  # an arrow after it is a command
MARKS = re.compile("[\ufe0e\ufe0f\u200d\u2640\u2642\U0001f3fb-\U0001f3ff]")  # how an emoji is drawn
HAN = re.compile(r"[\u4e00-\u9fff]")


def normal(text: str) -> str:
    """The sentence in the characters that the model was trained on. Idempotent; sentences in those characters stay as they are."""
    text = " ".join("".join(map(_narrow, KEYCAP.sub("", text))).split())
    text = text.translate(_traditional())
    text = _spelt_out(text)
    text = re.sub(r"[A-Za-z]{3,}", lambda word: _mended(word[0]), text)
    return in_kmh(" ".join(text.split()))


def _narrow(c: str) -> str:
    """Digits and letters of every width and script as ASCII; squared units such as ㎞ spelt out. Punctuation stays."""
    if c.isascii():
        return c
    if unicodedata.category(c) == "Nd":
        return str(unicodedata.digit(c))
    if any(low <= c <= high for low, high in WIDE) or c in "\u3000\uff0f\uff20\uff0b\uff0d\uff0e\uff05":
        narrow = unicodedata.normalize("NFKC", c)
        return narrow if narrow.replace("\u2215", "/").isascii() or c == "\u3000" else c
    return c


@cache
def _traditional() -> dict[int, str]:
    return {ord(row[0]): row[1] for row in _rows("characters.tsv")}


@cache
def _symbols() -> dict[str, tuple[str, str]]:
    return {symbol: (english, chinese) for symbol, english, chinese in _rows("symbols.tsv")}


def _rows(name: str) -> list[list[str]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return list(csv.reader(lines[1:], delimiter="\t"))


def _spelt_out(text: str) -> str:
    """Arrows and emoji as words of the sentence's language, set apart by spaces."""
    if text.isascii():
        return text
    known, chinese = _symbols(), bool(HAN.search(text))
    bare = MARKS.sub("", text) if any(c in known for c in text) else text
    out = ""
    for place, c in enumerate(bare):
        if c not in known or (c in JOINS and _joins(bare[:place], bare[place + 1 :])):
            out += c
            continue
        word, before = known[c][chinese], out.rstrip()
        if c in ARROWS and TURNED.search(before):
            word = word[0] if chinese else word.split()[-1]
        apart = "" if chinese else " "
        follows = bare[:place].rstrip()[-1:] in known and before[-1:].isalnum()
        out = f"{before if follows else out}{',' if follows else ''}{apart}{word}{apart}"
    return re.sub(r" +([,.!?])", r"\1", out)


def _joins(before: str, after: str) -> bool:
    """Whether a right arrow stands between two commands rather than for one."""
    before, after = before.rstrip(), after.lstrip()
    commands = before[-1:].isalnum() and (after[:1].isalnum() or after[:1] in _symbols())
    return bool(before) and bool(after) and (commands or before[-1:] in _symbols()) and not LEADS.search(before)


def _mended(word: str) -> str:
    """The one known word that differs by two swapped neighbours or a doubled letter; else the word itself."""
    small = word.lower()
    if small in WORDS or not small.isascii():
        return word
    swapped = {small[:k] + small[k + 1] + small[k] + small[k + 2 :] for k in range(len(small) - 1)}
    single = {small[: double.start()] + small[double.start() + 1 :] for double in KEPT_DOUBLE.finditer(small)}
    words = (swapped | single) & WORDS
    if len(words) != 1:
        return word
    mended = words.pop()
    return mended.upper() if word.isupper() else mended.capitalize() if word[0].isupper() else mended
