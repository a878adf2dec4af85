"""A run's folder: what was asked, and every take that was checked, each written all or not at all.

run.json             what was asked for; start.dream, where it begins in a saved drive
clips/ID-N.mp4       the accepted take of a job, with ID-N.json beside it (of a set: ID-N.set.json, and two files a branch); where they are wanted, its
                     labels in ID-N.labels.tar
rejected/ID-N.json   takes that were not accepted, with their reasons; of a set all its files
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.disk import DISK, Disk, mend, write_files, write_whole
from bridge.errors import DataError, ExportError
from bridge.factory.jobs import Batch, Job, Request, Take, of_plain
from bridge.factory.look import seen
from bridge.factory.product import SET, SHARD, Product
from bridge.factory.shard import BYTES_A_PIXEL
from bridge.factory.start import unpacked
from bridge.recording.clip_files import check_clip, check_labels
from world.controls import FPS
from world.files import sha256

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

RUN, LOCK = "run.json", ".lock"
CLIPS, REJECTED = "clips", "rejected"
# Bytes a second of clip of so many PIXELS, half as much again as clips of rain at night took: an mp4 (20 kB) and its labels (10 kB);
# and where it is accepted, the same once more in a dataset, and at most 200 kB of JPEGs as text in an MCAP file.
CLIP_SECOND, DELIVERED, PIXELS = 45_000, 300_000, 144 * 256
SPARE = 64 * 2**20  # bytes that are left to others


@dataclass(frozen=True, slots=True)
class Taken:
    """A take that is on the disk. trials: scenes that were tried for it; seen: whether the judge sees, of each kind of what it looked for, all."""

    stem: str
    accepted: bool
    reasons: tuple[str, ...]
    trials: int = 1
    seen: Mapping[str, bool] = field(default_factory=dict)


class Store:
    """The folder of one run, held by one process at a time. Close it, or use it in a `with`."""

    def __init__(self, out: Path, request: Request, disk: Disk = DISK) -> None:
        self.out, self.request, self._disk = out, request, disk
        self._taken: dict[str, Taken] = {}
        if fcntl is None:
            raise ExportError(
                "A run of clips needs file locks, which this system has not; on Windows, run lucidrive in WSL."
            )
        try:
            for name in (CLIPS, REJECTED):
                (out / name).mkdir(parents=True, exist_ok=True)
            self._lock = (out / LOCK).open("w")
        except OSError as error:
            raise ExportError(f"{out} cannot be written ({_reason(error)}); choose another folder.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise ExportError(
                f"Another process makes clips in {out} now; wait for it, or choose another folder."
            ) from error
        for name in (CLIPS, REJECTED):
            mend(out / name)
        if not (out / RUN).exists():
            for name, data in request.start.packed().items():
                self._write(out / name, data)
            self._write(out / RUN, json.dumps(request.plain(), indent=1, ensure_ascii=False).encode())
        self._look()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def taken(self, take: Take) -> Taken | None:
        return self._taken.get(take.stem)

    def commit(self, product: Product) -> None:
        """All its files or none; again is no fault. ExportError where the disk refuses: what is there stays."""
        if product.stem in self._taken:
            return
        folder = self.out / (CLIPS if product.accepted else REJECTED)
        _write_all(folder, product.files, self._disk)
        self._taken[product.stem] = Taken(
            product.stem,
            product.accepted,
            product.reasons,
            product.trials,
            seen((one.kind, one.seen) for one in product.looks),
        )

    def adopt(self, take: Take) -> None:
        """Counts a take as accepted whose files were put here by somebody else."""
        self._taken[take.stem] = Taken(take.stem, True, ())

    def next_batch(self, lot: int, jobs: Sequence[Job]) -> Batch | None:
        """What is left of a lot: its first round that is not on the disk as a whole, all of whose takes are driven together."""
        open_jobs = list(jobs)
        for attempt in range(self.request.retries + 1):
            takes = tuple(job.take(attempt) for job in open_jobs)
            if not takes:
                return None
            if any(take.stem not in self._taken for take in takes):
                return Batch(lot, takes)
            open_jobs = [take.job for take in takes if not self._taken[take.stem].accepted]
        return None

    def result(self, job: Job) -> tuple[Taken, ...]:
        """Its takes in order; the last one is accepted, or the budget is spent."""
        takes = (job.take(attempt) for attempt in range(self.request.retries + 1))
        return tuple(found for take in takes if (found := self._taken.get(take.stem)) is not None)

    def _look(self) -> None:
        """What is whole; damaged takes are removed, to be made again."""
        for name in (CLIPS, REJECTED):
            folder = self.out / name
            beside = {path for path in folder.glob("*.json") if not path.name.endswith(SET)}
            groups: dict[str, list[Path]] = {}
            for path in (*beside, *folder.glob("*.mp4")):
                groups.setdefault(_take_of(path.name), []).append(path)
            for stem, paths in groups.items():
                found = _whole(stem, paths, self.request, name == CLIPS)
                if found is None:
                    for path in (*paths, folder / f"{stem}{SET}", *(path.with_suffix(SHARD) for path in paths)):
                        path.unlink(missing_ok=True)
                else:
                    self._taken[stem] = found

    def _write(self, path: Path, data: bytes) -> None:
        write_whole(path, data, self._disk)


def open_request(out: Path, given: Request | None, resume: bool) -> Request:
    """What the folder is to be made of: a new request, the same again, or with `resume` the one that is there.

    ExportError for a folder that holds another run, or something else.
    """
    path = out / RUN
    if path.exists():
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            begin = plain["begin"]
            there = of_plain(plain, unpacked(out, begin))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged ({error}); choose another folder.") from error
        if given is None or resume or there.plain() == given.plain():
            return there
        raise ExportError(
            f"{out} holds another run ({len(there.jobs)} clips of other scenarios, settings or another version); choose another"
            " folder, or give --resume to go on with that one."
        )
    if given is None:
        raise ExportError(f"There is no run in {out} to go on with; say what the clips are to show.")
    if out.exists() and (not out.is_dir() or any(path.name != LOCK for path in out.iterdir())):
        raise ExportError(f"{out} holds something else already; choose a new folder.")
    return given


def check_room(out: Path, request: Request) -> int:
    """Bytes that the run may take; ExportError where the disk has less."""
    branches = max(1, len(request.branches))
    each = (CLIP_SECOND * (1 + request.retries) + DELIVERED) * request.pixels / PIXELS
    each += request.labels * BYTES_A_PIXEL * request.pixels * FPS
    most = int(len(request.jobs) * branches * request.seconds * each)
    place = out
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if most + SPARE > free:
        raise ExportError(
            f"The disk of {out} has {free / 2**20:,.0f} MiB left and this run may take {most / 2**20:,.0f} MiB; free some"
            " room, or ask for fewer, shorter clips or fewer retries."
        )
    return most


def _whole(stem: str, paths: Sequence[Path], request: Request, accepted: bool) -> Taken | None:
    """None where a file is missing or not what was written."""
    branches = len(request.branches)
    beside = sorted(path for path in paths if path.suffix == ".json")
    painted = accepted or branches > 0
    if len(beside) != max(1, branches) or len(paths) != (1 + painted) * len(beside):
        return None
    if branches and not (paths[0].parent / f"{stem}{SET}").exists():
        return None
    why: list[str] = []
    looks: list[tuple[str, bool]] = []
    trials = 1
    for path in beside:
        try:
            check_clip(path.with_suffix(".mp4")) if painted else check_labels(path)
            fields: dict[str, Any] = json.loads(path.read_bytes())
            if painted and request.labels and sha256(path.with_suffix(SHARD)) != fields["shard"]:
                return None
            why += fields["check"]["reasons"]
            trials = int(fields["job"]["trials"])
            looks += [(one["kind"], bool(one["seen"])) for one in fields.get("judge", [])]
        except (DataError, OSError, ValueError, KeyError):
            return None
    return Taken(stem, accepted, tuple(why), trials, seen(looks)) if accepted == (not why) else None


def _take_of(name: str) -> str:
    """`ID-N` of `ID-N.mp4` and of `ID-N.0-stop.json`."""
    return name.partition(".")[0]


def _write_all(folder: Path, files: Mapping[str, bytes], disk: Disk) -> None:
    try:
        write_files({folder / name: data for name, data in files.items()}, disk)
    except ExportError as error:
        sentence = str(error).removesuffix("; the dream goes on.")
        raise ExportError(f"{sentence}. All clips before it are kept: the same command goes on from there.") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
