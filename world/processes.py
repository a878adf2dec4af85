"""Common functions of worker processes."""

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
    """In a worker: exits with the parent, however that ends, and silently at Ctrl+C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def alone(traces: bool = False) -> None:
    """In a worker that shares the machine: `follow_parent`, and one thread, also for the path tracer if it `traces`."""
    import numba

    follow_parent()
    numba.set_num_threads(1)
    if traces:
        import drjit

        drjit.set_thread_count(1)


def in_turn(call: Callable[..., None], rows: Sequence[tuple[Any, ...]]) -> Iterator[None]:
    """Calls `call` with every row, in this process, and yields after each."""
    for row in rows:
        call(*row)
        yield


def each(
    call: Callable[..., None], rows: Sequence[tuple[Any, ...]], workers: int, out: Path, *, traces: bool = False
) -> Iterator[None]:
    """Calls `call` with every row, in `workers` processes, and yields as each is done. It writes whole files into `out`.

    Raises DataError where `out` cannot be written, SimulatorError where a process dies.
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
