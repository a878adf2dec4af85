"""What the language model is shown: a few words of instruction, the drive's state, and what the person typed."""

from __future__ import annotations

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


def messages(text: str, context: str) -> list[dict[str, str]]:
    """The conversation, for the model's own chat template."""
    user = f"{context}\n{text}" if context else text
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": user}]


def prompt_tokens(tokenizer: Any, text: str, context: str) -> list[int]:
    """Token ids up to where the plan begins. Markers of the chat that a person types are words, not markers."""
    for marker in tokenizer.added_tokens_encoder:
        text = text.replace(marker, f"{marker[0]} {marker[1:]}")
    written = tokenizer.apply_chat_template(messages(text, context), add_generation_prompt=True, tokenize=False)
    return list(tokenizer(written, add_special_tokens=False).input_ids)
