"""How long the frames of a tick take with so many dreams, measured; and whether one more would break real time."""

from __future__ import annotations

import threading

SMOOTHING = 0.1  # of a new duration in what is known
MORE = 0.5  # of one dream's time: what a batch is expected to take longer for each further one, until it is known


class TickTimer:
    """Durations in seconds by the number of dreams in a batch. May be asked from any thread."""

    def __init__(self) -> None:
        self._known: dict[int, float] = {}
        self._lock = threading.Lock()

    def took(self, dreams: int, seconds: float) -> None:
        with self._lock:
            before = self._known.get(dreams, seconds)
            self._known[dreams] = before + SMOOTHING * (seconds - before)

    def expected(self, dreams: int) -> float:
        """With so many; reckoned from the nearest smaller number that is known, 0 where there is none."""
        with self._lock:
            known = max((number for number in self._known if number <= dreams), default=0)
            if not known:
                return 0.0
            single = self._known.get(1, self._known[known] / (1 + MORE * (known - 1)))
            return self._known[known] + MORE * single * (dreams - known)
