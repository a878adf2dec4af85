"""Does a dreamed car do what it is told? Turns, straight on at a junction, lane changes, stop and go, with the driver
at the wheel, and the same by the town's expert beside it.

Both must agree on a success: the car's own motion, which the world was given, and the judge, who saw the pictures alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from world.controls import FPS, Command, Control
from world.dream import Dream
from world.evaluate.films import Bench, Film, conditions, dreamt, drive, heading, pick, real, shift, usable

CRUISE = 8.0  # m/s
TURN_SECONDS, LANE_SECONDS, PEDAL_SECONDS = 15.0, 9.0, 6.0
TURNED = math.radians(70)  # at which the command ends; a person's plan does the same
AFTER = 2 * FPS  # frames more, to see where it ends up
TURN = math.radians(60), math.radians(120)
BENT = math.radians(30)  # a car that goes straight on has not turned by more
LANE = 2.4, 4.6  # m
LANE_ROOM = 25.0  # m to the next junction, at least, where a dreamed lane change begins
LANE_SEEN = 1.2  # m, of a lane change that the judge's own speeds and yaw rates make, with their errors summed up
CROOKED = math.radians(15)  # a lane change ends along the road
STANDING, GOING = 1.0, 2.0  # m/s
INSIDE, BEHIND = 3, 5  # frames inside the junction, and after it, that make it a junction passed
ENDING = FPS  # frames: on the road at the end means most of these


@dataclass(frozen=True, slots=True)
class Manoeuvre:
    """`starts`: where one may begin (a mask); `told`: where the town's expert is told to do it; `done`: was it done?"""

    command: Command
    seconds: float
    starts: Callable[[Bench], Tensor]
    told: Callable[[Bench], Tensor]
    done: Callable[[Film], bool]
    speed: float = CRUISE


def turned(film: Film, side: int) -> bool:
    """60 to 120 degrees to the `side` (1 left, -1 right), by the motion and by the judge, and on the road at the end."""
    low, high = TURN
    ends = [side * float(heading(rate)[-1]) for rate in (film.yaw_rate, film.sight.yaw_rate)]
    return all(low <= end <= high for end in ends) and on_road(film)


def crossed(film: Film) -> bool:
    """The judge saw a junction, entered and left, with no turn in it; and the car is on the road behind it."""
    inside = film.sight.junction
    for leave in range(INSIDE, len(film) - BEHIND + 1):
        if inside[leave - INSIDE : leave].all() and not inside[leave : leave + BEHIND].any():
            ends = [heading(rate)[leave + BEHIND - 1] for rate in (film.yaw_rate, film.sight.yaw_rate)]
            return all(abs(end) < BENT for end in ends) and not film.sight.off_road[leave : leave + BEHIND].all()
    return False


def changed_lane(film: Film, side: int) -> bool:
    """2.4 to 4.6 m to the `side`, along the road and on it at the end; at least 1.2 m by what the judge saw.

    The judge's yaw rates are taken about their mean, for a small bias of theirs, summed up twice, would look like a shift.
    """
    own, sight = side * shift(film.speed, film.yaw_rate), film.sight
    seen = side * shift(sight.speed, sight.yaw_rate - sight.yaw_rate.mean())
    straight = abs(float(heading(film.yaw_rate)[-1])) < CROOKED
    return LANE[0] <= own <= LANE[1] and seen >= LANE_SEEN and straight and on_road(film)


def stopped(film: Film) -> bool:
    """Below 1 m/s, the car and what the judge sees, in the same frame."""
    return bool(((film.speed < STANDING) & (film.sight.speed < STANDING)).any())


def went(film: Film) -> bool:
    """Above 2 m/s, the car and what the judge sees, in the same frame."""
    return bool(((film.speed > GOING) & (film.sight.speed > GOING)).any())


def on_road(film: Film) -> bool:
    return bool(film.sight.off_road[-ENDING:].mean() < 0.5)


def manoeuvres(bench: Bench) -> dict[str, dict[str, Any]]:
    """Rates of success: `dream`, and `town` for the expert under the same judge, with how many of each."""
    return {name: measure(bench, manoeuvre) for name, manoeuvre in MANOEUVRES.items()}


def measure(bench: Bench, manoeuvre: Manoeuvre) -> dict[str, Any]:
    name = manoeuvre.command.name.lower()
    here = manoeuvre.starts(bench)
    starts = pick(here, bench.sizes.manoeuvres, f"to begin '{name}' from") if here.any() else []
    pilots = [_Commanded(manoeuvre, conditions(bench.drives, first)) for first in starts]
    frames = round(manoeuvre.seconds * FPS)
    films = dreamt(bench, starts, pilots, frames)
    result: dict[str, Any] = {"dream": share([manoeuvre.done(film) for film in films]), "dreams": len(films)}
    told = manoeuvre.told(bench).nonzero()[:, 0].tolist()
    drives = [film for film in (_as_told(bench, first, manoeuvre, frames) for first in told) if film is not None]
    return result | {"town": share([manoeuvre.done(film) for film in drives]), "drives": len(drives)}


def share(successes: list[bool]) -> float | None:
    """None where nothing was tried."""
    return float(np.mean(successes)) if successes else None


