"""Drives for training the driver: in training towns and dreamt places under the true step, every state labelled by the
expert.

In half of the drives learnt traffic moves the others. DAgger (Ross, Gordon, Bagnell 2011, arXiv 1011.0686): from the
second round on the learner itself drives, so that it learns to recover from its own mistakes; the controls are
disturbed at times.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from world.controls import DT, FPS, SIDED_EVENTS, Command, Control, Event, Side, TimeOfDay, Weather
from world.dynamics import expert
from world.dynamics.driver import act
from world.dynamics.observe import CROSSER, CROSSERS, OWN, USER, USERS
from world.dynamics.policy import Policy
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.traffic import load_traffic
from world.dynamics.vector import observed
from world.errors import DataError
from world.places import find_place
from world.scene.places import towns

QUIET = 0.35  # share of states kept where expert and base agree
COMMANDS = (Command.STRAIGHT, Command.LEFT, Command.RIGHT, Command.LANE_LEFT, Command.LANE_RIGHT, Command.STOP)
COMMAND_SHARES = (0.14, 0.14, 0.14, 0.06, 0.06, 0.05)  # else FOLLOW
EVENTFUL = 0.4  # share of drives with events
DREAMT = tuple(f"dreamt:{seed}" for seed in range(2000, 2012))  # places for training; evaluation has others
IN_DREAMT, BY_MODEL = 0.5, 0.5  # shares of drives in dreamt places, and with learnt traffic
CRUISE = 9.0  # m/s


@dataclass(frozen=True, slots=True)
class DriverSamples:
    """N labelled states. own: float16 [N, OWN]; users: [N, USERS, USER]; crossers: [N, CROSSERS, CROSSER].

    counts: int64 [N, 2], of users and crossers; labels: float32 [N, 2], the expert's steer and accel.
    """

    own: np.ndarray
    users: np.ndarray
    crossers: np.ndarray
    counts: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.own)

    def save(self, path: Path) -> None:
        """Writes a file, aside first and then renamed, so that it is whole."""
        aside = path.with_suffix(".new.npz")
        np.savez(aside, **{name: getattr(self, name) for name in self.__slots__})
        aside.rename(path)

    @classmethod
    def load(cls, path: Path) -> DriverSamples:
        """Reads a file. DataError where it is damaged or of other shapes."""
        try:
            with np.load(path) as file:
                samples = cls(**{name: file[name] for name in cls.__slots__})
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path} holds no drives ({error}); delete it to have them driven again.") from error
        if samples.own.shape[1:] != (OWN,) or samples.users.shape[1:] != (USERS, USER):
            raise DataError(f"{path} is of another version; delete its folder to begin anew.")
        return samples

    @classmethod
    def concatenate(cls, parts: Iterable[DriverSamples]) -> DriverSamples:
        """All samples of the parts, in order."""
        parts = list(parts)
        return cls(*(np.concatenate([getattr(one, name) for one in parts]) for name in cls.__slots__))


def drives(seeds: Iterable[int], seconds: float, policy: Policy | None, workers: int = 1) -> DriverSamples:
    """One drive per seed, in their order whatever the number of processes. policy: the driver; None: the expert."""
    jobs = [(seed, seconds, policy) for seed in seeds]
    if workers < 2:
        return DriverSamples.concatenate(map(_drive, jobs))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return DriverSamples.concatenate(pool.map(_drive, jobs, chunksize=4))


class ControlSchedule:
    """A drive's commands, target speed, events and weather over time, with disturbances of its controls, drawn by
    `rng`.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.eventful = rng.random() < EVENTFUL
        self.control, self.target, self.until = Control(), CRUISE, 0.0
        self.event_until, self.disturbance_end = 0.0, 0.0
        self.push = (0.0, 0.0)
        self.shaky = rng.random() < 0.5
        self.weather, self.time = int(rng.integers(len(Weather))), int(rng.integers(len(TimeOfDay)))

    def at(self, seconds: float) -> Control:
        """The control at a time, without steer and accel. Call once per tick, with rising times."""
        rng = self.rng
        if seconds >= self.until:
            pick, command = rng.random(), Command.FOLLOW
            for one, share in zip(COMMANDS, COMMAND_SHARES, strict=True):
                pick -= share
                if pick < 0:
                    command = one
                    break
            self.target = CRUISE if rng.random() < 0.5 else float(rng.uniform(3.0, 16.0))
            if command == Command.STOP:
                self.target = 0.0
            self.until = seconds + (rng.uniform(2.0, 6.0) if command == Command.STOP else rng.uniform(6.0, 25.0))
            self.control = Control(command=command, weather=self.weather, time=self.time)
        if self.eventful and seconds >= self.event_until:
            event = Event(int(rng.integers(1, len(Event)))) if rng.random() < 0.7 else Event.NONE
            side = Side(int(rng.integers(1, 3))) if event in SIDED_EVENTS else Side.NONE
            level = int(rng.integers(1, 4)) if event != Event.NONE else 0
            self.event = (event, side, level)
            self.event_until = seconds + rng.uniform(5.0, 12.0)
        if self.eventful:
            event, side, level = self.event
            return self.control.with_(event=event, side=side, level=level)
        return self.control

    def disturb(self, seconds: float, steer: float, accel: float) -> tuple[float, float]:
        """Steer and accel with the current disturbance, if any, within [-1, 1]."""
        rng = self.rng
        if self.shaky and seconds >= self.disturbance_end and rng.random() < 0.012:
            self.push = (float(rng.normal(0.0, 0.12)), float(rng.normal(0.1, 0.5)))
            self.disturbance_end = seconds + rng.uniform(0.3, 1.2)
        if seconds < self.disturbance_end:
            steer, accel = steer + self.push[0], accel + self.push[1]
        return max(-1.0, min(1.0, steer)), max(-1.0, min(1.0, accel))


