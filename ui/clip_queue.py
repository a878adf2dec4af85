"""The clip factory behind the page: orders in a queue, made one after another by one process beside the live dreams.

Every order has a folder of its own below `folder`. The page gets its clips, labels and zip by name, and nothing else.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bridge.budget.ledger import Ledger
from bridge.budget.opening import lease_brain, ram
from bridge.disk import free_folder
from bridge.errors import LucidriveError, SessionError, explain
from bridge.factory.export.clips import StoredClip, stored_clips
from bridge.factory.matrix import Reader
from bridge.factory.orders import ClipSpec, Order, PromptReader, is_line
from bridge.factory.pool import Processes, Stopped, Workers
from bridge.factory.run import RunProgress, make
from bridge.factory.scenario import Scenario
from bridge.factory.store import CLIPS, REJECTED
from ui.clip_exports import packed

log = logging.getLogger(__name__)

FOLDER = Path("clips") / "factory"  # below the folder that lucidrive was started in
MOST_WAITING, MOST_CLIPS = 8, 500
NAME = re.compile(r"[0-9a-f]{16}-[0-9]{1,2}(\.[0-9]-[a-z0-9-]{1,40})?\.(mp4|json|vtt)")
State = Literal["waiting", "making", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class JobStatus:
    """An order as it stands. told: its progress, its result or its error in a sentence."""

    number: int
    what: str
    state: State
    told: str
    out: Path | None = None

    @property
    def open(self) -> bool:
        """Whether it waits or is being made."""
        return self.state in ("waiting", "making")


class ClipQueue:
    """Any method may be called from any thread. `read`: turns a sentence into a scenario; `workers`: run a request."""

    def __init__(
        self,
        folder: Path = FOLDER,
        ledger: Ledger | None = None,
        read: Reader | None = None,
        workers: Callable[[Order, threading.Event], Workers] | None = None,
    ) -> None:
        self.folder = folder
        self._ledger = ledger or ram()
        self._read = read or self._by_the_brain
        self._workers = workers or self._one_process
        self._lock = threading.Lock()
        self._jobs: dict[int, JobStatus] = {}
        self._specs: dict[int, ClipSpec] = {}
        self._stops: dict[int, threading.Event] = {}
        self._some = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def order(self, spec: ClipSpec, what: str) -> JobStatus:
        """Queues an order. SessionError where too many wait; a faulty order fails when its turn comes."""
        with self._lock:
            if sum(job.open for job in self._jobs.values()) >= MOST_WAITING:
                raise SessionError(f"{MOST_WAITING} orders are waiting; wait for one, or cancel one.")
            number = len(self._jobs) + 1
            spec = replace(spec, cap=min(spec.cap or MOST_CLIPS, MOST_CLIPS))
            self._specs[number], self._stops[number] = spec, threading.Event()
            job = self._jobs[number] = JobStatus(number, what, "waiting", "waits for its turn")
            self._some.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lucidrive-clips", daemon=True)
                self._thread.start()
        return job

    def cancel(self, number: int) -> None:
        """Cancels an order; clips that it has made stay. SessionError where it is over, or there is none."""
        with self._lock:
            job = self._jobs.get(number)
            if job is None or not job.open:
                raise SessionError("That order is not under way any more; choose one that is.")
            self._stops[number].set()
            if job.state == "waiting":
                self._jobs[number] = replace(job, state="cancelled", told="cancelled before it began")

    def job(self, number: int) -> JobStatus | None:
        """An order's status; None where there is none."""
        with self._lock:
            return self._jobs.get(number)

    def jobs(self) -> tuple[JobStatus, ...]:
        """All orders, the newest first."""
        with self._lock:
            return tuple(reversed(self._jobs.values()))

    def clips(self, number: int, accepted: bool) -> list[StoredClip]:
        """The clips that an order has made so far."""
        out = self._out(number)
        return [] if out is None else list(stored_clips(out, accepted))

    def file(self, number: int, name: str) -> Path | None:
        """Path of a clip's video or labels; None for any other name."""
        out = self._out(number)
        if out is None or NAME.fullmatch(name) is None:
            return None
        places = (out / folder / name for folder in (CLIPS, REJECTED))
        return next((path for path in places if path.is_file() and not path.is_symlink()), None)

    def captions(self, number: int, name: str) -> str | None:
        """WebVTT of a clip `NAME.vtt`: commands and facts, tenth by tenth of a second. None where there is no such clip."""
        video = self.file(number, name.removesuffix(".vtt") + ".mp4")
        return None if video is None else captions(json.loads(video.with_suffix(".json").read_bytes()))

    def zipped(self, number: int) -> Path | None:
        """An order's folder as a temporary zip, which the caller removes; None where there is none."""
        out = self._out(number)
        if out is None:
            return None
        with tempfile.NamedTemporaryFile(prefix="lucidrive-", suffix=".zip", delete=False) as target:
            packed(out.rglob("*"), out.parent, Path(target.name))
            return Path(target.name)

    def close(self) -> None:
        """Stops the job under way and ends the thread; what was made stays."""
        self._closed.set()
        for stop in self._stops.values():
            stop.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(20)

    def _out(self, number: int) -> Path | None:
        job = self.job(number)
        return None if job is None else job.out

    def _run(self) -> None:
        while not self._closed.is_set():
            number = self._next()
            if number is None:
                self._some.wait(1.0)
                self._some.clear()
                continue
            try:
                self._make(number)
            except Stopped:
                self._set(number, state="cancelled", told="cancelled; what was made until then is kept")
            except LucidriveError as error:
                self._set(number, state="failed", told=explain(error))
            except Exception as error:  # an order's fault must not end the queue
                log.exception("an order of clips failed")
                self._set(number, state="failed", told=explain(error))

    def _next(self) -> int | None:
        with self._lock:
            return next((number for number, job in self._jobs.items() if job.state == "waiting"), None)

    def _make(self, number: int) -> None:
        self._set(number, state="making", told="reading what is asked for")
        spec, stop = self._specs[number], self._stops[number]
        out = free_folder(self.folder, f"order-{number}")
        out.rmdir()  # a run makes its own; the name is ours
        order = Order.of(spec, out, read=self._read)
        self._set(number, out=out, told="waking a worker")

        def on_progress(result: RunProgress) -> None:
            self._set(number, told=result.line())

        result = make(order.request, out, cluster=lambda: self._workers(order, stop), on_progress=on_progress)
        self._set(number, told="writing the dataset")
        report = order.deliver(("lerobot",))
        share = report["all"]["yield"]
        self._set(
            number, state="done", told=f"{result.accepted} of {result.jobs} clips; {share:.0%} of all takes accepted"
        )

    def _one_process(self, order: Order, stop: threading.Event) -> Workers:
        return Processes(order.request, 1, self._ledger, stop)

    def _by_the_brain(self, text: str) -> Scenario:
        """Loads the brain for this sentence alone, under a lease: the page's own belongs to the live dreams."""
        if is_line(text):
            return PromptReader()(text)
        with lease_brain(self._ledger):
            return PromptReader()(text)

    def _set(self, number: int, **changes: Any) -> None:
        with self._lock:
            self._jobs[number] = replace(self._jobs[number], **changes)


