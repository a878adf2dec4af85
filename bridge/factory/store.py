"""A run's folder: the request, and every checked take, written as a whole or not at all.

run.json             the request; start.dream, the saved drive where it begins in one
clips/ID-N.mp4       the accepted take of a job, with ID-N.json beside it (of a set: ID-N.set.json, and two files a branch), and
                     ID-N.labels.tar where the request has labels
rejected/ID-N.json   rejected takes with their reasons; of a set all its files
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
from bridge.factory.look import all_seen
from bridge.factory.product import SET, SHARD, Product
from bridge.factory.shard import BYTES_A_PIXEL
from bridge.factory.start import load_start
from bridge.recording.clip_files import check_clip, check_labels
from world.controls import FPS
from world.files import sha256

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

RUN, LOCK = "run.json", ".lock"
CLIPS, REJECTED = "clips", "rejected"
# Bytes of a second of clip with PIXELS pixels, half as much again as measured in rain at night: an mp4 (20 kB) and its sidecar (10 kB);
# and, once accepted, the same again in a dataset, and at most 200 kB of JPEGs as text in an MCAP file.
CLIP_SECOND, EXPORT_SECOND, PIXELS = 45_000, 300_000, 144 * 256
SPARE = 64 * 2**20  # bytes of the disk left free


@dataclass(frozen=True, slots=True)
class TakeResult:
    """A take that is on the disk. trials: scenes tried for it; judge: by kind, whether the judge sees all that it looked for."""

    stem: str
    accepted: bool
    reasons: tuple[str, ...]
    trials: int = 1
    judge: Mapping[str, bool] = field(default_factory=dict)


class Store:
    """The folder of one run, open in one process at a time; use it in a `with`.

    ExportError where it cannot be written, is open elsewhere, or the system has no file locks.
    """

    def __init__(self, out: Path, request: Request, disk: Disk = DISK) -> None:
        self.out, self.request, self._disk = out, request, disk
        self._takes: dict[str, TakeResult] = {}
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
            for name, data in request.start.files().items():
                self._write(out / name, data)
            self._write(out / RUN, json.dumps(request.plain(), indent=1, ensure_ascii=False).encode())
        self._scan()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def find(self, take: Take) -> TakeResult | None:
        """The result of a take, None where it is not on the disk."""
        return self._takes.get(take.stem)

    def commit(self, product: Product) -> None:
        """Writes all files of a take, or none; a second time does nothing. ExportError where the disk refuses: what is there stays."""
        if product.stem in self._takes:
            return
        folder = self.out / (CLIPS if product.accepted else REJECTED)
        _write_all(folder, product.files, self._disk)
        self._takes[product.stem] = TakeResult(
            product.stem,
            product.accepted,
            product.reasons,
            product.trials,
            all_seen((one.kind, one.seen) for one in product.looks),
        )

    def adopt(self, take: Take) -> None:
        """Counts a take as accepted whose files the caller put there."""
        self._takes[take.stem] = TakeResult(take.stem, True, ())

    def next_batch(self, group: int, jobs: Sequence[Job]) -> Batch | None:
        """The first round of a group's takes that is not complete on the disk; None where the group is done."""
        open_jobs = list(jobs)
        for attempt in range(self.request.retries + 1):
            takes = tuple(job.take(attempt) for job in open_jobs)
            if not takes:
                return None
            if any(take.stem not in self._takes for take in takes):
                return Batch(group, takes)
            open_jobs = [take.job for take in takes if not self._takes[take.stem].accepted]
        return None

    def results(self, job: Job) -> tuple[TakeResult, ...]:
        """The job's takes on the disk, in order; once it is done, the last one is accepted or all retries are spent."""
        takes = (job.take(attempt) for attempt in range(self.request.retries + 1))
        return tuple(result for take in takes if (result := self._takes.get(take.stem)) is not None)

    def _scan(self) -> None:
        """Reads the takes that are complete; damaged ones are removed, to be made again."""
        for name in (CLIPS, REJECTED):
            folder = self.out / name
            sidecars = {path for path in folder.glob("*.json") if not path.name.endswith(SET)}
            groups: dict[str, list[Path]] = {}
            for path in (*sidecars, *folder.glob("*.mp4")):
                groups.setdefault(_take_of(path.name), []).append(path)
            for stem, paths in groups.items():
                result = _read_take(stem, paths, self.request, name == CLIPS)
                if result is None:
                    for path in (*paths, folder / f"{stem}{SET}", *(path.with_suffix(SHARD) for path in paths)):
                        path.unlink(missing_ok=True)
                else:
                    self._takes[stem] = result

    def _write(self, path: Path, data: bytes) -> None:
        write_whole(path, data, self._disk)


def open_request(out: Path, request: Request | None, resume: bool) -> Request:
    """The request that the folder is for: `request`, or the one that is there, where it is the same or with `resume`.

    ExportError for a folder that holds another run, something else, or no run where `request` is None; DataError for a damaged one.
    """
    path = out / RUN
    if path.exists():
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            there = of_plain(plain, load_start(out, plain["begin"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged ({error}); choose another folder.") from error
        if request is None or resume or there.plain() == request.plain():
            return there
        raise ExportError(
            f"{out} holds another run ({len(there.jobs)} clips of other scenarios, settings or another version); choose another"
            " folder, or give --resume to go on with that one."
        )
    if request is None:
        raise ExportError(f"There is no run in {out} to go on with; say what the clips are to show.")
    if out.exists() and (not out.is_dir() or any(path.name != LOCK for path in out.iterdir())):
        raise ExportError(f"{out} holds something else already; choose a new folder.")
    return request


def check_room(out: Path, request: Request) -> int:
    """The most bytes that the run may take. ExportError where the disk has less."""
    branches = max(1, len(request.branches))
    each = (CLIP_SECOND * (1 + request.retries) + EXPORT_SECOND) * request.pixels / PIXELS
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


def _read_take(stem: str, paths: Sequence[Path], request: Request, accepted: bool) -> TakeResult | None:
    """None where a file is missing or damaged."""
    branches = len(request.branches)
    sidecars = sorted(path for path in paths if path.suffix == ".json")
    painted = accepted or branches > 0
    if len(sidecars) != max(1, branches) or len(paths) != (1 + painted) * len(sidecars):
        return None
    if branches and not (paths[0].parent / f"{stem}{SET}").exists():
        return None
    why: list[str] = []
    looks: list[tuple[str, bool]] = []
    trials = 1
    for path in sidecars:
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
    return TakeResult(stem, accepted, tuple(why), trials, all_seen(looks)) if accepted == (not why) else None


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
