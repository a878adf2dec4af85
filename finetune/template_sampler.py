"""Samples phrases from templates: drawn from the phrase book of one language and split, their slots filled."""

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
LONG_EVENTS = tuple(name for name in PLAIN_EVENTS if name != "hard_brake")  # those that take a duration
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


FORMS = " | "  # between the forms of an English verb phrase: "runs out | run out | running out"
TIMELESS = "clear"  # a step that accepts every kind of timing
WAITING = {
    "en": ("wait", "hold on", "give it"),
    "zh": ("等",),
}  # not with "go": "wait five seconds, then go" is an idiom that stops first


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a sentence and the steps it means. `imperative` phrases take "please" and the like."""

    text: str
    steps: tuple[Step, ...]
    imperative: bool = True

    @property
    def group(self) -> str:
        """The group of the first step: drive, speed, weather, time or event."""
        return self.steps[0].group


class TemplateSampler:
    """Samples phrases in one language from the words of one split."""

    def __init__(self, language: str, split: Split, rng: random.Random) -> None:
        self.book, self.language, self.split, self.rng = read_book(language), language, split, rng

    def pick(self, kind: str) -> str:
        """A phrase of the kind that this split may use."""
        return self.rng.choice(self.book[kind].options[self.split])

    def fill(self, template: str, **values: str) -> str:
        """The template with its slots filled from `values`, or else from the language's `slot.` lists, recursively."""

        def value(slot: re.Match[str]) -> str:
            name = slot[1]
            return values[name] if name in values else self.fill(self.pick(f"slot.{name}"))

        return re.sub(r"\{([A-Za-z_]+)\}", value, template)

    def meaning(self, kind: str, **values: object) -> Utterance:
        """The utterance that phrases of the kind mean, with the slots of its plan filled.

        PlanError where it does not parse.
        """
        return parse_cached(self.book[kind].plan.format(**values))

    def steps(self, kind: str, **values: object) -> tuple[Step, ...]:
        """The steps of `meaning`; the kind must mean a plan."""
        utterance = self.meaning(kind, **values)
        assert isinstance(utterance, Plan), f"{kind} means {utterance}"
        return utterance.steps

    # --- phrases of one step, or of one idiom ---

    def phrase(self, name: str, statement: bool | None = None) -> Phrase:
        """A phrase for the step or idiom `name`; weather carries its level, as in `rain3`.

        statement: whether it is a statement or an order; None for either. DataError where the book has no phrase for an
        event.
        """
        if name in EVENTS:
            return self.event(name, statement)
        if f"noun.{name}" in self.book and name not in DRIVE and statement is None and self.rng.random() < 0.35:
            frame = self.pick("noun_frame")
            return Phrase(self.fill(frame, n=self.pick(f"noun.{name}")), self.steps(f"noun.{name}"), False)
        kind = self.order_or_statement(name, statement)
        template, imperative = self.pick(kind), kind.startswith("order")
        if name == "speed":
            kmh, number_text = numbers.speed(self.language, self.rng)
            return Phrase(self.fill(template, speed=number_text), self.steps(kind, kmh=kmh), imperative)
        if name == "wait":
            value, number_text = numbers.seconds(self.language, self.rng)
            return Phrase(self.fill(template, seconds=number_text), self.steps(kind, seconds=value))
        return Phrase(template, self.steps(kind), imperative)

    def order_or_statement(self, name: str, statement: bool | None) -> str:
        """The list of phrases for `name`: orders or statements, as `statement` says where the book has both."""
        kinds = [kind for kind in (f"order.{name}", f"statement.{name}") if kind in self.book]
        if statement is not None and len(kinds) == 2:
            kinds = kinds[1:] if statement else kinds[:1]
        return self.rng.choices(kinds, [self.book[kind].weights[self.split] for kind in kinds])[0]

    def event(
        self, name: str, statement: bool | None = None, side: str | None = None, words: str | None = None
    ) -> Phrase:
        """A phrase for an event.

        The side is drawn where the event has one and `side` is None; `words` replace the words for the side. DataError
        where the book has no phrase for the event.
        """
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
        steps, from_side = self.steps(self.lists_of(key)[0], side=side or "right"), words or ""
        if f"who.{key}" in self.book and self.rng.random() < 0.75:
            says = self.rng.random() < 0.6 if statement is None else statement
            does = self.pick(f"does.{key}")
            frame = self.pick("act_statement" if says else "act_order")
            subject = {"who": self.pick(f"who.{key}")}
            if self.language == "en":
                forms = dict(zip(("does", "do", "doing"), does.split(FORMS), strict=True))
                return Phrase(self.fill(frame, **subject, **forms) + from_side, steps, not says)
            return Phrase(self.fill(frame, **subject, does=does, side=from_side), steps, not says)
        kind = self.order_or_statement(key, statement)
        return Phrase(self.fill(self.pick(kind), from_side=from_side), steps, kind.startswith("order"))

    def lists_of(self, event: str) -> list[str]:
        """The book's lists of phrases for an event."""
        return [kind for kind in (f"who.{event}", f"order.{event}", f"statement.{event}") if kind in self.book]

    def side(self, side: str) -> str:
        """The words for "from the left" or "from the right"."""
        return self.pick(f"from_{side}")

    # --- phrases of any kind ---

    def any_phrase(self) -> Phrase:
        """A phrase of one step, of any group."""
        names = self.rng.choice((DRIVE, DRIVE, DRIVE, ("speed",), WEATHER, WEATHER, TIME, EVENT_SIDES, PLAIN_EVENTS))
        return self.phrase(self.rng.choice(names))

    def with_time(self) -> Phrase:
        """A step with a delay, with a duration, or at the next junction."""
        return self.rng.choice((self.with_delay, self.with_duration, self.at_junction))()

    def with_delay(self) -> Phrase:
        """A step with a delay: "in five seconds"."""
        drive = ("stop", "go", "faster", "slower", "lane_left", "lane_right", "left", "right")
        names = self.rng.choice((drive, WEATHER, TIME, EVENT_SIDES, PLAIN_EVENTS, ("speed",)))
        phrase, seconds = self.phrase(self.rng.choice(names)), numbers.seconds(self.language, self.rng)
        frame = self.pick("delay")
        while phrase.steps[0].name == "go" and any(word in frame for word in WAITING[self.language]):
            frame = self.pick("delay")
        return self.compose("delay", frame, seconds, a=phrase)

    def with_duration(self) -> Phrase:
        """A step with a duration: "for ten seconds"."""
        names = self.rng.choice((WEATHER[:-1], WEATHER[:-1], TIME, LONG_EVENTS, ("speed",)))
        phrase, seconds = self.phrase(self.rng.choice(names)), numbers.seconds(self.language, self.rng)
        return self.compose("duration", seconds=seconds, a=phrase)

    def at_junction(self) -> Phrase:
        """A step at the next junction."""
        names = self.rng.choice(
            (EVENT_SIDES, PLAIN_EVENTS, ("stop", "slower", "faster", "lane_left", "lane_right"), WEATHER, TIME)
        )
        return self.compose("junction", a=self.phrase(self.rng.choice(names)))

    def opposites(self) -> tuple[Phrase, Phrase]:
        """Two phrases of which the second contradicts the first."""
        first, second = self.rng.sample(self.rng.choice(OPPOSITES), 2)
        return self.phrase(first, statement=False), self.phrase(second, statement=False)

    def polite(self, phrase: Phrase) -> Phrase:
        """The phrase in one case of two; else with manners (an imperative) or with a lead-in (a statement)."""
        if self.rng.random() < 0.5:
            return phrase
        return self.compose("polite" if phrase.imperative else "scene", a=phrase)

    def compose(
        self, kind: str, template: str = "", seconds: tuple[float, str] | None = None, **phrases: Phrase
    ) -> Phrase:
        """Phrases joined by a connective of the kind (by `template`, if given), with the steps of the connective's
        plan.

        seconds: the time for the slot of that name, as a number and as words.
        """
        value, seconds_text = seconds or (None, "")
        texts = {name: phrase.text for name, phrase in phrases.items()}
        text = self.fill(template or self.pick(kind), seconds=seconds_text, **texts)
        steps = {name: phrase.steps for name, phrase in phrases.items()}
        return Phrase(text, combine_steps(self.book[kind].plan, steps, value), False)


@cache
def parse_cached(line: str) -> Utterance:
    """`parse_line` with a cache: the phrase book has few plans and the generator parses them repeatedly. PlanError."""
    return parse_line(line)


def combine_steps(plan: str, steps: Mapping[str, tuple[Step, ...]], seconds: float | None = None) -> tuple[Step, ...]:
    """The steps of a connective's plan such as `{a};{b}@next`: a timing after a slot applies to the first step that
    fills it.
    """
    result: tuple[Step, ...] = ()
    for part in plan.split(";"):
        name, timing = part.removeprefix("{").split("}", 1)
        pattern = parse_cached(TIMELESS + timing.format(seconds=seconds))
        assert isinstance(pattern, Plan)
        for step in steps[name][:1]:
            when = pattern.steps[0].when if timing.startswith("@") else step.when
            result += (replace(step, when=when, duration=pattern.steps[0].duration or step.duration),)
        result += steps[name][1:]
    return result
