"""Exports a run's clips as labelled datasets: each is driven again as it was, and any cameras see it with full ground truth."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.budget.ledger import Ledger
from bridge.budget.opening import ram
from bridge.disk import reason
from bridge.errors import DataError, ExportError, SessionError
from bridge.factory.export.clips import StoredClip, stored_clips
from bridge.factory.export.replay import Labeller, ReplaySpec, labelled_clips, record_count
from bridge.factory.jobs import Request
from bridge.factory.store import CLIPS, RUN, SPARE, open_request
from world.controls import FPS
from world.labels.cameras import CameraSet
from world.labels.formats.card import card
from world.labels.formats.formats import FORMATS
from world.labels.formats.writer import DriveInfo, Writer
from world.packages import need
from world.render.painter import SHIPPED
from world.telling import Report

EXTRA = "labels"  # of pyproject.toml: packages that write formats


@dataclass(frozen=True)
class ExportSpec:
    """A checked export. clips: of the run in `folder`; formats: names of FORMATS; out: a new folder."""

    folder: Path
    request: Request
    clips: tuple[StoredClip, ...]
    formats: tuple[str, ...]
    cameras: CameraSet
    out: Path

    @property
    def pixels(self) -> int:
        """Pixels of all pictures."""
        each = sum(camera.width * camera.height for camera in self.cameras.cameras.values())
        return len(self.clips) * self.request.frames * self.cameras.rate // FPS * each

    @property
    def most_bytes(self) -> int:
        """The most bytes that it may take on the disk."""
        return int(sum(FORMATS[name].bytes_a_pixel for name in self.formats) * self.pixels)


def export_spec(source: Path, formats: Sequence[str], cameras: CameraSet, out: Path) -> ExportSpec:
    """Checks an export before any work. source: a run's folder, or one of its clips (.mp4).

    SessionError: a format; MissingPackageError: its package; DataError: the source or the cameras; ExportError: the new folder or its disk.
    """
    names = tuple(dict.fromkeys(formats))
    if odd := [name for name in names if name not in FORMATS]:
        raise SessionError(f"There is no format '{odd[0][:40]}'; there are: {', '.join(FORMATS)}.")
    if not names:
        raise SessionError(f"Say in which format the clips are to leave: --to with one of {', '.join(FORMATS)}.")
    for kind in (FORMATS[name] for name in names):
        if kind.package:
            need(kind.package, EXTRA, kind.wants)
        kind.check(cameras)
    folder, stem = (source.parent.parent, source.stem) if source.suffix == ".mp4" else (source, None)
    if not (folder / RUN).is_file():
        raise DataError(
            f"{source} is no run of clips and none of its clips: give the folder that `lucidrive clips --out` made, or a .mp4 of its {CLIPS}/."
        )
    request = open_request(folder, None, True)
    clips = tuple(clip for clip in stored_clips(folder) if stem in (None, clip.stem))
    if not clips:
        what = f"{stem} is none of the accepted clips" if stem else "no clip was accepted"
        raise DataError(f"There is nothing to label: {what} in {folder}; its report.json says why.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExportError(f"{out} holds something already; choose a new folder.")
    spec = ExportSpec(folder, request, clips, names, cameras, out)
    with _refusing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out.parent).free
    if spec.most_bytes + SPARE > free:
        raise ExportError(
            f"{out} may take {spec.most_bytes / 2**20:,.0f} MiB and its disk has {free / 2**20:,.0f} MiB left: free some room, or take"
            " fewer or smaller cameras."
        )
    return spec


def export(
    spec: ExportSpec,
    painter: Path | None = SHIPPED,
    workers: int = 0,
    ledger: Ledger | None = None,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Writes a folder for each format and README.md, all or nothing, and returns its counts. workers: processes that draw (0: this
    one); the files are the same for any number.

    WeightsError: the clips are of another version; ExportError: the disk; NoRoomError: the memory; SessionError: a process died.
    """
    tell = on_progress or (lambda fraction, text: None)
    with _refusing(spec.out):
        room = Path(tempfile.mkdtemp(prefix=".labelling-", dir=spec.out.parent))
    try:
        with _refusing(spec.out):
            counts = _write(spec, painter, workers, ledger or ram(), room / "new", tell)
            if spec.out.exists():
                spec.out.rmdir()
            (room / "new").replace(spec.out)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return counts


def _write(
    spec: ExportSpec, painter: Path | None, workers: int, ledger: Ledger, room: Path, tell: Report
) -> dict[str, Any]:
    total = sum(record_count(clip, spec.cameras) for clip in spec.clips)
    done = boxes = 0
    with ExitStack() as stack:
        writers: list[Writer] = [FORMATS[name](room / name, spec.cameras) for name in spec.formats]
        draw = any(one.draws for one in writers)
        replay = ReplaySpec(spec.request, spec.clips, spec.cameras, draw, painter)
        labeller = Labeller(replay, draws=draw and not workers)
        for writer in writers:
            stack.enter_context(writer)
        for number, (clip, rollout, records) in enumerate(labelled_clips(labeller, workers, ledger)):
            begin, end = (rollout.states[index].places[0] for index in (0, -1))
            drive = DriveInfo(clip.stem.replace(".", "-"), begin, clip.task, int(clip.fields["seed"]), end)
            for writer in writers:
                writer.begin(drive)
            for record in records:
                for writer in writers:
                    writer.add(record)
                done += 1
                boxes += sum(len(seen.truth.boxes) for seen in record.views.values())
                tell(done / total, f"clip {number + 1} of {len(spec.clips)}")
            for writer in writers:
                writer.end()
    counts = {
        "clips": len(spec.clips),
        "moments": done,
        "pictures": done * len(spec.cameras.cameras) if draw else 0,
        "boxes": boxes,
        "formats": list(spec.formats),
        "cameras": list(spec.cameras.cameras) if draw else [],
        "synthetic": True,
    }
    text = card(counts, spec.cameras if draw else None, labeller.hashes)
    (room / "README.md").write_text(text, encoding="utf-8")
    return counts


@contextmanager
def _refusing(out: Path) -> Iterator[None]:
    """Turns OSError into ExportError."""
    try:
        yield
    except OSError as error:
        raise ExportError(f"{out} was not written: {reason(error)}. The clips are as they were.") from error
