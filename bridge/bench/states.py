"""Checks that a scene's states are the same on the page, headless, and by the world's step alone."""

from __future__ import annotations

import time

from bridge.loop import Loop, drive_headless
from bridge.session import Session
from world.controls import DT
from world.dream import open_dream, step_all
from world.dynamics.step import step
from world.scene.state import SceneState
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

LINES = ("rain(2)", "cut_in(left)")  # the drives' plan


def same_elsewhere(seed: int, frames: int = 60) -> dict[str, bool]:
    """Drives under a plan on the page's loop, beside another drive, and headless; whether each ends in the state that the step alone makes of its controls."""
    model = SceneWorld()
    page, beside = (Session(lambda number: open_dream(model, number, 1, True), seed + k) for k in range(2))
    alone = Session(lambda number: open_dream(model, number, 1), seed)
    begins, loop = _state(page), Loop(None, step_all)
    for session in (page, beside, alone):
        for line in LINES:
            session.plan(line)
    for session in (page, beside):
        loop.add(session)
    for _ in range(frames):
        loop.tick(time.perf_counter() + DT)
    drive_headless(alone, (frames + 1) * DT, None)
    replayed = begins
    for moment in page.clip().moments[-frames:]:
        replayed = step(replayed, [moment.frame.control])
    bare = replayed.hash()
    return {"on the page": _state(page).hash() == bare, "headless": _state(alone).hash() == bare}


def _state(session: Session) -> SceneState:
    assert isinstance(session.dream, SceneDream)
    return session.dream.state_now
