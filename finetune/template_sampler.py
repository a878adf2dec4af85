"""Pieces of sentences that mean steps: picked from the phrase book of one language and split, their slots filled."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from brain.plan import STEPS, Plan, Step, Utterance, parse_line
from finetune import numbers
from finetune.book import Split, read_book
from world.errors import DataError

EVENT_SIDES = tuple(name for name, kind in STEPS.items() if kind.signature == "side")
PLAIN_EVENTS = tuple(name for name, kind in STEPS.items() if kind.signature == "event")
LONG_EVENTS = tuple(name for name in PLAIN_EVENTS if name != "hard_brake")  # of which people say how long
EVENTS = (*EVENT_SIDES, *PLAIN_EVENTS)
DRIVE = ("follow", "left", "right", "straight", "lane_left", "lane_right", "stop", "go", "faster", "slower")
WEATHER = (*(f"{kind}{level}" for kind in ("rain", "snow", "fog") for level in (1, 2, 3)), "clear")
TIME = ("dawn", "day", "dusk", "night")
OPPOSITES = (
    ("left", "right"),
    ("left", "straight"),
    ("right", "straight"),
    ("lane_left", "lane_right"),
    ("faster", "slower"),
    ("stop", "slower"),
    ("stop", "go"),
    ("stop", "follow"),
    ("rain2", "snow2"),
    ("rain1", "rain3"),
    ("fog2", "rain2"),
    ("fog1", "fog3"),
    ("snow3", "snow1"),
    ("snow2", "clear"),
    ("night", "day"),
    ("dusk", "dawn"),
    ("dusk", "night"),
    ("dawn", "day"),
)


FORMS = " | "  # between the forms of an English act: "runs out | run out | running out"
TIMELESS = "clear"  # a step that takes any time
WAITING = {
    "en": ("wait", "hold on", "give it"),
    "zh": ("等",),
}  # "wait five seconds, then go" is an idiom: it stops first


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of a sentence and the steps it means. `imperative` ones take "please" and the like."""

    text: str
    steps: tuple[Step, ...]
    imperative: bool = True

    @property
    def group(self) -> str:
        return self.steps[0].group


