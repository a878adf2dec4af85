"""Does the dream obey: steering and speed, weather and time, events, and a future that forks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from world.controls import FPS, SIDED_EVENTS, Command, Control, Event, Side, TimeOfDay, Weather
from world.dream import Dream
from world.evaluate.films import (
    Bench,
    Film,
    Pilot,
    begin,
    conditions,
    dreamt,
    drive,
    pick,
    play,
    real,
    usable,
)
from world.evaluate.manoeuvres import CRUISE, share
from world.kinematics import steer_for
from world.train.judge import correlation

STEERING_FRAMES = 60
CONDITION_SECONDS, EVENT_SECONDS = 3.0, 4.0
NOTICED = 3  # frames in which an actor must be seen: one odd frame is no sight
LEVEL = 2  # of an event, the ordinary one
APART_SECONDS = 1.0
BRAKE, ON = -1.0, 0.3  # pedals of the two futures
APART, APART_SEEN = 2.0, 1.0  # m/s by which their speeds part, by the motion and by the judge


def steering(bench: Bench) -> dict[str, float]:
    """Correlation of what the judge sees with what was commanded, over dreams with smooth random driving."""
    generator = np.random.default_rng(bench.seed)
    starts = pick(usable(bench), bench.sizes.steering, "to steer from")
    pilots = [_wander(generator, conditions(bench.drives, first)) for first in starts]
    films = dreamt(bench, starts, pilots, STEERING_FRAMES)
    skip = bench.judge.config.window  # until the judge sees dreamt frames alone

    def joined(part: Any) -> np.ndarray:
        return np.concatenate([part(film)[skip:] for film in films])

    return {
        "yaw_rate_correlation": correlation(joined(lambda f: f.yaw_rate), joined(lambda f: f.sight.yaw_rate)),
        "speed_correlation": correlation(joined(lambda f: f.speed), joined(lambda f: f.sight.speed)),
        "frames": float(len(films) * (STEERING_FRAMES - skip)),
    }


def _wander(generator: np.random.Generator, base: Control) -> Pilot:
    """Smooth random steering and pedals."""
    turn, pedal = _smooth(generator, STEERING_FRAMES, 0.3), _smooth(generator, STEERING_FRAMES, 0.4)

    def told(dream: Dream) -> Control:
        assert dream.frame is not None
        steer = steer_for(float(turn[dream.index]), max(1.0, dream.frame.motion.speed))
        return base.with_(steer=steer, accel=float(pedal[dream.index]))

    return told


def _smooth(generator: np.random.Generator, frames: int, size: float) -> np.ndarray:
    """A smooth random signal of the given standard deviation (a first-order process with a 1 s memory)."""
    out, value, keep = np.empty(frames), generator.normal() * size, np.exp(-1 / FPS)
    for frame in range(frames):
        value = keep * value + size * np.sqrt(1 - keep**2) * generator.normal()
        out[frame] = value
    return out.clip(-0.8, 0.8)


def weather_and_time(bench: Bench) -> dict[str, dict[str, Any]]:
    """How often the judge names a weather, or a time, 3 s after it was asked for where it was another one.

    `unasked`: how often it names it in the true frame that the dream began with.
    """
    fields, good = bench.drives.fields, usable(bench)
    result = {}
    for number, state in enumerate((*Weather, *TimeOfDay)):
        column, name = (1, "weather") if isinstance(state, Weather) else (2, "time")
        count = bench.sizes.conditions
        what = f"to ask for {state.name.lower()} in"
        here = good & (fields[:, column] != state)
        starts = pick(here, count, what, number / 14) if here.any() else []
        pilots = [_cruise(conditions(bench.drives, first), **{name: int(state)}) for first in starts]
        films = dreamt(bench, starts, pilots, round(CONDITION_SECONDS * FPS))
        before = bench.judge.watch(bench.drives.images, np.array(starts))
        result[state.name.lower()] = {
            "dream": share([bool(getattr(film.sight, name)[-1] == state) for film in films]),
            "unasked": share((getattr(before, name) == state).tolist()),
            "dreams": len(films),
        }
    return result


def _cruise(base: Control, **changes: int) -> Pilot:
    """Follows the road with something changed."""
    return lambda dream: drive(dream, base.with_(**changes), Command.FOLLOW, CRUISE)


def events(bench: Bench) -> dict[str, dict[str, Any]]:
    """How often the judge sees the actor asked for, on the side asked for, within 4 s.

    Beside it `town`: likewise in the town after each true onset, and `unasked`: in dreams from the same starts that were
    asked for nothing. Dreams go on from where the town could begin this event, as far as there are such frames.
    """
    drives, frames = bench.drives, round(EVENT_SECONDS * FPS)
    onset = (drives.column("event.onset") > 0) & (drives.age >= bench.judge.config.window)
    kind, side = drives.column("control.event"), drives.column("control.side")
    result: dict[str, dict[str, Any]] = {}
    for event, where in _cases():
        name = event.name.lower() + (f" {where.name.lower()}" if where else "")
        here = onset & (kind == event) & (drives.motions[:, 2] > 1)
        here = here & (side == where) if where else here
        truly = here & (drives.left >= frames)
        count = bench.sizes.events
        starts = pick(here, count, "") if here.any() else []
        if len(starts) < count:
            starts += pick(usable(bench), count - len(starts), f"to ask for {name} in")
        asked = {"event": int(event), "side": int(where), "level": LEVEL}
        rates = []
        for wish in (asked, {}):
            pilots = [_cruise(conditions(drives, first), **wish) for first in starts]
            films = dreamt(bench, starts, pilots, frames)
            rates.append(share([noticed(film, event, where) for film in films]))
        town = [noticed(real(bench, first, frames), event, where) for first in truly.nonzero()[:, 0].tolist()]
        result[name] = {
            "dream": rates[0],
            "town": share(town),
            "unasked": rates[1],
            "dreams": len(starts),
            "onsets": len(town),
        }
    return result


def _cases() -> Iterator[tuple[Event, Side]]:
    for event in list(Event)[1:]:
        for side in (Side.LEFT, Side.RIGHT) if event in SIDED_EVENTS else (Side.NONE,):
            yield event, side


def noticed(film: Film, event: Event, side: Side) -> bool:
    """The judge saw this event, from this side where it has one, in at least 3 frames."""
    seen = film.sight.event == event
    if side != Side.NONE:
        seen = seen & (film.sight.side == side)
    return bool(seen.sum() >= NOTICED)


def counterfactual(bench: Bench) -> dict[str, float]:
    """Share of dreams that fork into braking and going on such that the speeds part within 1 s, by the motion and by the
    judge; and of those whose pictures up to the fork are the same to the pixel, in both branches and when dreamt again.
    """
    starts = pick(usable(bench, 5.0), bench.sizes.forks, "to fork a dream from")
    ahead, frames = bench.judge.config.window, round(APART_SECONDS * FPS)
    bases = [conditions(bench.drives, first) for first in starts]

    def past() -> tuple[list[Dream], list[list[np.ndarray]]]:
        dreams = [begin(bench, first, number) for number, first in enumerate(starts)]
        pictures: list[list[np.ndarray]] = [[] for _ in starts]
        play(dreams, [_cruise(base) for base in bases], ahead, lambda n, dream: pictures[n].append(_image(dream)))
        return dreams, pictures

    dreams, pictures = past()
    forks = [dream.fork() for dream in dreams]
    same = [np.array_equal(_image(one), _image(other)) for one, other in zip(dreams, forks, strict=True)]
    again = past()[1]
    same = [fine and all(map(np.array_equal, *two)) for fine, *two in zip(same, pictures, again, strict=True)]
    ends = []
    for branch, pedal in ((dreams, BRAKE), (forks, ON)):
        films = [list(past) for past in pictures]
        pilots: list[Pilot] = [_pedal(base, pedal) for base in bases]
        play(branch, pilots, frames, lambda n, dream, films=films: films[n].append(_image(dream)))  # type: ignore[misc]
        judged = [float(bench.judge.watch(np.stack(film), np.array([len(film) - 1])).speed[0]) for film in films]
        ends.append((np.array(judged), np.array([dream.frame.motion.speed for dream in branch if dream.frame])))
    (judged_brake, own_brake), (judged_on, own_on) = ends
    apart = (judged_on - judged_brake >= APART_SEEN) & (own_on - own_brake >= APART)
    return {
        "apart": float(apart.mean()),
        "same_before": float(np.mean(same)),
        "judged_gap": float((judged_on - judged_brake).mean()),
        "gap": float((own_on - own_brake).mean()),
        "dreams": float(len(starts)),
    }


def _pedal(base: Control, accel: float) -> Pilot:
    return lambda dream: drive(dream, base, Command.FOLLOW, CRUISE).with_(accel=accel)


def _image(dream: Dream) -> np.ndarray:
    assert dream.frame is not None
    return dream.frame.image
