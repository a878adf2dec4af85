"""Frames to record and save: a drive of a few seconds."""

from __future__ import annotations

from functools import partial

from bridge.recording.clip import Clip, Moment
from bridge.session import Session
from world.dream import AnyWorld, open_dream

FRAMES = 40


def record_moments(model: AnyWorld, frames: int = FRAMES) -> tuple[list[Moment], Clip]:
    """The moments of a drive, and a clip without moments that describes it."""
    session = Session(partial(open_dream, model), 7)
    session.record_all()
    if model.driving:
        session.plan("rain(2)")
    for _ in range(frames - 1):
        session.begin_tick()
        session.tick()
    clip = session.clip()
    return list(clip.moments), session.newest()[1]
