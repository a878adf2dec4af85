"""Measures how long the frames of a tick take by the number of dreams, and estimates it for one more."""

from __future__ import annotations

import threading

SMOOTHING = 0.1  # weight of a new duration
MORE = 0.5  # of one dream's time: estimate for each further dream of a batch, until it is measured


class TickTimer:
    """Durations in seconds by the number of dreams in a batch. Any thread may call it."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._lock = threading.Lock()

    def record(self, dreams: int, seconds: float) -> None:
        """Adds the duration of a tick with this number of dreams."""
        with self._lock:
            before = self._seconds.get(dreams, seconds)
            self._seconds[dreams] = before + SMOOTHING * (seconds - before)

    def expected(self, dreams: int) -> float:
        """Expected seconds of a tick with this number, from the nearest smaller number that was measured; 0 without one."""
        with self._lock:
            nearest = max((number for number in self._seconds if number <= dreams), default=0)
            if not nearest:
                return 0.0
            single = self._seconds.get(1, self._seconds[nearest] / (1 + MORE * (nearest - 1)))
            return self._seconds[nearest] + MORE * single * (dreams - nearest)
