"""Labelled pictures on disk: path-traced lessons, and moments of drives rendered as in play.

A lesson is a moment as the driver leaves it; in rendered ones the car may also stand beside its lane's centre line and
askew, in any weather, so that the network learns to read that. They are painted where a painter is installed.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from world import weather
from world.controls import Command, Control, TimeOfDay, Weather
from world.data.video import fit
from world.dynamics.expert import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.errors import DataError
from world.perceive.network import SIZE
from world.perceive.sight import Sight, numbers, sight_of, targets
from world.processes import alone
from world.render.camera import Rig
from world.render.painter import SHIPPED, load_painter
from world.render.renderer import developed, plain_renderer, renderer
from world.scene.places import load_place, towns
from world.scene.query import place_on
from world.scene.state import SceneState
from world.town.teacher import SPLITS, Lesson, files_in, read, town_by_town
from world.train.loop import Report

MOMENTS = 16  # rendered pictures per drive
APART = (6, 14)  # steps between them
ASIDE, ASKEW = 1.2, 0.14  # m and rad, offsets of the car from its lane's centre line
Moment = tuple[SceneState, Rig]
Shots = list[tuple[np.ndarray, Sight]]
Job = tuple[Path, Callable[[], Shots]]  # the file to write, and the function that makes its pictures


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures on disk. files: uint8 [K, *SIZE, 3] each; sights: the labels of each picture."""

    files: tuple[Path, ...]
    where: np.ndarray  # int64 [N, 2]: file, row
    sights: tuple[Sight, ...]

    def __len__(self) -> int:
        return len(self.where)

    def batch(self, which: Sequence[int] | np.ndarray) -> tuple[np.ndarray, list[Sight]]:
        """Pictures uint8 [B, *SIZE, 3] and their labels."""
        rows = [self.where[int(number)] for number in which]
        pictures = np.stack([np.load(self.files[file], mmap_mode="r")[row] for file, row in rows])
        return pictures, [self.sights[int(number)] for number in which]

    @classmethod
    def of(cls, files: Sequence[Path]) -> Pictures:
        """Reads the labels that `_run_job` wrote beside these files."""
        where, sights = [], list[Sight]()
        for number, file in enumerate(files):
            with np.load(file.with_suffix(".npz"), allow_pickle=False) as about:
                road, users = about["road"], about["users"]
            for row, one in enumerate(road):
                where.append((number, row))
                sights.append(sight_of(one, users[users[:, 0] == row, 1:]))
        return cls(tuple(files), np.array(where, np.int64).reshape(-1, 2), tuple(sights))


