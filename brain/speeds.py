"""Numbers and speeds as people write them, in km/h: `10 m/s`, `forty-five mph`, `20 knots`, `3十公里`, `每秒十公尺`; feet and yards in metres."""

from __future__ import annotations

import re
import unicodedata

from brain.plan import MAX_KMH, Plan, Refusal, Utterance

FACTORS = {"m/s": 3.6, "mph": 1.609344, "knots": 1.852, "km/h": 1.0}  # km/h of one
ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
HAN_DIGITS = "零一二三四五六七八九"
DIGITS = {c: value for value, c in enumerate(HAN_DIGITS)} | {"〇": 0, "兩": 2}
SPELT = rf"(?:{'|'.join(TENS)})(?:[ -](?:{'|'.join(ONES[1:10])})\b)?|(?:{'|'.join(reversed(ONES))})\b"
HAN = r"[零〇一二兩三四五六七八九十百]{1,7}"
NUMBER = rf"(?<![A-Za-z0-9.])((?:\d{{1,4}}(?:\.\d{{1,3}})?)|{SPELT}|{HAN})\s*-?\s*"
PER = r"(?:\s*/\s*|\s+per\s+|\s+an?\s+)"
FAR = r"(?![外後遠處])"  # it is a distance then
NAMES = {  # of units, after the number
    "m/s": (rf"(?:(?:m|met(?:er|re)s?){PER}s(?:ec(?:ond)?s?)?|mps)\b", r"(?:公尺|米)(?:/秒|每秒|一秒)"),
    "mph": (rf"(?:mph|m\.p\.h\.?|mi(?:les?)?{PER}h(?:ou)?r?)(?![A-Za-z])", rf"(?:英里|哩)(?:/小時|/時|每小時)?{FAR}"),
    "knots": (r"(?:knots?|kts?|kn)\b", rf"(?:海里|浬)(?:/小時|/時|每小時)?{FAR}|節"),
    "km/h": (rf"(?:km|kilomet(?:er|re)s?){PER}h(?:ou)?r?\b|km?/?p?h\b", r"公里(?:/小時|/時|每小時)"),
}
FLAGS = re.IGNORECASE | re.ASCII
SPEEDS = {unit: re.compile(NUMBER + f"(?:{'|'.join(names)})", FLAGS) for unit, names in NAMES.items()}
FEET = re.compile(rf"{NUMBER}(?:(feet|foot|ft|英尺|呎)|yards?|yds?|碼)(?![A-Za-z])", FLAGS)
A_SECOND = re.compile(
    rf"每秒鐘?\s*(\d{{1,4}}(?:\.\d{{1,3}})?|{HAN})\s*(?:公尺|米)", re.ASCII
)  # Chinese may say it first
BARE = re.compile(  # `30 km` where it can only be a speed
    r"(\b(?:speed|cruise|limit|slow|accelerate|brake|do|doing|drive|driving|going)\b(?:\s+(?:down|up|of|at|to|with|it|is))*\s+)"
    r"(\d{1,3})\s*(?:kms?|kilomet(?:er|re)s?)\b(?!\s*(?:/|per\b|an?\b|away|ahead|further|farther|more|later|down|from))",
    re.IGNORECASE,
)
BESIDE = re.compile(  # the other way to say km/h
    rf"(?:時速|車速|速度|開到|加速到|加到|飆到)[開到約在以為調成 ]{{0,3}}(\d{{2,3}}(?!\d)|{HAN})(?!\s*(?:英里|哩|海里|節|公尺|米|m/s|mph|kn|kt))",
    FLAGS,
)


def in_kmh(text: str) -> str:
    """The text with its mixed numerals in digits, speeds in other units in km/h, rounded, and feet and yards in metres."""
    text = _digits(text)
    unit = "公里" if re.search(r"[\u4e00-\u9fff]", text) else " km/h"
    text = A_SECOND.sub(lambda match: f"時速{round(number(match[1]) * FACTORS['m/s'])}公里", text)
    for name, pattern in SPEEDS.items():
        if name != "km/h":
            factor = FACTORS[name]
            text = pattern.sub(lambda match, by=factor: f"{round(number(match[1]) * by)}{unit}", text)  # type: ignore[misc]
    text = FEET.sub(lambda match: _metres(number(match[1]) * (0.3048 if match[2] else 0.9144), match[0]), text)
    return BARE.sub(r"\1\2 km/h", text)


