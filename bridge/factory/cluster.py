"""Workers as Ray actors, on this machine or on a cluster: the same batches, the same clips to the bit.

    ray start --head                                                   on one machine; on each other one:
    ray start --address HEAD:6379
    lucidrive clips matrix.yaml --cluster ray --address HEAD:6379 --out DIR

lucidrive must be installed on each of them, in one version; pictures and labels come back to the one who asked, who alone
writes. Of a node that dies the batches under way are given to others; nodes that join later get work, too.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bridge.errors import LucidriveError, SessionError
from bridge.factory.jobs import Batch, Request
from bridge.factory.pool import LIVES, memory_of
from bridge.factory.worker import Done, Worker

POLL = 1.0  # s between looks at what is ready and who has joined
KNOCK = 5.0  # s
PATIENCE = 120.0  # s without any actor
SOCKET_PATH = 103  # bytes of a socket's path: 107 on Linux, 103 on macOS
RAY_PATH = 68  # of it that Ray adds: /ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store


class RayWorkers:
    """`address`: of a running cluster; None: one that is started on this machine, for this run. SessionError without Ray."""

    def __init__(self, request: Request, address: str | None = None) -> None:
        self._ray, self.request = _ray(), request
        self._own = not self._ray.is_initialized()
        if self._own:
            _knock(address)
            self._folder = None if address else short_folder()
            self._ray.init(
                address=address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({"_temp_dir": str(self._folder)} if self._folder else {}),
            )
        actor = self._ray.remote(num_cpus=1, memory=sum(memory_of(request)), max_restarts=0)(_RayWorker)
        self._new = lambda: actor.remote(request)
        self._waking: dict[Any, Any] = {}  # actors that have no node or no world yet, by what Ray has promised
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Batch]] = {}
        self._again: list[Batch] = []
        self._lives: dict[Batch, int] = {}

    @property
    def free(self) -> int:
        return max(0, len(self._idle) - len(self._again))

    def give(self, batch: Batch) -> None:
        if not self._idle:
            self._again.append(batch)
            return
        self._lives[batch] = self._lives.get(batch, 0) + 1
        actor = self._idle.pop()
        self._busy[actor.do.remote(batch)] = actor, batch

    def take(self) -> Iterable[Done]:
        """None yet, where there is another actor to give something to."""
        lonely = time.monotonic()
        while True:
            self._grow()
            again, self._again = self._again, []
            for batch in again:
                self.give(batch)
            if self._busy:
                lonely = time.monotonic()
            elif time.monotonic() - lonely > PATIENCE:
                raise SessionError(
                    f"The Ray cluster has had no worker for {PATIENCE:.0f} s; all clips before are kept: start a node and"
                    " give the same command again."
                )
            promises = [*self._busy, *self._waking]
            if not promises:
                time.sleep(POLL)
                continue
            ready, _ = self._ray.wait(promises, timeout=POLL)
            done = [found for promise in ready if promise in self._busy and (found := self._done(promise)) is not None]
            woken = [self._awake(promise) for promise in ready if promise in self._waking]
            if done or (any(woken) and self.free):
                return done

    def close(self) -> None:
        for actor in [*self._idle, *self._waking.values(), *(actor for actor, _ in self._busy.values())]:
            self._ray.kill(actor)
        for kept in (self._idle, self._waking, self._busy):
            kept.clear()
        if self._own:
            self._ray.shutdown()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _done(self, promise: Any) -> Done | None:
        """None where its actor is no more: the batch is for another one."""
        actor, batch = self._busy.pop(promise)
        try:
            done: Done = self._ray.get(promise)
        except self._ray.exceptions.RayTaskError as error:
            raise _own(error) from error
        except self._ray.exceptions.RayError as error:
            if self._lives[batch] >= LIVES:
                raise SessionError(
                    f"A worker died {LIVES} times of the same clips ({_line(error)}); all clips before are kept."
                ) from error
            self._again.append(batch)
            return None
        self._lives.pop(batch, None)
        self._idle.append(actor)
        return done

    def _awake(self, promise: Any) -> bool:
        """Whether it has its world now; one that died on the way is forgotten."""
        actor = self._waking.pop(promise)
        try:
            self._ray.get(promise)
        except self._ray.exceptions.RayTaskError as error:
            raise _own(error) from error
        except self._ray.exceptions.RayError:
            return False
        self._idle.append(actor)
        return True

    def _grow(self) -> None:
        """An actor for every core of the cluster; those that still wait for a core that is no more are called off."""
        more = int(self._ray.cluster_resources().get("CPU", 0)) - len(self._waking) - len(self._idle) - len(self._busy)
        for _ in range(more):
            actor = self._new()
            self._waking[actor.wake.remote()] = actor
        for promise in list(self._waking)[: max(0, -more)]:
            self._ray.kill(self._waking.pop(promise))


class _RayWorker:
    """A Ray actor: a worker on a node."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def wake(self) -> None:
        self._worker = Worker(self._request)

    def do(self, batch: Batch) -> Done:
        return self._worker.do(batch)


def short_folder(usual: str | None = None, short: str = "/tmp") -> Path | None:
    """A folder for Ray's sockets below `short`, where the usual one for temporary files has too long a path for them; None where
    it will do. SessionError where there is no such folder.
    """
    usual = tempfile.gettempdir() if usual is None else usual
    if len(os.fsencode(usual)) + RAY_PATH <= SOCKET_PATH:
        return None
    try:
        return Path(tempfile.mkdtemp(prefix="ray-", dir=short))
    except OSError as error:
        raise SessionError(
            f"The folder for temporary files, {usual}, has too long a path for Ray's sockets; set TMPDIR to a shorter one."
        ) from error


def _own(error: Any) -> BaseException:
    """What went wrong on a node: our own sentence, where it is one."""
    cause = error.cause
    return cause if isinstance(cause, LucidriveError) else SessionError(f"A worker failed: {_line(error)}")


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[-1]


def _knock(address: str | None) -> None:
    """SessionError where nobody answers: Ray itself would wait for minutes."""
    if address is None or ":" not in address:
        return
    host, _, port = address.rpartition("/")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SessionError(f"No Ray cluster answers at {address}; start one with `ray start --head`.") from error


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError as error:
        raise SessionError("A cluster needs the package `ray`: run `pip install 'lucidrive[scale]'`.") from error
    return ray
