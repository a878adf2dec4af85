"""Lessons for the renderer: moments of drives through a split's towns, each path-traced.

(seed, split, number) determine a lesson. It stores the scene, not its G-buffer, which play's own code renders again,
and exposed linear radiance before air in float16, one layer per kind of light.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import SIDED_EVENTS, Command, Control, Event, Side, TimeOfDay, Weather
from world.dynamics.expert import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.errors import DataError
from world.processes import each
from world.render.camera import Rig
from world.render.library import MATERIALS
from world.render.renderer import library, plain_renderer
from world.render.tiles import Tiles
from world.scene.places import load_place, towns
from world.scene.state import Place, SceneState, from_bytes, to_bytes
from world.telling import Count
from world.town.pathtracer import choose, mitsuba, trace_state

VERSION = 2  # raise it when a number gives another lesson
TRACE_VERSION = 3  # raise it when tracing changes
LEAST, MOST = 15, 160  # steps of a drive before its lesson
MOMENTS = 4  # candidates per drive, of which one becomes the lesson
NEAR = 30.0  # m within which road users count
TIMES = {TimeOfDay.DAY: 0.42, TimeOfDay.NIGHT: 0.28, TimeOfDay.DUSK: 0.15, TimeOfDay.DAWN: 0.15}
LARGE = 0.1  # share of lessons at LARGE_SIZE
SIZE, LARGE_SIZE = (144, 256), (288, 512)
SAMPLES = 8  # paths per pixel
SPLITS = ("train", "validation", "test")
KINDS = (
    Weather.CLEAR,
    Weather.RAIN_1,
    Weather.SNOW_1,
    Weather.FOG_1,
)  # a level of each: what tests go round, at all times of day


@dataclass(frozen=True, eq=False)
class Lesson:
    """A moment and its path tracing. layers: float16 [H, W, 3] by name, exposed linear radiance before air."""

    state: SceneState
    rig: Rig
    layers: dict[str, np.ndarray]

    @property
    def exposed_radiance(self) -> np.ndarray:
        """The sum of all layers, float32 [H, W, 3]."""
        return np.sum([np.asarray(layer, np.float32) for layer in self.layers.values()], 0)


def moment(seed: int, split: str, number: int) -> tuple[SceneState, Rig]:
    """The scene and camera of a lesson: one of several moments of a drive, drawn by how much there is to see."""
    random = np.random.default_rng([VERSION, seed, SPLITS.index(split), number])
    names = towns()[split]
    place = load_place(names[random.integers(len(names))])
    control = _conditions(random) if split == "train" else condition(number)
    state = start(place, int(random.integers(2**31)), control, float(random.uniform(0, 13)))
    if split == "train" and random.random() < 0.25:  # while weather or hour change
        control = _conditions(random)
    ends = sorted(random.integers(LEAST, MOST, MOMENTS))
    event, begins = _event(random), int(random.integers(0, max(1, ends[-1] - LEAST)))
    command = int(random.choice([Command.FOLLOW, Command.LEFT, Command.RIGHT, Command.STRAIGHT]))
    speed = float(random.uniform(4, 14))
    candidates: list[SceneState] = []
    for now in range(ends[-1] + 1):
        if now == begins:
            control = control.with_(**event)
        action = drive(state, command, speed)
        state = step(state, [control.with_(steer=action[0], accel=action[1], command=command)])
        if now in ends:
            candidates.append(state)
    worth = np.exp([1.2 * _worth(one) for one in candidates])
    state = candidates[int(random.choice(len(candidates), p=worth / worth.sum()))]
    return state, _rig(random, LARGE if split == "train" else 0.0)


def condition(number: int) -> Control:
    """Weather and time of a lesson for evaluation: they cycle, the rarest levels included."""
    kind, time, level = KINDS[number % 4], number // 4 % 4, number // 16 % 3
    return Control(weather=int(kind) + (level if kind else 0), time=time)


def make(seed: int, split: str, number: int, samples: int = SAMPLES, device: str = "cpu") -> Lesson:
    """One lesson, traced with `samples` paths per pixel on cpu or cuda (whose noise differs).

    SimulatorError without Mitsuba.
    """
    state, rig = moment(seed, split, number)
    light, result = trace_state(plain_renderer(), state, rig, samples=samples, seed=number, device=device)
    exposure = np.float32(light.exposure)
    layers = {name: (exposure * value).astype(np.float16) for name, value in result.layers.items()}
    return Lesson(state, rig, layers)


def teach(
    lessons: int,
    out: Path,
    seed: int = 0,
    split: str = "train",
    workers: int = 2,
    progress: Count | None = None,
    samples: int = SAMPLES,
    device: str = "auto",
) -> Path:
    """Makes lessons 0 to `lessons` of a split into files in `out`; existing files are kept. device: auto, cpu or cuda.

    DataError for an unknown split or device, for a folder of other lessons or that cannot be written, and on a full
    disk; SimulatorError without Mitsuba, and where a process dies.
    """
    if split not in SPLITS:
        raise DataError(f"There is no split '{split}'; take one of {', '.join(SPLITS)}.")
    if lessons < 1 or workers < 1 or samples < 4:
        raise DataError("Ask for at least one frame, one worker and four samples.")
    mitsuba(device := choose(device))  # fails early where something is missing
    claim(out, {"version": VERSION, "assets": fingerprint(), "seed": seed, "split": split, "samples": samples})
    tidy(out)
    todo = [number for number in range(lessons) if not path_of(out, number).exists()]
    count = lessons - len(todo)
    if progress:
        progress(count, lessons)
    rows = [(out, seed, split, number, samples, device) for number in todo]
    for _ in each(_write, rows, workers, out, traces=True):
        count += 1
        if progress:
            progress(count, lessons)
    return out


def path_of(folder: Path, number: int) -> Path:
    """The file of the lesson with that number, whether it exists or not."""
    return folder / f"{number:06d}.npz"


def files_in(folder: Path) -> list[Path]:
    """The files of all lessons in a folder. DataError where there is none."""
    paths = sorted(folder.glob("[0-9]*.npz"))
    if not paths:
        raise DataError(f"{folder} holds no lessons; make some with `lucidrive collect --teacher`.")
    return paths


def header(path: Path) -> dict[str, Any]:
    """The description in a lesson's or film's file. DataError where it is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return dict(json.loads(str(file["about"])))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}); delete it, and it is made again.") from error