def queue_of(dreamer: Any) -> ClipQueue:
    """A queue that shares the dreamer's ledger and lies beside its clips."""
    folder = getattr(dreamer, "clips", FOLDER.parent) / FOLDER.name
    return ClipQueue(folder, getattr(dreamer, "ledger", None))


def captions(fields: dict[str, Any]) -> str:
    """WebVTT with a cue for as long as nothing changes: the plan's running steps above, the facts below."""
    from world.controls import Event, TimeOfDay, Weather

    facts, fps = fields["facts"], fields["fps"]
    texts = []
    for number, row in enumerate(fields["per_frame"]):
        running = ";".join(step["line"] for step in row["plan"] if step["status"] == "running")
        readout = row["readout"]
        there = [Weather(readout["weather"]).name.lower(), TimeOfDay(readout["time"]).name.lower()]
        there += [Event(facts["event"][number]).name.lower()] if readout["event_visible"] else []
        speed = row["motion"]["speed"] * 3.6
        texts.append(f"told: {running or 'follow'} ({speed:.0f} km/h)\nthere: {', '.join(there)}")
    lines, begin = ["WEBVTT", ""], 0
    for number in range(1, len(texts) + 1):
        if number == len(texts) or texts[number] != texts[begin]:
            lines += [f"{_stamp(begin / fps)} --> {_stamp(number / fps)}", texts[begin].replace("-->", "->"), ""]
            begin = number
    return "\n".join(lines)


def _stamp(seconds: float) -> str:
    return f"00:{int(seconds // 60):02d}:{seconds % 60:06.3f}"
