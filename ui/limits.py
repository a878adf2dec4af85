"""How much anybody may ask for: requests by kind and second, and bytes of a body."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_CLIENTS = 4096  # that are remembered
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` at once, and `rate` a second on average."""

    burst: float
    rate: float


ASKED = Limit(600, 100)  # pages, files, figures
CALLED = Limit(120, 30)  # what changes something, and calls of programs
SENT = Limit(12, 0.5)  # uploads
LOGIN = Limit(6, 0.1)
OPENED = Limit(60, 2)  # sockets

BODY = MIB  # of a call
PICTURES = 64 * MIB  # of an uploaded picture or film
DREAM = 64 * MIB  # of a saved dream; `PageDream.most_bytes` says it more exactly


class Buckets:
    """A token bucket for every client and kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, Limit], tuple[float, float]] = OrderedDict()

    def take(self, client: str, limit: Limit) -> bool:
        """Takes a token; False where there is none left."""
        now, key = self._clock(), (client, limit)
        left, then = self._known.pop(key, (limit.burst, now))
        left = min(limit.burst, left + (now - then) * limit.rate)
        self._known[key] = (left - 1, now) if left >= 1 else (left, now)
        while len(self._known) > MOST_CLIENTS:
            self._known.popitem(last=False)
        return left >= 1


def kind(method: str, path: str) -> Limit:
    """The limit of a request."""
    if path == "/login" and method == "POST":
        return LOGIN
    if method == "POST" and path.startswith("/drives/"):
        return SENT
    return CALLED if method == "POST" else ASKED


def most_bytes(path: str) -> int:
    """Bytes that a request's body may have."""
    if path.startswith("/drives/"):
        return PICTURES if path.endswith("/begin") else DREAM
    return BODY