def of_towns(lessons: Path, split: str) -> None:
    """DataError where a folder's lessons are not of that split's towns."""
    try:
        own_split = json.loads((lessons / "lessons.json").read_text())["split"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{lessons} does not say of which towns its lessons are ({error}); make them anew.") from error
    if own_split != split:
        raise DataError(f"The lessons in {lessons} are of {own_split} towns; give some of {split} towns.")


def traced_pictures(lessons: Path, cache: Path, workers: int = 2, report: Report | None = None) -> Pictures:
    """The pictures of a folder of lessons, developed where they are not in `cache` yet.

    DataError for a folder without lessons.
    """
    paths = town_by_town(files_in(lessons))
    folder = cache / hashlib.sha256(str(lessons.resolve()).encode()).hexdigest()[:12]
    jobs = [(folder / f"{path.stem}.npy", partial(_lesson, path)) for path in paths]
    return _collect(jobs, workers, report, "lessons")


def drawn_pictures(
    count: int, split: str, cache: Path, seed: int = 0, workers: int = 2, report: Report | None = None
) -> Pictures:
    """About `count` pictures of a split's towns, rendered as in play. DataError for an unknown split."""
    if split not in SPLITS:
        raise DataError(f"There is no split '{split}'; take one of {', '.join(SPLITS)}.")
    names = towns()[split]
    drives = -(-count // MOMENTS)
    order = sorted(range(drives), key=lambda number: (number % len(names), number))  # a place's drives side by side
    painter = "" if SHIPPED is None else f"-{load_painter(SHIPPED).sha256[:8]}"
    folder = cache / f"drawn-{split}-{seed}{painter}"
    jobs = [(folder / f"{number:06d}.npy", partial(_drive, seed, split, number)) for number in order]
    return _collect(jobs, workers, report, "drives")


def _collect(jobs: Sequence[Job], workers: int, report: Report | None, what: str) -> Pictures:
    todo = [job for job in jobs if not job[0].with_suffix(".npz").exists()]
    if todo:
        todo[0][0].parent.mkdir(parents=True, exist_ok=True)
    for number, _ in enumerate(_run_jobs(todo, workers)):
        if report and number % 10 == 0:
            report(0.0, f"pictures: {number} of {len(todo)} {what}")
    return Pictures.of(sorted(job[0] for job in jobs))


def _run_jobs(todo: list[Job], workers: int) -> Iterator[None]:
    """Runs the jobs, in this process or in others."""
    if workers == 1:
        yield from map(_run_job, todo)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=alone) as pool:
        yield from pool.map(_run_job, todo, chunksize=max(1, min(8, len(todo) // (2 * workers))))


def _run_job(job: Job) -> None:
    """Writes a job's pictures, then its labels: the second file marks the first complete."""
    path, make = job
    pictures, sights = zip(*make(), strict=True)
    road, users = zip(*map(numbers, sights), strict=True)
    rows = np.concatenate([np.insert(one, 0, row, axis=1) for row, one in enumerate(users)])
    aside = path.with_name(f".{path.stem}-{os.getpid()}.npy")
    np.save(aside, np.stack(pictures))
    aside.replace(path)
    aside = aside.with_suffix(".npz")
    np.savez(aside, road=np.stack(road), users=rows)
    aside.replace(path.with_suffix(".npz"))


def _lesson(path: Path) -> Shots:
    return [picture_of(read(path))]


def picture_of(lesson: Lesson) -> tuple[np.ndarray, Sight]:
    """A lesson's picture, uint8 [*SIZE, 3], and its labels."""
    shot = plain_renderer().shot(lesson.state, lesson.rig)
    picture = developed(lesson.exposed_radiance / np.float32(shot.light.exposure), shot, lesson.state)
    return fit(picture, SIZE), targets(lesson.state, lesson.rig, shot.gbuffer.instance)


def _drive(seed: int, split: str, number: int) -> Shots:
    out, drawing = [], renderer(None if SHIPPED is None else load_painter(SHIPPED))
    for state, rig in moments(seed, split, number):
        shot = drawing.shot(state, rig)
        out.append((fit(shot.picture, SIZE), targets(state, rig, shot.gbuffer.instance)))
    return out


def moments(seed: int, split: str, number: int) -> Iterator[Moment]:
    """Yields MOMENTS scenes of one drive, each with a camera; the car is displaced in the scene, not in the drive."""
    random = np.random.default_rng([seed, SPLITS.index(split), number])
    names = towns()[split]
    place = load_place(names[number % len(names)])
    state = start(
        place, int(random.integers(2**31)), None, float(random.uniform(2, 13)), density=float(random.uniform(0.4, 2.0))
    )
    speed, command = float(random.uniform(5, 14)), int(random.choice([Command.FOLLOW, Command.LEFT, Command.RIGHT]))
    for _ in range(MOMENTS):
        for _ in range(int(random.integers(*APART))):
            action = drive(state, command, speed)
            state = step(state, [Control(steer=action[0], accel=action[1], command=command)])
        yield _in_other_weather(_askew(state, random), random), rig_of(random)


def _askew(state: SceneState, random: np.random.Generator) -> SceneState:
    """The scene with our car off its lane's centre line, where it is on a street."""
    ego, place = state.ego.copy(), state.places[0].map
    lane = int(ego["lane"][0])
    if lane < 0 or place.lanes[lane]["street"] < 0:
        return state
    offset = float(random.uniform(-ASIDE, ASIDE))
    ego["x"], ego["y"], along = place_on(place, lane, float(ego["s"][0]), offset)
    ego["left"], ego["heading"] = offset, along + float(random.normal(0, 0.5 * ASKEW))
    return replace(state, ego=ego)


def _in_other_weather(state: SceneState, random: np.random.Generator) -> SceneState:
    kind = int(random.choice(list(Weather))) if random.random() < 0.7 else int(Weather.CLEAR)
    time = int(random.choice(list(TimeOfDay))) if random.random() < 0.5 else int(TimeOfDay.DAY)
    return replace(state, amounts=np.array([list(weather.goal(kind, time).values())]))


def rig_of(random: np.random.Generator) -> Rig:
    """A random camera behind a windscreen."""
    return Rig(
        SIZE[1],
        SIZE[0],
        fov=float(random.uniform(50, 100)),
        up=float(random.uniform(1.1, 2.4)),
        pitch=float(random.uniform(-8, 3)),
        yaw=float(random.normal(0, 4)),
    )
