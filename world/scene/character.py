"""What streets are like: the condition under which they are dreamt, and under which networks to learn from are made."""

from __future__ import annotations

from dataclasses import dataclass

from world.errors import DataError
from world.scene.graph import LOOKS
from world.scene.tokens import MOST_LANES

PLANS = ("grid", "organic", "radial")
CONDITIONS = (len(PLANS) + 1, len(LOOKS) + 1, MOST_LANES + 1)  # how many values each has; 0: anything


@dataclass(frozen=True, slots=True)
class Character:
    """plan: one of PLANS; look: one of LOOKS; lanes: as many each way as streets have at most, 1 to 4. None: anything."""

    plan: str | None = None
    look: str | None = None
    lanes: int | None = None

    def __post_init__(self) -> None:
        for name, value, known in (("plan", self.plan, PLANS), ("look", self.look, LOOKS)):
            if value is not None and value not in known:
                raise DataError(f"Streets have no {name} '{value}'; there are: {', '.join(known)}.")
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


def character_of(words: list[str]) -> Character:
    """Of words like "dense", "grid" and "2", in any order. DataError for a word that says nothing, or one too many."""
    found: dict[str, str | int] = {}
    for word in words:
        name = "plan" if word in PLANS else "look" if word in LOOKS else "lanes" if word.isdigit() else ""
        if not name or name in found:
            known = ", ".join((*LOOKS, *PLANS))
            raise DataError(
                f"'{word}' says nothing more of dreamt streets; say {known}, or 1 to {MOST_LANES} lanes, once."
            )
        found[name] = int(word) if name == "lanes" else word
    return Character(**found)  # type: ignore[arg-type]
