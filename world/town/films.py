"""Films for the judge: a few pictures of one drive each, path-traced, with their labels.

(seed, split, number) determine a film (world/town/moments.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from world.data.video import fit
from world.errors import DataError
from world.judge import AGES, CELLS
from world.processes import each
from world.render.camera import Rig
from world.render.renderer import Shot, developed, plain_renderer, under_our_sky
from world.scene.places import load_place
from world.scene.state import SceneState, from_bytes, to_bytes
from world.telling import Count
from world.town.moments import VERSION, FilmLabels, scenes, truth_of
from world.town.pathtracer import mitsuba, trace_state
from world.town.teacher import SPLITS, Lesson, claim, files_in, fingerprint, header, path_of, read

SIZE, RENDER_SIZE = (72, 128), (144, 256)  # of a film's pictures; at which air is drawn before scaling down
SAMPLES = 12  # paths per pixel of SIZE; 0: plain shading
PLAIN_MOMENTS = 4  # films per drive with plain shading, where driving costs more than rendering

BATCH = 100  # lessons of one town per task, so that its tiles are made once


@dataclass(frozen=True, eq=False)
class Film:
    """A film. pictures: uint8 [A, *SIZE, 3], oldest first; states: those shown (empty where unknown); truth: labels of
    the last.

    actor: uint16 [*CELLS], count of RENDER_SIZE pixels per cell that show the event's actor.
    """

    pictures: np.ndarray
    states: tuple[SceneState, ...]
    truth: FilmLabels
    actor: np.ndarray


def actor_cells(shot: Shot, state: SceneState) -> np.ndarray:
    """Counts of a shot's pixels that show the event's actors, uint16 [*CELLS]."""
    agents, event = state.agents[0], int(state.event["event"][0])
    players = agents["id"][(agents["kind"] > 0) & (agents["role"] == event)] if event else agents["id"][:0]
    mask = np.isin(shot.gbuffer.instance, -players - 1)
    rows, columns = (pixels // cells for pixels, cells in zip(RENDER_SIZE, CELLS, strict=True))
    return mask.reshape(CELLS[0], rows, CELLS[1], columns).sum((1, 3)).astype(np.uint16)


def trace_picture(state: SceneState, samples: int = SAMPLES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The path-traced picture uint8 [*SIZE, 3] of a state, and its event's actor as in a Film.

    Traced at SIZE; sky and air are those of play, at RENDER_SIZE. samples: paths per pixel; 0: plain shading, without
    Mitsuba. SimulatorError where Mitsuba is missing.
    """
    rig = Rig(width=RENDER_SIZE[1], height=RENDER_SIZE[0])
    shot = plain_renderer().shot(state, rig)
    actor = actor_cells(shot, state)
    if not samples:
        return fit(shot.picture, SIZE), actor
    small = replace(rig, width=SIZE[1], height=SIZE[0])
    _, layers = trace_state(plain_renderer(), state, small, samples=samples, seed=seed)
    return _develop(layers.radiance, shot, state), actor


