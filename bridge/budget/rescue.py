"""What happens when memory runs out in mid-drive: free, one rung down the ladder, once more, and the people are told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from bridge.budget.device import Device, out_of_memory
from world.telling import Say

Given = TypeVar("Given")


class Rescue:
    """`down` goes one rung down and says to what, or None at the ladder's foot. Never the world: it is being driven in."""

    def __init__(self, device: Device, down: Callable[[], str | None]) -> None:
        self.device = device
        self._down = down
        self._lock = threading.Lock()

    def run(self, call: Callable[[], Given], tell: Say) -> Given:
        """`call`, and where memory ran out, once more after `relieve`. What fails then, fails."""
        try:
            return call()
        except Exception as error:
            if not out_of_memory(error):
                raise
        self.relieve(tell)  # outside of the handler: the error holds the frames of the call, and they their tensors
        return call()

    def relieve(self, tell: Say) -> None:
        with self._lock:
            self.device.free()
            lower = self._down()
        tell(told(lower))


def told(lower: str | None) -> str:
    """The sentence for people, after the rung that was gone down to."""
    if lower is None:
        return "Memory ran out, and what nobody needs was freed; close another program if it happens again."
    return f"Memory ran out, so the language model goes on with less: {lower}."
