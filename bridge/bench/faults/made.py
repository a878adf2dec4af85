"""Frames to record and save: a drive of a few seconds, dreamt once."""

from __future__ import annotations

from functools import partial

from bridge.recording.clip import Clip, Moment
from bridge.session import Session
from world.dream import AnyWorld, open_dream

FRAMES = 40


def made_moments(model: AnyWorld, frames: int = FRAMES) -> tuple[list[Moment], Clip]:
    """Moments, and what there is to say of their drive."""
    session = Session(partial(open_dream, model), 7)
    session.record_all()
    if model.driving:
        session.plan("rain(2)")
    for _ in range(frames - 1):
        session.begin_tick()
        session.tick()
    clip = session.clip()
    return list(clip.moments), session.newest()[1]
