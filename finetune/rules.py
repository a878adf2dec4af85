"""Keyword rules: a baseline for the evaluation of the language model."""

from __future__ import annotations

import re

from brain.plan import MAX_KMH
from world.events import event_rows

RULES: tuple[tuple[str, str], ...] = (
    (r"left lane|lane.*left|左.*車道", "lane_left"),
    (r"right lane|lane.*right|右.*車道", "lane_right"),
    (r"u-?turn|reverse|fly|hail|迴轉|倒車|飛|冰雹", "refuse(unsupported)"),
    (r"poem|haiku|joke|instructions|詩|笑話|指示", "refuse(offtopic)"),
    *((row.keywords, f"{row.event}({{side}})" if row.sided else row.event) for row in event_rows()),
    (r"drizzle|light rain|小雨", "rain(1)"),
    (r"heavy rain|pour|downpour|大雨|暴雨", "rain(3)"),
    (r"rain|雨", "rain(2)"),
    (r"blizzard|snowstorm|heavy snow|大雪|暴風雪", "snow(3)"),
    (r"snow|雪", "snow(2)"),
    (r"thick|dense|濃霧|大霧", "fog(3)"),
    (r"fog|mist|霧", "fog(2)"),
    (r"clear|sunny|晴", "clear"),
    (r"dawn|sunrise|清晨|黎明", "dawn"),
    (r"dusk|sunset|evening|黃昏|傍晚", "dusk"),
    (r"night|dark|晚|夜|天黑", "night"),
    (r"daytime|daylight|白天", "day"),
    (r"stop|halt|停", "stop"),
    (r"faster|speed up|accelerate|快|加速", "faster"),
    (r"slower|slow down|慢|減速", "slower"),
    (r"straight|直", "straight"),
    (r"left|左", "left"),
    (r"right|右", "right"),
    (r"\bgo\b|drive|出發|開", "go"),
)
SPEED = re.compile(r"(\d+)\s*(km|kph|公里)")
SEQUENCE = re.compile(r",? ?\b(?:and )?(?:then|after that|afterwards)\b|然後|接著|之後")


def by_rules(text: str) -> str:
    """A plan line by keywords: one clause per sequence word, and the first rule that matches in each."""
    steps: list[str] = []
    for number, clause in enumerate(part for part in SEQUENCE.split(text.lower()) if part and part.strip(" ,。.")):
        side = "left" if re.search(r"left|左", clause) else "right"
        if speed := SPEED.search(clause):
            names = [f"speed({speed[1]})" if int(speed[1]) <= MAX_KMH else "refuse(unsupported)"]
        else:
            names = [line.format(side=side) for pattern, line in RULES if re.search(pattern, clause)][:1]
        if names and names[0].startswith("refuse"):
            return names[0]
        steps += [name + ("@next" if number and index == 0 else "") for index, name in enumerate(names)]
    return ";".join(steps[:8]) or "refuse(offtopic)"
