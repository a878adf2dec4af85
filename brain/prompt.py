"""The prompt: a short instruction, the drive's state, and what the person typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INSTRUCTION = "Drive plan."  # every token of it costs time at every sentence; the LoRA knows the rest
MAX_TEXT = 2000  # characters


@dataclass(frozen=True, slots=True)
class Context:
    """The drive's state as far as a sentence may refer to it, in words of the plan language.

    weather and time are steps such as `rain(1)` and `night`; speed is the target in km/h; pending is a drive step
    that has not been carried out yet. None leaves a part out.
    """

    weather: str | None = None
    time: str | None = None
    speed: int | None = None
    pending: str | None = None

    def __str__(self) -> str:
        """`weather=rain(1) time=day speed=30 pending=left`; empty when nothing is known."""
        parts = {"weather": self.weather, "time": self.time, "speed": self.speed, "pending": self.pending}
        return " ".join(f"{name}={value}" for name, value in parts.items() if value is not None)


@dataclass(frozen=True, slots=True)
class FewShot:
    """A sentence and its plan, shown to a model that was not trained on the plan language."""

    text: str
    context: str
    plan: str


def messages(
    text: str, context: str, instruction: str = INSTRUCTION, shots: Sequence[FewShot] = ()
) -> list[dict[str, str]]:
    """The conversation for the model's chat template; `shots` are earlier turns."""
    turns = [{"role": "system", "content": instruction}]
    for shot in shots:
        turns += [
            {"role": "user", "content": _question(shot.text, shot.context)},
            {"role": "assistant", "content": shot.plan},
        ]
    return [*turns, {"role": "user", "content": _question(text, context)}]


def prompt_tokens(
    tokenizer: Any, text: str, context: str, instruction: str = INSTRUCTION, shots: Sequence[FewShot] = ()
) -> list[int]:
    """Token ids up to where the plan begins. Chat markers in the text are read as words.

    A text in capitals is read in small letters, whose tokens the model knows better.
    """
    if text.isupper():
        text = text.lower()
    for marker in tokenizer.added_tokens_encoder:
        text = text.replace(marker, f"{marker[0]} {marker[1:]}")
    turns = messages(text, context, instruction, shots)
    # a model that may think aloud before it answers (Qwen3) is told not to: other templates know no such switch
    written = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False, enable_thinking=False)
    return list(tokenizer(written, add_special_tokens=False).input_ids)


def beginning(tokenizer: Any, instruction: str = INSTRUCTION, shots: Sequence[FewShot] = ()) -> list[int]:
    """The tokens that all prompts share: the template's, the instruction, the shots."""
    one, other = (prompt_tokens(tokenizer, text, "", instruction, shots) for text in ("left", "停"))
    return one[: next(place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)]


def _question(text: str, context: str) -> str:
    return f"{context}\n{text}" if context else text
