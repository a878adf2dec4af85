"""`lucidrive evaluate traffic`: learnt traffic, with its guard and without, beside the rules and beside SUMO, in towns never trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import DT, FPS, Command, Control, Event, Side
from world.dynamics import expert
from world.dynamics.injected import Injected
from world.dynamics.people import people
from world.dynamics.start import start
from world.dynamics.step import blank_ego, step
from world.dynamics.tables import Tables, tables
from world.dynamics.traffic import FOLDER, GuardCounts, Traffic, TrafficInput, load_traffic
from world.dynamics.vehicles import vehicles
from world.errors import DataError
from world.evaluate import sumo
from world.evaluate.scene_driver import DREAMT
from world.evaluate.scene_drives import event_case
from world.evaluate.scene_states import counterfactual
from world.evaluate.token_loss import round_trip
from world.evaluate.traffic_counts import BINS, Counts, counted, interval
from world.evaluate.traffic_speed import AGENTS_TIMED, tick_milliseconds
from world.metrics import jensen_shannon
from world.places import find_place
from world.scene.objects import Kind
from world.scene.places import load_place, towns
from world.scene.state import SceneState
from world.telling import Report
from world.train.traffic_drives import DriveJob, recorded
from world.train.traffic_samples import DriveLog

WHO = ("learnt", "without guard", "rules")
HEAD = ("what", *WHO, "SUMO", "aim")
BEFALLS = {
    "person, 2 s ahead": ("person", 2.0),
    "debris, 3.5 s": ("debris", 3.5),
    "oncoming in the lane": ("oncoming", 3.0),
}
FIRST_SEED = 500  # of drives that tokens are tried on
FUTURES, AHEAD = 6, 30  # drawn of each moment, steps
WINDOW = 60.0  # s on from a moment of SUMO's


@dataclass(frozen=True, slots=True)
class TrafficSizes:
    """minutes of driving a drive (there are `drives` a seed), seeds; drives of each thing that befalls; cases of each event; forks; futures' moments;
    drives of a minute in dreamt streets.

    Drives of more than WINDOW also go on from SUMO's moments.
    """

    drives: int = 10
    seconds: float = 120.0
    seeds: int = 3
    befalls: int = 6
    events: int = 20
    forks: int = 20
    moments: int = 60
    dreamt: int = 20


def evaluate_traffic(
    weights: Path = FOLDER,
    split: str = "test",
    sizes: TrafficSizes | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> dict[str, Any]:
    """The figures of learnt traffic and of rules; SUMO's where it is installed. WeightsError: no weights; DataError: no such split."""
    sizes, note = sizes or TrafficSizes(), report or (lambda share, text: None)
    if split not in towns():
        raise DataError(f"There is no split '{split}'; there are: {', '.join(towns())}.")
    learnt = load_traffic(weights)
    minds = {"learnt": learnt, "without guard": replace(learnt, guard=False, tally=GuardCounts()), "rules": None}
    names, seconds = towns()[split], sizes.seconds
    places = [(names[n % len(names)], seed + n) for n in range(sizes.drives * sizes.seeds)]
    wild = [(DREAMT[n * len(DREAMT) // sizes.dreamt % len(DREAMT)], seed + n) for n in range(sizes.dreamt)]
    result: dict[str, Any] = {"split": split, "seed": seed, "weights": learnt.sha256}
    with ProcessPoolExecutor(max(1, workers), get_context("spawn")) as pool:
        true: list[Counts] = []
        recordings: list[DriveLog] = []
        if sumo.installed():
            note(0.0, "SUMO")
            for name, number in places[: len(names)]:
                with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                    recordings.append(alone.submit(_recorded, name, seconds, number).result())
                true.append(_of_recording(name, recordings[-1]))
            result["sumo"] = figures(true)
        jobs = [DriveJob(FIRST_SEED + seed + n, 60.0, split) for n in range(3)]
        result["round trip"] = round_trip(list(pool.map(recorded, jobs)))
        for index, (who, mind) in enumerate(minds.items()):
            begin = 0.1 + 0.3 * index
            note(begin, f"{who}: drives")
            found = list(pool.map(partial(driven, seconds=seconds, traffic=mind), places))
            counts = [one for one, _ in found]
            mine = result[who] = figures(counts, Counts.joined(true) if true else None)
            mine["changed"] = sum(t.changed for _, t in found) / max(1, sum(t.vehicles for _, t in found))
            if sizes.dreamt:
                note(begin + 0.07, f"{who}: dreamt streets")
                drive = partial(driven, seconds=60.0, traffic=mind)
                mine["dreamt"] = figures([one for one, _ in pool.map(drive, wild, chunksize=5)])
            note(begin + 0.1, f"{who}: what befalls it")
            mine["befalls"] = {
                what: _hits(pool, places[: sizes.befalls], kind, ahead, seconds, mind)
                for what, (kind, ahead) in BEFALLS.items()
                if sizes.befalls
            }
            note(begin + 0.15, f"{who}: events")
            mine["events"] = {
                event.name.lower(): _events(pool, event, sizes.events, seed, names, mind)
                for event in Event
                if event > Event.NONE and sizes.events
            }
            note(begin + 0.2, f"{who}: futures")
            if sizes.forks:
                mine["futures"] = counterfactual(seed, sizes.forks, traffic=mind, split=split)
            if recordings and sizes.moments:
                mine["ade"] = min_ade(recordings, mind, sizes.moments)
            if recordings and len(recordings[0].agents) > WINDOW * FPS:
                note(begin + 0.22, f"{who}: on from SUMO's moments")
                mine["windows"] = windows(zip(names, recordings, strict=False), mind)
            if who != "without guard":
                note(begin + 0.25, f"{who}: what a tick costs")
                cost = {n: tick_milliseconds(names[0], n, mind, seed) for n in AGENTS_TIMED}
                mine["milliseconds"] = {n: ms for n, ms in cost.items() if ms == ms}
        if recordings and sizes.moments:
            result["constant velocity"] = {"ade": min_ade(recordings, "constant", sizes.moments)}
    return result


def driven(job: tuple[str, int], seconds: float, traffic: Traffic | None) -> tuple[Counts, GuardCounts]:
    """One drive with our car driven by rules; `traffic` None: rules move the others, too."""
    state, frames = start(find_place(job[0]), job[1]), []
    for _ in range(int(seconds * FPS)):
        frames.append(state.agents[0])
        state = _on(state, traffic)
    there = tables(state.places[0].map)
    return counted(state.places[0].map, np.stack(frames), lambda k: there), traffic.tally if traffic else GuardCounts()


def _on(state: SceneState, traffic: Traffic | None) -> SceneState:
    steer, accel = expert.drive(state, int(Command.FOLLOW), 9.0)
    return step(state, [Control(steer=steer, accel=accel)], traffic)


def befallen(job: tuple[str, int], kind: str, ahead: float, seconds: float, traffic: Traffic | None) -> tuple[int, int]:
    """(how often something was put before a vehicle, how often the two touched) in one drive."""
    state, injected = start(load_place(job[0]), job[1]), Injected([kind], (ahead, ahead), job[1])
    for _ in range(int(seconds * FPS)):
        state = injected.after(_on(state, traffic))
    return injected.count, injected.hits


def _hits(
    pool: ProcessPoolExecutor,
    jobs: Sequence[tuple[str, int]],
    kind: str,
    ahead: float,
    seconds: float,
    mind: Traffic | None,
) -> dict[str, float]:
    found = np.array(list(pool.map(partial(befallen, kind=kind, ahead=ahead, seconds=seconds, traffic=mind), jobs)))
    count, hits = found.reshape(-1, 2).sum(0).tolist()
    return {"cases": count, "contacts": hits / max(1, count)}


def _events(
    pool: ProcessPoolExecutor, event: Event, cases: int, seed: int, names: Sequence[str], mind: Traffic | None
) -> float:
    """Of the cases in which an event was asked for, how many saw it within 8 s on its side."""
    asked = [
        (names[n % len(names)], event, Side.LEFT if n % 2 else Side.RIGHT, 1 + n % 3, seed + n) for n in range(cases)
    ]
    found = list(pool.map(partial(_event, traffic=mind), asked))
    return sum(one.sided for one in found) / max(1, cases)


def _event(job: tuple[str, Event, Side, int, int], traffic: Traffic | None) -> Any:
    return event_case(*job, traffic=traffic)


def _recorded(name: str, seconds: float, seed: int) -> DriveLog:
    from world.train.traffic_sumo import record

    return record(name, seconds, seed)


def _of_recording(name: str, recording: DriveLog) -> Counts:
    return counted(load_place(name).map, recording.agents, lambda k: recording.places[k], recording.first_clock)


def figures(parts: Sequence[Counts], true: Counts | None = None) -> dict[str, Any]:
    """Rates with their intervals over drives; divergences from SUMO's where `true` is given."""
    rates: dict[str, Callable[[Counts], float]] = {
        "contacts a vehicle-minute": lambda one: one.contacts / max(1e-9, one.minutes),
        "contacts with people": lambda one: one.people / max(1e-9, one.minutes),
        "red": lambda one: one.red / max(1, one.crossings),
        "off": lambda one: one.off / max(1, one.looks),
        "stuck": lambda one: one.stuck / max(1, one.vehicles),
    }
    whole = Counts.joined(parts)
    made: dict[str, Any] = {"minutes": whole.minutes, "speed": float(np.mean(whole.speeds or [0.0]))}
    for name, rate in rates.items():
        made[name] = {"rate": rate(whole), "interval": interval(parts, rate)}
    if true is not None:
        made["divergence"] = {
            name: jensen_shannon(getattr(whole, name), getattr(true, name), edges) for name, edges in BINS.items()
        }
    return made


def windows(recordings: Iterable[tuple[str, DriveLog]], mind: Traffic | None) -> dict[str, Any]:
    """The figures of WINDOW on from moments of SUMO's, with its vehicles, signals and people, beside what SUMO did then."""
    counts, true = list[Counts](), list[Counts]()
    for name, recording in recordings:
        place, steps = load_place(name).map, int(WINDOW * FPS)
        for number, first in enumerate(range(0, len(recording.agents) - steps, steps)):
            at = partial(_tables_of, recording, first)
            for made, agents in (
                (counts, _future(recording, first, mind, number, steps)),
                (true, recording.agents[first + 1 : first + steps + 1]),
            ):
                made.append(counted(place, agents, at, recording.first_clock + first + 1))
    if not counts:
        raise DataError(f"Drives on from SUMO's moments need more than {WINDOW:g} s of them; ask for longer drives.")
    return figures(counts, Counts.joined(true))


def _tables_of(recording: DriveLog, first: int, k: int) -> Tables:
    return recording.places[first + 1 + k]


def min_ade(recordings: Sequence[DriveLog], mind: Traffic | str | None, moments: int) -> float:
    """m between where SUMO's vehicles were in the next 3 s and the nearest of FUTURES; mind: "constant" velocity, None: rules."""
    errors = []
    for number in range(moments):
        recording = recordings[number % len(recordings)]
        first = 20 + (97 * number) % max(1, len(recording.agents) - AHEAD - 40)
        begin, end = recording.agents[first], recording.agents[first + AHEAD]
        same = (begin["kind"] >= 1) & (begin["kind"] <= 5) & (begin["lane"] >= 0) & (begin["id"] == end["id"])
        if not same.any():
            continue
        true = recording.agents[first + 1 : first + AHEAD + 1][:, same]
        draws = FUTURES if isinstance(mind, Traffic) else 1
        paths = np.stack([_future(recording, first, mind, seed, AHEAD) for seed in range(draws)])[:, :, same]
        away = np.hypot(paths["x"] - true["x"], paths["y"] - true["y"]).mean(1)
        errors.append(away.min(0))
    return float(np.concatenate(errors).mean()) if errors else float("nan")


def _future(recording: DriveLog, first: int, mind: Traffic | str | None, seed: int, steps: int) -> np.ndarray:
    """AGENT [steps, AGENTS] from a moment of a recording on: people go where they went, no vehicle comes."""
    agents, made = recording.agents[first].copy(), []
    ego = blank_ego()
    ego["x"], ego["y"] = 1e6, 1e6
    person = int(Kind.PERSON)
    for k in range(first, first + steps):
        if mind == "constant":
            agents = agents.copy()
            agents["x"] += agents["speed"] * DT * np.cos(agents["heading"])
            agents["y"] += agents["speed"] * DT * np.sin(agents["heading"])
        else:
            drive = TrafficInput(
                recording.places[k], np.uint64(seed), recording.first_clock + k, ego, agents, False, 0.0
            )
            if isinstance(mind, Traffic):
                agents = mind.moved([drive])[0][0]
            else:
                moved = vehicles(drive.place, drive.seed, drive.clock, ego, agents, False, 0.0)
                agents = people(drive.place, drive.seed, drive.clock, ego, moved, 0.0)
        then = recording.agents[k + 1]
        agents["kind"][agents["kind"] == person] = 0
        walking = (then["kind"] == person) & (agents["kind"] == 0)
        agents[walking] = then[walking]
        made.append(agents)
    return np.stack(made)


AIMS = {
    "contacts a vehicle-minute": "1.5 times SUMO's",
    "contacts with people": "1.5 times SUMO's",
    "red": "0.1%",
    "off": "0.4%",
    "stuck": "1%",
    "speeds": ".005",
    "accelerations": ".08",
    "gaps": ".002",
    "person, 2 s ahead": "3%",
    "debris, 3.5 s": "2%",
    "oncoming in the lane": "8%",
}


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The result as rows of text."""

    def row(what: str, cell: Callable[[dict[str, Any]], str], name: str = "") -> tuple[str, ...]:
        cells = []
        for who in (*WHO, "sumo"):
            try:
                cells.append(cell(result[who]))
            except KeyError:
                cells.append("")
        return (what, *cells, AIMS.get(name or what, ""))

    rows = [row("vehicle-minutes", lambda one: f"{one['minutes']:.0f}"), row("m/s", lambda one: f"{one['speed']:.2f}")]
    for name in ("contacts a vehicle-minute", "contacts with people"):
        rows.append(row(name, partial(_rate, name=name, percent=False)))
    for name in ("red", "off", "stuck"):
        rows.append(row(name, partial(_rate, name=name, percent=True)))
    for name in ("contacts a vehicle-minute", "contacts with people", "red", "off", "stuck"):
        rate = partial(_rate, name=name, percent="contacts" not in name)
        rows.append(row(f"{name} in dreamt streets", lambda one, rate=rate: rate(one["dreamt"]), name))  # type: ignore[misc]
    for name in BINS:
        rows.append(row(f"divergence of {name}", lambda one, name=name: f"{one['divergence'][name]:.4f}", name))  # type: ignore[misc]
        on = f"divergence of {name} on from SUMO's moments"
        rows.append(row(on, lambda one, name=name: f"{one['windows']['divergence'][name]:.4f}", name))  # type: ignore[misc]
    for name in BEFALLS:
        rows.append(row(name, lambda one, name=name: f"{100 * one['befalls'][name]['contacts']:.0f}%"))  # type: ignore[misc]
    for name in next(iter(result[who]["events"] for who in WHO if who in result), {}):
        rows.append(row(f"{name} within 8 s", lambda one, name=name: f"{100 * one['events'][name]:.0f}%"))  # type: ignore[misc]
    rows.append(row("futures part within 1 s", lambda one: f"{100 * one['futures']['apart']:.0f}%"))
    rows.append(row("minADE at 3 s, m", lambda one: f"{one['ade']:.2f}"))
    for n in AGENTS_TIMED:
        rows.append(row(f"ms a tick, {n} road users", lambda one, n=n: f"{one['milliseconds'][n]:.2f}"))  # type: ignore[misc]
    return [*rows, row("decisions that the guard changed", lambda one: f"{100 * one['changed']:.2f}%")]


def _rate(one: dict[str, Any], name: str, percent: bool) -> str:
    rate, (low, high) = one[name]["rate"], one[name]["interval"]
    if percent:
        return f"{100 * rate:.2f}% ({100 * low:.2f} to {100 * high:.2f})"
    return f"{rate:.3f} ({low:.3f} to {high:.3f})"
