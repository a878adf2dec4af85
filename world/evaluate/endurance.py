"""How long a dream stays like the world, and how like it a dream is that began from nothing: Frechet distances."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from world.controls import FPS, Command, Control
from world.dream import Dream
from world.evaluate.films import Bench, Pilot, begin, conditions, drive, pick, play, usable
from world.evaluate.frechet import frechet
from world.evaluate.manoeuvres import CRUISE, carried_out

EARLY = 40, 60  # frames of a dream, the last included
SPAN = EARLY[1] - EARLY[0]
# What a dream is told along the way, how often, and for how long (s): a turn ends with the car round the corner.
TOLD = {Command.FOLLOW: 3, Command.STRAIGHT: 2, Command.LEFT: 2, Command.RIGHT: 2, Command.STOP: 1}
TELLING, STOP_SECONDS = (6.0, 10.0), 4.0
SPEEDS = 20 / 3.6, 50 / 3.6  # m/s
FIRST_FRAMES = (10, 15, 20)  # of a dream from nothing: by then the judge has seen dreamt frames alone
REAL = 4000  # true frames at most that dreams are compared with


def endurance(bench: Bench) -> dict[str, float]:
    """Frechet distance to real test frames of the last 2 s of long dreams with commands, over that of their frames 40-60."""
    last = round(bench.sizes.endurance_seconds * FPS)
    late = (last - SPAN, last) if last < 610 else (590, 610)
    starts = pick(usable(bench), bench.sizes.endurance, "to begin a long dream from")
    dreams = [begin(bench, first, number) for number, first in enumerate(starts)]
    pilots: list[Pilot] = [
        _Commands(random.Random(f"{bench.seed}-{number}"), conditions(bench.drives, first))
        for number, first in enumerate(starts)
    ]
    window = bench.judge.config.window
    films: dict[tuple[int, int], list[list[np.ndarray]]] = {span: [[] for _ in starts] for span in (EARLY, late)}

    def see(number: int, dream: Dream) -> None:
        for (begins, ends), kept in films.items():
            if begins - window < dream.index <= ends:
                assert dream.frame is not None
                kept[number].append(dream.frame.image)

    play(dreams, pilots, late[1], see)
    true = _real(bench)
    early, end = (
        frechet(np.concatenate([_features(bench, film, range(window - 1, len(film))) for film in kept]), true)
        for kept in films.values()
    )
    return {
        "ratio": end / early,
        "early": early,
        "late": end,
        "last_frame": float(late[1]),
        "dreams": float(len(starts)),
    }


class _Commands:
    """Drives by a list of commands drawn along the way."""

    def __init__(self, rng: random.Random, base: Control) -> None:
        self._rng, self._base = rng, base
        self._command, self._speed, self._left = Command.FOLLOW, CRUISE, 0
        self._motions: list[tuple[float, float]] = []

    def __call__(self, dream: Dream) -> Control:
        assert dream.frame is not None
        self._motions.append((dream.frame.motion.speed, dream.frame.motion.yaw_rate))
        if self._left <= 0:
            self._command = self._rng.choices(list(TOLD), list(TOLD.values()))[0]
            self._speed, self._motions = self._rng.uniform(*SPEEDS), []
            stop = self._command == Command.STOP
            self._left = round((STOP_SECONDS if stop else self._rng.uniform(*TELLING)) * FPS)
        self._left -= 1
        if carried_out(self._command, np.array(self._motions).reshape(-1, 2)):
            self._command = Command.FOLLOW
        return drive(dream, self._base, self._command, 0.0 if self._command == Command.STOP else self._speed)


def from_nothing(bench: Bench) -> dict[str, float]:
    """Frechet distance to real test frames of dreams that began from conditions alone, over that of as many true frames.

    Conditions and speeds are those of true frames of some test drives; all distances are to the other drives.
    """
    drives = bench.drives
    episode = (drives.age == 0).long().cumsum(0)
    enough = usable(bench) & (drives.left >= max(FIRST_FRAMES))
    starts = pick(enough & (episode % 2 == 0), bench.sizes.nothing, "to take conditions from")
    dreams, films = [], []
    for number, first in enumerate(starts):
        dream = Dream(bench.model, bench.seed + number, bench.steps)
        frame = dream.start(conditions(drives, first), speed=float(drives.motions[first, 2]))
        dreams.append(dream)
        films.append([frame.image])
    pilots: list[Pilot] = [_follow(conditions(drives, first)) for first in starts]

    def see(number: int, dream: Dream) -> None:
        assert dream.frame is not None
        films[number].append(dream.frame.image)

    play(dreams, pilots, max(FIRST_FRAMES), see)
    made = np.concatenate([_features(bench, film, FIRST_FRAMES) for film in films])
    index = (torch.tensor(starts)[:, None] + torch.tensor(FIRST_FRAMES)).flatten().numpy()
    true = bench.judge.watch(drives.images, index).features
    others = _real(bench, episode % 2 == 1)
    distance, own = frechet(made, others), frechet(true, others)
    return {"ratio": distance / own, "dream": distance, "real": own, "dreams": float(len(starts))}


def _follow(base: Control) -> Pilot:
    return lambda dream: drive(dream, base, Command.FOLLOW, CRUISE)


def _features(bench: Bench, film: list[np.ndarray], frames: Any) -> np.ndarray:
    """Features [N, D] of the frames numbered `frames` of a film."""
    return bench.judge.watch(np.stack(film), np.array(list(frames))).features


def _real(bench: Bench, where: torch.Tensor | None = None) -> np.ndarray:
    """Features of true test frames spread over all that the judge can see whole, or over those `where` holds."""
    good = bench.drives.age >= bench.judge.config.window - 1
    index = pick(good if where is None else good & where, REAL, "to compare dreams with")
    return bench.judge.watch(bench.drives.images, np.array(index)).features
