"""What worker processes have in common."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from world.errors import DataError, SimulatorError


def follow_parent() -> None:
    """In a worker: die with the parent, however it dies, and at Ctrl+C without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def alone(traces: bool = False) -> None:
    """In a worker that shares the machine with others: one thread, also of the path tracer's where it traces, and no longer than its parent."""
    import numba

    follow_parent()
    numba.set_num_threads(1)
    if traces:
        import drjit

        drjit.set_thread_count(1)


def in_turn(call: Callable[..., None], rows: Sequence[tuple[Any, ...]]) -> Iterator[None]:
    """Calls it with every row, in this process, and yields after each."""
    for row in rows:
        call(*row)
        yield


def each(
    call: Callable[..., None], rows: Sequence[tuple[Any, ...]], workers: int, out: Path, *, traces: bool = False
) -> Iterator[None]:
    """Calls it with every row, in that many processes, and yields as each is done. It writes whole files into `out`.

    Raises DataError where that cannot be written, and SimulatorError when a process dies.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, mp_context=context, initializer=alone, initargs=(traces,)) as pool:
            futures = [pool.submit(call, *row) for row in rows]
            try:
                for future in as_completed(futures):
                    future.result()
                    yield
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except OSError as error:
        raise DataError(
            f"{out} could not be written ({error.strerror or error}); make room and run the same command again: "
            "what is finished is kept."
        ) from error
    except BrokenProcessPool as error:
        raise SimulatorError(
            "A process died, perhaps for want of memory; run the same command again to go on, or with `--workers 1`."
        ) from error
