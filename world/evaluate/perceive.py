"""`lucidrive evaluate perceive`: readings of pictures of test towns against the truth, beside the best constant guess."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, mode
from typing import Any

import numpy as np
import torch

from world.perceive.coding import LEAST_SCORE, Estimate, reading
from world.perceive.network import FOLDER, Output, Perceiver, load
from world.perceive.scene import scene_of
from world.perceive.sight import KINDS, SeenUser, Sight, targets
from world.render.camera import Rig
from world.scene.facts import NO_JUNCTION
from world.scene.objects import Kind
from world.scene.places import towns
from world.train.loop import Report
from world.train.perceive_pictures import Pictures, drawn_pictures, of_towns, traced_pictures

HEAD = ("what", "read", "guessed", "of")
BATCH = 32
FAINT = 0.05  # least score of road users for average precision
NEAR = 25.0  # m to a junction that counts as near
CLOSE, RIGHT = 30.0, 2.0  # m, distance of road users that count, and error of a correct one
OVERLAP = 0.5  # intersection over union of a correct box, as in PASCAL VOC
SCENES = 60  # readings from which scenes are made


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. read: the network's score; guessed: the best constant answer's; of: the number of cases."""

    read: float
    guessed: float
    of: int


def evaluate_perceive(
    weights: Path = FOLDER,
    lessons: Path | None = None,
    *,
    cache: Path,
    count: int = 480,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> dict[str, Any]:
    """Scores on path-traced `lessons` of test towns, or on `count` rendered pictures without them. cache: where
    pictures are kept.

    WeightsError where `weights` has no network, DataError for a folder without lessons or with those of other towns.
    """
    perceiver = load(weights)
    if lessons:
        of_towns(lessons, "test")
    pictures = (
        traced_pictures(lessons, cache, workers, report)
        if lessons
        else drawn_pictures(count, "test", cache, seed, workers, report)
    )
    readings = read_all(perceiver, pictures)
    figures = figures_of([one.sight for one in readings], list(pictures.sights))
    figures |= scenes_of([_sure(one) for one in readings], seed)
    return {"pictures": len(pictures), "traced": bool(lessons), "figures": figures}


def read_all(perceiver: Perceiver, pictures: Pictures) -> list[Estimate]:
    """A reading of each picture, with its faint road users."""
    out: list[Estimate] = []
    with torch.inference_mode():
        for first in range(0, len(pictures), BATCH):
            images, _ = pictures.batch(range(first, min(len(pictures), first + BATCH)))
            images_B3HW = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            output = perceiver(images_B3HW.contiguous(memory_format=torch.channels_last))
            parts = (Output(output.road[k : k + 1], output.grid[k : k + 1]) for k in range(len(images)))
            out += [reading(part, FAINT) for part in parts]
    return out


def _sure(one: Estimate) -> Estimate:
    """The reading as used: without faint road users."""
    users = tuple(user for user in one.sight.users if user.score > LEAST_SCORE)
    return replace(one, sight=replace(one.sight, users=users))


def figures_of(estimates: Sequence[Sight], true: Sequence[Sight]) -> dict[str, Figure]:
    """Every figure by name, for pairs of a reading and the truth."""
    pairs = list(zip(estimates, true, strict=True))
    street = [(one, other) for one, other in pairs if other.lanes]
    here = [(one, other) for one, other in street if one.lanes]
    ahead = [(one, other) for one, other in here if other.junction < NO_JUNCTION and one.junction < NO_JUNCTION]
    out = {
        "lanes our way": _share(street, lambda sight: sight.lanes),
        "lanes the other way": _share(street, lambda sight: sight.opposite),
        "our lane": _share(street, lambda sight: sight.lane),
        "offset, m": _error(here, lambda sight: sight.left),
        "heading, degrees": _error(here, lambda sight: math.degrees(sight.heading)),
        **_detection("junction near", [(one.junction < NEAR, other.junction < NEAR) for one, other in pairs]),
        "junction, m": _error([(a, b) for a, b in ahead if b.junction < NEAR], lambda sight: sight.junction),
        "weather": _share(pairs, lambda sight: sight.weather),
        "kind of weather": _share(pairs, lambda sight: (sight.weather + 2) // 3),
        "time of day": _share(pairs, lambda sight: sight.time),
        "pitch, degrees": _error(pairs, lambda sight: math.degrees(sight.pitch)),
        "focal length, %": _error(pairs, lambda sight: 100 * math.log(sight.focal)),
    }
    for name, person in (("vehicles", False), ("people", True)):
        users = [(_users_of(one, person), _users_of(other, person)) for one, other in pairs]
        out |= _users(name, users, _metres, RIGHT) | _users(f"boxes of {name}", users, _unlike, 1 - OVERLAP)
    return out


def _share(pairs: Sequence[tuple[Sight, Sight]], of: Callable[[Sight], Any]) -> Figure:
    if not pairs:
        return Figure(math.nan, math.nan, 0)
    most = mode(of(true) for _, true in pairs)
    hits = np.mean([of(one) == of(true) for one, true in pairs])
    return Figure(float(hits), float(np.mean([of(true) == most for _, true in pairs])), len(pairs))


def _error(pairs: Sequence[tuple[Sight, Sight]], of: Callable[[Sight], float]) -> Figure:
    """Mean absolute errors; the guess is the median of the truth."""
    if not pairs:
        return Figure(math.nan, math.nan, 0)
    middle = median(of(true) for _, true in pairs)
    off = np.mean([abs(of(one) - of(true)) for one, true in pairs])
    return Figure(float(off), float(np.mean([abs(middle - of(true)) for _, true in pairs])), len(pairs))


def _detection(name: str, pairs: Sequence[tuple[bool, bool]]) -> dict[str, Figure]:
    """Precision and recall; the guess always says yes."""
    both = sum(one and true for one, true in pairs)
    positives, truths = sum(one for one, _ in pairs), sum(true for _, true in pairs)
    return {
        f"{name}: precision": Figure(both / max(1, positives), truths / max(1, len(pairs)), positives),
        f"{name}: recall": Figure(both / max(1, truths), 1.0, truths),
    }


def _users_of(sight: Sight, person: bool) -> list[SeenUser]:
    return [user for user in sight.users if (KINDS[user.kind] == Kind.PERSON) == person and user.ahead < CLOSE + RIGHT]


def _metres(one: SeenUser, other: SeenUser) -> float:
    return math.hypot(one.ahead - other.ahead, one.left - other.left)


def _unlike(one: SeenUser, other: SeenUser) -> float:
    """One minus the intersection over union of two boxes."""
    sides = []
    for middle, size in (("x", "width"), ("y", "height")):
        spans = [(getattr(user, middle), 0.5 * getattr(user, size)) for user in (one, other)]
        ends = min(at + half for at, half in spans) - max(at - half for at, half in spans)
        sides.append(max(0.0, ends))
    both = sides[0] * sides[1]
    return 1 - both / max(1e-12, one.width * one.height + other.width * other.height - both)


def _users(
    name: str,
    pairs: Sequence[tuple[list[SeenUser], list[SeenUser]]],
    apart: Callable[[SeenUser, SeenUser], float],
    most: float,
) -> dict[str, Figure]:
    """Recall (of sure ones) and average precision of road users within CLOSE m, correct within `most` of a true one by
    `apart`.
    """
    hits: list[tuple[float, bool]] = []
    truths = hits_sure = kinds = 0
    for estimates, true in pairs:
        unmatched = list(true)
        for user in sorted(estimates, key=lambda one: -one.score):
            near = min(unmatched, key=lambda one: apart(one, user), default=None)
            right = near is not None and apart(near, user) <= most
            counts = (near if right and near is not None else user).ahead < CLOSE
            if right and near is not None:
                unmatched.remove(near)
                sure = counts and user.score > LEAST_SCORE
                hits_sure += sure
                kinds += sure and near.kind == user.kind
            if counts:
                hits.append((user.score, right))
        truths += sum(one.ahead < CLOSE for one in true)
    return {
        f"{name}: recall": Figure(hits_sure / max(1, truths), 0.0, truths),
        f"{name}: average precision": Figure(_average_precision(hits, truths), 0.0, truths),
        f"{name}: kind of those found": Figure(kinds / max(1, hits_sure), _likeliest(pairs), hits_sure),
    }


def _likeliest(pairs: Sequence[tuple[list[SeenUser], list[SeenUser]]]) -> float:
    """The share of the most frequent kind."""
    kinds = [user.kind for _, true in pairs for user in true if user.ahead < CLOSE]
    return max((kinds.count(kind) for kind in set(kinds)), default=0) / max(1, len(kinds))


def _average_precision(hits: Sequence[tuple[float, bool]], truths: int) -> float:
    """Area under precision over recall, with monotone precision (as in PASCAL VOC since 2010)."""
    right = np.cumsum([hit for _, hit in sorted(hits, key=lambda one: -one[0])])
    if not len(right) or not truths:
        return 0.0
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    return float((np.diff(np.concatenate([[0], right])) * precision).sum() / truths)


def scenes_of(readings: Sequence[Estimate], seed: int) -> dict[str, Figure]:
    """How well scenes made from readings fit them, in the test towns, as the default camera sees them."""
    names, step = towns()["test"], max(1, len(readings) // SCENES)
    sample = [one for one in readings[::step] if one.sight.lanes]
    scene_targets = [targets(scene_of(one, names, seed + k), Rig()) for k, one in enumerate(sample)]
    want = [one.sight for one in sample]
    pairs = [(scene, sight) for scene, sight in zip(scene_targets, want, strict=True) if scene.lanes]
    near = [(scene, sight) for scene, sight in pairs if sight.junction < NEAR]
    users = [replace(sight, users=tuple(user for user in sight.users if user.ahead < CLOSE)) for _, sight in pairs]
    matches = [
        sum(any(math.hypot(a.ahead - b.ahead, a.left - b.left) < 2 * RIGHT for b in scene.users) for a in sight.users)
        for (scene, _), sight in zip(pairs, users, strict=True)
    ]
    users_read = sum(len(sight.users) for sight in users)
    return {
        "scene: lanes as read": _share(pairs, lambda sight: (sight.lanes, sight.opposite, sight.lane)),
        "scene: junction, m from what was read": _error(near, lambda sight: sight.junction),
        "scene: road users within 4 m of where they were read": Figure(
            sum(matches) / max(1, users_read), 0.0, users_read
        ),
    }


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The result as rows for the terminal."""
    rows: list[tuple[str, ...]] = []
    for name, figure in result["figures"].items():
        error = name.rpartition(", ")[2].split()[0] in ("m", "degrees", "%")
        read, guessed = (f"{value:.2f}" if error else f"{100 * value:.0f}%" for value in (figure.read, figure.guessed))
        rows.append((name, read, guessed, f"{figure.of:,}"))
    return rows
