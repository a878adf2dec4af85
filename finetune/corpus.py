"""Makes (text, context, plan) cases whose plan is known by construction, split by template and phrase.

A case is composed of phrases (finetune/phrases_*.py) and ways of joining them. Both are split by a hash of their
words: a held-out text is made of held-out phrases and joints only, so it shares no template with training.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from brain.plan import Plan, Question, Refusal, Slot, Step, Utterance, When, parse_line, print_line
from brain.prompt import Context
from finetune import phrases_en, phrases_zh
from finetune.cases import Case

Split = Literal["train", "held_out"]
HELD_OUT_SHARE = 0.15
EVENT_SIDES = ("ped_cross", "cyclist", "cut_in", "animal")
DRIVE = ("follow", "left", "right", "straight", "lane_left", "lane_right", "stop", "go", "faster", "slower")
WEATHER = (*(f"{kind}{level}" for kind in ("rain", "snow", "fog") for level in (1, 2, 3)), "clear")
TIME = ("dawn", "day", "dusk", "night")
PLAIN_EVENTS = ("hard_brake", "stalled", "debris", "oncoming", "emergency", "road_work")
NUMBER_WORDS = {
    2: "two",
    3: "three",
    4: "four",
    5: "five",
    6: "six",
    8: "eight",
    10: "ten",
    12: "twelve",
    15: "fifteen",
    20: "twenty",
    30: "thirty",
}
ODD_SECONDS: dict[str, tuple[tuple[float, str], ...]] = {
    "en": ((30, "half a minute"), (60, "a minute"), (1, "one second"), (1, "a second"), (0.5, "half a second")),
    "zh": ((30, "半分鐘"), (60, "一分鐘"), (1, "一秒"), (1, "1秒"), (0.5, "半秒")),
}
CHINESE_DIGITS = "零一二三四五六七八九"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of a sentence and the steps it means. `imperative` ones take "please" and the like."""

    text: str
    steps: tuple[Step, ...]
    imperative: bool = True

    @property
    def group(self) -> str:
        return self.steps[0].group


def corpus(count: int, split: Split = "train", seed: int = 0) -> list[Case]:
    """`count` distinct cases, about half of them English; checked by parsing. The same seed gives the same cases."""
    rng = random.Random(f"{split}-{seed}")
    writers = {"en": Writer(phrases_en, "en", split, rng), "zh": Writer(phrases_zh, "zh", split, rng)}
    cases: dict[tuple[str, str], Case] = {}
    tries = 0
    while len(cases) < count and tries < 40 * count:
        tries += 1
        case = writers["en" if rng.random() < 0.55 else "zh"].case()
        if print_line(parse_line(case.plan)) != case.plan:
            raise ValueError(f"the generator wrote a plan that is not canonical: {case.plan}")
        cases.setdefault((case.text, case.context), case)
    return list(cases.values())


