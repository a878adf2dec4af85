"""Makes (text, context, plan) cases whose plan is known by construction, split by template and phrase.

A case is composed of phrases and of connectives that join them (finetune/phrases). Each phrase and connective has a
split: a held-out text uses held-out ones alone. No text of the hand-written test is ever made.
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
from finetune.typos import add_typos

Sentence = tuple[str, str, Utterance]  # text, context, plan
ENGLISH_SHARE = 0.52
# The kinds with the lowest scores on validation templates.
HARD = ("several", "together", "sequence", "unsupported", "possible part", "offtopic", "question")
HARD_WEIGHT = 2.0  # of these kinds in the training split, relative to the others


def corpus(count: int, split: Split = "train", seed: int = 0) -> list[Case]:
    """`count` distinct cases, about half of them English; each is checked by parsing.

    The same seed gives the same cases.
    """
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


def apart(cases: Iterable[Case], others: Iterable[Case]) -> list[Case]:
    """The cases whose template no case of `others` has."""
    templates = {template(case.text) for case in others}
    return [case for case in cases if template(case.text) not in templates]


class CaseWriter:
    """Writes cases in one language out of the words of one split."""

    def __init__(self, language: str, split: Split, rng: random.Random) -> None:
        self.language, self.split, self.rng = language, split, rng
        self.sampler = TemplateSampler(language, split, rng)
        self.kinds: dict[str, tuple[float, Callable[[], Sentence]]] = {
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
            "delay": (1.1, lambda: self.one(self.sampler.with_delay())),
            "duration": (1.1, lambda: self.one(self.sampler.with_duration())),
            "junction": (1.0, lambda: self.one(self.sampler.at_junction())),
            "context": (1.6, self.relative),
            "negation": (1.6, self.negation),
            "correction": (1.8, self.correction),
            "unsupported": (1.5, self.unsupported),
            "offtopic": (1.3, self.offtopic),
            "injection": (1.0, self.injection),
            "question": (1.5, self.question),
            "possible part": (1.1, self.possible_part),
        }
        hard = HARD if split == "train" else ()
        self.weights = [weight * (HARD_WEIGHT if kind in hard else 1.0) for kind, (weight, _) in self.kinds.items()]

    def case(self) -> Case:
        """One case: a kind by weight, a sentence of it, a context for every fourth, typos for some."""
        kind = self.rng.choices(list(self.kinds), self.weights)[0]
        text, context, plan = self.kinds[kind][1]()
        if not context and self.rng.random() < 0.25:
            context = str(self.situation())
        text = add_typos(text, self.language, self.split == "train" and kind != "injection", self.rng)
        return Case(text, context, print_line(plan), kind, self.language)

    # --- steps, alone and together ---

    def one(self, phrase: Phrase) -> Sentence:
        """The sentence of a phrase, without context."""
        return phrase.text, "", Plan(phrase.steps)

    def single(self, names: Sequence[str]) -> Callable[[], Sentence]:
        """Makes sentences of one step whose name is in `names`."""
        return lambda: self.one(self.sampler.polite(self.sampler.phrase(self.rng.choice(names))))

    def two(self) -> tuple[Phrase, Phrase]:
        """Two phrases that fit in one sentence: different steps, and not two weathers or two manoeuvres."""
        while True:
            first, second = self.sampler.any_phrase(), self.sampler.any_phrase()
            if first.steps[0].name != second.steps[0].name and (first.group != second.group or first.group == "event"):
                return first, second

    def sequence(self) -> Sentence:
        """Two steps, or three, one after the other."""
        if self.rng.random() < 0.2:
            first, second = self.sampler.phrase(self.rng.choice(DRIVE[1:4]), statement=False), self.sampler.any_phrase()
            through = self.sampler.compose("through", a=first, b=second)
            if self.rng.random() < 0.3 and second.group != "time":
                third = self.sampler.phrase(self.rng.choice(TIME), statement=True)
                return self.one(self.sampler.compose("together", a=through, b=third))
            return self.one(through)
        first = self.sampler.with_time() if self.rng.random() < 0.1 else self.sampler.polite(self.sampler.any_phrase())
        second = self.sampler.with_duration() if self.rng.random() < 0.1 else self.different(first)
        return self.one(self.sampler.compose("sequence", a=first, b=second))

    def different(self, other: Phrase) -> Phrase:
        """A phrase of another step than `other`."""
        while (phrase := self.sampler.any_phrase()).steps[0].name == other.steps[0].name:
            pass
        return phrase

    def together(self) -> Sentence:
        """Two steps at the same time."""
        first, second = self.two()
        if self.rng.random() < 0.2:
            second = self.sampler.with_time()
        return self.one(self.sampler.compose("together", a=self.sampler.polite(first), b=second))

    def several(self) -> Sentence:
        """Three or four steps, each joined to the previous ones in sequence or at the same time."""
        first, second = self.two()
        whole, last = self.sampler.polite(first), first
        connectives: tuple[str, ...] = self.rng.choice(
            (("sequence", "sequence"), ("together", "sequence"), ("sequence", "together"), ("together",) * 2)
        )
        if self.rng.random() < 0.25:
            connectives = (*connectives, self.rng.choice(("sequence", "together")))
        for number, connective in enumerate(connectives):
            phrase = second if number == 0 else self.different(last)
            if connective == "together" and number > 0 and phrase.group == last.group and phrase.group != "event":
                phrase = self.sampler.phrase(self.rng.choice(EVENTS if last.group != "event" else TIME))
            whole, last = self.sampler.compose(connective, a=whole, b=phrase), phrase
        return self.one(whole)

    def condition(self) -> Sentence:
        """ "turn left in the rain", "heavy snow at night": a condition as an adverbial."""
        name = self.rng.choice(kinds(self.sampler.book, "condition"))
        adverbial = self.sampler.pick(f"condition.{name}")
        step = self.sampler.phrase(name).steps[0]
        names = self.rng.choice((DRIVE, DRIVE, ("speed", "overtake"), WEATHER[:-1], EVENTS))
        if names == WEATHER[:-1] and step.group == "weather":
            names = DRIVE
        phrase = self.sampler.phrase(self.rng.choice(names))
        if self.language == "zh":
            return adverbial + phrase.text, "", Plan((step, *phrase.steps))
        text = f"{phrase.text} {adverbial}" if self.rng.random() < 0.75 else f"{adverbial}, {phrase.text}"
        first = phrase.group in ("drive", "speed") or text.startswith(adverbial)
        return text, "", Plan((step, *phrase.steps) if first else (*phrase.steps, step))

    # --- sentences that need the drive's state, a negation or a correction ---

    def relative(self) -> Sentence:
        """A sentence whose meaning depends on the context: "heavier", "back to normal", "cancel"."""
        choice = self.rng.random()
        kind, level = self.rng.choice(("rain", "snow", "fog")), self.rng.randint(1, 3)
        word, situation = self.sampler.pick(f"weather_word.{kind}"), self.situation(weather=f"{kind}({level})")

        def say(name: str) -> str:
            return self.sampler.fill(self.sampler.pick(name), w=word)

        def means(name: str, weather: str = "") -> Utterance:
            return self.sampler.meaning(name, weather=weather)

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

    def negation(self) -> Sentence:
        """ "No more rain", "not left, right": the rejected step and the one to be played."""
        choice = self.rng.random()
        if choice < 0.3:
            kind = self.rng.choice(("rain", "snow", "fog"))
            level = self.rng.randint(1, 3)
            context = str(self.situation(weather=f"{kind}({level})")) if self.rng.random() < 0.6 else ""
            return self.sampler.pick(f"no_more.{kind}"), context, self.sampler.meaning(f"no_more.{kind}")
        if choice < 0.55:
            rejected, accepted = self.rng.sample(kinds(self.sampler.book, "noun"), 2)
            if group(rejected) == group(accepted):
                frame = self.sampler.pick("no_noun")
                nouns = {slot: self.sampler.pick(f"noun.{name}") for slot, name in (("a", rejected), ("b", accepted))}
                return self.sampler.fill(frame, **nouns), "", Plan(self.sampler.phrase(accepted, statement=False).steps)
        rejected_phrase, accepted_phrase = self.sampler.opposites()
        return self.one(self.sampler.compose("not_this", a=rejected_phrase, b=accepted_phrase))

    def correction(self) -> Sentence:
        """A phrase replaced by another within the sentence, or one word of it: a side, a number."""
        choice = self.rng.random()
        if choice < 0.5:
            first, second = self.sampler.opposites()
            correction = self.sampler.compose("correction", a=first, b=second)
        elif choice < 0.75:
            correction = self.other_side()
        else:
            (_, first_number), (kmh, second_number) = (numbers.speed(self.language, self.rng) for _ in range(2))
            both = self.sampler.fill(self.sampler.pick("correct_word"), a=first_number, b=second_number)
            text = self.sampler.fill(self.sampler.pick("order.speed"), speed=both)
            correction = Phrase(text, self.sampler.steps("order.speed", kmh=kmh))
        if self.rng.random() < 0.25:
            phrase = self.sampler.any_phrase()
            if phrase.group != correction.steps[0].name:
                return self.one(self.sampler.compose("sequence", a=correction, b=phrase))
        return self.one(correction)

    def other_side(self) -> Phrase:
        """A correction of the side alone: "left, no, right"."""
        wrong_side, right_side = self.rng.sample(("left", "right"), 2)
        frame = self.sampler.pick("correct_word")
        if self.rng.random() < 0.5:
            sides = (self.sampler.side(wrong_side).strip(), self.sampler.side(right_side).strip())
            both = self.sampler.fill(frame, a=sides[0], b=sides[1])
            return self.sampler.event(
                self.rng.choice(EVENT_SIDES), None, right_side, f" {both}" if self.language == "en" else both
            )
        wrong, right = (
            self.sampler.phrase(wrong_side, statement=False).text,
            self.sampler.phrase(right_side, statement=False),
        )
        short = {"left": "左", "right": "右"}[right_side] if self.language == "zh" else right_side
        return Phrase(self.sampler.fill(frame, a=wrong, b=self.rng.choice((short, right.text))), right.steps)

    # --- refusals, questions and partly possible sentences ---

    def sentence(self, kind: str, frames: str) -> str:
        """A whole sentence of the kind, or more often one of its frames, filled."""
        return self.sampler.fill(self.sampler.pick(frames if self.rng.random() < 0.75 else kind))

    def impossible(self) -> str:
        """A text that asks for something the world cannot do."""
        return self.sentence("unsupported", "unsupported_frame")

    def elsewhere(self) -> str:
        """A text that is not about the drive."""
        return self.sentence("offtopic", "offtopic_frame")

    def unsupported(self) -> Sentence:
        """An impossible wish, which is refused."""
        return self.sampler.polite(Phrase(self.impossible(), ())).text, "", self.sampler.meaning("unsupported")

    def offtopic(self) -> Sentence:
        """A text off the topic, which is refused."""
        return self.elsewhere(), "", self.sampler.meaning("offtopic")

    def injection(self) -> Sentence:
        """An attempt to make the model do something else, which is refused."""
        text = self.sampler.fill(self.sampler.pick("injection_frame"))
        return text, "", self.sampler.meaning("injection_frame")

    def question(self) -> Sentence:
        """An ambiguous wish; the plan asks for the direction, side, event or speed that it leaves open."""
        slot = self.rng.choice(("direction", "direction", "side", "event", "speed"))
        if slot == "side":
            words = self.sampler.pick("other_side")
            text = self.sampler.event(self.rng.choice(EVENT_SIDES), words=words).text
            return text, "", self.sampler.meaning("other_side")
        text = self.sentence(f"ask.{slot}", f"ask_frame.{slot}")
        return self.sampler.polite(Phrase(text, ())).text, "", self.sampler.meaning(f"ask.{slot}")

    def possible_part(self) -> Sentence:
        """A step beside something impossible or off topic, in either order; the plan holds the step alone."""
        phrase = self.sampler.any_phrase()
        other = self.impossible() if self.rng.random() < 0.7 else self.elsewhere()
        pair = [phrase.text, other]
        self.rng.shuffle(pair)
        connective = self.sampler.pick(self.rng.choice(("together", "together", "sequence")))
        return self.sampler.fill(connective, a=pair[0], b=pair[1]), "", Plan(phrase.steps)

    def situation(self, weather: str | None = None, pending: str | None = None) -> Context:
        """The context of a drive, drawn at random where an argument is None."""
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
    """The group within which one step replaces another: time, weather or turn."""
    return "time" if name in TIME else "weather" if name in WEATHER else "turn"
