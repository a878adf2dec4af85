"""`lucidrive evaluate traffic`: learnt traffic with and without its guard, beside the rules and SUMO, in towns outside
the training data.
"""

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
from world.evaluate.traffic_counts import BINS, Counts, count_traffic, interval
from world.evaluate.traffic_rows import INJECTIONS
from world.evaluate.traffic_speed import TIMING_AGENTS, tick_milliseconds
from world.metrics import jensen_shannon
from world.places import find_place
from world.scene.objects import Kind
from world.scene.places import load_place, towns
from world.scene.state import SceneState
from world.telling import Report
from world.train.traffic_drives import DriveJob, record_by_rules
from world.train.traffic_samples import DriveLog

FIRST_SEED = 500  # of drives for the tokens' round trip
FUTURES, AHEAD = 6, 30  # samples per moment, steps
WINDOW = 60.0  # s after a moment of SUMO's


@dataclass(frozen=True, slots=True)
class TrafficSizes:
    """drives: per seed, of `seconds`; seeds; befalls: drives per injected obstacle; events: cases per event; forks;
    moments: for futures; dreamt: drives of a minute in dreamt streets.

    Drives longer than WINDOW also continue SUMO's moments.
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
    """The figures of learnt traffic and of rules, and SUMO's where it is installed.

    WeightsError without weights; DataError for an unknown split.
    """
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
        if sumo.is_installed():
            note(0.0, "SUMO")
            for name, number in places[: len(names)]:
                with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                    recordings.append(alone.submit(_record, name, seconds, number).result())
                true.append(_of_recording(name, recordings[-1]))
            result["sumo"] = figures(true)
        jobs = [DriveJob(FIRST_SEED + seed + n, 60.0, split) for n in range(3)]
        result["round trip"] = round_trip(list(pool.map(record_by_rules, jobs)))
        for index, (who, mind) in enumerate(minds.items()):
            begin = 0.1 + 0.3 * index
            note(begin, f"{who}: drives")
            drives = list(pool.map(partial(drive_counts, seconds=seconds, traffic=mind), places))
            counts = [one for one, _ in drives]
            mine = result[who] = figures(counts, Counts.total(true) if true else None)
            mine["changed"] = sum(t.changed for _, t in drives) / max(1, sum(t.vehicles for _, t in drives))
            if sizes.dreamt:
                note(begin + 0.07, f"{who}: dreamt streets")
                drive = partial(drive_counts, seconds=60.0, traffic=mind)
                mine["dreamt"] = figures([one for one, _ in pool.map(drive, wild, chunksize=5)])
            note(begin + 0.1, f"{who}: what befalls it")
            mine["befalls"] = {
                what: _hits(pool, places[: sizes.befalls], kind, ahead, seconds, mind)
                for what, (kind, ahead) in INJECTIONS.items()
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
                cost = {n: tick_milliseconds(names[0], n, mind, seed) for n in TIMING_AGENTS}
                mine["milliseconds"] = {n: ms for n, ms in cost.items() if ms == ms}
        if recordings and sizes.moments:
            result["constant velocity"] = {"ade": min_ade(recordings, "constant", sizes.moments)}
    return result


def drive_counts(job: tuple[str, int], seconds: float, traffic: Traffic | None) -> tuple[Counts, GuardCounts]:
    """One drive with our car driven by rules; traffic None: rules for the others, too."""
    state, frames = start(find_place(job[0]), job[1]), []
    for _ in range(int(seconds * FPS)):
        frames.append(state.agents[0])
        state = _on(state, traffic)
    there = tables(state.places[0].map)
    return count_traffic(
        state.places[0].map, np.stack(frames), lambda k: there
    ), traffic.tally if traffic else GuardCounts()


def _on(state: SceneState, traffic: Traffic | None) -> SceneState:
    steer, accel = expert.drive(state, int(Command.FOLLOW), 9.0)
    return step(state, [Control(steer=steer, accel=accel)], traffic)


def injected_hits(
    job: tuple[str, int], kind: str, ahead: float, seconds: float, traffic: Traffic | None
) -> tuple[int, int]:
    """(number of injected obstacles, number of contacts with them) in one drive."""
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
    counts = np.array(
        list(pool.map(partial(injected_hits, kind=kind, ahead=ahead, seconds=seconds, traffic=mind), jobs))
    )
    count, hits = counts.reshape(-1, 2).sum(0).tolist()
    return {"cases": count, "contacts": hits / max(1, count)}


def _events(
    pool: ProcessPoolExecutor, event: Event, cases: int, seed: int, names: Sequence[str], mind: Traffic | None
) -> float:
    """The share of cases in which the event was visible on its side within 8 s."""
    jobs = [
        (names[n % len(names)], event, Side.LEFT if n % 2 else Side.RIGHT, 1 + n % 3, seed + n) for n in range(cases)
    ]
    results = list(pool.map(partial(_event, traffic=mind), jobs))
    return sum(one.on_side for one in results) / max(1, cases)


def _event(job: tuple[str, Event, Side, int, int], traffic: Traffic | None) -> Any:
    return event_case(*job, traffic=traffic)


def _record(name: str, seconds: float, seed: int) -> DriveLog:
    from world.train.traffic_sumo import record

    return record(name, seconds, seed)


def _of_recording(name: str, recording: DriveLog) -> Counts:
    return count_traffic(load_place(name).map, recording.agents, lambda k: recording.places[k], recording.first_clock)


def figures(parts: Sequence[Counts], true: Counts | None = None) -> dict[str, Any]:
    """Rates with their intervals over drives; divergences from `true` (SUMO's) where given."""
    rates: dict[str, Callable[[Counts], float]] = {
        "contacts a vehicle-minute": lambda one: one.contacts / max(1e-9, one.minutes),
        "contacts with people": lambda one: one.people / max(1e-9, one.minutes),
        "red": lambda one: one.red / max(1, one.crossings),
        "off": lambda one: one.off / max(1, one.looks),
        "stuck": lambda one: one.stuck / max(1, one.vehicles),
    }
    whole = Counts.total(parts)
    out: dict[str, Any] = {"minutes": whole.minutes, "speed": float(np.mean(whole.speeds or [0.0]))}
    for name, rate in rates.items():
        out[name] = {"rate": rate(whole), "interval": interval(parts, rate)}
    if true is not None:
        out["divergence"] = {
            name: jensen_shannon(getattr(whole, name), getattr(true, name), edges) for name, edges in BINS.items()
        }
    return out


def windows(recordings: Iterable[tuple[str, DriveLog]], mind: Traffic | None) -> dict[str, Any]:
    """The figures of drives of WINDOW that continue SUMO's moments, with its vehicles, signals and people, beside
    SUMO's.
    """
    counts, true = list[Counts](), list[Counts]()
    for name, recording in recordings:
        place, steps = load_place(name).map, int(WINDOW * FPS)
        for number, first in enumerate(range(0, len(recording.agents) - steps, steps)):
            at = partial(_tables_of, recording, first)
            for counts_of, agents in (
                (counts, _future(recording, first, mind, number, steps)),
                (true, recording.agents[first + 1 : first + steps + 1]),
            ):
                counts_of.append(count_traffic(place, agents, at, recording.first_clock + first + 1))
    if not counts:
        raise DataError(f"Drives on from SUMO's moments need more than {WINDOW:g} s of them; ask for longer drives.")
    return figures(counts, Counts.total(true))


def _tables_of(recording: DriveLog, first: int, k: int) -> Tables:
    return recording.places[first + 1 + k]


def min_ade(recordings: Sequence[DriveLog], mind: Traffic | str | None, moments: int) -> float:
    """m between SUMO's vehicles during the next 3 s and the nearest of FUTURES.

    mind: "constant" velocity, None for rules.
    """
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
    """AGENT [steps, AGENTS] from a moment of a recording on: people move as recorded, no vehicle appears."""
    agents, frames = recording.agents[first].copy(), []
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
                rule_agents = vehicles(drive.place, drive.seed, drive.clock, ego, agents, False, 0.0)
                agents = people(drive.place, drive.seed, drive.clock, ego, rule_agents, 0.0)
        then = recording.agents[k + 1]
        agents["kind"][agents["kind"] == person] = 0
        walking = (then["kind"] == person) & (agents["kind"] == 0)
        agents[walking] = then[walking]
        frames.append(agents)
    return np.stack(frames)
