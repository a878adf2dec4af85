"""Pictures with scenes as lessons for the painter: a folder with `captures.json` (docs/real-look.md).

Each picture has its camera, the car's pose, the weather and boxes of road users, on a map. Play's code renders the
scene, and the picture is converted back to light (world.render.undevelop); then it is a lesson like a path-traced one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from world import weather
from world.controls import FPS, TimeOfDay, Weather
from world.dynamics.step import blank_ego
from world.errors import DataError
from world.render.camera import Rig
from world.render.light import light
from world.render.renderer import Renderer
from world.render.undevelop import UNKNOWN, undevelop
from world.scene.objects import AGENT, VEHICLES, Kind, Lights
from world.scene.places import ENDING, load_place, towns
from world.scene.state import AGENTS, EVENT, Place, SceneState, from_bytes, to_bytes
from world.town.teacher import Lesson
from world.train.fields import Fields

FILE, FORMAT = "captures.json", 1
CLASSES = {kind.name.lower(): kind for kind in Kind if Kind.NONE < kind < Kind.HOUSE}
LIGHTS = {one.name.lower(): one for one in Lights if one.name}
MOUNT = tuple(field.name for field in fields(Rig) if field.name not in ("width", "height"))
SMALLEST = (144, 256)  # of pictures of different sizes: the training's crop
BLOCK = 16  # smaller pictures have sides that are multiples of it
FAR = 1e6  # m, s; larger numbers are mistakes
LOOK = 403  # purpose of random numbers


@dataclass(frozen=True, eq=False)
class Capture:
    """A picture and its scene. map: a town's name or a file; parts: the scene's moving part (`to_bytes`).

    roadside: whether the scene's roadside is the one in the picture.
    """

    number: int
    picture: Path
    rig: Rig
    map: str
    parts: dict[str, bytes]
    roadside: bool = True

    @property
    def stem(self) -> str:
        """The stem of its cached files."""
        return f"{self.number:06d}"

    @property
    def state(self) -> SceneState:
        """The scene. DataError where its map cannot be loaded."""
        return from_bytes(_place(self.map), self.parts)

    def image(self) -> np.ndarray:
        """uint8 [H, W, 3]. DataError where the file is damaged."""
        return _image(self.picture)

    def lesson(self, renderer: Renderer) -> Lesson:
        """The scene with one layer: the picture's exposed radiance before air.

        UNKNOWN where fog hides it, or where the picture may show something else.
        """
        state = self.state
        shot = renderer.shot(state, self.rig)
        radiance = undevelop(self.image(), shot.gbuffer, shot.view, shot.light, state.amounts[0])
        if not self.roadside:
            radiance = np.where(shot.gbuffer.instance[..., None] > 0, np.float32(UNKNOWN), radiance)
        return Lesson(state, self.rig, {"picture": radiance.astype(np.float16)})


def holds_captures(folder: Path) -> bool:
    """Whether a folder holds captures, not path-traced lessons."""
    return (folder / FILE).exists()


def captures(folder: Path) -> list[Capture]:
    """All captures of a folder.

    DataError, naming file, frame and field, where something is missing, unknown or invalid.
    """
    path = folder / FILE
    try:
        text = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); see docs/real-look.md for what it holds.") from error
    top = Fields(text, str(path), ("format", "frames"))
    if top.row.get("format") != FORMAT:
        raise DataError(f"{path}: format is {top.row.get('format')!r}; it must be {FORMAT}.")
    frames = top.rows("frames")
    if not frames:
        raise DataError(f"{path} holds no frames; give at least one.")
    frames_read = [_capture(folder, number, frame, path) for number, frame in enumerate(frames)]
    sizes = {(one.rig.height, one.rig.width) for one in frames_read}
    whole = all(height >= SMALLEST[0] and width >= SMALLEST[1] for height, width in sizes)
    if not whole and (len(sizes) > 1 or any(side % BLOCK for side in next(iter(sizes)))):
        raise DataError(
            f"{path} names pictures smaller than {SMALLEST[1]} x {SMALLEST[0]}; make all at least that large, or all of one size with "
            f"sides that are multiples of {BLOCK}."
        )
    return frames_read


def stamp(folder: Path) -> bytes:
    """Bytes that change with the folder's scenes and pictures."""
    files = [(one.picture.stat().st_mtime_ns, one.picture.stat().st_size) for one in captures(folder)]
    return (folder / FILE).read_bytes() + repr(files).encode()


