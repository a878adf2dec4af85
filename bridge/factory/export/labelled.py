"""Clips of a run as a labelled dataset: each is driven again as it was, without pictures, and seen by any cameras, with all that is true of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.disk import reason
from bridge.errors import DataError, ExportError, SessionError, WeightsError
from bridge.factory.dreaming import Dreamt, again
from bridge.factory.export.clips import Kept, kept
from bridge.factory.jobs import Request, Take
from bridge.factory.labels import plain
from bridge.factory.store import CLIPS, RUN, SPARE, open_request
from world.controls import FPS
from world.labels.cameras import CameraSet
from world.labels.formats.card import card
from world.labels.formats.formats import FORMATS
from world.labels.formats.writer import Drive, Writer
from world.labels.record import records
from world.packages import need
from world.scene_world import SceneWorld

Note = Callable[[float, str], None]
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


def export(order: Wanted, world: SceneWorld, note: Note | None = None) -> dict[str, Any]:
    """Writes it: a folder a format, and README.md. All of it or nothing. WeightsError where the world is another; ExportError."""
    tell = note or (lambda fraction, text: None)
    if world.hashes["scene"] != order.request.world["scene"]:
        raise WeightsError(
            f"The clips in {order.folder} were driven by another version of lucidrive, which this one cannot repeat: make them again."
        )
    with _refusing(order.out):
        room = Path(tempfile.mkdtemp(prefix=".labelling-", dir=order.out.parent))
    try:
        with _refusing(order.out):
            found = _write(order, world, room / "new", tell)
            if order.out.exists():
                order.out.rmdir()
            (room / "new").replace(order.out)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return found


def _write(order: Wanted, world: SceneWorld, room: Path, tell: Note) -> dict[str, Any]:
    jobs = {job.id: job for job in order.request.jobs}
    moments = boxes = 0
    with ExitStack() as stack:
        writers: list[Writer] = [FORMATS[name](room / name, order.cameras) for name in order.formats]
        draw = any(writer.draws for writer in writers)
        last: tuple[Take, list[Dreamt]] | None = None
        for writer in writers:
            stack.enter_context(writer)
        for number, clip in enumerate(order.clips):
            job = clip.fields["job"]
            take = jobs[job["id"]].take(job["attempt"])
            if last is None or last[0] != take:
                last = take, again(world, order.request, take)
            dreamt = _same(clip, last[1])
            place = dreamt.states[0].places[0]
            drive = Drive(clip.stem.replace(".", "-"), place, clip.task, int(clip.fields["seed"]))
            for writer in writers:
                writer.begin(drive)
            for record in records(dreamt.states, order.cameras, world.renderer, draw=draw):
                for writer in writers:
                    writer.add(record)
                moments += 1
                boxes += sum(len(seen.truth.boxes) for seen in record.seen.values())
                share = (number + (record.index + 1) / len(dreamt.states) * FPS / order.cameras.rate) / len(order.clips)
                tell(min(share, 1.0), f"clip {number + 1} of {len(order.clips)}")
            for writer in writers:
                writer.end()
    found = {
        "clips": len(order.clips),
        "moments": moments,
        "pictures": moments * len(order.cameras.cameras) if draw else 0,
        "boxes": boxes,
        "formats": list(order.formats),
        "cameras": list(order.cameras.cameras) if draw else [],
        "synthetic": True,
    }
    (room / "README.md").write_text(card(found, order.cameras if draw else None, world.hashes), encoding="utf-8")
    return found


@contextmanager
def _refusing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"{out} was not written: {reason(error)}. The clips are as they were.") from error


def _same(clip: Kept, several: Sequence[Dreamt]) -> Dreamt:
    """The drive that the clip is of. WeightsError where it came out otherwise than it did."""
    dreamt = next(one for one in several if one.branch == clip.fields["job"]["branch"])
    if plain(dreamt.labels) != clip.fields["facts"] or len(dreamt.states) != clip.fields["frames"]:
        raise WeightsError(
            f"{clip.stem} came out otherwise than it did when it was made, as on another kind of machine; make the clips again here."
        )
    return dreamt
