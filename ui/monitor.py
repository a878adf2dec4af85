"""For whoever watches a running page: is it alive, can it dream, and how well does it keep time. Loopback only, like all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import fields

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.errors import explain
from ui.drive import Dreamer, Measures

MEANINGS = {
    "tabs": "Dreams that are open.",
    "frames": "Frames that the gaps below are measured over.",
    "gap_p50": "Median gap between frames while the language model does not read, in seconds.",
    "gap_p99": "99th percentile of the same.",
    "gap_thinking_p50": "Median gap between frames while the language model reads, in seconds.",
    "gap_thinking_p99": "99th percentile of the same.",
    "sentence_p50": "Median time from the first look at a sentence to its plan, in seconds.",
    "sentence_p99": "99th percentile of the same.",
    "memory_lent": "Bytes that the world, the language model and the dreams hold under leases.",
    "memory_room": "Bytes that would be granted now.",
    "memory_overrun": "Bytes that other programs have taken of what is lent.",
}


def watchable(app: FastAPI, dreamer: Dreamer) -> None:
    """Adds /health/live, /health/ready (dreams a frame, so ask it every few seconds at most) and /metrics."""
    registry, checking = CollectorRegistry(), threading.Lock()
    registry.register(_Watch(dreamer))

    @app.get("/health/live")
    def live() -> Response:
        if dreamer.alive:
            return PlainTextResponse("alive\n")
        return PlainTextResponse("The thread that dreams has ended; start lucidrive again.\n", status_code=503)

    @app.get("/health/ready")
    def ready() -> Response:
        try:
            with checking:
                dreamer.check()
        except Exception as error:  # whatever it was, it is not ready
            return PlainTextResponse(f"{explain(error)}\n", status_code=503)
        return PlainTextResponse("ready\n")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Watch(Collector):
    def __init__(self, dreamer: Dreamer) -> None:
        self._dreamer = dreamer

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_gauge(item.name) for item in fields(Measures)]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        measures = self._dreamer.measures()
        for item in fields(Measures):
            gauge = _gauge(item.name)
            gauge.add_metric([], getattr(measures, item.name))
            yield gauge


def _gauge(name: str) -> GaugeMetricFamily:
    unit = "bytes" if name.startswith("memory") else "" if name in ("tabs", "frames") else "seconds"
    return GaugeMetricFamily(f"lucidrive_{name}", MEANINGS[name], unit=unit)