def write_captures(folder: Path, frames: Iterable[tuple[SceneState, Rig, np.ndarray]]) -> None:
    """Writes captures of scenes in shipped towns with pictures uint8 [H, W, 3].

    DataError where the folder cannot be written.
    """
    rows = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (state, rig, picture) in enumerate(frames):
            name = f"{number:06d}.png"
            Image.fromarray(picture).save(folder / name)
            rows.append({"picture": name} | _frame_row(state, rig))
        (folder / FILE).write_text(json.dumps({"format": FORMAT, "frames": rows}, indent=1) + "\n")
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error}); choose another folder.") from error


def _frame_row(state: SceneState, rig: Rig) -> dict[str, Any]:
    ego, agents, amounts = (
        state.ego[0],
        state.agents[0],
        dict(zip(weather.AMOUNTS, state.amounts[0].tolist(), strict=True)),
    )
    objects = []
    for agent in agents[agents["kind"] != Kind.NONE]:
        numbers = ("x", "y", "heading", "length", "width", "height", "speed", "phase")
        row = {name: round(float(agent[name]), 4) for name in numbers}
        lights = [name for name, one in LIGHTS.items() if agent["lights"] & one]
        about = {"class": Kind(int(agent["kind"])).name.lower(), "id": int(agent["id"])}
        objects.append(about | row | {"look": int(agent["look"]), "lights": lights})
    return {
        "map": state.places[0].name,
        "camera": {name: value for name, value in asdict(rig).items() if name in MOUNT},
        "car": {name: round(float(ego[name]), 4) for name in ("x", "y", "heading", "speed")},
        "seconds": float(state.clock[0]) / FPS,
        "weather": {name: amounts[name] for name in weather.AMOUNTS[:3]},
        "time_of_day": {name: amounts[name] for name in weather.AMOUNTS[3:]},
        "objects": objects,
    }


_FRAME = ("picture", "map", "camera", "car", "seconds", "weather", "time_of_day", "objects", "roadside")
_OBJECT = ("class", "id", "x", "y", "heading", "length", "width", "height", "speed", "phase", "look", "lights")


def _capture(folder: Path, number: int, row: Any, path: Path) -> Capture:
    where = f"{path}, frame {number}"
    frame = Fields(row, where, _FRAME)
    picture = _beside(folder, frame, "picture")
    height, width = _image(picture).shape[:2]
    mount = Fields(frame.row.get("camera", {}), f"{where}, camera", MOUNT)
    numbers = {name: mount.number(name, -1e3, 1e3, getattr(Rig(), name)) for name in MOUNT}
    try:
        rig = Rig(width, height, **numbers)
    except DataError as error:
        raise DataError(f"{where}, camera: {error}") from error
    name = frame.text("map")
    if name not in [town for split in towns().values() for town in split]:
        name = str(_beside(folder, frame, "map"))
    try:
        place = _place(name)
    except DataError as error:
        raise DataError(f"{where}, map: {error}") from error
    car = Fields(frame.row.get("car"), f"{where}, car", ("x", "y", "heading", "speed"))
    ego = blank_ego()
    for one in ("x", "y", "heading"):
        ego[one] = car.number(one, -FAR, FAR)
    ego["speed"] = car.number("speed", 0, 100)
    amounts = _amounts(frame, where)
    event = np.zeros(1, EVENT)
    event["actor"] = -1
    state = SceneState(
        (place,),
        np.zeros(1, np.uint64),
        np.array([round(FPS * frame.number("seconds", 0, FAR))]),
        ego,
        _agents(frame, where, amounts),
        event,
        amounts[None],
        np.ones(1),
        np.zeros(1),
    )
    roadside = frame.row.get("roadside", True)
    if not isinstance(roadside, bool):
        frame.wrong("roadside", "it must be true or false")
    return Capture(number, picture, rig, name, to_bytes(state), roadside)


