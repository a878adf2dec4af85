"""The next frame of every drive at hand: the one stepper of the page, of `lucidrive dream` and of clip jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from bridge.session import Session
from bridge.snapshot import StepRequest
from world.controls import Control
from world.dream import AnyDream
from world.frame import Frame

log = logging.getLogger(__name__)

Given = TypeVar("Given")
StepAll = Callable[[Sequence[AnyDream], Sequence[Control]], list[Frame]]


class Guard(Protocol):
    """Calls one session's part of a step, or with None what is all sessions'; None where a session's failed and was told."""

    def __call__(self, session: Session | None, part: Callable[[], Given], /) -> Given | None: ...


def plain(session: Session | None, part: Callable[[], Given], /) -> Given | None:
    """Errors are the caller's."""
    return part()


def step(sessions: Iterable[Session], step_all: StepAll | None = None, guard: Guard = plain) -> dict[Session, Frame]:
    """A frame of each session that could go on, by its plan or its keys; the others have told why, and stand still.

    With `step_all` (`world.dream.step_all`) several dreams are one batch. Whatever keeps the batch back, each then steps
    alone. Call `begin_tick` of each before.
    """
    wishes: dict[Session, StepRequest] = {}
    for session in sessions:
        if (wish := guard(session, session.wish)) is not None:
            wishes[session] = wish
    if step_all is not None and len(wishes) > 1:
        dreams, controls = [session.dream for session in wishes], [wish.control for wish in wishes.values()]
        try:
            frames = guard(None, partial(step_all, dreams, controls))
        except Exception as error:  # of one dream, or of the batch: stepping alone tells
            log.warning("the dreams could not step as one batch, so each stepped alone: %s", error)
        else:
            assert frames is not None
            for (session, wish), frame in zip(wishes.items(), frames, strict=True):
                session.take(wish, frame)
            return dict(zip(wishes, frames, strict=True))
    alone = {session: guard(session, partial(session.dream_on, wish)) for session, wish in wishes.items()}
    return {session: frame for session, frame in alone.items() if frame is not None}
