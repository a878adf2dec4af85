"""Checks that of more tabs at once than there is room for each is let in or refused with a sentence, and none is cut off."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bridge.bench.faults.result import FaultResult
from bridge.bench.page import page_server
from bridge.loop import percentile

PATIENCE = 60.0  # s
REFUSED = 0.1  # s


class Visitor:
    """A tab. message: text of the server's first message; waited: s from the open socket to it, None where it was cut off."""

    def __init__(self) -> None:
        self.inside = False
        self.message = ""
        self.waited: float | None = None

    def visit(self, address: str, gate: threading.Barrier, done: threading.Event) -> None:
        """Connects at the same moment as all others; once let in, stays until `done`."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect
        from websockets.typing import Origin

        gate.wait(PATIENCE)
        where = address.replace("http", "ws", 1) + "/dream"
        try:
            with connect(where, origin=Origin(address), max_size=2**24, open_timeout=PATIENCE) as socket:
                began = time.perf_counter()
                first: dict[str, Any] = json.loads(socket.recv(timeout=PATIENCE))
                self.waited = time.perf_counter() - began
                self.inside, self.message = first["type"] == "hello", str(first.get("text", ""))
                if self.inside:
                    done.wait(PATIENCE)
        except (OSError, WebSocketException, ValueError):
            self.waited = None


def crowd(address: str, clients: int) -> list[Visitor]:
    """Lets `clients` tabs connect at once; returns when all have an answer, or were cut off."""
    gate, done = threading.Barrier(clients), threading.Event()
    visitors = [Visitor() for _ in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        futures = [pool.submit(visitor.visit, address, gate, done) for visitor in visitors]
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not all(
            one.inside or future.done() for one, future in zip(visitors, futures, strict=True)
        ):
            time.sleep(0.02)
        done.set()
    return visitors


def measure(clients: int, tabs: int, world: Path | None) -> FaultResult:
    """Measures the real page, in a process of its own, with room for `tabs`. BenchError where it does not start."""
    with page_server(world, 2, tabs) as (address, _):
        visitors = crowd(address, clients)
    return result(visitors, tabs)


def result(visitors: list[Visitor], tabs: int) -> FaultResult:
    """A row of the table. Met where at most `tabs` were let in, the others heard that it is full (99% within REFUSED s), and none was cut off."""
    inside = sum(visitor.inside for visitor in visitors)
    cut = sum(visitor.waited is None for visitor in visitors)
    waits = sorted(one.waited for one in visitors if not one.inside and one.waited is not None)
    unsaid = sum("full" not in one.message for one in visitors if not one.inside and one.waited is not None)
    p99 = percentile(waits, 0.99)
    return FaultResult(
        f"{len(visitors)} tabs at once where {tabs} may",
        f"{inside} let in, {len(waits)} told that it is full (p50 {1000 * percentile(waits, 0.5):.0f} ms, p99 {1000 * p99:.0f} ms), "
        f"{cut} cut off",
        f"only let in or told; p99 at most {1000 * REFUSED:.0f} ms",
        inside <= tabs and not cut and not unsaid and p99 <= REFUSED,
        {"inside": inside, "refused": len(waits), "cut": cut, "unsaid": unsaid, "p99_ms": 1000 * p99},
    )
