"""Decides when a running step is done, from the frames of a dream; arithmetic without models.

Speed is that of `motion`, the car's own. Junctions, lanes and events come from the readout: exact in a scene, estimates in a latent
world, whose picture must also roughly agree that the car stands.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from brain.plan import Step
from world.controls import DT, FPS, TRANSITION_SECONDS
from world.frame import Frame

TURNED = math.radians(70)  # yaw that makes a turn, once the wheel is straight again
ROUND = math.radians(85)  # yaw that makes a turn in any case
TURN_WINDOW = 10.0  # s that yaw is summed over, so that an estimate's bias and gentle bends never add up to a turn
STRAIGHT = 0.12  # rad/s: below this the wheel is straight again
INSIDE, BEHIND = 3.0, 8.0  # m to the next junction: entered below the first, left beyond the second
REACHED = 8.0  # m: "at the junction"
LANE_JUMP, LANE_SHIFT, LANE_CENTRED = 1.5, 2.5, 0.9  # m
STANDING, SEEN_STANDING = 0.5, 1.5  # m/s, of the car and of the picture
MOVING = 1.5  # m/s
SPEED_TOLERANCE = 2.0 / 3.6  # m/s
VISIBLE = 0.5
GONE_SECONDS = 1.0
UNSEEN_SECONDS = 8.0  # that an event may stay out of sight

TIMEOUTS = {  # seconds
    **dict.fromkeys(("left", "right", "straight"), 45.0),
    **dict.fromkeys(("lane_left", "lane_right"), 12.0),
    **dict.fromkeys(("stop", "faster", "slower", "speed"), 15.0),
    "go": 10.0,
}
EVENT_TIMEOUT = 20.0

Outcome = Literal["done", "timed_out"]


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How a step ended, and why in a phrase."""

    outcome: Outcome
    reason: str


class JunctionWatch:
    """Detects that the car reaches the next junction; one that it is in already does not count."""

    def __init__(self) -> None:
        self._outside = False

    def reached(self, frame: Frame) -> bool:
        """Takes in a frame; whether the car is within REACHED of the junction."""
        distance = frame.readout.junction_distance
        self._outside = self._outside or distance > INSIDE
        return self._outside and distance <= REACHED