class Writer:
    """Writes cases in one language out of the phrases of one split."""

    def __init__(self, words: ModuleType, language: str, split: Split, rng: random.Random) -> None:
        self.words, self.language, self.split, self.rng = words, language, split, rng
        self.kinds: dict[str, tuple[float, Callable[[], tuple[str, str, Utterance]]]] = {
            "drive": (2.2, self.single(DRIVE)),
            "speed": (1.2, self.single(("speed",))),
            "weather": (2.0, self.single(WEATHER)),
            "time": (0.9, self.single(TIME)),
            "event": (2.8, self.single((*EVENT_SIDES, *PLAIN_EVENTS))),
            "idiom": (0.7, self.idiom),
            "sequence": (2.2, self.sequence),
            "together": (2.2, self.together),
            "three steps": (1.2, self.three),
            "condition": (1.3, self.condition),
            "delay": (1.3, self.delay),
            "duration": (1.0, self.duration),
            "junction": (1.0, self.junction),
            "context": (1.4, self.relative),
            "negation": (1.1, self.negation),
            "correction": (0.8, self.correction),
            "refusal": (1.5, self.refusal),
            "question": (0.9, self.question),
            "possible part": (0.5, self.possible_part),
        }

    def case(self) -> Case:
        kind = self.rng.choices(list(self.kinds), [weight for weight, _ in self.kinds.values()])[0]
        text, context, plan = self.kinds[kind][1]()
        if not context and self.rng.random() < 0.25:
            context = str(self.situation())
        return Case(self.worn(text), context, print_line(plan), kind, self.language)

    # --- kinds of sentences ---

    def single(self, names: Sequence[str]) -> Callable[[], tuple[str, str, Utterance]]:
        def write() -> tuple[str, str, Utterance]:
            phrase = self.polite(self.phrase(self.rng.choice(names)))
            return phrase.text, "", Plan(phrase.steps)

        return write

    def idiom(self) -> tuple[str, str, Utterance]:
        phrase = self.polite(self.phrase(self.rng.choice(("pull_over", "wait", "overtake"))))
        return phrase.text, "", Plan(phrase.steps)

    def sequence(self) -> tuple[str, str, Utterance]:
        if self.rng.random() < 0.2:
            first, second = self.phrase(self.rng.choice(("left", "right", "straight"))), self.any_phrase()
            text = self.join("THROUGH", first, second)
            extra: tuple[Step, ...] = ()
            if self.rng.random() < 0.3 and second.group != "time":
                third = self.phrase(self.rng.choice(TIME), said=True)
                text, extra = self.joined("TOGETHER", text, third.text), third.steps
            return text, "", Plan((*first.steps, *later(second.steps), *extra))
        first, second = self.two()
        first = self.polite(first)
        return self.join("SEQUENCE", first, second), "", Plan((*first.steps, *later(second.steps)))

    def together(self) -> tuple[str, str, Utterance]:
        first, second = self.two(different=True)
        first = self.polite(first)
        return self.join("TOGETHER", first, second), "", Plan((*first.steps, *second.steps))

    def three(self) -> tuple[str, str, Utterance]:
        first, second = self.two(different=True)
        third = self.any_phrase()
        if self.rng.random() < 0.5:
            text = self.joined("SEQUENCE", self.join("SEQUENCE", first, second), third.text)
            return text, "", Plan((*first.steps, *later(second.steps), *later(third.steps)))
        text = self.joined("SEQUENCE", self.join("TOGETHER", first, second), third.text)
        return text, "", Plan((*first.steps, *second.steps, *later(third.steps)))

    def delay(self) -> tuple[str, str, Utterance]:
        phrase, (seconds, said) = self.one_step(), self.seconds()
        text = self.template("DELAY").format(a=phrase.text, seconds=said)
        step = phrase.steps[0]
        return text, "", Plan((Step(step.name, step.args, When("delay", seconds), step.duration),))

    def duration(self) -> tuple[str, str, Utterance]:
        phrase, (seconds, said) = (
            self.phrase(self.rng.choice((*WEATHER[:-1], "night", "dusk", *PLAIN_EVENTS[3:]))),
            self.seconds(),
        )
        text = self.template("DURATION").format(a=phrase.text, seconds=said)
        step = phrase.steps[0]
        return text, "", Plan((Step(step.name, step.args, step.when, seconds),))

    def junction(self) -> tuple[str, str, Utterance]:
        name = self.rng.choice((*EVENT_SIDES, *PLAIN_EVENTS, "stop", "rain2", "fog2", "night", "slower"))
        phrase = self.phrase(name)
        step = phrase.steps[0]
        return (
            self.template("JUNCTION").format(a=phrase.text),
            "",
            Plan((Step(step.name, step.args, When("junction")),)),
        )

    def relative(self) -> tuple[str, str, Utterance]:
        choice = self.rng.random()
        kind, level = self.rng.choice(("rain", "snow", "fog")), self.rng.randint(1, 3)
        situation = self.situation(weather=f"{kind}({level})")
        if choice < 0.35:
            return self.template("HEAVIER"), str(situation), Plan((Step(kind, (min(3, level + 1),)),))
        if choice < 0.6:
            step = Step(kind, (level - 1,)) if level > 1 else Step("clear")
            return self.template("LIGHTER"), str(situation), Plan((step,))
        if choice < 0.75:
            return self.template("NORMAL"), str(situation), Plan((Step("clear"),))
        pending = self.rng.choice(("left", "right", "straight", "lane_left", "lane_right", "stop"))
        return self.template("CANCEL"), str(self.situation(pending=pending)), Plan((Step("follow"),))

    def negation(self) -> tuple[str, str, Utterance]:
        if self.rng.random() < 0.4:
            kind = self.rng.choice(("rain", "snow", "fog"))
            context = (
                str(self.situation(weather=f"{kind}({self.rng.randint(1, 3)})")) if self.rng.random() < 0.6 else ""
            )
            return self.pick(self.words.ON_OFF[kind]), context, Plan((Step("clear"),))
        unwanted, wanted = self.opposites()
        return self.template("NOT_THIS").format(a=unwanted.text, b=wanted.text), "", Plan(wanted.steps)

    def correction(self) -> tuple[str, str, Utterance]:
        said, meant = self.opposites()
        return self.template("CORRECTION").format(a=said.text, b=meant.text), "", Plan(meant.steps)

    def condition(self) -> tuple[str, str, Utterance]:
        """ "turn left in the rain", "heavy snow at night": a condition as an adverbial."""
        name = self.rng.choice(list(self.words.CONDITIONS))
        adverbial = self.pick(self.words.CONDITIONS[name])
        step = self.phrase(name).steps[0]
        names = self.rng.choice((DRIVE, DRIVE, WEATHER[:-1], (*EVENT_SIDES, *PLAIN_EVENTS)))
        if names == WEATHER[:-1] and step.group == "weather":
            names = DRIVE
        phrase = self.phrase(self.rng.choice(names))
        if self.language == "zh":
            return adverbial + phrase.text, "", Plan((step, *phrase.steps))
        text = f"{phrase.text} {adverbial}" if self.rng.random() < 0.75 else f"{adverbial}, {phrase.text}"
        drives = phrase.group in ("drive", "speed")
        first = drives or text.startswith(adverbial)
        return text, "", Plan((step, *phrase.steps) if first else (*phrase.steps, step))

    def refusal(self) -> tuple[str, str, Utterance]:
        if self.rng.random() < 0.5:
            text = self.pick(self.words.UNSUPPORTED)
            return self.polite(Phrase(text, (), True)).text, "", Refusal("unsupported")
        talk = self.words.WEATHER_TALK if self.rng.random() < 0.3 else self.words.OFFTOPIC
        return self.pick(talk), "", Refusal("offtopic")

    def question(self) -> tuple[str, str, Utterance]:
        slots: tuple[Slot, ...] = ("direction", "side", "event", "speed")
        slot = self.rng.choice(slots)
        text = self.pick(self.words.ASK[slot])
        return (self.polite(Phrase(text, ())).text if slot != "side" else text), "", Question(slot)

    def possible_part(self) -> tuple[str, str, Utterance]:
        phrase = self.any_phrase()
        impossible = Phrase(self.pick(self.words.UNSUPPORTED), ())
        pair = [phrase.text, impossible.text]
        self.rng.shuffle(pair)
        return self.joined("TOGETHER", *pair), "", Plan(phrase.steps)

    # --- pieces ---

    def phrase(self, name: str, said: bool | None = None) -> Phrase:
        """A phrase for a step of the phrase books, its slots filled."""
        level = 2
        if name in EVENT_SIDES:
            level = self.rng.choice((2, 2, 2, 3, 1))
            if not any(f"{name}{level}" in book for book in (self.words.DO, self.words.SAY)):
                level = 2
        key = name if level == 2 else f"{name}{level}"
        books = [book for book in (self.words.DO, self.words.SAY) if key in book]
        if said is not None and len(books) == 2:
            books = [self.words.SAY if said else self.words.DO]
        book = self.rng.choices(books, [len(book[key]) for book in books])[0]
        template = self.pick(book[key])
        imperative = book is self.words.DO
        if name in EVENT_SIDES:
            side = self.rng.choice(("left", "right", None))
            words = self.pick(self.words.SIDES[side]) if side else ""
            text = template.format(from_side=words)
            return Phrase(
                text, (Step(name, (side or "right", level) if level != 2 else (side or "right",)),), imperative
            )
        if name == "speed":
            speed, written = self.speed()
            return Phrase(template.format(speed=written), (Step("speed", (speed,)),), imperative)
        if name == "wait":
            seconds, written = self.seconds()
            return Phrase(template.format(seconds=written), (Step("stop"), Step("go", when=When("delay", seconds))))
        if name == "pull_over":
            return Phrase(template, (Step("lane_right"), Step("stop", when=When("next"))))
        if name == "overtake":
            steps = (Step("lane_left"), Step("faster", when=When("next")), Step("lane_right", when=When("next")))
            return Phrase(template, steps)
        if name[:-1] in ("rain", "snow", "fog"):
            return Phrase(template, (Step(name[:-1], (int(name[-1]),)),), imperative)
        return Phrase(template, (Step(name),), imperative)

    def any_phrase(self) -> Phrase:
        names = self.rng.choice((DRIVE, DRIVE, ("speed",), WEATHER, TIME, EVENT_SIDES, PLAIN_EVENTS))
        return self.phrase(self.rng.choice(names))

    def one_step(self) -> Phrase:
        names = self.rng.choice(
            (
                ("stop", "go", "faster", "slower", "lane_left", "lane_right"),
                WEATHER,
                TIME,
                EVENT_SIDES,
                PLAIN_EVENTS,
                ("speed",),
            )
        )
        return self.phrase(self.rng.choice(names))

    def two(self, different: bool = False) -> tuple[Phrase, Phrase]:
        while True:
            first, second = self.any_phrase(), self.any_phrase()
            if first.steps[0].name != second.steps[0].name and not (
                different and first.group == second.group and first.group != "event"
            ):
                return first, second

    def opposites(self) -> tuple[Phrase, Phrase]:
        pairs = (
            ("left", "right"),
            ("left", "straight"),
            ("right", "straight"),
            ("lane_left", "lane_right"),
            ("faster", "slower"),
            ("rain2", "snow2"),
            ("fog2", "rain2"),
            ("night", "day"),
            ("stop", "slower"),
            ("dusk", "dawn"),
        )
        first, second = self.rng.sample(self.rng.choice(pairs), 2)
        return self.phrase(first, said=False), self.phrase(second, said=False)

    def polite(self, phrase: Phrase) -> Phrase:
        if not phrase.imperative or self.rng.random() < 0.6:
            return phrase
        return Phrase(self.template("POLITE").format(a=phrase.text), phrase.steps)

    def join(self, joint: str, first: Phrase, second: Phrase) -> str:
        return self.joined(joint, first.text, second.text)

    def joined(self, joint: str, first: str, second: str) -> str:
        return self.template(joint).format(a=first, b=second)

    def seconds(self) -> tuple[float, str]:
        """A time and how it is said."""
        if self.rng.random() < 0.12:
            return self.rng.choice(ODD_SECONDS[self.language])
        value = self.rng.choice((2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30))
        if self.language == "zh":
            return value, f"{self.rng.choice((chinese(value), str(value)))}秒" if value != 2 else self.rng.choice(
                ("兩秒", "2秒")
            )
        number = self.rng.choice((str(value), NUMBER_WORDS[value]))
        return value, f"{number} {self.rng.choice(('seconds', 'seconds', 'sec'))}"

    def speed(self) -> tuple[int, str]:
        """km/h, and how it is said: in words or digits, in km/h or in mph."""
        if self.language == "zh":
            value = self.rng.choice((10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60))
            number = self.rng.choice((chinese(value), str(value)))
            return value, self.rng.choice((f"{number}公里", f"{number}公里", number, f"每小時{number}公里"))
        if self.rng.random() < 0.3:
            miles = self.rng.choice((10, 15, 20, 25, 30, 35))
            return round(miles * 1.609344), f"{miles} {self.rng.choice(('mph', 'miles per hour', 'miles an hour'))}"
        value = self.rng.choice((10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60))
        unit = self.rng.choice(("", " km/h", " kmh", " kph", " kilometres per hour"))
        return value, f"{value}{unit}"

    def situation(self, weather: str | None = None, pending: str | None = None) -> Context:
        kinds = ("clear", "clear", "rain(1)", "rain(2)", "rain(3)", "snow(2)", "fog(2)")
        if pending is None and self.rng.random() < 0.2:
            pending = self.rng.choice(("left", "right", "straight"))
        return Context(
            weather=weather or self.rng.choice(kinds),
            time=self.rng.choice(TIME),
            speed=self.rng.choice((20, 30, 40, 50)),
            pending=pending,
        )

    def pick(self, options: Sequence[str]) -> str:
        """One of the options that belong to this split (where the split has none, the nearest by hash)."""
        ranked = sorted(options, key=place)
        cut = max(1, round(len(ranked) * HELD_OUT_SHARE)) if len(ranked) > 2 else 0
        mine = ranked[:cut] if self.split == "held_out" else ranked[cut:]
        return self.rng.choice(mine or ranked)

    def template(self, name: str) -> str:
        return self.pick(getattr(self.words, name))

    def worn(self, text: str) -> str:
        """The text as it is typed: capitals, a full stop, now and then a slip of the finger (in training only)."""
        text = text.replace("  ", " ").strip()
        if self.language == "zh":
            end = self.rng.choice(("", "", "", "。", "!"))
            return text.replace(",", self.rng.choice((",", ",", ",", " "))) + end
        if self.rng.random() < 0.35:
            text = text[0].upper() + text[1:]
        if self.rng.random() < 0.25 and text[-1].isalnum():
            text += self.rng.choice((".", "!", "."))
        if self.rng.random() < 0.05:
            text = text.upper()
        if self.split == "train" and self.rng.random() < 0.07:
            text = slip(text, self.rng)
        return text


def later(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, the first of them waiting for the one before."""
    first = steps[0]
    return (Step(first.name, first.args, When("next"), first.duration), *steps[1:])


def place(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def slip(text: str, rng: random.Random) -> str:
    """Two neighbouring letters swapped, or one lost, within a word of at least five letters."""
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    index = rng.choice(long)
    word, at = words[index], rng.randrange(1, len(words[index]) - 2)
    words[index] = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :] if rng.random() < 0.5 else word[:at] + word[at + 1 :]
    )
    return " ".join(words)


def chinese(value: int) -> str:
    """A number below 100 in Chinese characters."""
    tens, ones = divmod(value, 10)
    if not tens:
        return CHINESE_DIGITS[ones]
    return ("" if tens == 1 else CHINESE_DIGITS[tens]) + "十" + (CHINESE_DIGITS[ones] if ones else "")
