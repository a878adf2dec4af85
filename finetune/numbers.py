"""Spoken numbers: seconds and speeds, in digits and in words, in two languages."""

from __future__ import annotations

import random

from brain.speeds import FACTORS, HAN_DIGITS, ONES, TENS

COMMON_SECONDS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30)
ODD_SECONDS: dict[str, tuple[tuple[float, str], ...]] = {
    "en": (
        (30, "half a minute"),
        (60, "a minute"),
        (60, "one minute"),
        (1, "one second"),
        (1, "a second"),
        (0.5, "half a second"),
        (2, "a couple of seconds"),
        (1.5, "one and a half seconds"),
        (2.5, "two and a half seconds"),
        (1.5, "1.5 seconds"),
        (2.5, "2.5 seconds"),
        (3.5, "3.5 s"),
        (15, "a quarter of a minute"),
    ),
    "zh": (
        (30, "半分鐘"),
        (60, "一分鐘"),
        (60, "1分鐘"),
        (1, "一秒"),
        (1, "1秒"),
        (1, "一秒鐘"),
        (0.5, "半秒"),
        (2, "兩秒鐘"),
        (1.5, "一秒半"),
        (2.5, "兩秒半"),
        (2.5, "2.5秒"),
        (1.5, "1.5秒"),
    ),
}


def english(value: int) -> str:
    """A number below 70 in English words."""
    if value < 20:
        return ONES[value]
    tens, ones = divmod(value, 10)
    return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")


def chinese(value: int) -> str:
    """A number below 100 in Chinese characters."""
    tens, ones = divmod(value, 10)
    if not tens:
        return HAN_DIGITS[ones]
    return ("" if tens == 1 else HAN_DIGITS[tens]) + "十" + (HAN_DIGITS[ones] if ones else "")


def seconds(language: str, rng: random.Random) -> tuple[float, str]:
    """A time from half a second to a minute, and its text."""
    if rng.random() < 0.15:
        return rng.choice(ODD_SECONDS[language])
    value = rng.choice(COMMON_SECONDS) if rng.random() < 0.7 else rng.randint(2, 60)
    if language == "zh":
        number = "兩" if value == 2 else chinese(value)
        return value, f"{rng.choice((number, str(value)))}{rng.choice(('秒', '秒', '秒鐘'))}"
    if rng.random() < 0.1:
        return value, f"{value}{rng.choice(('s', ' s', 'sec'))}"
    number = rng.choice((str(value), english(value)))
    return value, f"{number} {rng.choice(('seconds', 'seconds', 'sec', 'secs'))}"


def speed(language: str, rng: random.Random) -> tuple[int, str]:
    """A speed in km/h, and its text: in words or digits, in km/h or in miles per hour."""
    value = rng.randrange(5, 61, 5) if rng.random() < 0.75 else rng.randint(5, 60)
    miles = rng.randrange(5, 36, 5) if rng.random() < 0.75 else rng.randint(5, 37)
    if language == "zh":
        if rng.random() < 0.15:
            return round(miles * FACTORS["mph"]), f"{rng.choice((chinese(miles), str(miles)))}英里"
        number = rng.choice((chinese(value), str(value)))
        return value, rng.choice((f"{number}公里", f"{number}公里", number, f"每小時{number}公里", f"{number} km/h"))
    if rng.random() < 0.3:
        number = rng.choice((str(miles), str(miles), english(miles)))
        unit = (
            rng.choice((" mph", "mph", " miles per hour", " miles an hour")) if number.isdigit() else " miles an hour"
        )
        return round(miles * FACTORS["mph"]), number + unit
    if rng.random() < 0.3:
        return value, english(value) + rng.choice(("", " kilometres an hour", " k", " kilometers per hour", " kph"))
    units = ("", "", " km/h", "km/h", " kmh", " kph", " kilometres per hour", " km an hour", " k")
    return value, f"{value}{rng.choice(units)}"
