"""Workers as processes of this machine. One that dies is replaced, and its batch is submitted again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from bridge.budget.ledger import Alternative, Ledger
from bridge.budget.opening import DREAM
from bridge.budget.plan import LIBRARIES
from bridge.budget.scenes import scene_size
from bridge.errors import LucidriveError, SessionError, explain
from bridge.factory.jobs import Batch, Request
from bridge.factory.shard import BYTES_A_PIXEL
from bridge.factory.worker import BatchResult, Worker

TICK_PIXELS = 288 * 512  # pixels of the picture that the memory of a scene's tick was measured with
MOST_ATTEMPTS = 3  # at a batch whose workers die
POLL = 1.0  # s between looks at whether a worker's parent is still there, and at `stop`
OWNER = "a clip worker"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Stopped(LucidriveError):
    """The run was cancelled. What was committed stays."""


class Workers(Protocol):
    """A pool that turns batches into products, in this process, in others or on a cluster."""

    @property
    def free(self) -> int:
        """Batches that would begin at once."""
        ...

    def submit(self, batch: Batch) -> None:
        """Starts a batch and returns at once; call it only while a worker is `free`."""
        ...

    def collect(self) -> Iterable[BatchResult]:
        """Blocks until results are there and returns all new ones; none where only a worker has become free.

        SessionError where a worker fails, Stopped where the run is cancelled.
        """
        ...

    def close(self) -> None:
        """Ends the workers and returns their memory; batches under way are lost."""
        ...


class LocalWorker:
    """One worker in this process, for tests and where there is no room for more. WeightsError: see `Worker`."""

    def __init__(self, request: Request) -> None:
        self._worker = Worker(request)
        self._batches: list[Batch] = []

    @property
    def free(self) -> int:
        """1 while it has no batch, else 0."""
        return 1 - len(self._batches)

    def submit(self, batch: Batch) -> None:
        """Keeps the batch for `collect`."""
        self._batches.append(batch)

    def collect(self) -> Iterable[BatchResult]:
        """Runs the batch here."""
        return [self._worker.run(self._batches.pop())]

    def close(self) -> None:
        """Drops the batch."""
        self._batches.clear()


class Processes:
    """`count` worker processes, each under leases of `ledger`: for its world, and for the drives of a batch.

    NoRoomError where the ledger has too little memory. Once `stop` is set, `collect` raises Stopped.
    """

    def __init__(self, request: Request, count: int, ledger: Ledger, stop: threading.Event | None = None) -> None:
        self.request = request
        self._stop = stop or threading.Event()
        self._context = multiprocessing.get_context("spawn")
        self._leases = ExitStack()
        self._workers: dict[Connection, Any] = {}
        self._busy: dict[Connection, Batch] = {}
        self._attempts: dict[Batch, int] = {}
        try:
            for number in range(count):
                _lease(self._leases, request, ledger, number)
            for _ in range(count):
                self._start()
        except BaseException:
            self.close()
            raise

    @property
    def free(self) -> int:
        """Idle processes."""
        return len(self._workers) - len(self._busy)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [process.pid for process in self._workers.values()]

    def submit(self, batch: Batch) -> None:
        """Sends the batch to an idle process."""
        idle = next(pipe for pipe in self._workers if pipe not in self._busy)
        self._attempts[batch] = self._attempts.get(batch, 0) + 1
        self._busy[idle] = batch
        with suppress(OSError):  # it has died: `collect` finds that out
            idle.send(batch)

    def collect(self) -> Iterable[BatchResult]:
        """Blocks until a process has finished a batch. SessionError where a batch's workers died MOST_ATTEMPTS times, or one failed."""
        while True:
            results: list[BatchResult] = []
            if self._stop.is_set():
                raise Stopped("The run was cancelled; the same command goes on from there.")
            for pipe in wait(list(self._busy), POLL):
                assert isinstance(pipe, Connection)
                try:
                    answer = pipe.recv()
                except (EOFError, OSError):
                    self._replace(pipe)
                    continue
                if isinstance(answer, LucidriveError):
                    raise answer
                self._busy.pop(pipe)
                self._attempts.pop(answer.batch, None)
                results.append(answer)
            if results:
                return results

    def close(self) -> None:
        """Ends the processes and returns their leases."""
        for process in self._workers.values():
            process.terminate()
        for pipe, process in self._workers.items():
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
            pipe.close()
        self._workers.clear()
        self._busy.clear()
        self._leases.close()

    def _start(self) -> None:
        mine, theirs = self._context.Pipe()
        with _single_threaded():
            process = self._context.Process(target=_serve, args=(theirs, self.request, os.getpid()), daemon=True)
            process.start()
        theirs.close()
        self._workers[mine] = process

    def _replace(self, pipe: Connection) -> None:
        """Starts another process for one that died, and submits its batch again. SessionError after MOST_ATTEMPTS."""
        process, batch = self._workers.pop(pipe), self._busy.pop(pipe)
        process.join()
        pipe.close()
        if self._attempts[batch] >= MOST_ATTEMPTS:
            raise SessionError(
                f"A worker died {MOST_ATTEMPTS} times of the same clips ({_reason(process.exitcode)}); all clips before are kept:"
                " try fewer workers (--workers 1)."
            )
        self._start()
        self.submit(batch)


def memory_of(request: Request) -> tuple[int, int]:
    """Bytes of one worker: of its libraries, places and largest picture; and of its drives with all their pictures."""
    drives, size = max(request.together, len(request.branches)), scene_size()
    most = size.tick * max(1.0, request.pixels / TICK_PIXELS)
    a_pixel = 3 + request.labels * 2 * BYTES_A_PIXEL  # a shard is there twice while it is sent
    return LIBRARIES + size.weights + int(most), int(drives * (size.dream + a_pixel * request.pixels * request.frames))


def _lease(leases: ExitStack, request: Request, ledger: Ledger, number: int) -> None:
    """Leases for the worker of that number, counted from 0. NoRoomError."""
    alternatives = [Alternative(f"--workers {number}", 0)] if number else []
    need, dreams = memory_of(request)
    leases.enter_context(ledger.reserve(OWNER, need, alternatives))
    leases.enter_context(ledger.reserve(f"{DREAM}s of {OWNER}", dreams, alternatives))


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Libraries of a process that is started within it use one thread each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(pipe: Connection, request: Request, parent: int) -> None:
    """The main function of a worker process: receives batches, sends results. It ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then ends its workers
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    try:
        worker = Worker(request)
        while True:
            pipe.send(worker.run(pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except LucidriveError as error:
        pipe.send(error)
    except Exception as error:  # a sentence for the parent; the traceback goes to this process's stderr
        with suppress(OSError):
            pipe.send(SessionError(f"A worker failed: {explain(error)}"))
        raise


def _watch(parent: int) -> None:
    """Ends this process once its parent is gone."""
    while os.getppid() == parent:
        time.sleep(POLL)
    os._exit(1)


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}; the system may have been out of memory"
    return f"exit code {code}"