class _Commanded:
    """Gives the command until it is carried out, then follows the road for a while."""

    def __init__(self, manoeuvre: Manoeuvre, base: Control) -> None:
        self._manoeuvre, self._base = manoeuvre, base
        self._motions: list[tuple[float, float]] = []
        self._rest: int | None = None

    def __call__(self, dream: Dream) -> Control | None:
        assert dream.frame is not None
        if dream.index:
            self._motions.append((dream.frame.motion.speed, dream.frame.motion.yaw_rate))
        command = self._manoeuvre.command
        if self._rest is None and carried_out(command, np.array(self._motions).reshape(-1, 2)):
            self._rest = AFTER
        if self._rest is not None:
            self._rest -= 1
            if self._rest < 0:
                return None
            command = Command.FOLLOW
        speed = 0.0 if command == Command.STOP else self._manoeuvre.speed
        return drive(dream, self._base, command, speed)


def carried_out(command: Command, motions: np.ndarray) -> bool:
    """Whether the car has turned, or is in the other lane, by its own motion [T, 2] (speed, yaw rate)."""
    if not len(motions):
        return False
    side = 1 if command in (Command.LEFT, Command.LANE_LEFT) else -1
    if command in (Command.LEFT, Command.RIGHT):
        return side * float(heading(motions[:, 1])[-1]) >= TURNED
    if command in (Command.LANE_LEFT, Command.LANE_RIGHT):
        return side * shift(*motions.T) >= LANE[0]
    return False


def _as_told(bench: Bench, first: int, manoeuvre: Manoeuvre, frames: int) -> Film | None:
    """What the expert did after it was told at the frame `first`, as long as a dream would have had; None where the drive
    ended before."""
    drives = bench.drives
    motions = drives.motions[first + 1 : first + 1 + min(frames, int(drives.left[first])), 2:].numpy()
    for count in range(1, len(motions) + 1):
        if carried_out(manoeuvre.command, motions[:count]):
            frames = min(frames, count + AFTER)
            break
    return real(bench, first, frames) if int(drives.left[first]) >= frames else None


def _anywhere(bench: Bench) -> Tensor:
    """On the way, with no junction at hand."""
    clear = bench.drives.column("label.junction_distance") > 12
    return usable(bench, 4.0) & clear & (bench.drives.column("control.command") == Command.FOLLOW)


def _begins(bench: Bench, command: Command) -> Tensor:
    """Where the town's expert is first told a command."""
    drives = bench.drives
    now = drives.column("control.command") == command
    experts = torch.tensor(["(expert)" in task for task in drives.dataset.tasks])
    expert = experts[drives.column("task_index")]
    return now & ~now.roll(1, 0) & (drives.age >= bench.judge.config.window) & expert


def _straight_road(bench: Bench, lanes: str) -> Tensor:
    """Where the town's labels have a lane on that side, no junction is near, and the road does not bend for 3 s."""
    drives, column = bench.drives, bench.drives.column
    heading_of = column("pose")[:, 2]
    bend = torch.remainder(heading_of.roll(-3 * FPS, 0) - heading_of + math.pi, 2 * math.pi) - math.pi
    room = (column(lanes) > 0) & (column("label.junction_distance") > LANE_ROOM)
    return usable(bench) & room & (drives.left >= 3 * FPS) & (bend.abs() < 0.1)


def _begins_to_change(bench: Bench, command: Command) -> Tensor:
    """Where the town begins this lane change, with time to see its end."""
    drives = bench.drives
    now = drives.column("control.command") == command
    begins = now & ~now.roll(1, 0) & (drives.motions[:, 2] > 3) & (drives.age >= bench.judge.config.window)
    return begins & (drives.left >= 5 * FPS) & (drives.column("label.off_road") == 0)


def _off_again(bench: Bench) -> Tensor:
    """Standing, with the town's driver about to set off."""
    drives = bench.drives
    speed = drives.motions[:, 2]
    soon = (drives.left >= 2 * FPS) & (speed.roll(-2 * FPS, 0) > GOING)
    return (drives.age >= bench.judge.config.window) & (speed < 0.3) & (speed.roll(-3, 0) > 0.3) & soon


def _turn(command: Command, done: Callable[[Film], bool]) -> Manoeuvre:
    return Manoeuvre(command, TURN_SECONDS, _anywhere, lambda bench: _begins(bench, command), done)


def _lane(command: Command, side: int, lanes: str) -> Manoeuvre:
    return Manoeuvre(
        command,
        LANE_SECONDS,
        lambda bench: _straight_road(bench, lanes),
        lambda bench: _begins_to_change(bench, command),
        lambda film: changed_lane(film, side),
    )


MANOEUVRES: dict[str, Manoeuvre] = {
    "left": _turn(Command.LEFT, lambda film: turned(film, 1)),
    "right": _turn(Command.RIGHT, lambda film: turned(film, -1)),
    "straight": _turn(Command.STRAIGHT, crossed),
    "lane_left": _lane(Command.LANE_LEFT, 1, "label.lanes_left"),
    "lane_right": _lane(Command.LANE_RIGHT, -1, "label.lanes_right"),
    "stop": Manoeuvre(
        Command.STOP, PEDAL_SECONDS, lambda b: usable(b, 4.0), lambda b: _begins(b, Command.STOP), stopped, 0.0
    ),
    "go": Manoeuvre(Command.FOLLOW, PEDAL_SECONDS, _off_again, _off_again, went),
}
