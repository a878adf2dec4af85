"""Dreams and real drives as films that the judge has watched: what every measurement is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from world.controls import DT, FPS, TRANSITION_SECONDS, Control, Event
from world.dream import Dream, step_all
from world.errors import DataError
from world.judge import Judge, Sight
from world.model import WorldModel
from world.readout import FRAMES
from world.train.drives import Drives

TOGETHER = 16  # dreams stepped as one batch
SETTLED = int(TRANSITION_SECONDS * FPS)

Pilot = Callable[[Dream], Control | None]  # what a dream is told next; None ends it


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many dreams each measurement takes, and how long an endurance lasts (s)."""

    clips: int = 48
    steering: int = 16
    manoeuvres: int = 16
    conditions: int = 12
    events: int = 12
    endurance: int = 64
    endurance_seconds: float = 61.0
    nothing: int = 64
    forks: int = 16


QUICK = Sizes(16, 4, 3, 2, 2, 6, 10.0, 8, 4)


@dataclass(frozen=True)
class Bench:
    """What a measurement needs: the world, the judge, test drives, and how it is to be done. `steps` is K."""

    model: WorldModel
    judge: Judge
    drives: Drives
    steps: int = 2
    seed: int = 0
    sizes: Sizes = Sizes()


@dataclass(frozen=True, slots=True)
class Film:
    """T frames and what is known of them: pictures uint8 [T, H, W, 3]; the car's own speed (m/s) and yaw rate (rad/s), which
    the world was given; `sight`, what the judge sees, who was given the pictures alone.
    """

    images: np.ndarray
    speed: np.ndarray
    yaw_rate: np.ndarray
    sight: Sight

    def __len__(self) -> int:
        return len(self.images)


def heading(yaw_rate: np.ndarray) -> np.ndarray:
    """How far it has turned since the film began (rad), frame by frame."""
    return np.cumsum(yaw_rate) * DT


def shift(speed: np.ndarray, yaw_rate: np.ndarray) -> float:
    """How far (m) the car ended to the left of where it would be had it driven straight on."""
    return float(np.sum(speed * np.sin(heading(yaw_rate))) * DT)


def conditions(drives: Drives, frame: int) -> Control:
    """Weather and time of a real frame, and nothing else."""
    return Control(weather=int(drives.fields[frame, 1]), time=int(drives.fields[frame, 2]))


def begin(bench: Bench, first: int, seed: int = 0) -> Dream:
    """A dream that goes on from the true frames up to `first`."""
    drives = bench.drives
    dream = Dream(bench.model, bench.seed + seed, bench.steps)
    frames = np.asarray(drives.images[first - FRAMES + 1 : first + 1])
    dream.start(conditions(drives, first), frames=frames, speed=float(drives.motions[first, 2]))
    return dream


def play(dreams: Sequence[Dream], pilots: Sequence[Pilot], frames: int, see: Callable[[int, Dream], None]) -> None:
    """Steps dreams together, each by its pilot and for at most `frames` frames; shows every frame: `see(number, dream)`."""
    for group in range(0, len(dreams), TOGETHER):
        running = list(range(len(dreams)))[group : group + TOGETHER]
        for _ in range(frames):
            told = [(number, pilots[number](dreams[number])) for number in running]
            going = [(number, control) for number, control in told if control is not None]
            if not going:
                break
            running = [number for number, _ in going]
            step_all([dreams[number] for number in running], [control for _, control in going])
            for number in running:
                see(number, dreams[number])


def dreamt(bench: Bench, starts: Sequence[int], pilots: Sequence[Pilot], frames: int) -> list[Film]:
    """Films of the dreamt frames alone; the judge also saw the true ones from which each dream went on."""
    dreams = [begin(bench, first, number) for number, first in enumerate(starts)]
    pictures: list[list[np.ndarray]] = [[] for _ in starts]
    motions: list[list[tuple[float, float]]] = [[] for _ in starts]

    def see(number: int, dream: Dream) -> None:
        assert dream.frame is not None
        pictures[number].append(dream.frame.image)
        motions[number].append((dream.frame.motion.speed, dream.frame.motion.yaw_rate))

    play(dreams, pilots, frames, see)
    before = bench.judge.config.window
    return [
        _film(bench.judge, bench.drives.images[first - before + 1 : first + 1], np.array(made), np.array(motion))
        for first, made, motion in zip(starts, pictures, motions, strict=True)
        if made
    ]


def real(bench: Bench, first: int, frames: int) -> Film:
    """The same of what truly came after the frame `first`, up to the end of its drive."""
    drives, before = bench.drives, bench.judge.config.window
    last = first + min(frames, int(drives.left[first]))
    made, motion = drives.images[first + 1 : last + 1], drives.motions[first + 1 : last + 1, 2:].numpy()
    return _film(bench.judge, drives.images[first - before + 1 : first + 1], made, motion)


def _film(judge: Judge, before: np.ndarray, images: np.ndarray, motion: np.ndarray) -> Film:
    images = np.asarray(images)
    whole = np.concatenate([np.asarray(before), images])
    sight = judge.watch(whole, np.arange(len(before), len(whole)))
    return Film(images, motion[:, 0], motion[:, 1], sight)


def usable(bench: Bench, slowest: float = 3.0) -> Tensor:
    """bool [T]: real frames that a dream may go on from: moving, on the road, well settled, nothing going on."""
    drives, column = bench.drives, bench.drives.column
    enough = max(SETTLED, bench.judge.config.window)
    good = (drives.age >= enough) & (drives.motions[:, 2] > slowest) & (column("label.off_road") == 0)
    good &= (column("label.collision") == 0) & (column("control.event") == Event.NONE)
    return good & (drives.fields[:, 1:3] == drives.fields.roll(SETTLED, 0)[:, 1:3]).all(1)


def pick(mask: Tensor, count: int, what: str, turn: float = 0.0) -> list[int]:
    """Up to `count` of the frames in `mask`, spread evenly over them; DataError where there is none.

    `turn` in [0, 1) moves the choice on, for others of the same kind.
    """
    index = mask.nonzero()[:, 0]
    if not len(index):
        raise DataError(f"The dataset has no frame {what}; collect more.")
    count = min(count, len(index))
    places = (torch.arange(count) + turn) * (len(index) / count)
    return index[places.long()].tolist()


def drive(dream: Dream, base: Control, command: int, speed: float) -> Control:
    """`base` with the driver at the wheel: its steer and pedals for a command and a target speed (m/s)."""
    action = dream.drive(command, speed)
    return base.with_(command=int(command), steer=action.steer, accel=action.accel)
