"""Where a clip's dream begins: in a start scene, in real pictures, or where a recorded dream was left."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from bridge.errors import DataError
from bridge.factory.scenario import Scenario
from bridge.session import Session
from bridge.snapshot import Beginning
from bridge.state import SUFFIX, unpack
from world.controls import Control, TimeOfDay, Weather
from world.data.footage import first_frames
from world.dream import Dream
from world.model import WorldModel

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
NAMES = {"frames": "start.npy", "state": "start.dream"}  # as a run keeps them


@dataclass(frozen=True)
class Start:
    """scene: a scene's name; frames: uint8 [T, H, W, 3], with m/s; state: a saved drive; none of them: a scene that fits.

    Of `what` it says in a person's words.
    """

    scene: str | None = None
    frames: np.ndarray | None = None
    speed: float = 0.0
    state: bytes | None = None
    what: str = "the start scene that fits"

    @property
    def key(self) -> str:
        """What of it a clip depends on."""
        if self.frames is not None:
            return f"frames {hashlib.sha256(self.frames.tobytes()).hexdigest()} {self.speed:g}"
        if self.state is not None:
            return f"state {hashlib.sha256(self.state).hexdigest()}"
        return f"scene {self.scene}" if self.scene else "scenes"

    def packed(self) -> dict[str, bytes]:
        """The files that it is made of again by `unpacked`."""
        if self.frames is not None:
            buffer = io.BytesIO()
            np.save(buffer, self.frames, allow_pickle=False)
            return {NAMES["frames"]: buffer.getvalue()}
        return {} if self.state is None else {NAMES["state"]: self.state}


def unpacked(folder: Path, scene: str | None, speed: float, what: str) -> Start:
    """As a run keeps it in `folder`."""
    frames, state = folder / NAMES["frames"], folder / NAMES["state"]
    if frames.exists():
        return Start(frames=np.load(frames, allow_pickle=False), speed=speed, what=what)
    return Start(scene, state=state.read_bytes() if state.exists() else None, speed=speed, what=what)


def from_file(path: Path, at: float = 0.0, speed_kmh: float = 30.0) -> Start:
    """A saved drive (.dream), a picture, or a video from `at` seconds on, recorded dreams among them. DataError."""
    what = f"{path.name} from {at:g} s" if at else path.name
    try:
        if path.suffix == SUFFIX:
            return Start(state=path.read_bytes(), what=what)
        if path.suffix.lower() in PICTURES:
            with Image.open(path) as picture:
                frames = np.asarray(picture.convert("RGB"))[None]
        else:
            frames = first_frames(path, at)
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(
            f"{path} cannot be read as a beginning ({error}); give a picture, a video or a .dream."
        ) from error
    return Start(frames=frames, speed=speed_kmh / 3.6, what=what)


def check(model: WorldModel, start: Start) -> None:
    """DataError or WeightsError where no dream can begin so."""
    begin(lambda number: Dream(model, number), model, start, Scenario("follow"), 0)


def begin(
    open_dream: Callable[[int], Dream], model: WorldModel, start: Start, scenario: Scenario, seed: int
) -> Session:
    """A session at its first frame, whose whole drive will be kept."""
    if start.frames is not None:
        session = Session(open_dream, seed, beginning=Beginning(start.frames, start.speed))
    elif start.state is not None:
        session = Session(open_dream, seed)
        unpack(session, start.state, start.what)
        session.timeline.cancel("another plan came")
        session.dream.reseed(seed)
    else:
        session = Session(open_dream, seed, start.scene or fitting(model, scenario, seed))
    session.record_all()
    return session


def fitting(model: WorldModel, scenario: Scenario, seed: int) -> str | None:
    """Of the start scenes that are nearest to the conditions asked for at once, one by the seed; None without scenes."""
    wanted = asked_at_once(scenario)
    scenes = [(name, model.scene(name)[2]) for name in model.scenes]
    if not scenes:
        return None
    best = max(_likeness(wanted, own) for _, own in scenes)
    like = [name for name, own in scenes if _likeness(wanted, own) == best]
    return random.Random(f"scene {seed}").choice(like)


def asked_at_once(scenario: Scenario) -> tuple[int | None, int | None]:
    """`Weather` and `TimeOfDay` that the first frame is told of; None where nothing is said."""
    weather = time = None
    for step in scenario.plan.steps:
        if step.when.kind != "now":
            continue
        name = step.name.upper()
        if step.group == "weather":
            weather = int(Weather[f"{name}_{step.args[0]}" if step.args else name])
        elif step.group == "time":
            time = int(TimeOfDay[name])
    return weather, time


def _likeness(wanted: tuple[int | None, int | None], own: Control) -> tuple[int, int]:
    """How much of what is wanted a scene has: the time first, for it takes a dream longest to change."""
    weather, time = wanted
    same_kind = weather is None or _kind(weather) == _kind(own.weather)
    return int(time is None or time == own.time), 2 * int(weather is None or weather == own.weather) + int(same_kind)


def _kind(weather: int) -> str:
    return Weather(weather).name.partition("_")[0]
