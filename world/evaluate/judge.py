"""What can be *seen* in dreams: the judge (`world.judge`) looks at drives through test towns, as anybody draws them.

Every measurement takes a `Draw`, so that painted, plain and traced pictures of the very same drives are compared; beside each stands
what the judge is worth on the path tracer's own films (`own_accuracy`). All is decided by `seed`, and returned as plain dicts.
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
ASKED_SECONDS = 3.0  # from asking for weather or an hour to the picture that is judged
ONSET_SECONDS = 8.0  # within which an event comes
MANOEUVRE_SECONDS = 40.0
BEFORE = 2.0  # s of driving before anything is asked
LOOKS = 12  # films of a manoeuvre at most
FOUND = ("go", *(one.name.lower() for one in MANOEUVRES if one != Command.FOLLOW))


@dataclass(frozen=True, slots=True)
class JudgeSizes:
    """Cases of each weather, hour, event (half from either side) and manoeuvre; drives of `seconds` for speed and yaw rate."""

    weathers: int = 20
    hours: int = 20
    events: int = 20
    manoeuvres: int = 20
    drives: int = 20
    seconds: float = 20.0


QUICK = JudgeSizes(3, 3, 4, 3, 3, 8.0)


def drawing(renderer: Renderer, rig: Rig | None = None) -> Draw:
    """What a renderer draws, painted or plain; rig: default 144x256."""
    return lambda state: renderer.draw(state, rig or Rig())


def judged(
    judge: Judge,
    draw: Draw,
    films: Path | None = None,
    sizes: JudgeSizes | None = None,
    seed: int = 0,
    tell: Report | None = None,
) -> dict[str, Any]:
    """All measurements of one way to draw; `films`: the path tracer's, of test towns, for `own` and `frechet`, which else are missing."""
    sizes, say = sizes or JudgeSizes(), tell or (lambda fraction, text: None)
    found: dict[str, Any] = {}
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
    for done, (name, measure) in enumerate(parts):
        say(done / len(parts), name)
        found[name] = measure()
    return found


def own_accuracy(judge: Judge, films: Path) -> dict[str, Any]:
    """What the judge says of the path tracer's films of test towns, whose truth is known (world.train.judge.accuracy)."""
    return accuracy(judge, Films.load([films]))


def weathers(judge: Judge, draw: Draw, cases: int, seed: int) -> dict[str, Any]:
    """By weather, 3 s after it was asked for: the `share` that is named, the share whose `kind` is (clear, rain, snow, fog), the `cases`."""
    out: dict[str, Any] = {}
    for weather in Weather:
        films = []
        for number in range(cases):
            random = np.random.default_rng([seed, int(weather), number])
            first = int(random.choice([one for one in Weather if one != weather]))
            hour = int(random.integers(len(TimeOfDay)))
            before = Control(weather=first, time=hour)
            films.append(_asked(draw, before, before.with_(weather=int(weather)), number, random))
        sight = judge.watch(films)
        named, kind = sight.weather.argmax(1) == int(weather), sight.kind() == KINDS[weather]
        out[weather.name.lower()] = {"share": float(named.mean()), "kind": float(kind.mean()), "cases": cases}
    return out


def hours(judge: Judge, draw: Draw, cases: int, seed: int) -> dict[str, Any]:
    """By time of day, 3 s after it was asked for: the `share` that is named, in all weathers, and the `cases`."""
    out: dict[str, Any] = {}
    for hour in TimeOfDay:
        films = []
        for number in range(cases):
            random = np.random.default_rng([seed, 20 + int(hour), number])
            first = int(random.choice([one for one in TimeOfDay if one != hour]))
            before = Control(weather=number % len(Weather), time=first)
            films.append(_asked(draw, before, before.with_(time=int(hour)), number, random))
        named = judge.watch(films).time.argmax(1) == int(hour)
        out[hour.name.lower()] = {"share": float(named.mean()), "cases": cases}
    return out


def _asked(draw: Draw, before: Control, after: Control, number: int, random: np.random.Generator) -> np.ndarray:
    """The film that ends 3 s after other conditions were asked for, in some drive."""
    states = [begin(TOWNS.place(number), before, Command.FOLLOW, random)]
    for control, seconds in ((before, BEFORE), (after, ASKED_SECONDS)):
        for _ in range(int(seconds * FPS)):
            states.append(on(states[-1], control))
    return _films(draw, states, [len(states) - 1])[0]


@dataclass(frozen=True, slots=True)
class TestSetting:
    """Where drives are judged: places by name (none: the test towns), and who moves the others there (None: rules)."""

    names: Sequence[str] = ()
    traffic: Traffic | None = None

    def place(self, number: int) -> Place:
        """The places one after the other."""
        names = self.names or towns()["test"]
        return find_place(names[number % len(names)])


TOWNS = TestSetting()


