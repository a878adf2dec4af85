"""What one worker does, in a process of its own or on a Ray actor: loads a world and a judge, turns batches into products."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

import torch

from bridge import memory
from bridge.errors import WeightsError
from bridge.factory.dreaming import clear_of, dream
from bridge.factory.jobs import Batch, Request
from bridge.factory.measures import Trust
from bridge.factory.product import Judging, Product, products
from world.judge import WEIGHTS, Judge, card
from world.model import WorldModel

THREADS = 1  # a worker: several of them make more of the cores than one with several threads, and it settles every bit


@dataclass(frozen=True, slots=True)
class Place:
    """Where the weights lie; None: those that came along."""

    world: Path | None = None
    judge: Path | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A batch's products, and the bytes that the worker then has resident."""

    batch: Batch
    products: tuple[Product, ...]
    resident: int


class Worker:
    """Loaded once. WeightsError where its weights are not those of the request."""

    def __init__(self, place: Place, request: Request) -> None:
        torch.set_num_threads(THREADS)
        self.request = request
        self.model = WorldModel.load(place.world)
        clear_of(self.model)
        judge = judge_hashes(place.judge)
        if self.model.hashes != request.world or judge != request.judge:
            raise WeightsError(
                "The weights here are not those that this run began with; restore them, or use a new folder."
            )
        self.judging = Judging(Judge.load(place.judge), Trust.of(place.judge), judge)

    def do(self, batch: Batch) -> Done:
        made = products(self.request, batch, dream(self.model, self.request, batch), self.judging)
        gc.collect()  # sessions and their dreams refer to each other: a batch of them would wait for the next ones
        return Done(batch, tuple(made), memory.resident())


def judge_hashes(folder: Path | None) -> dict[str, str]:
    found: dict[str, str] = card(folder or WEIGHTS)["files"]
    return dict(found)
