"""What one worker does, in a process of its own or on a Ray actor: turns batches into products."""

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

THREADS = 1  # a worker: several of them make more of the cores than one with several threads


@dataclass(frozen=True, slots=True)
class Done:
    """A batch's products, and the bytes that the worker then has resident."""

    batch: Batch
    products: tuple[Product, ...]
    resident: int


class Worker:
    """WeightsError where the scene world here is not that of the request."""

    def __init__(self, request: Request) -> None:
        torch.set_num_threads(THREADS)
        self.request, self.world = request, SceneWorld(request.start.places, others=request.others)
        self.judge = judge()
        if self.world.hashes != request.world:
            raise WeightsError(
                "This version of lucidrive drives on otherwise than the one that this run began with; use a new folder."
            )

    def do(self, batch: Batch) -> Done:
        made = products(self.request, batch, dream(self.world, self.request, batch, self.judge))
        gc.collect()  # sessions and their dreams refer to each other: a batch of them would wait for the next ones
        machine.give_back()
        return Done(batch, tuple(made), machine.resident())