def events(judge: Judge, draw: Draw, cases: int, seed: int, where: TestSetting = TOWNS) -> dict[str, Any]:
    """By event: the `share` that is seen within 4 s of its onset, where it has a side on that; `left` and `right` likewise; the `cases`.

    Onset: the scene's first moment with the actor in sight. An event that has none within 8 s was not seen; `came` is the share that has.
    `false_alarms`: the share of films before anything was asked in which the judge sees some event.
    """
    out: dict[str, Any] = {}
    quiet: list[np.ndarray] = []
    for event in (one for one in Event if one != Event.NONE):
        seen: dict[Side, list[bool]] = {Side.LEFT: [], Side.RIGHT: []}
        came = 0
        for number in range(cases):
            side = SIDES[number % 2]
            random = np.random.default_rng([seed, 40 + int(event), number])
            asked = Control(
                weather=int(random.integers(len(Weather))),
                time=int(random.integers(len(TimeOfDay))),
                event=int(event),
                side=int(side) if event in SIDED_EVENTS else int(Side.NONE),
                level=1 + number // 2 % 3,
            )
            states, onset = _eventful(asked, number, random, where)
            quiet += _films(draw, states, [int(BEFORE * FPS)])
            came += onset is not None
            seen[side].append(onset is not None and _sees(judge.watch(_films(draw, states, onset)), event, side))
        both = seen[Side.LEFT] + seen[Side.RIGHT]
        one = {"share": float(np.mean(both)), "came": came / max(1, cases), "cases": cases}
        if event in SIDED_EVENTS:
            one |= {side.name.lower(): float(np.mean(flags)) if flags else math.nan for side, flags in seen.items()}
        out[event.name.lower()] = one
    mean = float(np.mean([one["share"] for one in out.values()]))
    alarms = judge.watch(quiet).event.argmax(1) != int(Event.NONE)
    return out | {"mean": mean, "false_alarms": float(alarms.mean())}


def _eventful(
    asked: Control, number: int, random: np.random.Generator, where: TestSetting
) -> tuple[list[SceneState], list[int] | None]:
    """A drive with an event, and the steps at which films of it end from its onset on; None where it has none."""
    before = Control(weather=asked.weather, time=asked.time)
    states = [begin(where.place(number), before, Command.FOLLOW, random, speed=8.0)]
    for _ in range(int(BEFORE * FPS)):
        states.append(on(states[-1], before, traffic=where.traffic))
    onset = -1
    for _ in range(int((ONSET_SECONDS + EVENT_SECONDS) * FPS)):
        states.append(on(states[-1], asked, traffic=where.traffic))
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
    """By manoeuvre: the `share` of the `cases` in which it is the likeliest over the films of it; `done`: the share that the scene says was done.

    Left, right, straight and changes of lane: where the car was, and never what it was told, says when. Stop and go: the judge says that
    the car stands after and not before, and before and not after. A case in which nothing was done counts as not seen.
    """
    out: dict[str, Any] = {}
    for index, name in enumerate(FOUND):
        seen, done = [], 0
        command = Command.FOLLOW if name == "go" else Command[name.upper()]
        for number in range(cases):
            random = np.random.default_rng([seed, 60 + index, number])
            states, ends = _manoeuvre(command, number, random)
            done += bool(ends)
            seen.append(bool(ends) and _likeliest(judge, draw, command, states, ends))
        out[name] = {"share": float(np.mean(seen)) if seen else math.nan, "done": done / max(1, cases), "cases": cases}
    return out


def _manoeuvre(command: Command, number: int, random: np.random.Generator) -> tuple[list[SceneState], list[int]]:
    """A drive under a command, and the steps at which films of what came of it end; none where nothing did."""
    conditions = Control(weather=int(random.integers(len(Weather))), time=int(random.integers(len(TimeOfDay))))
    go, stop = command == Command.FOLLOW, command == Command.STOP
    states = [begin(TOWNS.place(number), conditions, command, random, speed=0.0 if go else 8.0)]
    for _ in range(int(BEFORE * FPS)):
        states.append(on(states[-1], conditions, 0.0 if go else CRUISE))
    goal, ends = MANOEUVRES.index(command), list[int]()
    for _ in range(int(MANOEUVRE_SECONDS * FPS)):
        states.append(on(states[-1], conditions.with_(command=command), 0.0 if stop else CRUISE))
        seen = manoeuvre(states[-WINDOW:])
        if seen == goal and (not go or states[-1].ego["speed"][0] > 2.0):
            ends.append(len(states) - 1)
        elif ends and seen != UNKNOWN:
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
    """Judged against true speed and yaw rate over drives of `seconds` in all conditions: Pearson's correlation, mean errors in m/s, rad/s."""
    judged_as: dict[str, list[float]] = {"speed": [], "yaw_rate": []}
    true: dict[str, list[float]] = {"speed": [], "yaw_rate": []}
    for number in range(drives):
        random = np.random.default_rng([seed, 80, number])
        conditions = Control(weather=int(random.integers(len(Weather))), time=int(random.integers(len(TimeOfDay))))
        command = MANOEUVRES[number % len(MANOEUVRES)]
        states, target = [begin(TOWNS.place(number), conditions, command, random)], float(random.uniform(5, 14))
        for step in range(int(seconds * FPS)):
            stopping = command == Command.STOP and step < FPS * seconds / 2
            told = command if command != Command.STOP or stopping else Command.FOLLOW
            states.append(on(states[-1], conditions.with_(command=told), 0.0 if stopping else target))
        ends = list(range(WINDOW - 1, len(states), GAP))
        sight = judge.watch(_films(draw, states, ends))
        truths = [truth_of(states[end - WINDOW + 1 : end + 1], 0) for end in ends]
        for name in true:
            judged_as[name] += getattr(sight, name).tolist()
            true[name] += [getattr(one, name) for one in truths]
    out: dict[str, float] = {"films": len(true["speed"])}
    for name, values in true.items():
        pair = np.array(judged_as[name]), np.array(values)
        out[name], out[f"{name}_error"] = correlation(*pair), float(np.abs(pair[0] - pair[1]).mean())
    return out


def _films(draw: Draw, states: Sequence[SceneState], ends: Sequence[int]) -> list[np.ndarray]:
    """A film [A, H, W, 3] for each step at which one ends; every state is drawn once."""
    wanted = sorted({end - age for end in ends for age in AGES})
    pictures = {step: draw(states[step]) for step in wanted}
    return [np.stack([pictures[end - age] for age in AGES]) for end in ends]