def town_by_town(lessons: Iterable[Path]) -> list[Path]:
    """Sorts lessons by town, so that a town's tiles are made once. DataError for a damaged one."""
    return sorted(lessons, key=lambda path: header(path)["place"])


def of_these_assets(about: dict[str, Any]) -> bool:
    """Whether lessons with that lessons.json are of the current assets. KeyError where it does not state them."""
    return (about["version"], about["assets"]) == (VERSION, fingerprint())


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Hash of the assets (materials, textures, the surroundings of two points of a town) and of the tracing."""
    digest = hashlib.sha256(repr((TRACE_VERSION, MATERIALS)).encode())
    digest.update(library().atlas.packed.tobytes())
    tiles = Tiles(load_place(towns()["train"][0]))
    for x, y in tiles.place.map.streets[0].centre[0], tiles.place.map.streets[-1].centre[0]:
        for piece in tiles.near(float(x), float(y), 0.0):
            digest.update(piece.mesh.position.tobytes() + piece.mesh.material.tobytes() + piece.mesh.tint.tobytes())
    return digest.hexdigest()[:16]


def claim(folder: Path, request: dict[str, object]) -> None:
    """Marks `folder` as holding these lessons. DataError where it holds others or cannot be written."""
    path = folder / "lessons.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise DataError(f"{folder} cannot be written; choose another folder.")
        if (folder / "collect.json").exists():
            raise DataError(f"{folder} holds a collection of drives; choose another folder.")
        if path.exists():
            before = dict(json.loads(path.read_text()))
            if differs := [name for name, value in request.items() if before.get(name) != value]:
                raise DataError(f"{folder} holds other lessons (other {', '.join(differs)}); choose another folder.")
            return
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(request))
        aside.replace(path)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{folder} cannot be used for lessons ({error}); choose another folder.") from error


def tidy(folder: Path) -> None:
    """Removes unfinished files of processes that died."""
    for path in folder.glob(".*-*.npz"):
        try:
            os.kill(int(path.stem.split("-")[1]), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except (PermissionError, ValueError, OverflowError):
            continue  # another user's process, or not one of our files


def read(path: Path) -> Lesson:
    """Reads a lesson. DataError where it is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            parts = {name.removeprefix("state."): file[name].tobytes() for name in file if name.startswith("state.")}
            layers = {name.removeprefix("layer."): file[name] for name in file if name.startswith("layer.")}
        rig = Rig(**about["rig"])
        if "sky" not in layers or any(layer.shape != (rig.height, rig.width, 3) for layer in layers.values()):
            raise ValueError("its layers do not fit its camera")
        return Lesson(from_bytes(load_place(about["place"]), parts), rig, layers)
    except (OSError, ValueError, KeyError, TypeError, EOFError, DataError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is no lesson, or damaged ({error}); delete it, and it is made again.") from error


def write(lesson: Lesson, folder: Path, number: int) -> None:
    """Writes a lesson, aside first and then renamed: a file of the final name is whole."""
    place: Place = lesson.state.places[0]
    aside = folder / f".{number:06d}-{os.getpid()}.npz"
    arrays: dict[str, Any] = {f"layer.{name}": value for name, value in lesson.layers.items()}
    arrays |= {f"state.{name}": np.frombuffer(part, np.uint8) for name, part in to_bytes(lesson.state).items()}
    about = json.dumps({"place": place.name, "rig": asdict(lesson.rig), "number": number})
    try:
        np.savez(aside, about=np.array(about), **arrays)
        aside.replace(path_of(folder, number))
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _write(out: Path, seed: int, split: str, number: int, samples: int, device: str) -> None:
    write(make(seed, split, number, samples, device), out, number)


def _conditions(random: np.random.Generator) -> Control:
    weather = int(random.choice(list(Weather))) if random.random() < 0.75 else int(Weather.CLEAR)
    return Control(weather=weather, time=int(random.choice(list(TIMES), p=list(TIMES.values()))))


def _event(random: np.random.Generator) -> dict[str, int]:
    return {} if random.random() < 0.35 else some_event(random)


def some_event(random: np.random.Generator) -> dict[str, int]:
    """Fields of a Control: a random event, with a side where it has one, and a level."""
    event = Event(int(random.integers(1, len(Event))))
    side = int(random.choice([Side.LEFT, Side.RIGHT])) if event in SIDED_EVENTS else int(Side.NONE)
    return {"event": int(event), "side": side, "level": int(random.integers(1, 4))}


def _rig(random: np.random.Generator, large: float) -> Rig:
    height, width = LARGE_SIZE if random.random() < large else SIZE
    rig = Rig(width=width, height=height)
    if random.random() < 0.5:
        return rig
    return replace(
        rig,
        fov=float(random.uniform(55, 95)),
        up=float(random.uniform(1.1, 2.4)),
        pitch=float(random.uniform(-7, 2)),
        yaw=float(random.normal(0, 12)),
    )


def _worth(state: SceneState) -> float:
    """How much there is to see: road users ahead, a turn, an event."""
    ego, agents = state.ego[0], state.agents[0]
    dx, dy = agents["x"] - ego["x"], agents["y"] - ego["y"]
    cos, sin = np.cos(ego["heading"]), np.sin(ego["heading"])
    ahead, aside = dx * cos + dy * sin, np.abs(dy * cos - dx * sin)
    near = (agents["kind"] > 0) & (ahead > 3) & (ahead < NEAR) & (aside < ahead)
    turning = abs(float(ego["yaw_rate"])) > 0.15
    return min(2.0, 0.5 * float(near.sum())) + turning + float(state.event["stage"][0] == 2)
