"""Collecting drives in the town: shards made by parallel processes, assembled into one LeRobotDataset v3.

A shard depends on (seed, split, its number) alone, so the labels do not depend on the number of processes. After a kill
the same call continues: finished shards are kept.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from world.controls import FPS
from world.data.assemble import assemble
from world.data.reader import DriveDataset
from world.data.writer import EpisodeWriter, is_done
from world.dataset_statistics import card, statistics_of
from world.errors import DataError, SimulatorError
from world.processes import follow_parent
from world.telling import Count

VERSION = 7  # raise it when a seed's drives change
SHARD_FRAMES = 2000
ATTEMPTS = 4  # at a shard on which SUMO crashes
SHORTEST = 40
EPISODE_SECONDS = (18.0, 30.0)
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Unit:
    """One shard's work."""

    number: int
    seed: int
    split: str
    frames: int
    folder: str
    town: str | None = None  # a network file instead of the split's towns
    attempt: int = 0  # number of SUMO's crashes on it


Make = Callable[[Unit], int]  # one shard's frames


def make_shard(unit: Unit) -> int:
    """Drives one shard; returns its number of frames. Needs a process of its own: SUMO and the camera exist once per process."""
    from world.town.camera import TownCamera
    from world.town.network import SPLITS as TOWNS
    from world.town.recorder import record
    from world.town.town import Town

    again = f"-{unit.attempt}" if unit.attempt else ""
    rng = random.Random(f"shard-{VERSION}-{unit.seed}-{unit.split}-{unit.number}{again}")
    towns = (unit.town,) if unit.town else TOWNS[unit.split]
    town = Town(towns[unit.number % len(towns)], rng.randrange(2**31), TownCamera())
    done = 0
    try:
        with EpisodeWriter(Path(unit.folder)) as writer:
            while unit.frames - done >= SHORTEST:
                length = min(int(rng.uniform(*EPISODE_SECONDS) * FPS), unit.frames - done)
                episode = record(town, rng.randrange(2**31), length)
                if episode is not None:
                    writer.append(episode)
                    done += len(episode)
    finally:
        town.close()
    return done


def collect(
    frames: int,
    out: Path,
    seed: int = 0,
    workers: int = 2,
    split: str = "train",
    progress: Count | None = None,
    town: Path | None = None,
) -> Path:
    """Collect at least `frames` frames into a LeRobotDataset v3 at `out`; returns `out`.

    Drives through the split's towns, or through `town`, a SUMO network file.

    Raises DataError for a split that does not exist, a folder that holds another collection, a folder that cannot be
    written or a disk that is full (finished shards are kept); SimulatorError when SUMO or Panda3D is missing or a shard's process dies.
    """
    if split not in SPLITS:
        raise DataError(f"There is no split '{split}'; take one of {', '.join(SPLITS)}.")
    if frames < 1 or workers < 1:
        raise DataError("Ask for at least one frame and one worker.")
    from world.town.network import SPLITS as TOWNS
    from world.town.network import ensure, load

    if town is not None:
        load(town)  # raises for a bad file before any work
    shards = out / "shards"
    size = min(SHARD_FRAMES, max(frames, SHORTEST))
    try:
        shards.mkdir(parents=True, exist_ok=True)
        request = {"version": VERSION, "seed": seed, "split": split, "shard_frames": size}
        network = hashlib.sha256(town.read_bytes()).hexdigest() if town else None
        _claim(out / "collect.json", {**request, "town": network})
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror}); choose another folder.") from error
    for number in TOWNS[split] if town is None else ():
        ensure(number)
    count = -(-frames // max(size - SHORTEST + 1, 1)) if frames > size else 1
    where = str(town.resolve()) if town else None
    units = [Unit(i, seed, split, size, str(shards / f"shard-{i:05d}"), where) for i in range(count)]
    todo = [unit for unit in units if not is_done(Path(unit.folder))]
    finished = size * (len(units) - len(todo))
    start = time.monotonic()
    if progress:
        progress(min(finished, frames), frames)
    try:
        for done in drive(todo, workers, make_shard):
            finished += done
            if progress:
                progress(min(finished, frames), frames)
        seconds = time.monotonic() - start
        assemble(out, [Path(unit.folder) for unit in units], split=split, card="")
        statistics = statistics_of(DriveDataset.open(out))
        text = card(statistics, split, seed, town.name if town else None)
        if todo:
            text += f"\nMade at {size * len(todo) / max(seconds, 1e-6):.0f} frames/s by {workers} processes.\n"
        (out / "README.md").write_text(text)
        (out / "census.json").write_text(json.dumps(asdict(statistics), indent=1) + "\n")
    except OSError as error:
        raise DataError(
            f"{out} could not be written ({error.strerror or error}); make room and run the same command again: "
            "finished shards are kept."
        ) from error
    return out


def drive(units: list[Unit], workers: int, make: Make) -> Iterator[int]:
    """Makes shards in processes of their own; yields each one's number of frames when it is done. SimulatorError where a shard fails for good.

    SUMO crashes now and then. Shards that were unfinished when a process died are repeated one by one, and the one that crashes
    again is driven differently.
    """
    while units:
        left = {unit.number: unit for unit in units}
        try:
            for unit, done in _processes(units, workers, make):
                del left[unit.number]
                yield done
        except BrokenProcessPool:
            unfinished = [unit for unit in left.values() if Path(unit.folder).exists()]
            for unit in unfinished or list(left.values())[:workers]:
                del left[unit.number]
                yield _alone(unit, make)
        units = list(left.values())


def _processes(units: list[Unit], workers: int, make: Make) -> Iterator[tuple[Unit, int]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(units)), mp_context=context, initializer=follow_parent, max_tasks_per_child=1
    ) as pool:
        futures = {pool.submit(make, unit): unit for unit in units}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _alone(unit: Unit, make: Make) -> int:
    for attempt in range(ATTEMPTS):
        try:
            return next(_processes([replace(unit, attempt=attempt)], 1, make))[1]
        except BrokenProcessPool:
            continue
    raise SimulatorError(
        f"The processes that drove for {unit.folder} died {ATTEMPTS} times; run the same command again to go on, or "
        "collect with another --seed."
    )


def _claim(path: Path, request: dict[str, object]) -> None:
    if path.exists():
        try:
            before = {"shard_frames": SHARD_FRAMES, **json.loads(path.read_text())}
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is damaged; choose another folder or delete this one.") from error
        if differs := [name.replace("_", " ") for name, value in request.items() if before.get(name) != value]:
            raise DataError(
                f"{path.parent} holds another collection (other {', '.join(differs)}); choose another folder."
            )
        return
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(request))
    aside.replace(path)
