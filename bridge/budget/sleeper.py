"""Language models that give their device memory back for a while, as a vLLM server does (`/sleep`, `/wake_up`).

A model may wake up without its adapter (this has been reported), so before it reads a person's sentence it must read the golden
prompt as it did when it was loaded.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from brain.director import finished
from brain.prompt import Context
from bridge.errors import SessionError

GOLDEN = "turn left, then make it rain and let a kid run out from the right"
SLEEPS = "it sleeps until the next sentence"


class OtherBrainError(SessionError):
    """A brain that reads the golden prompt differently from before."""

    def __init__(self) -> None:
        super().__init__(
            "The language model is not the one that fell asleep (an adapter may be lost); start its server anew. The buttons and "
            "keys still work."
        )


@runtime_checkable
class Sleeper(Protocol):
    """A brain that can sleep."""

    def sleep(self) -> None:
        """Gives its device memory back; blocks until that is done and raises on failure."""
        ...

    def wake(self) -> None:
        """Takes its memory again; blocks until it can think and raises on failure."""
        ...

    def think(self, text: str, context: Context) -> Any:
        """As `bridge.loop.Brain`."""
        ...


def golden(brain: Sleeper) -> str:
    """Its plan line for the golden prompt."""
    return finished(brain.think(GOLDEN, Context("clear", "day", 30, None))).line


def close(brain: object) -> None:
    """Closes the brain where it has something to close."""
    end = getattr(brain, "close", None)
    if end is not None:
        end()
