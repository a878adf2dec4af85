"""The live loop as a page sees it: `lucidrive ui` in a process of its own, and a WebSocket client here."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bridge.bench.brain import ONE_STEP, THREE_STEPS
from bridge.errors import LucidriveError

PATIENCE = 180.0  # seconds that the page may take to start, the first conversion of the brain included


class BenchError(LucidriveError):
    """A measurement that could not be made."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Pictures that reached a page, and the gaps between them in milliseconds."""

    frames: int
    fps_median: float
    gap_p50: float
    gap_p99: float
    gap_max: float


@dataclass(frozen=True, slots=True)
class LoopResult:
    """The live loop, measured. first_frame: seconds from the start of the process to the first picture; idle, thinking: gaps while the brain
    does nothing, and while it reads; sentences: how many it read; peak_rss: bytes of that process.
    """

    first_frame: float
    idle: Gaps | None
    thinking: Gaps | None
    sentences: int
    peak_rss: int


def bench_loop(world: Path | None, quality: int, seconds: float) -> LoopResult:
    """Starts `lucidrive ui` and watches it for `seconds` idle, and for `seconds` while sentences are sent. BenchError where it ends."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect
    from websockets.typing import Origin

    began = time.perf_counter()
    with page_server(world, quality) as (address, process):
        try:
            where = address.replace("http", "ws", 1) + "/dream"
            with connect(where, origin=Origin(address), max_size=2**24) as socket:
                page = Page(socket)
                page.watch(PATIENCE, until=lambda: bool(page.arrivals))
                first = time.perf_counter() - began
                page.wake()
                idle = page.watch(seconds)
                thinking, sentences = page.talk(seconds)
        except (OSError, WebSocketException) as error:
            raise BenchError(f"The page went away while it was measured ({error}); try `lucidrive ui`.") from error
        return LoopResult(first, gaps(idle), gaps(thinking), sentences, peak_of(process.pid))


class Page:
    """A page without a screen: receives and acknowledges pictures, and knows whether the brain is thinking."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.arrivals: list[float] = []
        self.thinking = False
        self.ready = False  # until then an error ends the measurement

    def wake(self) -> None:
        """Waits until the brain, which loads after the first pictures, has read a sentence. BenchError: see `watch`."""
        self.send(type="say", text=ONE_STEP[0])
        self.watch(2.0, until=lambda: self.thinking)
        self.watch(PATIENCE, until=lambda: not self.thinking)
        self.watch(1.0)  # its note
        self.ready = True

    def watch(self, seconds: float, until: Callable[[], bool] = lambda: False) -> list[list[float]]:
        """Arrival times of that long in s, as one unbroken row. BenchError where the dream or its brain cannot start."""
        start, end = len(self.arrivals), time.perf_counter() + seconds
        while time.perf_counter() < end and not until():
            self.receive(end)
        return [self.arrivals[start:]]

    def talk(self, seconds: float) -> tuple[list[list[float]], int]:
        """Sends sentences for `seconds`. Returns arrival times while the brain thought, a row a sentence, and their number."""
        rows, end, count = [], time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            self.send(type="say", text=THREE_STEPS[count % len(THREE_STEPS)])
            count += 1
            self.watch(2.0, until=lambda: self.thinking)
            before = self.arrivals[-1:]
            rows.append(before + self.watch(20.0, until=lambda: not self.thinking)[0])
            self.watch(0.3)
        return rows, count

    def receive(self, end: float) -> None:
        """Handles the next message, if one comes before `end`. BenchError for an error before `ready`."""
        try:
            message = self.socket.recv(timeout=max(0.0, min(0.05, end - time.perf_counter())))
        except TimeoutError:
            return
        if isinstance(message, bytes):
            self.arrivals.append(time.perf_counter())
            self.send(type="seen", index=int.from_bytes(message[:4], "little"))
            return
        fields = json.loads(message)
        if fields["type"] == "state":
            self.thinking = bool(fields["thinking"])
        elif fields["type"] == "note" and fields["kind"] == "error" and not self.ready:
            raise BenchError(fields["text"])

    def send(self, **fields: Any) -> None:
        """Sends a message of the page."""
        self.socket.send(json.dumps(fields))


def gaps(rows: list[list[float]]) -> Gaps | None:
    """Statistics of the gaps within each row of arrival times in s; None where there are fewer than five."""
    values = sorted(1000 * (b - a) for row in rows for a, b in pairwise(row))
    if len(values) < 5:
        return None
    middle = statistics.median(values)
    return Gaps(
        len(values), round(1000 / middle, 1), middle, values[min(len(values) - 1, int(0.99 * len(values)))], values[-1]
    )


@contextmanager
def page_server(
    world: Path | None, quality: int, tabs: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`lucidrive ui` on a free port, as a process of its own: its address, and the process. BenchError where it does not start."""
    command = [sys.executable, "-m", "ui.cli", "ui", "--port", "0", "--quality", str(quality)]
    command += ["--world", str(world.resolve())] if world else []
    command += ["--tabs", str(tabs)] if tabs else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path[1:]])}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )
    try:
        yield _address(process), process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    last = ""
    for line in process.stderr:
        last = line.strip() or last
        if match := re.search(r"http://\S+", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop the page
            return match.group()
    raise BenchError(f"The page did not start: {last or 'it said nothing'}")


def peak_of(pid: int) -> int:
    """Peak resident bytes of another process; 0 where the system does not say."""
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return 0
    match = re.search(r"VmHWM:\s+(\d+) kB", path.read_text())
    return int(match.group(1)) * 1024 if match else 0
