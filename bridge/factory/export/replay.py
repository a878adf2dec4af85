"""Replays a run's clips for labelling: each is driven again as it was, and its records are drawn by several processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from bridge.budget.ledger import Alternative, Ledger
from bridge.errors import SessionError, WeightsError
from bridge.factory.dreaming import Rollout, rollouts
from bridge.factory.export.clips import StoredClip
from bridge.factory.jobs import Request, Take
from bridge.factory.labels import plain
from bridge.factory.pool import memory_of
from world.controls import FPS
from world.files import sha256
from world.labels.cameras import CameraSet
from world.labels.record import Record, records
from world.processes import alone
from world.render.painter import WEIGHTS
from world.scene_world import SceneWorld

CHUNK = 10  # records that a process draws at a time
OWNER = "a labelling worker"


@dataclass(frozen=True)
class ReplaySpec:
    """Clips of the run of `request`, and the cameras that see them. draw: whether cameras draw anything; painter: a folder with its
    weights, None for plain shading.
    """

    request: Request
    clips: tuple[StoredClip, ...]
    cameras: CameraSet
    draw: bool
    painter: Path | None


class Labeller:
    """Drives clips again, each take once, and draws their records. draws: False where only other processes draw, so that no painter is loaded.

    WeightsError where the clips were made by another version of the world, or the painter's weights are none.
    """

    def __init__(self, spec: ReplaySpec, draws: bool = True) -> None:
        request, self.spec = spec.request, spec
        painter = spec.painter if draws else None
        self.world = SceneWorld(request.start.places, painter=painter, others=request.others)
        if self.world.hashes["scene"] != request.world["scene"]:
            raise WeightsError(
                "The clips were driven by another version of lucidrive, which this one cannot repeat: make them again."
            )
        self._jobs = {job.id: job for job in request.jobs}
        self._last: tuple[Take, list[Rollout]] | None = None

    @property
    def hashes(self) -> dict[str, str]:
        """sha256 of the world's version, and of the painter's weights, loaded or not."""
        painter = self.spec.painter
        return self.world.hashes | ({"painter": sha256(painter / WEIGHTS)} if painter is not None else {})

    def replay(self, clip: StoredClip) -> Rollout:
        """Drives the clip again. WeightsError where it comes out differently."""
        job = clip.fields["job"]
        take = self._jobs[job["id"]].take(job["attempt"])
        if self._last is None or self._last[0] != take:
            self._last = take, rollouts(self.world, self.spec.request, take, job["trials"] - 1)
        rollout = next(one for one in self._last[1] if one.branch == job["branch"])
        if plain(rollout.labels) != clip.fields["facts"] or len(rollout.states) != clip.fields["frames"]:
            raise WeightsError(
                f"{clip.stem} came out differently from when it was made, as on another kind of machine; make the clips again here."
            )
        return rollout

    def chunk(self, number: int, first: int) -> list[Record]:
        """At most CHUNK records of a clip, from the `first` on. WeightsError: see `replay`."""
        states, numbers = self.replay(self.spec.clips[number]).states, range(first, first + CHUNK)
        return list(records(states, self.spec.cameras, self.world.renderer, draw=self.spec.draw, only=numbers))


def labelled_clips(
    labeller: Labeller, workers: int, ledger: Ledger
) -> Iterator[tuple[StoredClip, Rollout, Iterator[Record]]]:
    """Each clip with its rollout and its records, which must be consumed before the next. workers: processes that draw, each under a
    lease of `ledger`; 0: this one draws. Records are the same for any number.

    NoRoomError: the memory; SessionError where a process dies; WeightsError: see `Labeller.replay`.
    """
    spec = labeller.spec
    with ExitStack() as stack:
        if not (spec.draw and workers):
            for number, clip in enumerate(spec.clips):
                firsts = range(0, record_count(clip, spec.cameras), CHUNK)
                yield clip, labeller.replay(clip), (one for first in firsts for one in labeller.chunk(number, first))
            return
        for number in range(workers):
            alternatives = [Alternative(f"--workers {number}", 0)]
            stack.enter_context(ledger.reserve(OWNER, memory_of(spec.request)[0], alternatives))
        context = multiprocessing.get_context("spawn")
        pool = stack.enter_context(
            ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(spec,))
        )
        stack.callback(pool.shutdown, cancel_futures=True)
        ahead = _ahead(pool, spec, 2 * workers)
        for clip in spec.clips:
            chunks = len(range(0, record_count(clip, spec.cameras), CHUNK))
            yield clip, labeller.replay(clip), (one for _ in range(chunks) for one in _result(next(ahead)))


def record_count(clip: StoredClip, cameras: CameraSet) -> int:
    """Number of a clip's records at the cameras' rate."""
    return -(-int(clip.fields["frames"]) // (FPS // cameras.rate))


def _ahead(pool: ProcessPoolExecutor, spec: ReplaySpec, most: int) -> Iterator[Future[list[Record]]]:
    """All chunks in order; at most `most` are submitted ahead of their use, since more would fill the memory."""
    queue = deque[Future[list[Record]]]()
    for number, clip in enumerate(spec.clips):
        for first in range(0, record_count(clip, spec.cameras), CHUNK):
            queue.append(pool.submit(_chunk, number, first))
            if len(queue) > most:
                yield queue.popleft()
    yield from queue


def _result(chunk: Future[list[Record]]) -> Sequence[Record]:
    try:
        return chunk.result()
    except BrokenProcessPool as error:
        raise SessionError("A process died, perhaps for lack of memory; try fewer (--workers 1).") from error


_spec: ReplaySpec | None = None  # in a worker process


def _start(spec: ReplaySpec) -> None:
    global _spec
    alone()
    torch.set_num_threads(1)
    _spec = spec


@cache
def _labeller() -> Labeller:
    """This process's, made with its first chunk, so that an error reaches the parent."""
    assert _spec is not None
    return Labeller(_spec)


def _chunk(number: int, first: int) -> list[Record]:
    return _labeller().chunk(number, first)
