"""Work for the page that takes a while: one process beside it does a task after another."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal, Protocol

from bridge.budget.ledger import Lease, Ledger
from bridge.errors import LucidriveError, SessionError, explain
from world.telling import Say

log = logging.getLogger(__name__)

State = Literal["waiting", "making", "ready", "failed"]
IDLE = 60.0  # s after which a process that has nothing to do gives its memory back
WATCH = 0.5  # s between looks at whether it is to end
MOST_WAITING = 600
LOW = 10  # of the system's priorities: drives are dreamt beside it


class Task(Protocol):
    """Something to be made; equal tasks are the same one. It is pickled for another process."""

    @property
    def ready(self) -> bool:
        """Whether it has been made."""
        ...

    @property
    def memory(self) -> int:
        """Bytes that a process needs to make it. LucidriveError where it cannot be made."""
        ...

    def make(self, tell: Say) -> None:
        """Makes all of it or nothing. tell: reports progress in a few words. LucidriveError."""
        ...


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How a task stands. told: its progress, or its error in a sentence."""

    state: State
    told: str = ""


class Tasks:
    """Any method may be called from any thread. newest_first: the latest task is made next, as somebody waits for it now."""

    def __init__(self, owner: str, ledger: Ledger, newest_first: bool = False) -> None:
        self._owner, self._ledger, self._newest_first = owner, ledger, newest_first
        self._lock = threading.Lock()
        self._standing: dict[Task, TaskStatus] = {}
        self._waiting: list[Task] = []
        self._some = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.changes = 0  # so often was anything told

    def ask(self, task: Task) -> TaskStatus:
        """Makes the task where it is not made yet; a failed one is tried again. SessionError where too many wait."""
        if task.ready:
            return TaskStatus("ready")
        with self._lock:
            known = self._standing.get(task)
            if known is not None and known.state in ("waiting", "making"):
                return known
            if len(self._waiting) >= MOST_WAITING:
                raise SessionError("Too much is waiting to be made; wait for some of it.")
            self._waiting.append(task)
            self._standing[task] = TaskStatus("waiting")
            self.changes += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._owner, daemon=True)
                self._thread.start()
        self._some.set()
        return TaskStatus("waiting")

    def standing(self, task: Task) -> TaskStatus | None:
        """How a task stands; None where nobody has asked for it."""
        with self._lock:
            status = self._standing.get(task)
        if status is None or status.state == "ready":
            return TaskStatus("ready") if task.ready else None
        return status

    def close(self) -> None:
        """Stops the task under way and ends the thread and its process."""
        self._closed.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(20)

    def _run(self) -> None:
        helper: _Helper | None = None
        while not self._closed.is_set():
            self._some.clear()
            with self._lock:
                task = self._waiting.pop(-1 if self._newest_first else 0) if self._waiting else None
            if task is None:
                if not self._some.wait(IDLE) and helper is not None:
                    helper.close()
                    helper = None
                continue
            try:
                self._set(task, TaskStatus("making"))
                if helper is not None and not helper.alive:
                    helper.close()
                    helper = None
                if helper is None:
                    helper = _Helper(self._ledger.reserve(self._owner, task.memory))
                helper.make(task, lambda text, task=task: self._set(task, TaskStatus("making", text)), self._closed)  # type: ignore[misc]
                self._set(task, TaskStatus("ready"))
            except LucidriveError as error:
                self._set(task, TaskStatus("failed", explain(error)))
            except Exception as error:  # a task's fault must not end the others
                log.exception("%s failed", task)
                self._set(task, TaskStatus("failed", explain(error)))
        if helper is not None:
            helper.close()

    def _set(self, task: Task, standing: TaskStatus) -> None:
        with self._lock:
            self._standing[task] = standing
            self.changes += 1


class _Helper:
    """The process beside the page, under a lease."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        try:
            self._process.start()
        except BaseException:
            lease.release()
            raise
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def make(self, task: Task, tell: Say, closed: threading.Event) -> None:
        """Raises what the task raises, and SessionError where the process dies."""
        try:
            self._pipe.send(task)
            while not closed.is_set():
                if not self._pipe.poll(WATCH):
                    continue
                answer = self._pipe.recv()
                if isinstance(answer, LucidriveError):
                    raise answer
                if answer is None:
                    return
                tell(answer)
        except (EOFError, OSError) as error:
            self.close()
            raise SessionError(
                "The process that was to make it died, perhaps for want of memory; ask for it again."
            ) from error

    def close(self) -> None:
        self._process.terminate()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()
        self._lease.release()


def _serve(pipe: Connection) -> None:
    """The process's loop: takes tasks, sends words of progress, then None or the error."""
    import torch

    from world.processes import alone

    alone()
    os.nice(LOW)
    torch.set_num_threads(1)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            task: Any = pipe.recv()
            try:
                task.make(pipe.send)
                pipe.send(None)
            except LucidriveError as error:
                pipe.send(error)
            except Exception as error:  # a sentence for the one who waits; the traceback goes to this process's stderr
                log.exception("%s failed", task)
                pipe.send(SessionError(f"That failed: {explain(error)}"))