class Progress:
    """A running step. target: m/s, of a speed step."""

    def __init__(self, step: Step, target: float) -> None:
        self.step = step
        self.target = target
        self.frames = 0
        self.first_speed: float | None = None  # m/s at its first frame
        self.nearest = math.inf  # least difference from the target speed, m/s
        self._yaw: deque[float] = deque(maxlen=round(TURN_WINDOW * FPS))
        self._entered = False
        self._offsets: deque[float] = deque(maxlen=5)
        self._heading = self._shift = 0.0
        self._crossed = False
        self._seen = False
        self._gone = 0

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return self.frames / FPS

    @property
    def share(self) -> float:
        """An estimate of how far it has come, 0 to 1."""
        name, whole = self.step.name, self.step.duration
        if whole is None:
            whole = TRANSITION_SECONDS if self.step.group in ("weather", "time") else TIMEOUTS.get(name, EVENT_TIMEOUT)
            if name in ("left", "right"):
                return _within(sum(self._yaw) / TURNED)
            if name == "straight":
                return 0.5 * self._entered
            if name in ("stop", "faster", "slower", "speed", "go") and self.first_speed is not None:
                target = 0.0 if name == "stop" else MOVING if name == "go" else self.target
                return _within(1 - self.nearest / max(abs(self.first_speed - target), SPEED_TOLERANCE))
        return _within(self.seconds / whole)

    def update(self, frame: Frame) -> StepOutcome | None:
        """Takes in a frame; the outcome once the step is over, else None."""
        self.frames += 1
        if self.first_speed is None:
            self.first_speed = frame.motion.speed
        goal = {"stop": 0.0, "go": MOVING}.get(self.step.name, self.target)
        self.nearest = min(self.nearest, abs(frame.motion.speed - goal))
        name, group = self.step.name, self.step.group
        if group in ("weather", "time"):
            return self._condition()
        if group == "event":
            return self._event(frame)
        if (verdict := self._drive(frame)) is not None:
            return verdict
        limit = TIMEOUTS.get(name, 0.0)
        if self.seconds >= limit:
            return StepOutcome("timed_out", f"{_missing(name)} within {limit:g} s")
        return None

    def _drive(self, frame: Frame) -> StepOutcome | None:
        motion, readout = frame.motion, frame.readout
        match self.step.name:
            case "follow":
                return StepOutcome("done", "following the road")
            case "left" | "right":
                return self._turn(frame, 1 if self.step.name == "left" else -1)
            case "straight":
                return self._straight(frame)
            case "lane_left" | "lane_right":
                return self._lane(frame, 1 if self.step.name == "lane_left" else -1)
            case "stop":
                if motion.speed < STANDING and readout.speed < SEEN_STANDING:
                    return StepOutcome("done", "standing")
            case "go":
                if motion.speed > min(MOVING, self.target):
                    return StepOutcome("done", "moving")
            case _:
                if self.step.duration is not None:
                    if self.seconds >= self.step.duration:
                        return StepOutcome("done", f"its {self.step.duration:g} s are over")
                    return None
                if abs(motion.speed - self.target) <= SPEED_TOLERANCE:
                    return StepOutcome("done", f"at {motion.speed * 3.6:.0f} km/h")
        return None

    def _turn(self, frame: Frame, side: int) -> StepOutcome | None:
        self._yaw.append(side * frame.readout.yaw_rate * DT)
        distance = frame.readout.junction_distance
        turned = sum(self._yaw)
        straight = side * frame.readout.yaw_rate < STRAIGHT
        if turned >= ROUND or (turned >= TURNED and straight and distance > INSIDE):
            return StepOutcome("done", f"turned {math.degrees(turned):.0f} degrees")
        return None

    def _straight(self, frame: Frame) -> StepOutcome | None:
        distance = frame.readout.junction_distance
        self._entered = self._entered or distance < INSIDE
        return StepOutcome("done", "through the junction") if self._entered and distance > BEHIND else None

    def _lane(self, frame: Frame, side: int) -> StepOutcome | None:
        """Detects that the offset from the lane's centre grows to the side and jumps back by a lane's width, or that the path shifts."""
        offset = side * frame.readout.lane_offset
        if self._offsets and max(self._offsets) - offset > LANE_JUMP and max(self._offsets) > 0.5:
            self._crossed = True
        self._offsets.append(offset)
        self._heading += side * frame.readout.yaw_rate * DT
        self._shift += frame.motion.speed * math.sin(self._heading) * DT
        if self._crossed and abs(offset) < LANE_CENTRED:
            return StepOutcome("done", "in the next lane")
        if self._shift > LANE_SHIFT and abs(self._heading) < 0.1:
            return StepOutcome("done", f"{self._shift:.1f} m aside")
        return None

    def _condition(self) -> StepOutcome | None:
        lasting = self.step.duration
        if lasting is not None:
            return StepOutcome("done", f"its {lasting:g} s are over") if self.seconds >= lasting else None
        return StepOutcome("done", "seen in full") if self.seconds >= TRANSITION_SECONDS else None

    def _event(self, frame: Frame) -> StepOutcome | None:
        if frame.readout.event_visible >= VISIBLE:
            self._seen, self._gone = True, 0
        else:
            self._gone += 1
        if self.step.duration is not None:
            if self.seconds < self.step.duration:
                return None
            if self._seen:
                return StepOutcome("done", f"its {self.step.duration:g} s are over")
            return StepOutcome("timed_out", f"no chance for it within its {self.step.duration:g} s")
        if self._seen and self._gone >= GONE_SECONDS * FPS:
            return StepOutcome("done", "came and went")
        if not self._seen and self.seconds >= UNSEEN_SECONDS:
            return StepOutcome("timed_out", f"no chance for it within {UNSEEN_SECONDS:g} s")
        if self.seconds >= EVENT_TIMEOUT:
            return StepOutcome("timed_out", f"still there after {EVENT_TIMEOUT:g} s")
        return None


def _within(share: float) -> float:
    return max(0.0, min(1.0, share))


def _missing(name: str) -> str:
    match name:
        case "left" | "right":
            return f"no turn to the {name}"
        case "straight":
            return "no junction passed"
        case "lane_left" | "lane_right":
            return "no other lane reached"
        case "stop":
            return "did not come to stand"
        case "go":
            return "did not move off"
    return "the speed was not reached"
