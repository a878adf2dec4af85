"""When memory runs out during a drive: free, go one rung down the ladder, try once more, and say so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from bridge.budget.device import Device, out_of_memory
from world.telling import Say

T = TypeVar("T")


class Rescue:
    """Repeats what ran out of memory. down: goes one rung down the ladder and returns what changed in words, None at its foot; the world
    stays, since it is being driven in.
    """

    def __init__(self, device: Device, down: Callable[[], str | None]) -> None:
        self.device = device
        self._down = down
        self._lock = threading.Lock()

    def run(self, call: Callable[[], T], tell: Say) -> T:
        """Calls `call`; where memory runs out, once more after `relieve`. Raises what `call` raises otherwise, or the second time."""
        try:
            return call()
        except Exception as error:
            if not out_of_memory(error):
                raise
        self.relieve(tell)  # outside of the handler: the error holds the frames of the call, and they their tensors
        return call()

    def relieve(self, tell: Say) -> None:
        """Frees memory, goes one rung down and tells people so."""
        with self._lock:
            self.device.free()
            lower = self._down()
        tell(relief_text(lower))


def relief_text(lower: str | None) -> str:
    """The sentence for people. lower: what changed with the rung, None at the ladder's foot."""
    if lower is None:
        return "Memory ran out, and what nobody needs was freed; close another program if it happens again."
    return f"Memory ran out, so the language model goes on with less: {lower}."
