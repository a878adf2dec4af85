"""Text and context in, a plan out: the language model under the grammar, a forward pass at a time."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from brain.grammar import grammar
from brain.llm import ADAPTER, LocalModel
from brain.plan import PlanError, Utterance, parse_line, print_line
from brain.prompt import MAX_TEXT, Context, prompt_tokens
from world.errors import LucidriveError

Thought = Generator[None, None, "Reply"]


class BrainInputError(LucidriveError):
    """A text that cannot be given to the brain."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the brain made of a sentence.

    seconds: computing time; tokens: decoded; confidence: mean log-probability over the tokens it chose (not those
    the grammar forced), 0 being certain.
    """

    utterance: Utterance
    line: str
    seconds: float
    tokens: int
    confidence: float


class Director:
    """Keeps the model and the grammar. `think` leaves the pace to its caller, `answer` does not."""

    def __init__(self, model: LocalModel) -> None:
        self.model = model
        self.grammar = grammar()

    @classmethod
    def load(cls, adapter: Path | None = ADAPTER, *, quantise: bool = True) -> Director:
        return cls(LocalModel.load(adapter, quantise=quantise))

    def think(self, text: str, context: Context | str = "") -> Thought:
        """Yields after every forward pass; the generator's return value is the reply. BrainInputError on unusable text."""
        prompt = prompt_tokens(self.model.tokenizer, clean(text), str(context))
        spent, ids, scores = 0.0, [], []
        decoding = self.model.decode(prompt, self.grammar)
        while True:
            began = time.perf_counter()
            try:
                token = next(decoding)
            except StopIteration:
                spent += time.perf_counter() - began
                break
            spent += time.perf_counter() - began
            if token is not None:
                ids.append(token.id)
                if token.logprob is not None:
                    scores.append(token.logprob)
            yield
        utterance = self._parse(ids)
        confidence = sum(scores) / len(scores) if scores else 0.0
        return Reply(utterance, print_line(utterance), spent, len(ids), confidence)

    def answer(self, text: str, context: Context | str = "") -> Reply:
        """Thinks to the end."""
        thought = self.think(text, context)
        while True:
            try:
                next(thought)
            except StopIteration as done:
                return done.value

    def _parse(self, ids: list[int]) -> Utterance:
        line = self.model.tokenizer.decode(ids)
        try:
            return parse_line(line)
        except PlanError:  # cut off at the token limit: what is whole of it
            whole, _, _ = line.rpartition(";")
            return parse_line(whole)


def clean(text: str) -> str:
    """The text on one line without control characters. BrainInputError when nothing is left or it is too long."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else c for c in text)
    kept = " ".join(kept.split())
    if not kept:
        raise BrainInputError("There is nothing to read in that; type what should happen, such as 'turn left'.")
    if len(kept) > MAX_TEXT:
        raise BrainInputError(
            f"That text has {len(kept):,} characters and the brain reads {MAX_TEXT:,}; say it shorter."
        )
    return kept
