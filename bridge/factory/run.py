"""Makes clips: opens the run's folder, submits groups to workers and commits their results.

Only this process writes. A group's next round depends only on what of it is on the disk: whatever is killed, and whenever, the
same command goes on and ends with the same files.
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
from bridge.factory.store import Store, TakeResult, check_room
from bridge.factory.worker import BatchResult

OnProgress = Callable[["RunProgress"], None]


@dataclass
class RunProgress:
    """How far a run is. seconds: of clips painted by this process, in `wall` seconds; finished: jobs that it accepted or gave up
    in them; steps, scene_seconds: of the scenes tried, summed over the workers; resident: bytes of the worker after each batch.
    """

    jobs: int
    accepted: int = 0
    given_up: int = 0
    takes: int = 0
    rejected_takes: int = 0
    seconds: float = 0.0
    wall: float = 0.0
    finished: int = 0
    trials: int = 0
    steps: int = 0
    scene_seconds: float = 0.0
    resident: list[int] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Jobs accepted or given up."""
        return self.accepted + self.given_up

    @property
    def per_minute(self) -> float:
        """Takes that this process makes a minute."""
        return 60 * self.takes / self.wall if self.wall else 0.0

    @property
    def yield_(self) -> float:
        """Share of this process's takes that were accepted."""
        return 1 - self.rejected_takes / self.takes if self.takes else 0.0

    @property
    def steps_a_second(self) -> float:
        """Scene steps, without pictures, that one worker makes a second."""
        return self.steps / self.scene_seconds if self.scene_seconds else 0.0

    def line(self) -> str:
        """The progress in a sentence."""
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
    on_progress: OnProgress | None = None,
) -> RunProgress:
    """Makes what the folder lacks. workers: processes, 0 for this one; cluster: makes the workers instead.

    ExportError: the folder or the disk; NoRoomError: the memory; SessionError: a worker or the cluster; WeightsError: the run is of
    another version. What was committed stays.
    """
    with Store(out, request) as store:
        progress = progress_of(store)
        groups = request.groups()
        left = deque(group for group in range(len(groups)) if store.next_batch(group, groups[group]) is not None)
        if not left:
            return progress
        check_room(out, request)
        with closing(_workers(request, workers, len(left), ledger, cluster)) as pool:
            _run(store, left, pool, progress, on_progress or (lambda _: None))
        return progress


def progress_of(store: Store) -> RunProgress:
    """The progress that is on the disk already."""
    progress = RunProgress(len(store.request.jobs))
    for job in store.request.jobs:
        _count(progress, store, store.results(job))
    return progress


def _workers(
    request: Request,
    count: int,
    groups: int,
    ledger: Ledger | None,
    cluster: Callable[[], Workers] | None,
) -> Workers:
    if cluster is not None:
        return cluster()
    if count == 0:
        return LocalWorker(request)
    return Processes(request, min(count, groups), ledger or ram())


def _run(store: Store, left: deque[int], workers: Workers, progress: RunProgress, on_progress: OnProgress) -> None:
    groups, under_way, began = store.request.groups(), 0, time.monotonic()
    while left or under_way:
        while left and workers.free:
            group = left.popleft()
            batch = store.next_batch(group, groups[group])
            assert batch is not None
            workers.submit(batch)
            under_way += 1
        for result in list(workers.collect()):
            under_way -= 1
            _commit(store, result, progress)
            progress.wall = time.monotonic() - began
            group = result.batch.group
            if store.next_batch(group, groups[group]) is not None:
                left.appendleft(group)
            on_progress(progress)


def _commit(store: Store, result: BatchResult, progress: RunProgress) -> None:
    for product, take in zip(result.products, result.batch.takes, strict=True):
        is_new = store.find(take) is None
        store.commit(product)
        progress.takes += 1
        progress.rejected_takes += not product.accepted
        progress.seconds += product.seconds
        progress.trials += product.trials
        progress.steps += product.steps
        progress.scene_seconds += product.scene_seconds
        if is_new:
            before = progress.done
            _count(progress, store, store.results(take.job))
            progress.finished += progress.done - before
    progress.resident.append(result.resident)


def _count(progress: RunProgress, store: Store, takes: Sequence[TakeResult]) -> None:
    """Counts a job once it is accepted or given up."""
    if takes and takes[-1].accepted:
        progress.accepted += 1
    elif len(takes) > store.request.retries:
        progress.given_up += 1
