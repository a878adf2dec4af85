"""Makes (text, context, plan) cases whose plan is known by construction, split by template and phrase.

A case is composed of phrases and of connectives that join them (finetune/phrases), each with its split: a held-out text
is made of held-out phrases and connectives alone. No text of the hand-written test is ever made.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from brain.plan import Plan, Utterance, parse_line, print_line
from brain.prompt import Context
from finetune import numbers
from finetune.book import Split, kinds
from finetune.cases import Case, template
from finetune.reserved import is_reserved
from finetune.template_sampler import DRIVE, EVENT_SIDES, EVENTS, TIME, WEATHER, Phrase, TemplateSampler
from finetune.typos import worn

Said = tuple[str, str, Utterance]  # text, context, plan
ENGLISH_SHARE = 0.52
# The kinds that were weakest on validation templates.
HARD = ("several", "together", "sequence", "unsupported", "possible part", "offtopic", "question")
OFTENER = 2.0  # how much oftener training sees these than the tests do


def corpus(count: int, split: Split = "train", seed: int = 0) -> list[Case]:
    """`count` distinct cases, about half of them English; checked by parsing. The same seed gives the same cases."""
    rng = random.Random(f"{split}-{seed}")
    writers = (CaseWriter("en", split, rng), CaseWriter("zh", split, rng))
    cases: dict[str, Case] = {}
    tries = 0
    while len(cases) < count and tries < 40 * count:
        tries += 1
        case = writers[0 if rng.random() < ENGLISH_SHARE else 1].case()
        if print_line(parse_line(case.plan)) != case.plan:
            raise ValueError(f"the generator wrote a plan that is not canonical: {case.plan}")
        if not is_reserved(case.text):
            cases.setdefault(case.text if case.kind != "context" else f"{case.context} {case.text}", case)
    return list(cases.values())


def apart(cases: Iterable[Case], known: Iterable[Case]) -> list[Case]:
    """The cases that share no template with the known ones, whatever phrases those were made of."""
    seen = {template(case.text) for case in known}
    return [case for case in cases if template(case.text) not in seen]


class CaseWriter:
    """Writes cases in one language out of the words of one split."""

    def __init__(self, language: str, split: Split, rng: random.Random) -> None:
        self.language, self.split, self.rng = language, split, rng
        self.pieces = TemplateSampler(language, split, rng)
        self.kinds: dict[str, tuple[float, Callable[[], Said]]] = {
            "drive": (1.6, self.single(DRIVE)),
            "speed": (1.3, self.single(("speed",))),
            "weather": (1.7, self.single(WEATHER)),
            "time": (0.9, self.single(TIME)),
            "event": (3.4, self.single(EVENTS)),
            "idiom": (0.7, self.single(("pull_over", "wait", "overtake"))),
            "sequence": (3.2, self.sequence),
            "together": (3.0, self.together),
            "several": (2.4, self.several),
            "condition": (1.3, self.condition),
            "delay": (1.1, lambda: self.one(self.pieces.delayed())),
            "duration": (1.1, lambda: self.one(self.pieces.lasting())),
            "junction": (1.0, lambda: self.one(self.pieces.at_junction())),
            "context": (1.6, self.relative),
            "negation": (1.6, self.negation),
            "correction": (1.8, self.correction),
            "unsupported": (1.5, self.unsupported),
            "offtopic": (1.3, self.offtopic),
            "injection": (1.0, self.injection),
            "question": (1.5, self.question),
            "possible part": (1.1, self.possible_part),
        }
        oftener = HARD if split == "train" else ()
        self.weights = [weight * (OFTENER if kind in oftener else 1.0) for kind, (weight, _) in self.kinds.items()]

    def case(self) -> Case:
        kind = self.rng.choices(list(self.kinds), self.weights)[0]
        text, context, plan = self.kinds[kind][1]()
        if not context and self.rng.random() < 0.25:
            context = str(self.situation())
        text = worn(text, self.language, self.split == "train" and kind != "injection", self.rng)
        return Case(text, context, print_line(plan), kind, self.language)

    # --- steps, alone and together ---

    def one(self, phrase: Phrase) -> Said:
        return phrase.text, "", Plan(phrase.steps)

    def single(self, names: Sequence[str]) -> Callable[[], Said]:
        return lambda: self.one(self.pieces.polite(self.pieces.phrase(self.rng.choice(names))))

    def two(self) -> tuple[Phrase, Phrase]:
        """Two phrases that can stand in one wish: not the same step, not two weathers or two manoeuvres."""
        while True:
            first, second = self.pieces.any_phrase(), self.pieces.any_phrase()
            if first.steps[0].name != second.steps[0].name and (first.group != second.group or first.group == "event"):
                return first, second

    def sequence(self) -> Said:
        if self.rng.random() < 0.2:
            first, second = self.pieces.phrase(self.rng.choice(DRIVE[1:4]), said=False), self.pieces.any_phrase()
            through = self.pieces.compose("through", a=first, b=second)
            if self.rng.random() < 0.3 and second.group != "time":
                third = self.pieces.phrase(self.rng.choice(TIME), said=True)
                return self.one(self.pieces.compose("together", a=through, b=third))
            return self.one(through)
        first = self.pieces.timed() if self.rng.random() < 0.1 else self.pieces.polite(self.pieces.any_phrase())
        second = self.pieces.lasting() if self.rng.random() < 0.1 else self.different(first)
        return self.one(self.pieces.compose("sequence", a=first, b=second))

    def different(self, other: Phrase) -> Phrase:
        while (phrase := self.pieces.any_phrase()).steps[0].name == other.steps[0].name:
            pass
        return phrase

    def together(self) -> Said:
        first, second = self.two()
        if self.rng.random() < 0.2:
            second = self.pieces.timed()
        return self.one(self.pieces.compose("together", a=self.pieces.polite(first), b=second))

    def several(self) -> Said:
        """Three or four steps, each joined to those before it in one way or another."""
        first, second = self.two()
        whole, last = self.pieces.polite(first), first
        connectives: tuple[str, ...] = self.rng.choice(
            (("sequence", "sequence"), ("together", "sequence"), ("sequence", "together"), ("together",) * 2)
        )
        if self.rng.random() < 0.25:
            connectives = (*connectives, self.rng.choice(("sequence", "together")))
        for number, connective in enumerate(connectives):
            phrase = second if number == 0 else self.different(last)
            if connective == "together" and number > 0 and phrase.group == last.group and phrase.group != "event":
                phrase = self.pieces.phrase(self.rng.choice(EVENTS if last.group != "event" else TIME))
            whole, last = self.pieces.compose(connective, a=whole, b=phrase), phrase
        return self.one(whole)

    def condition(self) -> Said:
        """ "turn left in the rain", "heavy snow at night": a condition as an adverbial."""
        name = self.rng.choice(kinds(self.pieces.book, "condition"))
        adverbial = self.pieces.pick(f"condition.{name}")
        step = self.pieces.phrase(name).steps[0]
        names = self.rng.choice((DRIVE, DRIVE, ("speed", "overtake"), WEATHER[:-1], EVENTS))
        if names == WEATHER[:-1] and step.group == "weather":
            names = DRIVE
        phrase = self.pieces.phrase(self.rng.choice(names))
        if self.language == "zh":
            return adverbial + phrase.text, "", Plan((step, *phrase.steps))
        text = f"{phrase.text} {adverbial}" if self.rng.random() < 0.75 else f"{adverbial}, {phrase.text}"
        first = phrase.group in ("drive", "speed") or text.startswith(adverbial)
        return text, "", Plan((step, *phrase.steps) if first else (*phrase.steps, step))

    # --- what the drive's state, a "no" or an "I mean" gives its meaning ---

    def relative(self) -> Said:
        choice = self.rng.random()
        kind, level = self.rng.choice(("rain", "snow", "fog")), self.rng.randint(1, 3)
        word, situation = self.pieces.pick(f"weather_word.{kind}"), self.situation(weather=f"{kind}({level})")

        def say(name: str) -> str:
            return self.pieces.fill(self.pieces.pick(name), w=word)

        def means(name: str, weather: str = "") -> Utterance:
            return self.pieces.meaning(name, weather=weather)

        if choice < 0.08:
            return say("heavier_named"), str(self.situation(weather="clear")), means("heavier_named", f"{kind}(3)")
        if choice < 0.42:
            return say("heavier"), str(situation), means("heavier", f"{kind}({min(3, level + 1)})")
        if choice < 0.7:
            return say("lighter"), str(situation), means("lighter", f"{kind}({level - 1})" if level > 1 else "clear")
        if choice < 0.82:
            return say("normal"), str(situation), means("normal")
        pending = self.rng.choice(("left", "right", "straight", "lane_left", "lane_right", "stop"))
        return say("cancel"), str(self.situation(pending=pending)), means("cancel")

    def negation(self) -> Said:
        choice = self.rng.random()
        if choice < 0.3:
            kind = self.rng.choice(("rain", "snow", "fog"))
            level = self.rng.randint(1, 3)
            context = str(self.situation(weather=f"{kind}({level})")) if self.rng.random() < 0.6 else ""
            return self.pieces.pick(f"no_more.{kind}"), context, self.pieces.meaning(f"no_more.{kind}")
        if choice < 0.55:
            unwanted, wanted = self.rng.sample(kinds(self.pieces.book, "noun"), 2)
            if group(unwanted) == group(wanted):
                frame = self.pieces.pick("no_noun")
                nouns = {slot: self.pieces.pick(f"noun.{name}") for slot, name in (("a", unwanted), ("b", wanted))}
                return self.pieces.fill(frame, **nouns), "", Plan(self.pieces.phrase(wanted, said=False).steps)
        unwanted_phrase, wanted_phrase = self.pieces.opposites()
        return self.one(self.pieces.compose("not_this", a=unwanted_phrase, b=wanted_phrase))

    def correction(self) -> Said:
        """A phrase taken back for another, or one word of it: a side, a number."""
        choice = self.rng.random()
        if choice < 0.5:
            said, meant = self.pieces.opposites()
            corrected = self.pieces.compose("correction", a=said, b=meant)
        elif choice < 0.75:
            corrected = self.other_side()
        else:
            (_, said_number), (kmh, meant_number) = (numbers.speed(self.language, self.rng) for _ in range(2))
            both = self.pieces.fill(self.pieces.pick("correct_word"), a=said_number, b=meant_number)
            text = self.pieces.fill(self.pieces.pick("order.speed"), speed=both)
            corrected = Phrase(text, self.pieces.steps("order.speed", kmh=kmh))
        if self.rng.random() < 0.25:
            phrase = self.pieces.any_phrase()
            if phrase.group != corrected.steps[0].name:
                return self.one(self.pieces.compose("sequence", a=corrected, b=phrase))
        return self.one(corrected)

    def other_side(self) -> Phrase:
        said, meant = self.rng.sample(("left", "right"), 2)
        frame = self.pieces.pick("correct_word")
        if self.rng.random() < 0.5:
            sides = (self.pieces.side(said).strip(), self.pieces.side(meant).strip())
            both = self.pieces.fill(frame, a=sides[0], b=sides[1])
            return self.pieces.event(
                self.rng.choice(EVENT_SIDES), None, meant, f" {both}" if self.language == "en" else both
            )
        first, second = self.pieces.phrase(said, said=False).text, self.pieces.phrase(meant, said=False)
        short = {"left": "左", "right": "右"}[meant] if self.language == "zh" else meant
        return Phrase(self.pieces.fill(frame, a=first, b=self.rng.choice((short, second.text))), second.steps)

    # --- what is not played as it was said ---

    def sentence(self, kind: str, frames: str) -> str:
        """A whole sentence of the kind, or more often one of its frames, filled."""
        return self.pieces.fill(self.pieces.pick(frames if self.rng.random() < 0.75 else kind))

    def impossible(self) -> str:
        return self.sentence("unsupported", "unsupported_frame")

    def elsewhere(self) -> str:
        return self.sentence("offtopic", "offtopic_frame")

    def unsupported(self) -> Said:
        return self.pieces.polite(Phrase(self.impossible(), ())).text, "", self.pieces.meaning("unsupported")

    def offtopic(self) -> Said:
        return self.elsewhere(), "", self.pieces.meaning("offtopic")

    def injection(self) -> Said:
        text = self.pieces.fill(self.pieces.pick("injection_frame"))
        return text, "", self.pieces.meaning("injection_frame")

    def question(self) -> Said:
        slot = self.rng.choice(("direction", "direction", "side", "event", "speed"))
        if slot == "side":
            words = self.pieces.pick("other_side")
            text = self.pieces.event(self.rng.choice(EVENT_SIDES), words=words).text
            return text, "", self.pieces.meaning("other_side")
        text = self.sentence(f"ask.{slot}", f"ask_frame.{slot}")
        return self.pieces.polite(Phrase(text, ())).text, "", self.pieces.meaning(f"ask.{slot}")

    def possible_part(self) -> Said:
        """A step beside something impossible or off the topic; whichever comes first, the step is played at once."""
        phrase = self.pieces.any_phrase()
        other = self.impossible() if self.rng.random() < 0.7 else self.elsewhere()
        pair = [phrase.text, other]
        self.rng.shuffle(pair)
        connective = self.pieces.pick(self.rng.choice(("together", "together", "sequence")))
        return self.pieces.fill(connective, a=pair[0], b=pair[1]), "", Plan(phrase.steps)

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


def group(name: str) -> str:
    """What can be wished for in place of what: a turn, a weather, a time."""
    return "time" if name in TIME else "weather" if name in WEATHER else "turn"
