"""What is *visible* in dreams: the judge (`world.judge`) watches drives through test towns, rendered in any way.

Every measurement takes a `Draw`, so that painted, plain and traced pictures of the same drives are compared; beside
them is the judge's accuracy on path-traced films (`own_accuracy`). `seed` determines everything; results are plain
dicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import FPS, SIDED_EVENTS, Command, Control, Event, Side, TimeOfDay, Weather
from world.dynamics.traffic import Traffic
from world.evaluate.frechet import frechet
from world.evaluate.scene_drives import CRUISE, on
from world.judge import AGES, EVENT_SECONDS, GAP, KINDS, MANOEUVRES, SIDES, Judge, JudgeOutput
from world.metrics import correlation
from world.places import find_place
from world.render.camera import Rig
from world.render.renderer import Renderer
from world.scene.places import towns
from world.scene.state import Place, SceneState
from world.telling import Report
from world.town.moments import UNKNOWN, WINDOW, begin, manoeuvre, truth_of
from world.train.judge import Films, accuracy

Draw = Callable[[SceneState], np.ndarray]  # the picture uint8 [H, W, 3] of one drive
CHANGE_SECONDS = 3.0  # from a change of weather or hour to the judged picture
ONSET_SECONDS = 8.0  # within which an event has to begin
MANOEUVRE_SECONDS = 40.0
BEFORE = 2.0  # s of driving before a command or event
LOOKS = 12  # films of a manoeuvre at most
MANOEUVRE_NAMES = ("go", *(one.name.lower() for one in MANOEUVRES if one != Command.FOLLOW))


@dataclass(frozen=True, slots=True)
class JudgeSizes:
    """Cases per weather, hour, event (half from either side) and manoeuvre; drives of `seconds` for speed and yaw rate."""

    weathers: int = 20
    hours: int = 20
    events: int = 20
    manoeuvres: int = 20
    drives: int = 20
    seconds: float = 20.0


QUICK = JudgeSizes(3, 3, 4, 3, 3, 8.0)


def drawing(renderer: Renderer, rig: Rig | None = None) -> Draw:
    """The pictures of a renderer, painted or plain; rig: default 144x256."""
    return lambda state: renderer.draw(state, rig or Rig())


def judge_drives(
    judge: Judge,
    draw: Draw,
    films: Path | None = None,
    sizes: JudgeSizes | None = None,
    seed: int = 0,
    tell: Report | None = None,
) -> dict[str, Any]:
    """All measurements of one way of rendering.

    films: path-traced, of test towns, for `own` and `frechet`, omitted without them.
    """
    sizes, say = sizes or JudgeSizes(), tell or (lambda fraction, text: None)
    results: dict[str, Any] = {}
    parts: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("weathers", lambda: weathers(judge, draw, sizes.weathers, seed)),
        ("hours", lambda: hours(judge, draw, sizes.hours, seed)),
        ("events", lambda: events(judge, draw, sizes.events, seed)),
        ("manoeuvres", lambda: manoeuvres(judge, draw, sizes.manoeuvres, seed)),
        ("motion", lambda: motion(judge, draw, sizes.drives, sizes.seconds, seed)),
    ]
    if films is not None:
        parts += [
            ("own", lambda: own_accuracy(judge, films)),
            ("frechet", lambda: frechet(judge, draw, films, seed)),
        ]
    for number, (name, measure) in enumerate(parts):
        say(number / len(parts), name)
        results[name] = measure()
    return results


def own_accuracy(judge: Judge, films: Path) -> dict[str, Any]:
    """The judge's accuracy on path-traced films of test towns (world.train.judge.accuracy)."""
    return accuracy(judge, Films.load([films]))


def weathers(judge: Judge, draw: Draw, cases: int, seed: int) -> dict[str, Any]:
    """By weather, 3 s after the change: `share` recognised, share whose `kind` is (clear, rain, snow, fog), number of
    `cases`.
    """
    out: dict[str, Any] = {}
    for weather in Weather:
        films = []
        for number in range(cases):
            random = np.random.default_rng([seed, int(weather), number])
            first = int(random.choice([one for one in Weather if one != weather]))
            hour = int(random.integers(len(TimeOfDay)))
            before = Control(weather=first, time=hour)
            films.append(_changed_conditions(draw, before, before.with_(weather=int(weather)), number, random))
        sight = judge.watch(films)
        right, kind = sight.weather.argmax(1) == int(weather), sight.kind() == KINDS[weather]
        out[weather.name.lower()] = {"share": float(right.mean()), "kind": float(kind.mean()), "cases": cases}
    return out


