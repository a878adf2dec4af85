"""Makes clips: opens the run's folder, gives lots to workers, commits what comes back, and delivers the whole.

Only this process writes. A lot's next round depends on what of it is on the disk and on nothing else, so whoever is
killed, and whenever, the same command goes on and ends with the same files.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bridge.budget.ledger import Ledger
from bridge.budget.opening import ram
from bridge.factory.jobs import Request
from bridge.factory.pool import LocalWorker, Processes, Workers
from bridge.factory.store import Store, Taken, check_room
from bridge.factory.worker import Done

Note = Callable[["RunProgress"], None]


@dataclass
class RunProgress:
    """How far a run is. seconds: of pictures drawn by this process, in `wall` seconds; settled: jobs that came to
    their end in them; steps, scene_seconds: of the scenes that were tried, and what they took all workers together;
    resident: bytes of the worker that did each batch.
    """

    jobs: int
    accepted: int = 0
    given_up: int = 0
    takes: int = 0
    rejected_takes: int = 0
    seconds: float = 0.0
    wall: float = 0.0
    settled: int = 0
    trials: int = 0
    steps: int = 0
    scene_seconds: float = 0.0
    resident: list[int] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.accepted + self.given_up

    @property
    def per_minute(self) -> float:
        """Clips a minute, of takes made by this process."""
        return 60 * self.takes / self.wall if self.wall else 0.0

    @property
    def yield_(self) -> float:
        """Share of takes accepted."""
        return 1 - self.rejected_takes / self.takes if self.takes else 0.0

    @property
    def steps_a_second(self) -> float:
        """Scene steps without pictures, of one worker."""
        return self.steps / self.scene_seconds if self.scene_seconds else 0.0

    def line(self) -> str:
        left = self.jobs - self.done
        return (
            f"{self.accepted} accepted, {self.given_up} given up, {left} to go; {self.per_minute:.0f} takes/min,"
            f" {self.yield_:.0%} of them accepted; {self.trials} scenes tried, {self.steps_a_second:,.0f} steps/s a worker"
        )


def make(
    request: Request,
    out: Path,
    *,
    workers: int = 1,
    ledger: Ledger | None = None,
    cluster: Callable[[], Workers] | None = None,
    note: Note | None = None,
) -> RunProgress:
    """Makes what the folder lacks, by so many processes (0: within this one), or by a cluster's workers.

    ExportError: the folder or the disk; NoRoomError: the memory. What was committed stays.
    """
    with Store(out, request) as store:
        progress = look(store)
        lots = request.lots()
        left = deque(lot for lot in range(len(lots)) if store.next_batch(lot, lots[lot]) is not None)
        if not left:
            return progress
        check_room(out, request)
        with closing(_workers(request, workers, len(left), ledger, cluster)) as some:
            _go(store, left, some, progress, note or (lambda _: None))
        return progress


def look(store: Store) -> RunProgress:
    """What there is on the disk already."""
    progress = RunProgress(len(store.request.jobs))
    for job in store.request.jobs:
        takes = store.result(job)
        _settle(progress, store, takes)
    return progress


def _workers(
    request: Request,
    count: int,
    lots: int,
    ledger: Ledger | None,
    cluster: Callable[[], Workers] | None,
) -> Workers:
    if cluster is not None:
        return cluster()
    if count == 0:
        return LocalWorker(request)
    return Processes(request, min(count, lots), ledger or ram())


def _go(store: Store, left: deque[int], workers: Workers, progress: RunProgress, note: Note) -> None:
    lots, under_way, began = store.request.lots(), 0, time.monotonic()
    while left or under_way:
        while left and workers.free:
            lot = left.popleft()
            batch = store.next_batch(lot, lots[lot])
            assert batch is not None
            workers.give(batch)
            under_way += 1
        for done in list(workers.take()):
            under_way -= 1
            _commit(store, done, progress)
            progress.wall = time.monotonic() - began
            lot = done.batch.lot
            if store.next_batch(lot, lots[lot]) is not None:
                left.appendleft(lot)
            note(progress)


def _commit(store: Store, done: Done, progress: RunProgress) -> None:
    for product, take in zip(done.products, done.batch.takes, strict=True):
        known = store.taken(take) is not None
        store.commit(product)
        progress.takes += 1
        progress.rejected_takes += not product.accepted
        progress.seconds += product.seconds
        progress.trials += product.trials
        progress.steps += product.steps
        progress.scene_seconds += product.scene_seconds
        if not known:
            before = progress.done
            _settle(progress, store, store.result(take.job))
            progress.settled += progress.done - before
    progress.resident.append(done.resident)


def _settle(progress: RunProgress, store: Store, takes: Sequence[Taken]) -> None:
    """Counts a job that is at its end."""
    if takes and takes[-1].accepted:
        progress.accepted += 1
    elif len(takes) > store.request.retries:
        progress.given_up += 1
