"""A worker turns batches into products, in a process of its own or on a Ray actor."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import torch

from bridge.errors import WeightsError
from bridge.factory.dreaming import dream
from bridge.factory.jobs import Batch, Request
from bridge.factory.look import judge
from bridge.factory.product import Product, products
from world import machine
from world.scene_world import SceneWorld

THREADS = 1  # a worker: several workers use the cores better than one with several threads


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch's products. resident: bytes that the worker then has in memory."""

    batch: Batch
    products: tuple[Product, ...]
    resident: int


class Worker:
    """A scene world that makes a request's clips. WeightsError where it is not the version that the request began with."""

    def __init__(self, request: Request) -> None:
        torch.set_num_threads(THREADS)
        self.request, self.world = request, SceneWorld(request.start.places, others=request.others)
        self.judge = judge()
        if self.world.hashes != request.world:
            raise WeightsError(
                "This version of lucidrive drives differently from the one that this run began with; use a new folder."
            )

    def run(self, batch: Batch) -> BatchResult:
        """Drives, paints, checks and encodes the batch's takes."""
        result = products(self.request, batch, dream(self.world, self.request, batch, self.judge))
        gc.collect()  # sessions and their dreams refer to each other: without this a batch would stay in memory during the next
        machine.give_back()
        return BatchResult(batch, tuple(result), machine.resident())