def hours(judge: Judge, draw: Draw, cases: int, seed: int) -> dict[str, Any]:
    """By time of day, 3 s after the change, in all weathers: `share` recognised, number of `cases`."""
    out: dict[str, Any] = {}
    for hour in TimeOfDay:
        films = []
        for number in range(cases):
            random = np.random.default_rng([seed, 20 + int(hour), number])
            first = int(random.choice([one for one in TimeOfDay if one != hour]))
            before = Control(weather=number % len(Weather), time=first)
            films.append(_changed_conditions(draw, before, before.with_(time=int(hour)), number, random))
        right = judge.watch(films).time.argmax(1) == int(hour)
        out[hour.name.lower()] = {"share": float(right.mean()), "cases": cases}
    return out


def _changed_conditions(
    draw: Draw, before: Control, after: Control, number: int, random: np.random.Generator
) -> np.ndarray:
    """The film that ends 3 s after a change of conditions, in some drive."""
    states = [begin(TOWNS.place(number), before, Command.FOLLOW, random)]
    for control, seconds in ((before, BEFORE), (after, CHANGE_SECONDS)):
        for _ in range(int(seconds * FPS)):
            states.append(on(states[-1], control))
    return _films(draw, states, [len(states) - 1])[0]


@dataclass(frozen=True, slots=True)
class TestSetting:
    """Where drives are judged: places by name (none: the test towns), and the traffic there (None: rules)."""

    names: Sequence[str] = ()
    traffic: Traffic | None = None

    def place(self, number: int) -> Place:
        """The place of a number; the places take turns."""
        names = self.names or towns()["test"]
        return find_place(names[number % len(names)])


TOWNS = TestSetting()


def events(judge: Judge, draw: Draw, cases: int, seed: int, where: TestSetting = TOWNS) -> dict[str, Any]:
    """By event: `share` recognised within 4 s of its onset, with its side if it has one; by side; `came`; number of
    `cases`.

    The onset is the scene's first moment with the actor in sight; an event without one within 8 s counts as missed, and
    `came` is the share with one. `false_alarms`: share of films before the event in which the judge reports one.
    """
    out: dict[str, Any] = {}
    quiet: list[np.ndarray] = []
    for event in (one for one in Event if one != Event.NONE):
        hits: dict[Side, list[bool]] = {Side.LEFT: [], Side.RIGHT: []}
        began = 0
        for number in range(cases):
            side = SIDES[number % 2]
            random = np.random.default_rng([seed, 40 + int(event), number])
            control = Control(
                weather=int(random.integers(len(Weather))),
                time=int(random.integers(len(TimeOfDay))),
                event=int(event),
                side=int(side) if event in SIDED_EVENTS else int(Side.NONE),
                level=1 + number // 2 % 3,
            )
            states, onset = _eventful(control, number, random, where)
            quiet += _films(draw, states, [int(BEFORE * FPS)])
            began += onset is not None
            hits[side].append(onset is not None and _sees(judge.watch(_films(draw, states, onset)), event, side))
        both = hits[Side.LEFT] + hits[Side.RIGHT]
        one = {"share": float(np.mean(both)), "came": began / max(1, cases), "cases": cases}
        if event in SIDED_EVENTS:
            one |= {side.name.lower(): float(np.mean(flags)) if flags else math.nan for side, flags in hits.items()}
        out[event.name.lower()] = one
    mean = float(np.mean([one["share"] for one in out.values()]))
    alarms = judge.watch(quiet).event.argmax(1) != int(Event.NONE)
    return out | {"mean": mean, "false_alarms": float(alarms.mean())}


def _eventful(
    control: Control, number: int, random: np.random.Generator, where: TestSetting
) -> tuple[list[SceneState], list[int] | None]:
    """A drive with an event, and the steps at which films of it end, from its onset on; None without onset."""
    before = Control(weather=control.weather, time=control.time)
    states = [begin(where.place(number), before, Command.FOLLOW, random, speed=8.0)]
    for _ in range(int(BEFORE * FPS)):
        states.append(on(states[-1], before, traffic=where.traffic))
    onset = -1
    for _ in range(int((ONSET_SECONDS + EVENT_SECONDS) * FPS)):
        states.append(on(states[-1], control, traffic=where.traffic))
        now = len(states) - 1
        if onset < 0 and int(states[-1].event["stage"][0]) == 2:
            onset = now
        if onset >= 0 and now - onset >= EVENT_SECONDS * FPS:
            return states, list(range(onset, now + 1, GAP))
        if onset < 0 and now > (BEFORE + ONSET_SECONDS) * FPS:
            break
    return states, None


def _sees(sight: JudgeOutput, event: Event, side: Side) -> bool:
    """Whether in any film the event is the likeliest, and its side likelier than the other."""
    return bool(sight.shows(event, side if event in SIDED_EVENTS else Side.NONE).any())


