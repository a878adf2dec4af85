"""Records drives: an Episode's pictures and columns, driven by a pilot."""

from __future__ import annotations

import random

import numpy as np

from world.data.schema import COLUMNS, Episode
from world.town.actors import VisiblePixels
from world.town.options import Options
from world.town.pilots import PILOTS
from world.town.town import Town

MIX = {"expert": 0.48, "random": 0.14, "keys": 0.2, "stray": 0.18}
LOST, STANDING = 10.0, 7.0  # s off the road, and of standing, that end a drive
GREENS = 0.8  # share of red lights that turn green for us: there is little to learn from standing
AFTER_CRASH = 5  # frames kept after a collision
FEWEST = 40  # frames: shorter drives are not kept


def row(town: Town, pixels: VisiblePixels, onset: bool) -> dict[str, object]:
    """The columns of the town's current frame, all but `action`; call it after `Town.choose`."""
    return {
        "observation.state": (town.motion.speed, town.motion.yaw_rate),
        "pose": (town.x, town.y, town.heading),
        "expert.action": (town.advice.steer, town.advice.accel),
        "expert.target_speed": town.target,
        "control.command": int(town.command()),
        "control.weather": int(town.weather),
        "control.time": int(town.time),
        "control.event": int(town.events.event),
        "control.side": int(town.events.side),
        "control.level": int(town.events.level),
        "event.onset": int(onset),
        "event.visible_pixels": pixels.event,
        "event.place": town.event_place(),
        "event.box": pixels.box,
        "label.visible_vehicles": pixels.vehicles,
        "label.visible_people": pixels.people,
        **town.labels(),
    }


def record(
    town: Town, seed: int, frames: int, pilot: str | None = None, options: Options | None = None
) -> Episode | None:
    """Records a drive of up to `frames` frames; it ends early after a collision or long off the road.

    None when too short.
    """
    rng = random.Random(f"pilot-{seed}")
    name = pilot or rng.choices(list(MIX), list(MIX.values()))[0]
    hand = PILOTS[name](rng)
    town.reset(seed, options or Options(greens=GREENS))
    images: list[np.ndarray] = []
    rows: dict[str, list[object]] = {column: [] for column in COLUMNS}
    crash_frames = 0
    while len(images) < frames:
        image, pixels = town.render()
        onset = town.choose() if not town.collided else False
        steer, accel = hand.act(town.advice, town.situation())
        images.append(image)
        for column, value in {"action": (steer, accel), **row(town, pixels, onset)}.items():
            rows[column].append(value)
        crash_frames += town.collided
        if crash_frames > AFTER_CRASH or town.off_road_seconds > LOST or town.standing_seconds > STANDING:
            break
        town.step(steer, accel)
    if len(images) < FEWEST:
        return None
    values = {name: np.array(column, dtype=COLUMNS[name].dtype) for name, column in rows.items()}
    return Episode(np.stack(images), values, f"drive through town {town.id} ({name})")
