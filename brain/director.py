"""Text and context in, a plan out: the language model under the grammar, a forward pass at a time."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brain.files import ADAPTER
from brain.grammar import grammar
from brain.llm import LocalModel, PromptCache, Token
from brain.normal import normal
from brain.plan import PlanError, Utterance, parse_line, print_line
from brain.prompt import MAX_TEXT, Context, prompt_tokens
from brain.quant import Quant
from brain.speeds import within_limit
from world.errors import LucidriveError

Thought = Generator[None, None, "Reply"]
CONFIDENCE = "confidence.json"  # beside an adapter: how sure it has to be
FORKS = 2  # choices that are made otherwise in search of a second best line
DONE: Any = object()


class BrainInputError(LucidriveError):
    """A text that cannot be given to the brain."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The brain's answer to a sentence.

    seconds: computing time; tokens: decoded; confidence: mean log-probability over the tokens it chose (not those
    the grammar forced), 0 being certain; instead: the second line, where it was not sure.
    """

    utterance: Utterance
    line: str
    seconds: float
    tokens: int
    confidence: float
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedLine:
    """A line and the tokens it was decoded as."""

    tokens: list[Token]
    utterance: Utterance

    @property
    def text(self) -> str:
        """The line in its canonical form."""
        return print_line(self.utterance)

    @property
    def likelihood(self) -> float:
        """Sum of the log-probabilities of the tokens that were chosen."""
        return sum(token.logprob or 0.0 for token in self.tokens)

    @property
    def confidence(self) -> float:
        """Mean log-probability over the tokens that were chosen; 0 is certain."""
        return mean_logprob(self.tokens)

    def reply(self, seconds: float, instead: DecodedLine | None = None) -> Reply:
        """The brain's answer, after `seconds` of computing."""
        count = sum(not token.end for token in self.tokens)
        return Reply(self.utterance, self.text, seconds, count, self.confidence, instead.text if instead else None)


class Director:
    """The model and its grammar. `think` yields after every forward pass, `answer` runs to the end.

    unsure: confidence below which it decodes a second line and replies with the likelier of the two; the other is `Reply.instead`. None: never.
    """

    def __init__(self, model: LocalModel, unsure: float | None = None) -> None:
        self.model, self.unsure = model, unsure
        self.grammar = grammar()

    @classmethod
    def load(
        cls,
        adapter: Path | None = ADAPTER,
        *,
        base: str | Path | None = None,
        quant: Quant = "int8",
        device: str = "cpu",
    ) -> Director:
        """The shipped language model under its adapter, or another one. adapter: None for the base model alone; base: a folder or a name in
        Hugging Face's cache. WeightsError where weights are missing, damaged or another model's.
        """
        model = LocalModel.load(adapter, base=base, quant=quant, device=device)
        return cls(model, threshold(adapter) if adapter else None)

    def think(self, text: str, context: Context | str = "") -> Thought:
        """Yields after every forward pass and returns the reply. text: as `clean` returns it."""
        read = normal(text)
        prompt = prompt_tokens(self.model.tokenizer, read, str(context))
        stopwatch, reading = Stopwatch(), PromptCache()
        line = self.line((yield from self._decoded(prompt, (), reading, stopwatch)))
        other = None
        if self.unsure is not None and line.confidence < self.unsure:
            other = yield from self._other(prompt, line, reading, stopwatch)
            if other is not None and other.likelihood > line.likelihood:
                line, other = other, line
        return limited(line.reply(stopwatch.seconds, other), read)

    def answer(self, text: str, context: Context | str = "") -> Reply:
        """The reply to a sentence, however long it takes. BrainInputError for a text that is empty or too long."""
        return finished(self.think(clean(text), context))

    def _decoded(
        self, prompt: list[int], begin: Sequence[int], reading: PromptCache, stopwatch: Stopwatch
    ) -> Generator[None, None, list[Token]]:
        tokens: list[Token] = []
        decoding = self.model.decode(prompt, self.grammar, begin=begin, reading=reading)
        while True:
            with stopwatch:
                token = next(decoding, DONE)
            if token is DONE:
                return tokens
            if token is not None:
                tokens.append(token)
            yield

    def _other(
        self, prompt: list[int], line: DecodedLine, reading: PromptCache, stopwatch: Stopwatch
    ) -> Generator[None, None, DecodedLine | None]:
        """A second line, by the next likely token where the choice was least sure; None where there is none."""
        choices = [(token.logprob, place, token.other) for place, token in enumerate(line.tokens) if token.other]
        for _, place, other in sorted(choices, key=lambda choice: choice[:2])[:FORKS]:
            tokens = [*line.tokens[:place], other]
            if not other.end:
                begin = [token.id for token in tokens]
                tokens += yield from self._decoded(prompt, begin, reading, stopwatch)
            second = self.line(tokens)
            if second.text != line.text:
                return second
        return None

    def line(self, tokens: list[Token]) -> DecodedLine:
        """The line that these tokens decode to; what was cut off at the token limit is dropped. PlanError where nothing is left."""
        written = self.model.tokenizer.decode([token.id for token in tokens if not token.end])
        try:
            return DecodedLine(tokens, parse_line(written))
        except PlanError:  # cut off at the token limit: what is whole of it
            whole, _, _ = written.rpartition(";")
            return DecodedLine(tokens, parse_line(whole))


def finished(thought: Thought) -> Reply:
    """The reply at the end of a thought."""
    while True:
        try:
            next(thought)
        except StopIteration as done:
            return done.value


def limited(reply: Reply, read: str) -> Reply:
    """The reply, or a refusal where it commands a speed that the car cannot drive."""
    utterance = within_limit(reply.utterance, read)
    if utterance is reply.utterance:
        return reply
    return replace(reply, utterance=utterance, line=print_line(utterance), instead=None)


class Stopwatch:
    """Adds up the seconds spent within it."""

    def __init__(self) -> None:
        self.seconds, self._began = 0.0, 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


def mean_logprob(tokens: Sequence[Token]) -> float:
    """Over the tokens that were chosen; 0 where the grammar left no choice."""
    chosen = [token.logprob for token in tokens if token.logprob is not None]
    return sum(chosen) / len(chosen) if chosen else 0.0


def threshold(adapter: Path) -> float | None:
    """The measured confidence below which the adapter is unsure; None where it was not measured."""
    file = adapter / CONFIDENCE
    return float(json.loads(file.read_text())["unsure"]) if file.exists() else None


def clean(text: str) -> str:
    """The text on one line without control characters. BrainInputError where nothing is left, or more than MAX_TEXT characters."""
    line = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else c for c in text)
    line = " ".join(line.split())
    if not line:
        raise BrainInputError("There is nothing to read in that; type what should happen, such as 'turn left'.")
    if len(line) > MAX_TEXT:
        raise BrainInputError(
            f"That text has {len(line):,} characters and the brain reads {MAX_TEXT:,}; say it shorter."
        )
    return line