def _develop(radiance: np.ndarray, shot: Shot, state: SceneState) -> np.ndarray:
    """The picture uint8 [*SIZE, 3] of traced radiance [*SIZE, 3] with the shot's sky and air."""
    rows, columns = (pixels // size for pixels, size in zip(RENDER_SIZE, SIZE, strict=True))
    large = radiance.repeat(rows, 0).repeat(columns, 1)
    return fit(developed(under_our_sky(large, shot), shot, state), SIZE)


def make(seed: int, split: str, number: int, samples: int = SAMPLES, moments: int = 1) -> list[Film]:
    """The films of one drive, at most `moments`."""
    films = []
    for nth, states in enumerate(scenes(seed, split, number, moments)):
        states_shown = [states[-1 - age] for age in AGES]
        first = len(AGES) * (moments * number + nth)
        shots = [trace_picture(state, samples, first + k) for k, state in enumerate(states_shown)]
        actor = shots[-1][1]
        pictures = np.stack([picture for picture, _ in shots])
        films.append(Film(pictures, tuple(states_shown), truth_of(states, int(actor.sum())), actor))
    return films


def still(lesson: Lesson) -> Film:
    """A film of one picture from one of the renderer's lessons (world/town/teacher.py); it has no motion labels."""
    rig = replace(lesson.rig, width=RENDER_SIZE[1], height=RENDER_SIZE[0])
    shot = plain_renderer().shot(lesson.state, rig)
    radiance = lesson.exposed_radiance / np.float32(shot.light.exposure)
    rows, columns = (pixels // size for pixels, size in zip(radiance.shape[:2], SIZE, strict=True))
    small = radiance.reshape(SIZE[0], rows, SIZE[1], columns, 3).mean((1, 3))
    picture = _develop(small, shot, lesson.state)
    actor = actor_cells(shot, lesson.state)
    return Film(picture[None], (lesson.state,), truth_of([lesson.state], int(actor.sum())), actor)


def collect_films(
    films: int,
    out: Path,
    seed: int = 0,
    split: str = "train",
    workers: int = 1,
    progress: Count | None = None,
    samples: int = SAMPLES,
    moments: int = 1,
) -> Path:
    """Makes `films` of a split into files in `out`, `moments` of each drive; existing files are kept.

    DataError for an unknown split, bad numbers, or a folder of other films or that cannot be written; SimulatorError
    without Mitsuba or where a process dies.
    """
    if split not in SPLITS:
        raise DataError(f"There is no split '{split}'; take one of {', '.join(SPLITS)}.")
    if films < 1 or workers < 1 or moments < 1 or not (samples == 0 or samples >= 4):
        raise DataError("Ask for at least one film a drive, one worker, and four samples or none for plain shading.")
    if samples:
        mitsuba()  # fails early where it is missing
    assets = fingerprint()
    claim(
        out, {"films": VERSION, "assets": assets, "seed": seed, "split": split, "samples": samples, "moments": moments}
    )
    drives = -(-films // moments)
    todo = [number for number in range(drives) if not path_of(out, moments * number).exists()]
    rows = [(out, seed, split, number, samples, moments) for number in todo]
    for count, _ in enumerate(each(_collect, rows, workers, out, traces=samples > 0), drives - len(todo) + 1):
        if progress:
            progress(min(films, moments * count), films)
    return out


def collect_stills(lessons: Path, out: Path, workers: int = 1, progress: Count | None = None) -> Path:
    """A film of one picture for every lesson in a folder, town by town; existing files are kept.

    DataError where there is no lesson.
    """
    paths = files_in(lessons)
    split = json.loads((lessons / "lessons.json").read_text())["split"] if (lessons / "lessons.json").exists() else ""
    claim(out, {"stills": VERSION, "assets": fingerprint(), "split": split, "lessons": str(lessons.resolve())})
    towns: dict[str, list[Path]] = {}
    for path in paths:
        if not path_of(out, int(path.stem)).exists():
            towns.setdefault(header(path)["place"], []).append(path)
    rows = [(some, out) for its in towns.values() for some in _parts(its)]
    for count, _ in enumerate(each(_collect_stills, rows, workers, out), 1):
        if progress:
            progress(count, len(rows))
    return out


def _collect(out: Path, seed: int, split: str, number: int, samples: int, moments: int) -> None:
    """Writes a drive's films, the first one last: it marks the drive complete."""
    for nth, film in reversed(list(enumerate(make(seed, split, number, samples, moments)))):
        write(film, path_of(out, moments * number + nth))


def _collect_stills(lessons: Sequence[Path], out: Path) -> None:
    for lesson in lessons:
        write(still(read(lesson)), path_of(out, int(lesson.stem)))


def _parts(paths: list[Path]) -> list[list[Path]]:
    return [paths[k : k + BATCH] for k in range(0, len(paths), BATCH)]


def write(film: Film, path: Path) -> None:
    """Writes a film to a file, aside first and then renamed."""
    arrays: dict[str, Any] = {"pictures": film.pictures, "actor": film.actor}
    for k, state in enumerate(film.states):
        arrays |= {f"state.{k}.{name}": np.frombuffer(part, np.uint8) for name, part in to_bytes(state).items()}
    place = film.states[-1].places[0].name if film.states else ""
    about = json.dumps({"place": place, "truth": asdict(film.truth)})
    aside = path.with_name(f".{path.stem}-{os.getpid()}.npz")
    np.savez(aside, about=np.array(about), **arrays)
    aside.replace(path)


def read_film(path: Path) -> Film:
    """Reads a film. DataError where it is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            pictures, actor, place = file["pictures"], file["actor"], load_place(about["place"])
            parts: list[dict[str, bytes]] = [{} for _ in pictures]
            for name in file:
                if name.startswith("state."):
                    _, k, field = name.split(".")
                    parts[int(k)][field] = file[name].tobytes()
        return Film(pictures, tuple(from_bytes(place, part) for part in parts), FilmLabels(**about["truth"]), actor)
    except (OSError, ValueError, KeyError, TypeError, IndexError, BadZipFile) as error:
        raise DataError(f"{path} is no film, or damaged ({error}); delete it, and it is made again.") from error


def read_pictures(path: Path) -> Film:
    """Reads a film without its states, which is faster. DataError where it is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return Film(file["pictures"], (), FilmLabels(**json.loads(str(file["about"]))["truth"]), file["actor"])
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise DataError(f"{path} is no film, or damaged ({error}); delete it, and it is made again.") from error
