"""The courses of events' actors out of recorded drives, for dreams to take (world/stage.py)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from world.controls import Event
from world.kinematics import WHEELBASE
from world.layout import LOOK
from world.stage import SLOPE, Course, Courses
from world.train.drives import Drives

KEPT, FRAMES, FEWEST = 6, 100, 8  # courses of an event, side and level; frames of one, at most and at least
NEAR = 10.0  # m
MARGIN = 0.02  # of the picture: a box that touches its edge may be cut off


def courses(drives: Drives) -> Courses:
    """Up to KEPT courses of every event, side and level that the drives show, over all the speeds at which they began."""
    column = {
        name: drives.dataset.column(name).reshape(len(drives), -1)
        for name in ("pose", "event.place", "event.box", "event.onset", "observation.state")
    }
    kinds = [drives.dataset.column(f"control.{name}").reshape(-1) for name in ("event", "side", "level")]
    found: dict[tuple[int, int, int], list[Course]] = {}
    for first in np.flatnonzero(column["event.onset"][:, 0] > 0):
        key = tuple(int(kind[first]) for kind in kinds)
        last = min(first + FRAMES, first + int(drives.left[first]) + 1)
        while last > first and kinds[0][last - 1] != key[0]:
            last -= 1
        rows = slice(first + 1, last)  # what was triggered shows in the next frame
        pose, place, shown = (column[name][rows] for name in ("pose", "event.place", "event.box"))
        course = _course(column["pose"][first], pose, place, shown, float(column["observation.state"][first, 0]))
        looks = drives.layout[first + 1 : last, LOOK]
        looks = looks[~looks.isnan().any(1)]
        if course is not None and len(looks) and key[0] != Event.NONE:
            red, green, blue = looks.median(0).values.tolist()
            course = replace(course, look=(red, green, blue))
            found.setdefault((key[0], key[1], key[2]), []).append(course)
    return {key: _spread(several) for key, several in found.items()}


def _course(begun: np.ndarray, pose: np.ndarray, place: np.ndarray, box: np.ndarray, speed: float) -> Course | None:
    """As long as there is an actor, seen from the pose `begun`; None where it is too short or never quite seen."""
    there = (place != 0).any(1)
    length = int(np.argmin(there)) if not there.all() else len(there)
    pose, place, box = pose[:length], place[:length], box[:length]
    inside = (box[:, 0] > MARGIN) & (box[:, 1] > MARGIN) & (box[:, 2] < 1 - MARGIN) & (box[:, 3] < 1 - MARGIN)
    whole = inside & (box[:, 2] > box[:, 0]) & (place[:, 0] > 3)
    if length < FEWEST or not whole.any():
        return None
    if (far := whole & (place[:, 0] > NEAR)).any():  # near, a long vehicle's face is much closer than its middle
        whole = far
    ahead = place[whole, 0]
    width = float(np.median((box[whole, 2] - box[whole, 0]) * 2 * ahead))
    height = float(np.median((box[whole, 3] - box[whole, 1]) * ahead / SLOPE))
    c, s = np.cos(pose[:, 2]), np.sin(pose[:, 2])
    x = pose[:, 0] + (place[:, 0] + WHEELBASE) * c - place[:, 1] * s
    y = pose[:, 1] + (place[:, 0] + WHEELBASE) * s + place[:, 1] * c
    dx, dy, turn = x - begun[0], y - begun[1], float(begun[2])
    seen = np.stack(
        [dx * math.cos(turn) + dy * math.sin(turn) - WHEELBASE, dy * math.cos(turn) - dx * math.sin(turn)], 1
    )
    return Course(torch.from_numpy(seen.astype(np.float32)), width, height, speed)


def _spread(several: list[Course]) -> tuple[Course, ...]:
    """KEPT of them, over all speeds."""
    ordered = sorted(several, key=lambda course: course.speed)
    places = np.unique(np.linspace(0, len(ordered) - 1, KEPT).round().astype(int))
    return tuple(ordered[place] for place in places)
