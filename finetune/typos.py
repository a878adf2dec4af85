"""Typo augmentation: capitals, full stops, chat spelling, slips of the finger, wrong characters."""

from __future__ import annotations

import random
import re

CHAT = (
    ("please", ("pls", "plz")),
    ("you", ("u",)),
    ("want to", ("wanna",)),
    ("okay", ("ok", "k")),
    ("it's", ("its",)),
    ("don't", ("dont",)),
    ("there's", ("theres",)),
    ("I", ("i",)),
    ("let me", ("lemme",)),
    ("give me", ("gimme",)),
    ("and", ("n",)),
    ("night", ("nite",)),
    ("straight", ("strait",)),
    ("brakes", ("breaks",)),
    ("seconds", ("secs",)),
    ("going to", ("gonna",)),
    ("through", ("thru",)),
    ("the", ("da", "teh")),
    ("then", ("thn", "den")),
    ("with", ("w/", "wiht")),
    ("from", ("frm", "form")),
    ("someone", ("some1", "sb")),
    ("something", ("smth", "sth")),
    ("right", ("rite", "rigth")),
    ("left", ("lft", "leff")),
    ("lane", ("laen",)),
    ("turn", ("trun", "turm")),
    ("make", ("mk", "mkae")),
    ("slow", ("slo",)),
    ("faster", ("fster",)),
    ("rain", ("rian",)),
    ("snow", ("sno",)),
    ("foggy", ("fogy",)),
    ("weather", ("wether",)),
    ("junction", ("jct", "juntion")),
    ("intersection", ("intersecton",)),
    ("pedestrian", ("ped", "pedestrain")),
    ("cyclist", ("cylist",)),
    ("ambulance", ("ambulence",)),
    ("about to", ("bout to",)),
    ("because", ("cuz",)),
    ("at the", ("at da", "@ the")),
    ("in front of", ("infront of",)),
    ("want", ("wnat",)),
)
WRONG_CHARACTERS = {
    "轉": "專", "讓": "嚷", "在": "再", "再": "在", "直": "值", "停": "亭", "慢": "漫", "速": "數", "道": "到",
    "霧": "務", "後": "后", "邊": "便", "行": "型", "煞": "殺", "車": "車車", "請": "清", "換": "喚", "雪": "穴",
    "左": "佐", "前": "錢", "雨": "與", "個": "各", "路": "露", "快": "塊", "切": "竊", "衝": "沖", "晴": "情",
    "的": "ㄉ", "了": "ㄌ", "嗎": "ㄇ", "吧": "ㄅ", "然": "燃", "接": "街", "號": "好", "黑": "嘿", "著": "者",
}  # fmt: skip


def add_typos(text: str, language: str, slips: bool, rng: random.Random) -> str:
    """The text as somebody types it.

    slips: add mistakes too; without it only spaces, capitals and punctuation change.
    """
    text = re.sub(r"  +", " ", text).strip()
    if language == "zh":
        if slips and rng.random() < 0.1:
            text = wrong_character(text, rng)
        comma = rng.choice((",", ",", "\uff0c", "\uff0c", " "))
        return text.replace(",", comma) + rng.choice(("", "", "", "。", "!", "~" if slips else ""))
    if slips and rng.random() < 0.15:
        text = chatty(text, rng)
    if rng.random() < 0.35:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.25 and text[-1].isalnum():
        text += rng.choice((".", "!", "."))
    if rng.random() < 0.04:
        text = text.upper()
    if slips and rng.random() < 0.15:
        text = slip(text, rng)
    return text


def chatty(text: str, rng: random.Random) -> str:
    """The text with some of its words in chat spelling."""
    for word, others in rng.sample(CHAT, 16):
        text = re.sub(rf"\b{word}\b(?!')", rng.choice(others), text)
    return text


def wrong_character(text: str, rng: random.Random) -> str:
    """The text with one of its characters in WRONG_CHARACTERS, if any, replaced by the one it is mistaken for."""
    positions = [index for index, character in enumerate(text) if character in WRONG_CHARACTERS]
    if not positions:
        return text
    at = rng.choice(positions)
    return text[:at] + WRONG_CHARACTERS[text[at]] + text[at + 1 :]


def slip(text: str, rng: random.Random) -> str:
    """Two neighbouring letters swapped, one lost, or one doubled, in a word of at least five letters."""
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    index = rng.choice(long)
    word = words[index]
    at = rng.randrange(1, len(word) - 2)
    words[index] = rng.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        )
    )
    return " ".join(words)
