"""Measures Dream-v0 as agents train in it: many at once, without pictures, in dreamt places, with traffic by rules and learnt."""

from __future__ import annotations

import time

import gymnasium
import numpy as np

from world.dream_vector_env import DreamVectorEnv
from world.envs import DREAM_ID
from world.machine import cores
from world.scene_dream import SceneDream

TOGETHER = 16  # dreams of a vector environment
DENSITY = 0.5  # of traffic: about twenty agents in a dream
WARM, STEPS = 100, 2000  # the warm ones compile loops and grow the places where drives begin
COUNT_EVERY = 50  # steps from one count of agents to the next
BY = ("rules", "model")  # who moves the others


def bench_traffic(
    by: str, number: int = TOGETHER, steps: int = STEPS, warm: int = WARM, scene: str | None = None
) -> dict[str, float]:
    """Steps `number` environments as one, with full observations; our driver drives. scene: a place for all; default: dreamt ones.

    agents: in a dream without our car, on average; steps_a_second: by the median step; all_steps_a_second: by the wall clock, the wait
    for growing streets included; longest_ms: the longest step; cpu_ms: of all threads, for a step of one environment; begin_s: until the
    first step that counts, with places dreamt and `warm` steps done.
    """
    opened = time.perf_counter()
    envs = gymnasium.make_vec(
        f"world.envs:{DREAM_ID}", num_envs=number, observation="vector", seconds=600.0, traffic=by
    )
    assert isinstance(envs, DreamVectorEnv)
    _, info = envs.reset(seed=0, options={"density": DENSITY} | ({} if scene is None else {"scene": scene}))
    durations, present = [], []
    worked, begin = 0.0, 0.0
    try:
        for step in range(warm + steps):
            actions = np.stack([info["driver.steer"], info["driver.accel"]], 1).astype(np.float32)
            began, before = time.perf_counter(), time.process_time()
            if step == warm:
                begin = began - opened
            _, _, _, _, info = envs.step(actions)
            if step >= warm:
                durations.append(time.perf_counter() - began)
                worked += time.process_time() - before
                if (step - warm) % COUNT_EVERY == 0:
                    present.append(_agents(envs))
    finally:
        envs.close()
    times = np.array(durations)
    return {
        "dreams": number,
        "cores": cores(),
        "agents": float(np.mean(present)),
        "steps_a_second": number / float(np.median(times)),
        "all_steps_a_second": number * steps / float(times.sum()),
        "begin_s": begin,
        "longest_ms": 1000 * float(times.max()),
        "cpu_ms": 1000 * worked / (number * steps),
    }


def _agents(envs: DreamVectorEnv) -> float:
    """Road users and things on the road in a dream, on average."""
    dreams = [env.unwrapped.dream for env in envs.envs]  # type: ignore[attr-defined]
    return float(
        np.mean([np.count_nonzero(one.state_now.agents["kind"]) for one in dreams if isinstance(one, SceneDream)])
    )


def table(results: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """Rows of a table for people; results: by who moves the traffic."""
    rows = []
    for by, one in results.items():
        name = f"{one['dreams']:.0f} Dream-v0 as one, no pictures, traffic by {by}"
        text = (
            f"{one['steps_a_second']:,.0f} steps/s with {one['agents']:.0f} agents in a dream, {one['cores']:.0f} cores"
        )
        whole = f"{one['all_steps_a_second']:,.0f} steps/s, a step at most {one['longest_ms']:,.0f} ms"
        rows += [
            (name, text),
            ("the same, waiting for streets to grow included", f"{whole}; {one['cpu_ms']:.2f} ms of a core each"),
            ("until the first of them", f"{one['begin_s']:.0f} s"),
        ]
    return rows
