"""Language models that give their device memory back for a while, as a vLLM server does (`/sleep`, `/wake_up`).

One that was woken may be another than the one that fell asleep (adapters have been reported to be lost), so it has to read
the golden prompt as it did when it was loaded before any person's sentence is given to it.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from brain.director import finished
from brain.prompt import Context
from bridge.errors import SessionError

GOLDEN = "turn left, then make it rain and let a kid run out from the right"
SLEEPS = "it sleeps until the next sentence"


class OtherBrainError(SessionError):
    """It reads the golden prompt otherwise than the brain that it should be."""

    def __init__(self) -> None:
        super().__init__(
            "The language model is not the one that fell asleep (an adapter may be lost); start its server anew. The buttons and "
            "keys still work."
        )


@runtime_checkable
class Sleeper(Protocol):
    """A brain that can sleep. Both come back when it is done; what they raise, says that it could not."""

    def sleep(self) -> None: ...
    def wake(self) -> None: ...
    def think(self, text: str, context: Context) -> Any: ...


def golden(brain: Sleeper) -> str:
    """What it makes of the golden prompt."""
    return finished(brain.think(GOLDEN, Context("clear", "day", 30, None))).line


def close(brain: object) -> None:
    """Ends what the brain has started, where it has."""
    end = getattr(brain, "close", None)
    if end is not None:
        end()