def _drive(job: tuple[int, float, Policy | None]) -> DriverSamples:
    seed, seconds, policy = job
    rng = np.random.default_rng(seed)
    names = DREAMT if rng.random() < IN_DREAMT else towns()["train"]
    traffic = load_traffic() if rng.random() < BY_MODEL else None
    schedule = ControlSchedule(rng)
    state = start(
        find_place(names[int(rng.integers(len(names)))]),
        seed,
        speed=float(rng.choice([0.0, 7.0, 10.0])),
        density=float(rng.choice([0.5, 1.0, 1.0, 1.5])),
    )
    rows: list[tuple[np.ndarray, ...]] = []
    for tick in range(int(seconds * FPS)):
        if state.ego["lane"][0] < 0 or state.ego["contact"][0] >= 0:
            break
        now = tick * DT
        control = schedule.at(now)
        label = expert.drive(state, control.command, schedule.target)
        observation = observed(state, control.command, schedule.target)
        base = observation[0][-1]
        if abs(label[1] - base) > 0.05 or rng.random() < QUIET:
            rows.append((*observation, np.array(label, np.float32)))
        steer, accel = label if policy is None else act(policy, state, control.command, schedule.target)
        steer, accel = schedule.disturb(now, steer, accel)
        state = step(state, [control.with_(steer=steer, accel=accel)], traffic)
    if not rows:
        return DriverSamples(
            np.zeros((0, OWN), np.float16), np.zeros((0, USERS, USER), np.float16),
            np.zeros((0, CROSSERS, CROSSER), np.float16), np.zeros((0, 2), np.int64), np.zeros((0, 2), np.float32),
        )  # fmt: skip
    own, users, crossers, counts, labels = (np.stack(part) for part in zip(*rows, strict=True))
    return DriverSamples(own.astype(np.float16), users.astype(np.float16), crossers.astype(np.float16), counts, labels)