def _amounts(frame: Fields, where: str) -> np.ndarray:
    """Weather and hour, from names or amounts. DataError where a field is invalid."""
    out = dict.fromkeys(weather.AMOUNTS, 0.0)
    for field, names, words in (
        ("weather", weather.AMOUNTS[:3], {one.name.lower(): weather.goal(one, TimeOfDay.DAY) for one in Weather}),
        ("time_of_day", weather.AMOUNTS[3:], {one.name.lower(): weather.goal(0, one) for one in TimeOfDay}),
    ):
        if isinstance(frame.row.get(field), dict):
            amounts = Fields(frame.row[field], f"{where}, {field}", names)
            out |= {name: amounts.number(name, 0, 1, 0.0) for name in names}
        else:
            goal = words[frame.one_of(field, words)]
            out |= {name: goal[name] for name in names}
    return np.array([out[name] for name in weather.AMOUNTS])


def _agents(frame: Fields, where: str, amounts: np.ndarray) -> np.ndarray:
    """AGENT [1, AGENTS] of the boxes; looks that are not given are drawn by id. DataError where a field is invalid."""
    boxes = frame.rows("objects")
    if len(boxes) > AGENTS:
        raise DataError(f"{where}: there are {len(boxes)} objects; keep the {AGENTS} nearest.")
    agents = np.zeros(AGENTS, AGENT)
    for name in ("lane", "next", "goal"):
        agents[name] = -1
    dark = Lights.HEAD if light(amounts).headlights_on else Lights.NONE
    ids: set[int] = set()
    for number, row in enumerate(boxes):
        box, agent = Fields(row, f"{where}, object {number}", _OBJECT), agents[number]
        kind, its = CLASSES[box.one_of("class", CLASSES)], box.whole("id")
        if its in ids:
            box.wrong("id", "each object of a frame has its own, the same from frame to frame")
        ids.add(its)
        agent["kind"], agent["id"] = kind, its
        for name in ("x", "y", "heading"):
            agent[name] = box.number(name, -FAR, FAR)
        for name in ("length", "width", "height"):
            agent[name] = box.number(name, 0.05, 40)
        agent["speed"], agent["phase"] = box.number("speed", 0, 100, 0.0), box.number("phase", -FAR, FAR, 0.0)
        agent["look"] = box.whole("look", int(np.random.default_rng([LOOK, its]).integers(10**6)))
        if "lights" in row:
            for one in box.rows("lights"):
                if not isinstance(one, str) or one not in LIGHTS:
                    box.wrong("lights", f"they may be {', '.join(LIGHTS)}")
                agent["lights"] |= LIGHTS[one]
        elif kind in VEHICLES:
            agent["lights"] = dark
    return agents[None]


def _beside(folder: Path, frame: Fields, name: str) -> Path:
    """A file in the folder that a field names. DataError where there is none."""
    path = folder / frame.text(name)
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        frame.wrong(name, "there is no such file in the folder")
    return path


def _image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is no picture that can be read ({error}); give a PNG or JPEG file.") from error


@lru_cache(maxsize=32)
def _place(name: str) -> Place:
    """The place, named by its file alone: the name decides the sun's direction, wherever the folder lies."""
    place, own = load_place(name), Path(name).name.removesuffix(ENDING)
    return place if name == own else replace(place, name=own)
