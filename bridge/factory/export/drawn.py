"""The records of a run's clips: each clip is driven again as it was, and its moments are drawn by several processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from bridge.budget.ledger import Instead, Ledger
from bridge.errors import SessionError, WeightsError
from bridge.factory.dreaming import Dreamt, again
from bridge.factory.export.clips import Kept
from bridge.factory.jobs import Request, Take
from bridge.factory.labels import plain
from bridge.factory.pool import memory_of
from world.controls import FPS
from world.labels.cameras import CameraSet
from world.labels.record import Record, records
from world.processes import alone
from world.scene_world import SceneWorld

PIECE = 10  # moments that a process draws at a time
OWNER = "a labelling worker"


@dataclass(frozen=True)
class Drawing:
    """What is drawn: clips of the run of `request`, by such cameras, by the painter of a folder (None: plain shading). draw: whether anything is."""

    request: Request
    clips: tuple[Kept, ...]
    cameras: CameraSet
    draw: bool
    painter: Path | None


class Labeller:
    """Clips driven again, each take once. WeightsError where they were made by another version of the world."""

    def __init__(self, drawing: Drawing) -> None:
        request, self.drawing = drawing.request, drawing
        self.world = SceneWorld(request.start.places, painter=drawing.painter, others=request.others)
        if self.world.hashes["scene"] != request.world["scene"]:
            raise WeightsError(
                "The clips were driven by another version of lucidrive, which this one cannot repeat: make them again."
            )
        self._jobs = {job.id: job for job in request.jobs}
        self._last: tuple[Take, list[Dreamt]] | None = None

    def again(self, clip: Kept) -> Dreamt:
        """WeightsError where it came out otherwise than it did."""
        job = clip.fields["job"]
        take = self._jobs[job["id"]].take(job["attempt"])
        if self._last is None or self._last[0] != take:
            self._last = take, again(self.world, self.drawing.request, take, job["trials"] - 1)
        dreamt = next(one for one in self._last[1] if one.branch == job["branch"])
        if plain(dreamt.labels) != clip.fields["facts"] or len(dreamt.states) != clip.fields["frames"]:
            raise WeightsError(
                f"{clip.stem} came out otherwise than it did when it was made, as on another kind of machine; make the clips again here."
            )
        return dreamt

    def piece(self, number: int, first: int) -> list[Record]:
        """PIECE moments of a clip from one on, or what there is of them."""
        drawing = self.drawing
        dreamt, chosen = self.again(drawing.clips[number]), range(first, first + PIECE)
        return list(records(dreamt.states, drawing.cameras, self.world.renderer, draw=drawing.draw, only=chosen))


def drawn(labeller: Labeller, workers: int, ledger: Ledger) -> Iterator[tuple[Kept, Dreamt, Iterator[Record]]]:
    """Each clip with its drive and its records, which must be gone through before the next. workers: processes, each under a lease of
    `ledger`; 0: this one draws. Records are the same for any number.
    """
    drawing = labeller.drawing
    with ExitStack() as stack:
        if not (drawing.draw and workers):
            for number, clip in enumerate(drawing.clips):
                firsts = range(0, moments(clip, drawing.cameras), PIECE)
                yield clip, labeller.again(clip), (one for first in firsts for one in labeller.piece(number, first))
            return
        for number in range(workers):
            instead = [Instead(f"--workers {number}", 0)]
            stack.enter_context(ledger.reserve(OWNER, memory_of(drawing.request)[0], instead))
        context = multiprocessing.get_context("spawn")
        pool = stack.enter_context(
            ProcessPoolExecutor(workers, mp_context=context, initializer=_wake, initargs=(drawing,))
        )
        stack.callback(pool.shutdown, cancel_futures=True)
        ahead = _ahead(pool, drawing, 2 * workers)
        for clip in drawing.clips:
            pieces = len(range(0, moments(clip, drawing.cameras), PIECE))
            yield clip, labeller.again(clip), (one for _ in range(pieces) for one in _result(next(ahead)))


def moments(clip: Kept, cameras: CameraSet) -> int:
    """Records that a clip gives."""
    return -(-int(clip.fields["frames"]) // (FPS // cameras.rate))


def _ahead(pool: ProcessPoolExecutor, drawing: Drawing, most: int) -> Iterator[Future[list[Record]]]:
    """All pieces in their order, of which `most` are begun before they are asked for: more would fill the memory."""
    begun = deque[Future[list[Record]]]()
    for number, clip in enumerate(drawing.clips):
        for first in range(0, moments(clip, drawing.cameras), PIECE):
            begun.append(pool.submit(_piece, number, first))
            if len(begun) > most:
                yield begun.popleft()
    yield from begun


def _result(piece: Future[list[Record]]) -> Sequence[Record]:
    try:
        return piece.result()
    except BrokenProcessPool as error:
        raise SessionError("A process died, perhaps for want of memory; try fewer (--workers 1).") from error


_labeller: Labeller | None = None  # of a worker


def _wake(drawing: Drawing) -> None:
    global _labeller
    alone()
    torch.set_num_threads(1)
    _labeller = Labeller(drawing)


def _piece(number: int, first: int) -> list[Record]:
    assert _labeller is not None
    return _labeller.piece(number, first)
