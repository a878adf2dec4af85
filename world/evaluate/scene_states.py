"""Whether scenes repeat: the same hash wherever a drive runs, two futures of one past, and the time of a step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np

from world.controls import FPS, Command, Control
from world.dynamics.driver import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.traffic import Traffic
from world.evaluate.scene_drives import CRUISE, on, places
from world.scene.places import load_place
from world.scene.state import SceneState, stack

APART, WITHIN = 0.5, 1.0  # m/s by which two futures' speeds must differ, after so many s
EARSHOT = 80.0  # m from our car, or from a road user whom it influenced, within which others may react
MOVING = 4.0  # m/s, least speed for a fork
TARGET_AGENTS = 24  # in the step whose time has an aim


def replay(name: str, seed: int, controls: Sequence[Control], traffic: Traffic | None = None) -> str:
    """The hash of a drive from a place and seed, at the usual speed, after these controls."""
    state = start(load_place(name), seed)
    for control in controls:
        state = step(state, [control], traffic)
    return state.hash()


def hashes(seed: int, workers: Executor | None = None, frames: int = 60) -> dict[str, bool]:
    """Whether states repeat: run twice, in a batch, with pictures rendered between the steps, and in other processes."""
    from world.scene_world import SceneWorld

    here = places()[:3]

    def run(states: Sequence[SceneState], look: bool = False) -> tuple[list[str], list[list[Control]]]:
        batch, model = stack(list(states)), SceneWorld() if look else None
        controls: list[list[Control]] = [[] for _ in states]
        for _ in range(frames):
            for row, own in enumerate(controls):
                steer, accel = drive(batch, int(Command.FOLLOW), CRUISE, row)
                own.append(Control(steer=steer, accel=accel))
            batch = step(batch, [own[-1] for own in controls])
            if model is not None:
                model.draw(batch.row(0), (108, 192))
        return [batch.hash(row) for row in range(len(batch))], controls

    begins = [start(place, seed + number) for number, place in enumerate(here)]
    alone = [run([one])[0][0] for one in begins]
    together, controls = run(begins)
    same = {
        "again": [run([one])[0][0] for one in begins] == alone,
        "in a batch": together == alone,
        "while drawn": run(begins[:1], look=True)[0][0] == alone[0],
    }
    if workers is not None:
        names, seeds = [place.name for place in here], [seed + number for number in range(len(here))]
        same["in a pool of processes"] = list(workers.map(replay, names, seeds, controls)) == alone
    return same


def counterfactual(
    seed: int, cases: int, tell: Callable[[int], None] = lambda count: None, traffic: Traffic | None = None,
    split: str = "test",
) -> dict[str, float]:  # fmt: skip
    """Forks drives in the towns of a split into one that goes on and one that stops or halves its speed.

    Returns the shares `apart`, speeds that differ within a second; `same_past`, the same state when the past is driven
    again; `same_others`, no change of others until our car, or someone whom it influenced, is within EARSHOT. Traffic
    that appears out of sight around our car changes at once and does not count.
    """
    apart, same, unaffected = 0, 0, 0
    towns = places(split)
    for number in range(cases):
        place = towns[number % len(towns)]
        state, controls = start(place, seed + number), list[Control]()
        while len(controls) < 3 * FPS or (float(state.ego["speed"][0]) < MOVING and len(controls) < 90 * FPS):
            steer, accel = drive(state, int(Command.FOLLOW), CRUISE)
            controls.append(Control(steer=steer, accel=accel))
            state = step(state, [controls[-1]], traffic)
        same += replay(place.name, seed + number, controls, traffic) == state.hash()
        other = (Control(command=Command.STOP), 0.0) if number % 2 else (Control(), 0.5 * float(state.ego["speed"][0]))
        one, two, local, changed = state, state, True, set[int]()
        for _ in range(round(WITHIN * FPS)):
            before = one, two
            one, two = on(one, traffic=traffic), on(two, *other, traffic=traffic)
            changed, local = _spread(state, before, (one, two), changed, local)
        apart += abs(float(one.ego["speed"][0] - two.ego["speed"][0])) >= APART
        unaffected += local
        tell(number + 1)
    return {"apart": apart / cases, "same_past": same / cases, "same_others": unaffected / cases, "cases": cases}


def _spread(
    fork: SceneState, before: tuple[SceneState, ...], now: tuple[SceneState, ...], changed: set[int], local: bool
) -> tuple[set[int], bool]:
    """The slots in which two futures differ now, and whether all new ones lie within EARSHOT of a cause."""
    agents, there = [state.agents[0] for state in (*before, *now)], fork.agents["id"][0]
    differ = np.flatnonzero(agents[2] != agents[3])
    others = {int(k) for k in differ if any(own["kind"][k] == 0 or own["id"][k] != there[k] for own in agents[2:])}
    causes = np.array(
        [(state.ego["x"][0], state.ego["y"][0]) for state in now]
        + [(own["x"][k], own["y"][k]) for own in agents for k in changed | others if own["kind"][k] != 0]
    )
    for slot in set(map(int, differ)) - changed - others:
        mine = np.array([agents[0]["x"][slot], agents[0]["y"][slot]])
        local = local and bool(np.hypot(*(causes - mine).T).min() < EARSHOT)
    return set(map(int, differ)), local


def step_milliseconds(seed: int, steps: int = 200) -> dict[str, dict[str, float]]:
    """Median ms of a step without a picture, and of our driver: with the usual agents, and with about TARGET_AGENTS."""
    usual = _time_steps(start(places()[0], seed), steps)
    fewer = _time_steps(start(places()[0], seed, density=TARGET_AGENTS / usual["agents"]), steps)
    return {"usual": usual, "aimed": fewer}


def _time_steps(state: SceneState, steps: int) -> dict[str, float]:
    step(state, [Control()])
    step_times, driver_times, agents = [], [], []
    for _ in range(steps):
        began = time.perf_counter()
        steer, accel = drive(state, int(Command.FOLLOW), CRUISE)
        driver_times.append(time.perf_counter() - began)
        began = time.perf_counter()
        state = step(state, [Control(steer=steer, accel=accel)])
        step_times.append(time.perf_counter() - began)
        agents.append(int((state.agents["kind"] != 0).sum()))
    return {
        "step": 1000 * float(np.median(step_times)),
        "driver": 1000 * float(np.median(driver_times)),
        "agents": float(np.mean(agents)),
    }
