"""Pilots that drive an episode: the expert with bursts of noise, smooth random driving, key-like driving, or straying."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from world.controls import DT
from world.town.expert import Advice


@dataclass(frozen=True, slots=True)
class Situation:
    """What a pilot knows beside the expert's advice: m/s, m, s and rad."""

    speed: float
    offset: float
    off_road_seconds: float
    heading_error: float = 0.0
    clear: float = 14.0  # m that are free straight ahead


class Pilot(Protocol):
    """Chooses steer and accel of the next frame."""

    def act(self, advice: Advice, now: Situation) -> tuple[float, float]:
        """(steer, accel), each in [-1, 1], for the next frame. Call once per frame."""


class Noise:
    """An Ornstein-Uhlenbeck process with a time constant of `tau` s and a stationary deviation of `sigma`."""

    def __init__(self, rng: random.Random, tau: float, sigma: float) -> None:
        self._rng, self._keep, self._sigma, self.value = rng, math.exp(-DT / tau), sigma, 0.0

    def step(self) -> float:
        """Advances by DT and returns the new value."""
        kick = self._sigma * math.sqrt(1 - self._keep**2)
        self.value = self._keep * self.value + kick * self._rng.gauss(0, 1)
        return self.value


def _clip(value: float) -> float:
    return max(-1.0, min(1.0, value))


class ExpertPilot:
    """The expert with occasional bursts of noise."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._steer, self._accel = Noise(rng, 0.7, 0.42), Noise(rng, 0.8, 0.4)
        self._burst = 0.0

    def act(self, advice: Advice, now: Situation) -> tuple[float, float]:
        """The advice, during a burst with noise."""
        steer, accel = self._steer.step(), self._accel.step()
        self._burst -= DT
        if self._burst < -2.0 and self._rng.random() < 0.035:
            self._burst = self._rng.uniform(0.8, 2.4)
        if self._burst <= 0 or abs(now.offset) > 2.2:
            return advice.steer, advice.accel
        hold = accel if advice.accel > -0.3 else 0.0
        return _clip(advice.steer + steer * min(1.0, 5.0 / max(now.speed, 1.0))), _clip(advice.accel + hold)


class RandomPilot:
    """Smooth random steering and speed; the expert brings the car back when it strays."""

    def __init__(self, rng: random.Random) -> None:
        self._steer, self._accel = Noise(rng, 1.1, 0.5), Noise(rng, 1.8, 0.5)
        self._rescue = False

    def act(self, advice: Advice, now: Situation) -> tuple[float, float]:
        """Noise around a gentle pull to the path, or the advice until the car is back."""
        steer, accel = self._steer.step(), self._accel.step()
        self._rescue = _needs_rescue(self._rescue, now)
        if self._rescue:
            return advice.steer, min(advice.accel, 0.3 if now.speed < 5 else -0.1)
        wish = 0.35 * advice.steer + steer * min(1.0, 6.0 / max(now.speed, 1.0))
        push = accel + 0.25 + (0.5 if now.speed < 6.0 else 0.0) - (0.5 if now.speed > 13 else 0.0)
        if advice.accel < -0.25:
            push = min(push, advice.accel)
        return _clip(wish), _clip(push)


class KeyPilot:
    """Key-like driving: full or no steer and accel for 0.3 to 1.5 s; the expert corrects in between."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._remaining, self._phase = 0.0, "expert"
        self._steer, self._accel = 0.0, 0.0
        self._rescue = False

    def act(self, advice: Advice, now: Situation) -> tuple[float, float]:
        """The held keys, or the advice; braking advice is always followed."""
        self._remaining -= DT
        self._rescue = _needs_rescue(self._rescue, now)
        if self._remaining <= 0:
            self._next(now.speed)
        if self._rescue or self._phase == "expert":
            return advice.steer, advice.accel
        accel = min(self._accel, advice.accel) if advice.accel < -0.25 else self._accel
        return self._steer, accel

    def _next(self, speed: float) -> None:
        rng = self._rng
        if self._phase == "expert":
            self._phase, self._remaining = "keys", rng.uniform(0.3, 1.5)
            full = 1.0 if rng.random() < 0.5 else rng.uniform(0.2, 0.9)
            self._steer = rng.choice((-full, full, -full, full, 0.0))
            self._accel = rng.choice((1.0, 1.0, 1.0, 0.0, 0.0, -1.0)) if speed > 4 else rng.choice((1.0, 1.0, 0.0))
            if self._steer and speed > 6:
                self._remaining = min(self._remaining, rng.uniform(0.3, 0.9))
        elif self._phase == "keys" and rng.random() < 0.4:
            self._remaining, self._steer, self._accel = rng.uniform(0.3, 0.8), 0.0, 0.0
            self._phase = "released"
        elif self._phase == "keys" and self._steer and rng.random() < 0.5:  # steer back with the other key
            self._remaining, self._steer = rng.uniform(0.3, 0.8), -self._steer
            self._phase = "released"
        else:
            self._phase, self._remaining = "expert", rng.uniform(0.6, 2.4)


class StrayPilot:
    """Leaves the lane and the road on purpose, by a random side and distance, and lets the expert come back."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._phase, self._remaining = "expert", rng.uniform(1.0, 4.0)
        self._wobble = Noise(rng, 0.8, 0.12)
        self._side, self._angle, self._far, self._fast = 1.0, 0.0, 0.0, 0.0

    def act(self, advice: Advice, now: Situation) -> tuple[float, float]:
        """Steers off the lane for a while, else the advice."""
        self._remaining -= DT
        wobble = self._wobble.step()
        blocked = now.clear < 3.0 + 1.1 * now.speed
        if self._phase == "expert" and self._remaining <= 0 and now.speed > 2.0 and not blocked:
            self._leave()
        elif self._phase == "leave" and (self._remaining <= 0 or abs(now.offset) > self._far or blocked):
            self._phase, self._remaining = "return", 12.0
        elif self._phase == "return" and (abs(now.offset) < 0.6 or self._remaining <= 0):
            self._phase, self._remaining = "expert", self._rng.uniform(1.0, 5.0)
        if self._phase != "leave":
            return advice.steer, advice.accel
        turn = self._side * self._angle - now.heading_error
        push = 0.35 * (self._fast - now.speed)
        return _clip(1.3 * turn * min(1.0, 6.0 / max(now.speed, 1.0)) + wobble), _clip(min(push, 0.6))

    def _leave(self) -> None:
        rng = self._rng
        self._phase, self._remaining = "leave", rng.uniform(1.2, 4.0)
        self._side, self._angle = rng.choice((1.0, -1.0, -1.0)), rng.uniform(0.2, 0.8)
        self._far, self._fast = rng.uniform(1.5, 11.0), rng.uniform(4.0, 13.0)


def _needs_rescue(active: bool, now: Situation) -> bool:
    if active:
        return abs(now.offset) > 0.7
    return abs(now.offset) > 4.5 or now.off_road_seconds > 1.0


PILOTS: dict[str, Callable[[random.Random], Pilot]] = {
    "expert": ExpertPilot,
    "random": RandomPilot,
    "keys": KeyPilot,
    "stray": StrayPilot,
}
