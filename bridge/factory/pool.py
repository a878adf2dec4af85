"""Workers as processes of this machine. One that dies is started again, and its batch is given out once more."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from bridge.budget.ledger import Instead, Ledger
from bridge.budget.opening import DREAM
from bridge.budget.plan import LIBRARIES
from bridge.budget.scenes import scene_size
from bridge.errors import LucidriveError, SessionError, explain
from bridge.factory.jobs import Batch, Request
from bridge.factory.shard import BYTES_A_PIXEL
from bridge.factory.worker import Done, Worker

DRAWN = 288 * 512  # pixels of the picture that a scene's tick is reckoned for
LIVES = 3  # times that a batch is given out, should workers die of it
WATCH = 1.0  # s between looks at whether the one who started a worker is still there
OWNER = "a clip worker"


class Stopped(LucidriveError):
    """Somebody called a run off. What was committed stays."""


class Workers(Protocol):
    """Does batches somewhere. `give` never waits for one; `take` gives those that are done since, at least one."""

    @property
    def free(self) -> int:
        """Batches that would be begun at once."""
        ...

    def give(self, batch: Batch) -> None: ...
    def take(self) -> Iterable[Done]: ...
    def close(self) -> None: ...


class LocalWorker:
    """One worker in this process: for tests, and where there is no room for more."""

    def __init__(self, request: Request) -> None:
        self._worker = Worker(request)
        self._batches: list[Batch] = []

    @property
    def free(self) -> int:
        return 1 - len(self._batches)

    def give(self, batch: Batch) -> None:
        self._batches.append(batch)

    def take(self) -> Iterable[Done]:
        return [self._worker.do(self._batches.pop())]

    def close(self) -> None:
        self._batches.clear()


class Processes:
    """`count` workers, each under leases of `ledger`: for its world, and for the drives that it makes at a time.

    Once `stop` is set, `take` raises Stopped.
    """

    def __init__(self, request: Request, count: int, ledger: Ledger, stop: threading.Event | None = None) -> None:
        self.request = request
        self._stop = stop or threading.Event()
        self._context = multiprocessing.get_context("spawn")
        self._leases = ExitStack()
        self._workers: dict[Connection, Any] = {}
        self._busy: dict[Connection, Batch] = {}
        self._lives: dict[Batch, int] = {}
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
        return len(self._workers) - len(self._busy)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._workers.values()]

    def give(self, batch: Batch) -> None:
        idle = next(pipe for pipe in self._workers if pipe not in self._busy)
        self._lives[batch] = self._lives.get(batch, 0) + 1
        self._busy[idle] = batch
        with suppress(OSError):  # it has died: `take` finds that out
            idle.send(batch)

    def take(self) -> Iterable[Done]:
        while True:
            done: list[Done] = []
            if self._stop.is_set():
                raise Stopped("The run was called off; the same command goes on from there.")
            for pipe in wait(list(self._busy), WATCH):
                assert isinstance(pipe, Connection)
                try:
                    found = pipe.recv()
                except (EOFError, OSError):
                    self._died(pipe)
                    continue
                if isinstance(found, LucidriveError):
                    raise found
                self._busy.pop(pipe)
                self._lives.pop(found.batch, None)
                done.append(found)
            if done:
                return done

    def close(self) -> None:
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
        with _one_thread():
            process = self._context.Process(target=_serve, args=(theirs, self.request, os.getpid()), daemon=True)
            process.start()
        theirs.close()
        self._workers[mine] = process

    def _died(self, pipe: Connection) -> None:
        process, batch = self._workers.pop(pipe), self._busy.pop(pipe)
        process.join()
        pipe.close()
        if self._lives[batch] >= LIVES:
            raise SessionError(
                f"A worker died {LIVES} times of the same clips ({_how(process.exitcode)}); all clips before are kept:"
                " try fewer workers (--workers 1)."
            )
        self._start()
        self.give(batch)


def memory_of(request: Request) -> tuple[int, int]:
    """Bytes of one worker: its libraries, places and the most that a picture takes; and its drives with all their pictures."""
    drives, size = max(request.together, len(request.branches)), scene_size()
    most = size.tick * max(1.0, request.pixels / DRAWN)
    a_pixel = 3 + request.labels * 2 * BYTES_A_PIXEL  # a shard is there twice while it is sent
    return LIBRARIES + size.weights + int(most), int(drives * (size.dream + a_pixel * request.pixels * request.frames))


def _lease(leases: ExitStack, request: Request, ledger: Ledger, number: int) -> None:
    """For the worker of that number, counted from 0."""
    instead = [Instead(f"--workers {number}", 0)] if number else []
    need, dreams = memory_of(request)
    leases.enter_context(ledger.reserve(OWNER, need, instead))
    leases.enter_context(ledger.reserve(f"{DREAM}s of {OWNER}", dreams, instead))


class _one_thread:
    """The libraries of a process that is started within it make one thread each."""

    NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self.NAMES}
        os.environ.update(dict.fromkeys(self.NAMES, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(pipe: Connection, request: Request, parent: int) -> None:
    """The process of a worker: batches in, what is done out. It ends with the one who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then ends its workers
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    try:
        worker = Worker(request)
        while True:
            pipe.send(worker.do(pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except LucidriveError as error:
        pipe.send(error)
    except Exception as error:  # a sentence for the one who waits; the traceback goes to this process's stderr
        with suppress(OSError):
            pipe.send(SessionError(f"A worker failed: {explain(error)}"))
        raise


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(1)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}; the system may have been out of memory"
    return f"exit code {code}"