def manoeuvres(judge: Judge, draw: Draw, cases: int, seed: int) -> dict[str, Any]:
    """By manoeuvre: `share` of cases in which it is the likeliest over its films; `done`: share of cases in which the
    car did it.

    For turns and lane changes, the car's position gives the films, not its command. For stop and go, the judge must see
    the car stand after and not before, or before and not after. A case in which nothing happened counts as missed.
    """
    out: dict[str, Any] = {}
    for index, name in enumerate(MANOEUVRE_NAMES):
        hits, performed = [], 0
        command = Command.FOLLOW if name == "go" else Command[name.upper()]
        for number in range(cases):
            random = np.random.default_rng([seed, 60 + index, number])
            states, ends = _manoeuvre(command, number, random)
            performed += bool(ends)
            hits.append(bool(ends) and _likeliest(judge, draw, command, states, ends))
        out[name] = {
            "share": float(np.mean(hits)) if hits else math.nan,
            "done": performed / max(1, cases),
            "cases": cases,
        }
    return out


def _manoeuvre(command: Command, number: int, random: np.random.Generator) -> tuple[list[SceneState], list[int]]:
    """A drive under a command, and the steps at which films of the manoeuvre end; none where it was not performed."""
    conditions = Control(weather=int(random.integers(len(Weather))), time=int(random.integers(len(TimeOfDay))))
    go, stop = command == Command.FOLLOW, command == Command.STOP
    states = [begin(TOWNS.place(number), conditions, command, random, speed=0.0 if go else 8.0)]
    for _ in range(int(BEFORE * FPS)):
        states.append(on(states[-1], conditions, 0.0 if go else CRUISE))
    goal, ends = MANOEUVRES.index(command), list[int]()
    for _ in range(int(MANOEUVRE_SECONDS * FPS)):
        states.append(on(states[-1], conditions.with_(command=command), 0.0 if stop else CRUISE))
        current = manoeuvre(states[-WINDOW:])
        if current == goal and (not go or states[-1].ego["speed"][0] > 2.0):
            ends.append(len(states) - 1)
        elif ends and current != UNKNOWN:
            break
        if len(ends) >= LOOKS * GAP:
            break
    return states, ends[::GAP]


def _likeliest(judge: Judge, draw: Draw, command: Command, states: Sequence[SceneState], ends: Sequence[int]) -> bool:
    likeliest = int(judge.watch(_films(draw, states, ends)).manoeuvre.mean(0).argmax())
    stands = MANOEUVRES.index(Command.STOP)
    if command not in (Command.STOP, Command.FOLLOW):
        return likeliest == MANOEUVRES.index(command)
    before = int(judge.watch(_films(draw, states, [int(BEFORE * FPS)])).manoeuvre.argmax())
    return (likeliest == stands) == (command == Command.STOP) and (before == stands) == (command == Command.FOLLOW)


def motion(judge: Judge, draw: Draw, drives: int, seconds: float, seed: int) -> dict[str, float]:
    """The judge's speed and yaw rate against the true ones over drives in all conditions: Pearson's correlation, mean
    errors in m/s and rad/s.
    """
    estimates: dict[str, list[float]] = {"speed": [], "yaw_rate": []}
    true: dict[str, list[float]] = {"speed": [], "yaw_rate": []}
    for number in range(drives):
        random = np.random.default_rng([seed, 80, number])
        conditions = Control(weather=int(random.integers(len(Weather))), time=int(random.integers(len(TimeOfDay))))
        command = MANOEUVRES[number % len(MANOEUVRES)]
        states, target = [begin(TOWNS.place(number), conditions, command, random)], float(random.uniform(5, 14))
        for step in range(int(seconds * FPS)):
            stopping = command == Command.STOP and step < FPS * seconds / 2
            current = command if command != Command.STOP or stopping else Command.FOLLOW
            states.append(on(states[-1], conditions.with_(command=current), 0.0 if stopping else target))
        ends = list(range(WINDOW - 1, len(states), GAP))
        sight = judge.watch(_films(draw, states, ends))
        truths = [truth_of(states[end - WINDOW + 1 : end + 1], 0) for end in ends]
        for name in true:
            estimates[name] += getattr(sight, name).tolist()
            true[name] += [getattr(one, name) for one in truths]
    out: dict[str, float] = {"films": len(true["speed"])}
    for name, values in true.items():
        pair = np.array(estimates[name]), np.array(values)
        out[name], out[f"{name}_error"] = correlation(*pair), float(np.abs(pair[0] - pair[1]).mean())
    return out


def _films(draw: Draw, states: Sequence[SceneState], ends: Sequence[int]) -> list[np.ndarray]:
    """A film [A, H, W, 3] for each step at which one ends; every state is rendered once."""
    steps = sorted({end - age for end in ends for age in AGES})
    pictures = {step: draw(states[step]) for step in steps}
    return [np.stack([pictures[end - age] for age in AGES]) for end in ends]
