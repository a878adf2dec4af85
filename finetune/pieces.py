"""Pieces of sentences that mean steps: picked from the phrase books of one split, their slots filled."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any, Literal

from brain.plan import Step, When
from finetune import numbers

Split = Literal["train", "validation", "held_out"]
HELD_OUT_SHARE = 0.15
VALIDATION_SHARE = 0.08
FEWEST = 3  # options that a list must have to be split; a shorter one is shared, so it may hold nothing but slots
FEWEST_VALIDATED = 8  # options that a list must have to keep some for validation; a shorter one lends those of training
EVENT_SIDES = ("ped_cross", "cyclist", "cut_in", "animal")
PLAIN_EVENTS = ("hard_brake", "stalled", "debris", "oncoming", "emergency", "road_work")
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


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of a sentence and the steps it means. `imperative` ones take "please" and the like."""

    text: str
    steps: tuple[Step, ...]
    imperative: bool = True

    @property
    def group(self) -> str:
        return self.steps[0].group


class Pieces:
    """Picks phrases in one language out of the words of one split."""

    def __init__(self, words: ModuleType, language: str, split: Split, rng: random.Random) -> None:
        self.words: Any = words
        self.language, self.split, self.rng = language, split, rng
        # what was written after the lists had been split is for training alone, so that the tests stay as they are
        self.more: dict[tuple[Any, ...], tuple[Any, ...]] = self.words.MORE if split == "train" else {}

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options that belong to this split."""
        known = tuple(options)
        return self.rng.choice((*of_split(known, self.split), *self.more.get(known, ())))

    def slot(self, name: str) -> Any:
        """Something that fills a slot; one that only training's own templates have is not split."""
        slots = self.words.SLOTS
        return self.pick(slots[name]) if name in slots else self.rng.choice(self.words.MORE_SLOTS[name])

    def fill(self, template: str, **given: str) -> str:
        """The template with its slots filled from `given`, or else from the language's slots, as deep as they go."""

        def value(found: re.Match[str]) -> str:
            name = found[1]
            return given[name] if name in given else self.fill(self.slot(name))

        return re.sub(r"\{([A-Za-z_]+)\}", value, template)

    # --- phrases of one step, or of one idiom ---

    def phrase(self, name: str, said: bool | None = None) -> Phrase:
        """A way to say the step or idiom `name`; weather carries its level, `rain3`. `said`: a statement or not."""
        if name in EVENTS:
            return self.event(name, said)
        if name in self.words.nouns.NOUN and name not in DRIVE and said is None and self.rng.random() < 0.35:
            frame = self.pick(self.words.nouns.NOUN_FRAMES)
            return Phrase(self.fill(frame, n=self.noun(name)), (step_of(name),), False)
        book, key = self.book(name, said)
        template, imperative = self.pick(book[key]), book is self.words.DO
        if name == "speed":
            kmh, written = numbers.speed(self.language, self.rng)
            return Phrase(self.fill(template, speed=written), (Step("speed", (kmh,)),), imperative)
        if name == "wait":
            value, written = numbers.seconds(self.language, self.rng)
            waiting = (Step("stop"), Step("go", when=When("delay", value)))
            return Phrase(self.fill(template, seconds=written), waiting)
        if name == "pull_over":
            return Phrase(template, (Step("lane_right"), Step("stop", when=When("next"))))
        if name == "overtake":
            steps = (Step("lane_left"), Step("faster", when=When("next")), Step("lane_right", when=When("next")))
            return Phrase(template, steps)
        return Phrase(template, (step_of(name),), imperative)

    def book(self, key: str, said: bool | None) -> tuple[dict[str, tuple[str, ...]], str]:
        books = [book for book in (self.words.DO, self.words.SAY) if key in book]
        if said is not None and len(books) == 2:
            books = [self.words.SAY if said else self.words.DO]
        return self.rng.choices(books, [len(book[key]) + len(self.more.get(book[key], ())) for book in books])[0], key

    def event(self, name: str, said: bool | None = None, side: str | None = None, words: str | None = None) -> Phrase:
        """An event, of any side where it has one and none is given; `words` say the side in another way."""
        level = self.rng.choice((2, 2, 2, 2, 3, 1)) if name in EVENT_SIDES else 2
        key = name if level == 2 else f"{name}{level}"
        actors = self.words.actors
        if key not in actors.WHO and not any(key in book for book in (self.words.DO, self.words.SAY)):
            key, level = name, 2
        if name in EVENT_SIDES and words is None:
            side = side or self.rng.choice(("left", "right", None))
            words = self.side(side) if side else ""
        step = Step(
            name, ((side or "right", level) if level != 2 else (side or "right",)) if name in EVENT_SIDES else ()
        )
        written = words or ""
        if key in actors.WHO and self.rng.random() < 0.75:
            says = self.rng.random() < 0.6 if said is None else said
            does = self.pick(actors.DOES[key])
            forms = dict(zip(("does", "do", "doing"), does, strict=True)) if self.language == "en" else {"does": does}
            frame = self.pick(actors.ACT_SAY if says else actors.ACT_DO)
            text = self.fill(
                frame, who=self.pick(actors.WHO[key]), **forms, **({} if self.language == "en" else {"side": written})
            )
            return Phrase(text + (written if self.language == "en" else ""), (step,), not says)
        book, key = self.book(key, said)
        return Phrase(self.fill(self.pick(book[key]), from_side=written), (step,), book is self.words.DO)

    def side(self, side: str) -> str:
        events = self.words.events
        return str(self.pick(events.FROM_LEFT if side == "left" else events.FROM_RIGHT))

    def noun(self, name: str) -> str:
        return str(self.pick(self.words.nouns.NOUN[name]))

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
        phrase, (value, written) = self.phrase(self.rng.choice(names)), numbers.seconds(self.language, self.rng)
        frame = self.pick(self.words.joints.DELAY)
        while phrase.steps[0].name == "go" and any(word in frame for word in self.words.joints.WAITING):
            frame = self.pick(self.words.joints.DELAY)  # "wait five seconds, then go" is an idiom: it stops first
        text = self.fill(frame, a=phrase.text, seconds=written)
        return Phrase(text, (replace(phrase.steps[0], when=When("delay", value)),), False)

    def lasting(self) -> Phrase:
        names = self.rng.choice((WEATHER[:-1], WEATHER[:-1], TIME, PLAIN_EVENTS[1:], ("speed",)))
        phrase, (value, written) = self.phrase(self.rng.choice(names)), numbers.seconds(self.language, self.rng)
        text = self.fill(self.pick(self.words.joints.DURATION), a=phrase.text, seconds=written)
        return Phrase(text, (replace(phrase.steps[0], duration=value),), False)

    def at_junction(self) -> Phrase:
        names = self.rng.choice(
            (EVENT_SIDES, PLAIN_EVENTS, ("stop", "slower", "faster", "lane_left", "lane_right"), WEATHER, TIME)
        )
        phrase = self.phrase(self.rng.choice(names))
        text = self.fill(self.pick(self.words.joints.JUNCTION), a=phrase.text)
        return Phrase(text, (replace(phrase.steps[0], when=When("junction")),), False)

    def opposites(self) -> tuple[Phrase, Phrase]:
        first, second = self.rng.sample(self.rng.choice(OPPOSITES), 2)
        return self.phrase(first, said=False), self.phrase(second, said=False)

    def polite(self, phrase: Phrase) -> Phrase:
        """An imperative with manners, a statement with a lead, and each as it is more often than not."""
        if self.rng.random() < 0.5:
            return phrase
        joints = self.words.joints
        frame = self.pick(joints.POLITE if phrase.imperative else joints.SCENE)
        return Phrase(self.fill(frame, a=phrase.text), phrase.steps, False)

    def joined(self, joint: str, first: str, second: str) -> str:
        return self.fill(self.pick(getattr(self.words.joints, joint)), a=first, b=second)


def step_of(name: str) -> Step:
    return Step(name[:-1], (int(name[-1]),)) if name[:-1] in ("rain", "snow", "fog") else Step(name)


def later(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, the first of them waiting for the one before."""
    return (replace(steps[0], when=When("next")), *steps[1:])


@cache
def of_split(options: tuple[Any, ...], split: Split) -> tuple[Any, ...]:
    """The options that belong to a split, by a hash of their words: a share of every list, so that none is left out.

    No split shares an option with what is held out. Validation, which chooses among trainings, shares those of lists
    too short to be cut in three with training.
    """
    if len(options) < FEWEST:
        return options
    ranked = sorted(options, key=lambda option: hashlib.sha256(repr(option).encode()).hexdigest())
    held_out = max(1, round(len(ranked) * HELD_OUT_SHARE))
    if split == "held_out":
        return tuple(ranked[:held_out])
    if len(options) < FEWEST_VALIDATED:
        return tuple(ranked[held_out:])
    cut = held_out + max(1, round(len(ranked) * VALIDATION_SHARE))
    return tuple(ranked[held_out:cut] if split == "validation" else ranked[cut:])