class TemplateSampler:
    """Picks phrases in one language out of the words of one split."""

    def __init__(self, language: str, split: Split, rng: random.Random) -> None:
        self.book, self.language, self.split, self.rng = read_book(language), language, split, rng

    def pick(self, kind: str) -> str:
        """A phrase of the kind that this split may use."""
        return self.rng.choice(self.book[kind].options[self.split])

    def fill(self, template: str, **given: str) -> str:
        """The template with its slots filled from `given`, or else from the language's slots, as deep as they go."""

        def value(found: re.Match[str]) -> str:
            name = found[1]
            return given[name] if name in given else self.fill(self.pick(f"slot.{name}"))

        return re.sub(r"\{([A-Za-z_]+)\}", value, template)

    def meaning(self, kind: str, **values: object) -> Utterance:
        """What phrases of the kind mean, the slots of their plan filled."""
        return parsed(self.book[kind].plan.format(**values))

    def steps(self, kind: str, **values: object) -> tuple[Step, ...]:
        """`meaning`, of a kind that means steps."""
        utterance = self.meaning(kind, **values)
        assert isinstance(utterance, Plan), f"{kind} means {utterance}"
        return utterance.steps

    # --- phrases of one step, or of one idiom ---

    def phrase(self, name: str, said: bool | None = None) -> Phrase:
        """A way to say the step or idiom `name`; weather carries its level, `rain3`. `said`: a statement or not."""
        if name in EVENTS:
            return self.event(name, said)
        if f"noun.{name}" in self.book and name not in DRIVE and said is None and self.rng.random() < 0.35:
            frame = self.pick("noun_frame")
            return Phrase(self.fill(frame, n=self.pick(f"noun.{name}")), self.steps(f"noun.{name}"), False)
        kind = self.order_or_statement(name, said)
        template, imperative = self.pick(kind), kind.startswith("order")
        if name == "speed":
            kmh, written = numbers.speed(self.language, self.rng)
            return Phrase(self.fill(template, speed=written), self.steps(kind, kmh=kmh), imperative)
        if name == "wait":
            value, written = numbers.seconds(self.language, self.rng)
            return Phrase(self.fill(template, seconds=written), self.steps(kind, seconds=value))
        return Phrase(template, self.steps(kind), imperative)

    def order_or_statement(self, name: str, said: bool | None) -> str:
        """The kind of phrases for `name`: orders or statements, or of the two the one that `said` asks for."""
        there = [kind for kind in (f"order.{name}", f"statement.{name}") if kind in self.book]
        if said is not None and len(there) == 2:
            there = there[1:] if said else there[:1]
        return self.rng.choices(there, [self.book[kind].weights[self.split] for kind in there])[0]

    def event(self, name: str, said: bool | None = None, side: str | None = None, words: str | None = None) -> Phrase:
        """An event, of any side where it has one and none is given; `words` say the side in another way."""
        level = self.rng.choice((2, 2, 2, 2, 3, 1)) if name in EVENT_SIDES else 2
        key = name if level == 2 else f"{name}{level}"
        if not self.lists_of(key):
            key = name
        if not self.lists_of(key):
            raise DataError(
                f"Nobody says '{name}' ({self.language}): add phrases of kind order.{name} and statement.{name} to finetune/phrases."
            )
        if name in EVENT_SIDES and words is None:
            side = side or self.rng.choice(("left", "right", None))
            words = self.side(side) if side else ""
        steps, written = self.steps(self.lists_of(key)[0], side=side or "right"), words or ""
        if f"who.{key}" in self.book and self.rng.random() < 0.75:
            says = self.rng.random() < 0.6 if said is None else said
            does = self.pick(f"does.{key}")
            frame = self.pick("act_statement" if says else "act_order")
            given = {"who": self.pick(f"who.{key}")}
            if self.language == "en":
                forms = dict(zip(("does", "do", "doing"), does.split(FORMS), strict=True))
                return Phrase(self.fill(frame, **given, **forms) + written, steps, not says)
            return Phrase(self.fill(frame, **given, does=does, side=written), steps, not says)
        kind = self.order_or_statement(key, said)
        return Phrase(self.fill(self.pick(kind), from_side=written), steps, kind.startswith("order"))

    def lists_of(self, event: str) -> list[str]:
        """The kinds of phrases that there are for an event."""
        return [kind for kind in (f"who.{event}", f"order.{event}", f"statement.{event}") if kind in self.book]

    def side(self, side: str) -> str:
        return self.pick(f"from_{side}")

    # --- phrases of any kind ---

    def any_phrase(self) -> Phrase:
        names = self.rng.choice((DRIVE, DRIVE, DRIVE, ("speed",), WEATHER, WEATHER, TIME, EVENT_SIDES, PLAIN_EVENTS))
        return self.phrase(self.rng.choice(names))

    def timed(self) -> Phrase:
        """A step with a delay, a length of time, or the junction for its time."""
        return self.rng.choice((self.delayed, self.lasting, self.at_junction))()

    def delayed(self) -> Phrase:
        drive = ("stop", "go", "faster", "slower", "lane_left", "lane_right", "left", "right")
        names = self.rng.choice((drive, WEATHER, TIME, EVENT_SIDES, PLAIN_EVENTS, ("speed",)))
        phrase, seconds = self.phrase(self.rng.choice(names)), numbers.seconds(self.language, self.rng)
        frame = self.pick("delay")
        while phrase.steps[0].name == "go" and any(word in frame for word in WAITING[self.language]):
            frame = self.pick("delay")
        return self.compose("delay", frame, seconds, a=phrase)

    def lasting(self) -> Phrase:
        names = self.rng.choice((WEATHER[:-1], WEATHER[:-1], TIME, LONG_EVENTS, ("speed",)))
        phrase, seconds = self.phrase(self.rng.choice(names)), numbers.seconds(self.language, self.rng)
        return self.compose("duration", seconds=seconds, a=phrase)

    def at_junction(self) -> Phrase:
        names = self.rng.choice(
            (EVENT_SIDES, PLAIN_EVENTS, ("stop", "slower", "faster", "lane_left", "lane_right"), WEATHER, TIME)
        )
        return self.compose("junction", a=self.phrase(self.rng.choice(names)))

    def opposites(self) -> tuple[Phrase, Phrase]:
        first, second = self.rng.sample(self.rng.choice(OPPOSITES), 2)
        return self.phrase(first, said=False), self.phrase(second, said=False)

    def polite(self, phrase: Phrase) -> Phrase:
        """An imperative with manners, a statement with a lead, and each as it is more often than not."""
        if self.rng.random() < 0.5:
            return phrase
        return self.compose("polite" if phrase.imperative else "scene", a=phrase)

    def compose(
        self, kind: str, template: str = "", seconds: tuple[float, str] | None = None, **phrases: Phrase
    ) -> Phrase:
        """Phrases joined by a connective of the kind (by `template`, if given), and the steps that they mean together.

        seconds: a time for the slot of that name, and how it is said.
        """
        value, written = seconds or (None, "")
        texts = {name: phrase.text for name, phrase in phrases.items()}
        text = self.fill(template or self.pick(kind), seconds=written, **texts)
        steps = {name: phrase.steps for name, phrase in phrases.items()}
        return Phrase(text, composed(self.book[kind].plan, steps, value), False)


@cache
def parsed(line: str) -> Utterance:
    """`parse_line`, remembered: the phrase book has few lines, and the generator asks for them over and over. PlanError."""
    return parse_line(line)


def composed(plan: str, steps: Mapping[str, tuple[Step, ...]], seconds: float | None = None) -> tuple[Step, ...]:
    """The steps of a connective's plan, as `{a};{b}@next`: a time after a slot is that of the first step that fills it."""
    result: tuple[Step, ...] = ()
    for part in plan.split(";"):
        name, timing = part.removeprefix("{").split("}", 1)
        timed = parsed(TIMELESS + timing.format(seconds=seconds))
        assert isinstance(timed, Plan)
        for step in steps[name][:1]:
            when = timed.steps[0].when if timing.startswith("@") else step.when
            result += (replace(step, when=when, duration=timed.steps[0].duration or step.duration),)
        result += steps[name][1:]
    return result
