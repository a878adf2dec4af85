"""What the Clips tab shows of an order: its clips, their maps and labels, and its datasets."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bridge.budget.ledger import Ledger
from bridge.budget.opening import ram
from bridge.errors import SessionError
from bridge.factory.export.clips import StoredClip, sidecars_in
from bridge.factory.orders import ClipSpec
from bridge.factory.scenario import NONE
from bridge.factory.store import CLIPS, REJECTED
from ui.clip_exports import RIGS, Export, FormatChoice, choices
from ui.clip_queue import ClipQueue, JobStatus
from ui.clip_views import FOLDER, ClipView, What
from ui.tasks import Tasks, TaskStatus
from ui.words import NAMES, line_words, time_words, weather_words
from world.controls import FPS

SHOWN = 120  # clips of an order, accepted ones first
STEM = r"[0-9a-f]{16}-[0-9]{1,2}(?:\.[0-9]-[a-z0-9-]{1,40})?"
NAME = re.compile(
    rf"{STEM}\.(?:map\.json|boxes\.json|(?:instance|semantic|depth)\.mp4)|[a-z]{{3,16}}-[a-z]{{3,10}}\.zip"
)


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """An example that is ordered at a click (`ui/static/welcome.html`). Plan lines need no language model."""

    name: str
    line: str
    number: int = 3
    seconds: float = 5.0

    @property
    def spec(self) -> ClipSpec:
        """The order for `ClipQueue.order`."""
        return ClipSpec(self.line, number=self.number, seconds=self.seconds, retries=1, vary=True)


EXAMPLES = (
    SampleOrder("crossing", "rain(2);night;ped_cross(right)"),
    SampleOrder("cutting", "snow(2);dusk;cut_in(left)"),
)


class Gallery:
    """Any method may be called from any thread."""

    def __init__(self, queue: ClipQueue, ledger: Ledger | None = None) -> None:
        self.queue = queue
        ledger = ledger or ram()
        self.views = Tasks("labels of clips", ledger, newest_first=True)
        self.exports = Tasks("a dataset of clips", ledger)
        self._exports: dict[int, list[Export]] = {}  # of each order, as they were asked for
        self._cards: dict[Path, dict[str, Any]] = {}
        self.choices: tuple[FormatChoice, ...] = choices()

    def orders(self) -> list[dict[str, Any]]:
        """All orders, the newest first. version changes whenever `order` would say something else."""
        return [self._fields(job) for job in self.queue.jobs()]

    def order(self, number: int) -> dict[str, Any] | None:
        """One order with its clips, accepted ones first, and its datasets; None where there is none."""
        job = self.queue.job(number)
        if job is None:
            return None
        cards = [self._card(job, path) for path in self._paths(job)[:SHOWN]]
        exports = [
            {"format": one.format, "rig": one.rig, "file": one.file.name, **asdict(self._standing(one))}
            for one in self._exports.get(number, [])
        ]
        return self._fields(job) | {"clips": cards, "exports": exports}

    def look(self, number: int, stem: str, what: What) -> TaskStatus:
        """Makes a clip's map or labels where they are not there yet. SessionError for a clip that is not there, or where too many wait."""
        out = self._out(number)
        if not any((out / folder / f"{stem}.json").is_file() for folder in (CLIPS, REJECTED)):
            raise SessionError("There is no such clip any more; choose another one.")
        return self.views.ask(ClipView(out, stem, what))

    def export(self, number: int, form: str, rig: str) -> TaskStatus:
        """Makes a dataset of an order's accepted clips. SessionError where the format is not available, with the reason."""
        out = self._out(number)
        choice = next((one for one in self.choices if one.name == form), None)
        if choice is None or rig not in RIGS:
            raise SessionError(f"There is no dataset '{form[:20]}' with cameras '{rig[:20]}'; choose one of the list.")
        if refusal := choice.missing or choice.rigs[rig]:
            raise SessionError(refusal)
        export, exports = Export(out, form, rig), self._exports.setdefault(number, [])
        if export not in exports:
            exports.append(export)
        return self.exports.ask(export)

    def example(self, name: str) -> JobStatus:
        """Orders one of EXAMPLES. SessionError where there is none, or too many orders wait."""
        example = next((one for one in EXAMPLES if one.name == name), None)
        if example is None:
            raise SessionError("There is no such example; choose one that is shown.")
        return self.queue.order(example.spec, example.line)

    def cancel(self, number: int) -> dict[str, Any]:
        """Cancels an order. SessionError where it is over, or there is none."""
        self.queue.cancel(number)
        return {}

    def file(self, number: int, name: str) -> Path | None:
        """Path of a clip's map or labels, or of a dataset; None for any other name."""
        job = self.queue.job(number)
        if job is None or job.out is None or NAME.fullmatch(name) is None:
            return None
        path = job.out / FOLDER / name
        return path if path.is_file() and not path.is_symlink() else None

    def close(self) -> None:
        """Ends the processes that make maps, labels and datasets."""
        self.views.close()
        self.exports.close()

    def _fields(self, job: JobStatus) -> dict[str, Any]:
        version = f"{len(self._paths(job))} {self.views.changes} {self.exports.changes}"
        fields = {"number": job.number, "what": job.what, "state": job.state, "told": job.told}
        return fields | {"open": job.open, "version": version}

    def _paths(self, job: JobStatus) -> list[Path]:
        """Sidecars of the order's clips, accepted ones first."""
        if job.out is None:
            return []
        return [path for folder in (CLIPS, REJECTED) for path in sidecars_in(job.out / folder)]

    def _card(self, job: JobStatus, path: Path) -> dict[str, Any]:
        if path not in self._cards:  # a sidecar never changes
            self._cards[path] = card(StoredClip.read(path))
        assert job.out is not None
        views = {what: self.views.standing(ClipView(job.out, path.stem, what)) for what in ("map", "labels")}
        return self._cards[path] | {what: asdict(one) if one else None for what, one in views.items()}

    def _standing(self, export: Export) -> TaskStatus:
        return self.exports.standing(export) or TaskStatus("waiting")

    def _out(self, number: int) -> Path:
        job = self.queue.job(number)
        if job is None or job.out is None:
            raise SessionError("That order has made nothing yet; wait for its first clip.")
        return job.out


def card(clip: StoredClip) -> dict[str, Any]:
    """What the page shows of a clip. event: the one asked for; weather, time: at its end; at: s at which what was asked for is there."""
    fields = clip.fields
    event, there = fields["asked"]["event"], fields["per_frame"][-1]["readout"]
    moments = [(one["asked"], one["at"]) for one in fields["check"]["findings"] if one["at"] is not None]
    branch = fields["job"]["branch"]
    return {
        "stem": clip.stem,
        "accepted": fields["check"]["accepted"],
        "film": clip.video.is_file(),
        "title": line_words(clip.line) + (f", then {line_words(branch)}" if branch else ""),
        "line": clip.line,
        "branch": branch,
        "seed": fields["seed"],
        "reasons": fields["check"]["reasons"],
        "event": NAMES[event] if event != NONE else "no event",
        "weather": weather_words(there["weather"]),
        "time": time_words(there["time"]),
        "seen": [{"what": what, "at": round(at, 1)} for what, at in moments],
        "seconds": round(fields["frames"] / FPS, 1),
    }
