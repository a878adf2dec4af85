"""Workers as Ray actors, on this machine or on a cluster: the same batches, the same clips to the bit.

    ray start --head                                                   on one machine; on each other one:
    ray start --address HEAD:6379
    lucidrive clips matrix.yaml --cluster ray --address HEAD:6379 --out DIR

The same version of lucidrive must be installed on each of them. Pictures and labels come back to the process that started the
run, which alone writes. Batches of a node that dies go to others; nodes that join later get work, too.
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
from bridge.factory.pool import MOST_ATTEMPTS, memory_of
from bridge.factory.worker import BatchResult, Worker

POLL = 1.0  # s between looks at what is ready and who has joined
CONNECT_TIMEOUT = 5.0  # s
PATIENCE = 120.0  # s without any actor
SOCKET_PATH = 103  # bytes of a socket's path: 107 on Linux, 103 on macOS
RAY_PATH = 68  # bytes of it that Ray adds: /ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store


class RayWorkers:
    """Workers on a Ray cluster. address: of a running cluster; None: one is started on this machine for this run.

    SessionError without Ray, and where no cluster answers.
    """

    def __init__(self, request: Request, address: str | None = None) -> None:
        self._ray, self.request = _ray(), request
        self._own = not self._ray.is_initialized()
        if self._own:
            _check_reachable(address)
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
        self._loading: dict[Any, Any] = {}  # actors that have no node or no world yet, by Ray's object reference
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Batch]] = {}
        self._retry: list[Batch] = []
        self._attempts: dict[Batch, int] = {}

    @property
    def free(self) -> int:
        """Idle actors that no batch waits for."""
        return max(0, len(self._idle) - len(self._retry))

    def submit(self, batch: Batch) -> None:
        """Gives the batch to an idle actor, or keeps it for the next one."""
        if not self._idle:
            self._retry.append(batch)
            return
        self._attempts[batch] = self._attempts.get(batch, 0) + 1
        actor = self._idle.pop()
        self._busy[actor.run.remote(batch)] = actor, batch

    def collect(self) -> Iterable[BatchResult]:
        """Blocks until a batch is done or another actor is free; empty in the second case. SessionError where no actor comes for PATIENCE,
        or a batch fails.
        """
        since = time.monotonic()
        while True:
            self._grow()
            retry, self._retry = self._retry, []
            for batch in retry:
                self.submit(batch)
            if self._busy:
                since = time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                raise SessionError(
                    f"The Ray cluster has had no worker for {PATIENCE:.0f} s; all clips before are kept: start a node and"
                    " give the same command again."
                )
            refs = [*self._busy, *self._loading]
            if not refs:
                time.sleep(POLL)
                continue
            ready, _ = self._ray.wait(refs, timeout=POLL)
            results = [one for ref in ready if ref in self._busy and (one := self._result(ref)) is not None]
            new = [self._is_loaded(ref) for ref in ready if ref in self._loading]
            if results or (any(new) and self.free):
                return results

    def close(self) -> None:
        """Kills the actors, and shuts Ray down where it was started here."""
        for actor in [*self._idle, *self._loading.values(), *(actor for actor, _ in self._busy.values())]:
            self._ray.kill(actor)
        for actors in (self._idle, self._loading, self._busy):
            actors.clear()
        if self._own:
            self._ray.shutdown()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _result(self, ref: Any) -> BatchResult | None:
        """None where its actor died: the batch goes to another one."""
        actor, batch = self._busy.pop(ref)
        try:
            result: BatchResult = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            raise _cause(error) from error
        except self._ray.exceptions.RayError as error:
            if self._attempts[batch] >= MOST_ATTEMPTS:
                raise SessionError(
                    f"A worker died {MOST_ATTEMPTS} times of the same clips ({_line(error)}); all clips before are kept."
                ) from error
            self._retry.append(batch)
            return None
        self._attempts.pop(batch, None)
        self._idle.append(actor)
        return result

    def _is_loaded(self, ref: Any) -> bool:
        """Whether the actor has its world now; one that died meanwhile is dropped."""
        actor = self._loading.pop(ref)
        try:
            self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            raise _cause(error) from error
        except self._ray.exceptions.RayError:
            return False
        self._idle.append(actor)
        return True

    def _grow(self) -> None:
        """Keeps an actor for every core of the cluster; those that wait for a core that has gone are killed."""
        more = int(self._ray.cluster_resources().get("CPU", 0)) - len(self._loading) - len(self._idle) - len(self._busy)
        for _ in range(more):
            actor = self._new()
            self._loading[actor.load.remote()] = actor
        for ref in list(self._loading)[: max(0, -more)]:
            self._ray.kill(self._loading.pop(ref))


class _RayWorker:
    """A Ray actor: a worker on a node."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def load(self) -> None:
        """Loads the world. WeightsError where it is not the request's."""
        self._worker = Worker(self._request)

    def run(self, batch: Batch) -> BatchResult:
        """The batch's products."""
        return self._worker.run(batch)


def short_folder(usual: str | None = None, short: str = "/tmp") -> Path | None:
    """A new folder below `short` for Ray's sockets where the path of the usual temporary folder is too long for them, else None.

    SessionError where it cannot be made.
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


def _cause(error: Any) -> BaseException:
    """The error on the node where it is one of ours, else a SessionError with its last line."""
    cause: BaseException = error.cause
    return cause if isinstance(cause, LucidriveError) else SessionError(f"A worker failed: {_line(error)}")


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[-1]


def _check_reachable(address: str | None) -> None:
    """SessionError where nothing answers at the address: Ray itself would wait for minutes."""
    if address is None or ":" not in address:
        return
    host, _, port = address.rpartition("/")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SessionError(f"No Ray cluster answers at {address}; start one with `ray start --head`.") from error


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError as error:
        raise SessionError("A cluster needs the package `ray`: run `pip install 'lucidrive[scale]'`.") from error
    return ray
