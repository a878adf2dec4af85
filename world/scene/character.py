"""The character of streets: the condition of the street model, in dreams and in training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from world.errors import DataError
from world.scene.graph import LOOKS
from world.scene.tokens import MOST_LANES

PLANS = ("grid", "organic", "radial")
CONDITIONS = (len(PLANS) + 1, len(LOOKS) + 1, MOST_LANES + 1)  # how many values each has; 0: anything


@dataclass(frozen=True, slots=True)
class Character:
    """plan: one of PLANS; look: one of LOOKS; lanes: the most each way, 1 to 4. None: any. DataError for other values."""

    plan: str | None = None
    look: str | None = None
    lanes: int | None = None

    def __post_init__(self) -> None:
        for name, value, allowed in (("plan", self.plan, PLANS), ("look", self.look, LOOKS)):
            if value is not None and value not in allowed:
                raise DataError(f"Streets have no {name} '{value}'; there are: {', '.join(allowed)}.")
        if self.lanes is not None and not 1 <= self.lanes <= MOST_LANES:
            raise DataError(f"Streets have 1 to {MOST_LANES} lanes each way, not {self.lanes}.")

    @property
    def conditions(self) -> tuple[int, int, int]:
        """A number for each of CONDITIONS."""
        return (
            PLANS.index(self.plan) + 1 if self.plan else 0,
            LOOKS.index(self.look) + 1 if self.look else 0,
            self.lanes or 0,
        )

    @property
    def words(self) -> list[str]:
        """The arguments that `character_of` reads back."""
        return [str(word) for word in (self.look, self.plan, self.lanes) if word]


@dataclass(frozen=True, slots=True)
class Regions:
    """Characters from the middle of a town outwards. later: (m from the middle, character from there on), nearest first."""

    first: Character = Character()
    later: tuple[tuple[int, Character], ...] = ()

    def at(self, x: float, y: float) -> Character:
        """The character of the streets around a point (m from the middle)."""
        away = math.hypot(x, y)
        return next((own for far, own in reversed(self.later) if away >= far), self.first)


def regions_of(text: str) -> Regions:
    """Parses "dense:grid+600:suburban:1": dense streets in a grid, from 600 m suburban ones of one lane. DataError where it cannot."""
    parts = [[word for word in part.split(":") if word] for part in text.split("+")]
    later: list[tuple[int, Character]] = []
    for number, *words in (part or [""] for part in parts[1:]):
        if not number.isdigit() or not words or (later and int(number) <= later[-1][0]):
            raise DataError(
                f"'+{number}' does not say where streets become others; say the metres from the town's middle, rising, and then "
                "what they are like: dense:grid+600:suburban."
            )
        later.append((int(number), character_of(words)))
    return Regions(character_of(parts[0]), tuple(later))


def character_of(words: list[str]) -> Character:
    """Parses words like "dense", "grid" and "2", in any order. DataError for an unknown or repeated word."""
    values: dict[str, str | int] = {}
    for word in words:
        name = "plan" if word in PLANS else "look" if word in LOOKS else "lanes" if word.isdigit() else ""
        if not name or name in values:
            words_known = ", ".join((*LOOKS, *PLANS))
            raise DataError(
                f"'{word}' says nothing more of dreamt streets; say {words_known}, or 1 to {MOST_LANES} lanes, once."
            )
        values[name] = int(word) if name == "lanes" else word
    return Character(**values)  # type: ignore[arg-type]
