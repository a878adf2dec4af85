"""Clips of a run as a labelled dataset: each is driven again as it was, and seen by any cameras, with all that is true of it."""

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
from bridge.factory.export.clips import Kept, kept
from bridge.factory.export.drawn import Drawing, Labeller, drawn, moments
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

EXTRA = "labels"  # of pyproject.toml: what formats are written with


@dataclass(frozen=True)
class Wanted:
    """What is to be exported, all of it checked. clips: of the run in `folder`; formats: names of FORMATS."""

    folder: Path
    request: Request
    clips: tuple[Kept, ...]
    formats: tuple[str, ...]
    cameras: CameraSet
    out: Path

    @property
    def pictures(self) -> int:
        each = sum(camera.width * camera.height for camera in self.cameras.cameras.values())
        return len(self.clips) * self.request.frames * self.cameras.rate // FPS * each

    @property
    def most_bytes(self) -> int:
        """That it may take on the disk."""
        return int(sum(FORMATS[name].bytes_a_pixel for name in self.formats) * self.pictures)


def wanted(source: Path, formats: Sequence[str], cameras: CameraSet, out: Path) -> Wanted:
    """Before any work. source: a run's folder, or one of its clips (.mp4). SessionError, DataError, ExportError, MissingPackageError."""
    chosen = tuple(dict.fromkeys(formats))
    if odd := [name for name in chosen if name not in FORMATS]:
        raise SessionError(f"There is no format '{odd[0][:40]}'; there are: {', '.join(FORMATS)}.")
    if not chosen:
        raise SessionError(f"Say in which format the clips are to leave: --to with one of {', '.join(FORMATS)}.")
    for kind in (FORMATS[name] for name in chosen):
        if kind.package:
            need(kind.package, EXTRA, kind.wants)
        kind.check(cameras)
    folder, stem = (source.parent.parent, source.stem) if source.suffix == ".mp4" else (source, None)
    if not (folder / RUN).is_file():
        raise DataError(
            f"{source} is no run of clips and none of its clips: give the folder that `lucidrive clips --out` made, or a .mp4 of its {CLIPS}/."
        )
    request = open_request(folder, None, True)
    clips = tuple(clip for clip in kept(folder) if stem in (None, clip.stem))
    if not clips:
        what = f"{stem} is none of the accepted clips" if stem else "no clip was accepted"
        raise DataError(f"There is nothing to label: {what} in {folder}; its report.json says why.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExportError(f"{out} holds something already; choose a new folder.")
    found = Wanted(folder, request, clips, chosen, cameras, out)
    with _refusing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out.parent).free
    if found.most_bytes + SPARE > free:
        raise ExportError(
            f"{out} may take {found.most_bytes / 2**20:,.0f} MiB and its disk has {free / 2**20:,.0f} MiB left: free some room, or take"
            " fewer or smaller cameras."
        )
    return found


def export(
    order: Wanted,
    painter: Path | None = SHIPPED,
    workers: int = 0,
    ledger: Ledger | None = None,
    note: Report | None = None,
) -> dict[str, Any]:
    """Writes it: a folder a format, and README.md. All of it or nothing, and the same by any number of processes (0: this one).

    WeightsError where the world is another; ExportError; NoRoomError: the memory.
    """
    tell = note or (lambda fraction, text: None)
    with _refusing(order.out):
        room = Path(tempfile.mkdtemp(prefix=".labelling-", dir=order.out.parent))
    try:
        with _refusing(order.out):
            found = _write(order, painter, workers, ledger or ram(), room / "new", tell)
            if order.out.exists():
                order.out.rmdir()
            (room / "new").replace(order.out)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return found


def _write(
    order: Wanted, painter: Path | None, workers: int, ledger: Ledger, room: Path, tell: Report
) -> dict[str, Any]:
    total = sum(moments(clip, order.cameras) for clip in order.clips)
    done = boxes = 0
    with ExitStack() as stack:
        writers: list[Writer] = [FORMATS[name](room / name, order.cameras) for name in order.formats]
        drawing = Drawing(order.request, order.clips, order.cameras, any(one.draws for one in writers), painter)
        labeller = Labeller(drawing)
        for writer in writers:
            stack.enter_context(writer)
        for number, (clip, dreamt, records) in enumerate(drawn(labeller, workers, ledger)):
            begin, end = (dreamt.states[index].places[0] for index in (0, -1))
            drive = DriveInfo(clip.stem.replace(".", "-"), begin, clip.task, int(clip.fields["seed"]), end)
            for writer in writers:
                writer.begin(drive)
            for record in records:
                for writer in writers:
                    writer.add(record)
                done += 1
                boxes += sum(len(seen.truth.boxes) for seen in record.views.values())
                tell(done / total, f"clip {number + 1} of {len(order.clips)}")
            for writer in writers:
                writer.end()
    found = {
        "clips": len(order.clips),
        "moments": done,
        "pictures": done * len(order.cameras.cameras) if drawing.draw else 0,
        "boxes": boxes,
        "formats": list(order.formats),
        "cameras": list(order.cameras.cameras) if drawing.draw else [],
        "synthetic": True,
    }
    text = card(found, order.cameras if drawing.draw else None, labeller.world.hashes)
    (room / "README.md").write_text(text, encoding="utf-8")
    return found


@contextmanager
def _refusing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"{out} was not written: {reason(error)}. The clips are as they were.") from error