def _metres(metres: float, written: str) -> str:
    return f"{max(5, 5 * round(metres / 5))}{' m' if written.isascii() else '公尺'}"


def number(written: str) -> float:
    """The value of digits, of English words below a hundred, or of Chinese numerals below a thousand."""
    if written[0].isdigit() and written.isascii():
        return float(written)
    if written.isascii():
        words = re.split(r"[ -]", written.lower())
        return float(sum(10 * TENS.index(w) + 20 if w in TENS else ONES.index(w) for w in words))
    if not set(written) & {"十", "百"}:
        return float("".join(str(DIGITS[c]) for c in written))
    value, digit = 0, None
    for c in written:
        if c in DIGITS:
            digit = DIGITS[c]
        else:
            value += (1 if digit is None else digit) * (10 if c == "十" else 100)
            digit = None
    return float(value + (digit or 0))


def _digits(text: str) -> str:
    """`3十`, `3十5`, `三0` and `十5` as 30, 35, 30 and 15."""
    han = "一二三四五六七八九"
    text = re.sub(
        rf"(?<!\d)([1-9])百([1-9{han}])十([1-9{han}])?", lambda m: f"{m[1]}{_digit(m[2])}{_digit(m[3])}", text
    )
    text = re.sub(rf"(?<!\d)([1-9])十([1-9{han}])?(?!\d)", lambda m: f"{m[1]}{_digit(m[2])}", text)
    text = re.sub(rf"([{han}])十([1-9])(?!\d)", lambda m: f"{_digit(m[1])}{m[2]}", text)
    text = re.sub(r"(?<![零一二三四五六七八九百])十([1-9])(?!\d)", r"1\1", text)
    return re.sub(rf"(?<![{han}十百第])([{han}])0(?=\s*(?:公里|英里|哩|km|秒|$))", lambda m: f"{_digit(m[1])}0", text)


def _digit(written: str | None) -> str:
    return str(DIGITS.get(written or "零", written))


def too_fast(text: str) -> str | None:
    """A sentence about the first speed in the text that the car cannot drive; None where there is none."""
    text = unicodedata.normalize("NFKC", text)
    speeds: list[tuple[int, str, float]] = []
    for unit, pattern in SPEEDS.items():
        for match in pattern.finditer(text):
            speeds.append((match.start(), match[0], number(match[1]) * FACTORS[unit]))
    speeds += [(match.start(), match[0], number(match[1]) * FACTORS["m/s"]) for match in A_SECOND.finditer(text)]
    speeds += [(match.start(1), f"{number(match[1]):g} km/h", number(match[1])) for match in BESIDE.finditer(text)]
    for _, written, kmh in sorted(speeds):
        if round(kmh) > MAX_KMH:
            same = f"{round(number_in(written)):g} km/h" == f"{round(kmh)} km/h"
            said = f"{round(kmh)} km/h" if same else f"{written.strip()} is {round(kmh)} km/h, which"
            return f"{said} is more than the car drives: {MAX_KMH} km/h at most."
    return None


def number_in(written: str) -> float:
    """The number at the beginning of a speed; 0 where there is none."""
    match = re.search(NUMBER, written, FLAGS)
    return number(match[1]) if match else 0.0


def within_limit(utterance: Utterance, text: str) -> Utterance:
    """The model's plan; a refusal where the text has a speed that the car cannot drive and the plan has another one instead.

    text: as the model read it.
    """
    if not isinstance(utterance, Plan) or too_fast(text) is None:
        return utterance
    numbers = {round(number(match[1])) for match in re.finditer(NUMBER, text, FLAGS)}
    speeds = {step.args[0] for step in utterance.steps if step.name == "speed"}
    return utterance if speeds <= numbers else Refusal("unsupported")
