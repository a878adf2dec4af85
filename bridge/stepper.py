"""Makes the next frame of several drives; the page, `lucidrive dream` and clip jobs all use it."""

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

T = TypeVar("T")
StepAll = Callable[[Sequence[AnyDream], Sequence[Control]], list[Frame]]


class Guard(Protocol):
    """Calls a session's part of a step, or with None the part of all; returns None where a session's part failed and that was announced."""

    def __call__(self, session: Session | None, part: Callable[[], T], /) -> T | None:
        """The part's result, or None."""
        ...


def plain(session: Session | None, part: Callable[[], T], /) -> T | None:
    """The guard that lets errors through."""
    return part()


def step(sessions: Iterable[Session], step_all: StepAll | None = None, guard: Guard = plain) -> dict[Session, Frame]:
    """The next frame of each session that can go on, by its plan or keys; the others are paused and have said why.

    With `step_all` (`world.dream.step_all`) several dreams are one batch; where the batch fails, each steps alone. Call `begin_tick` of
    each before.
    """
    requests: dict[Session, StepRequest] = {}
    for session in sessions:
        if (request := guard(session, session.step_request)) is not None:
            requests[session] = request
    if step_all is not None and len(requests) > 1:
        dreams, controls = [session.dream for session in requests], [request.control for request in requests.values()]
        try:
            frames = guard(None, partial(step_all, dreams, controls))
        except Exception as error:  # of one dream or of the batch: stepping alone shows which
            log.warning("the dreams could not step as one batch, so each stepped alone: %s", error)
        else:
            assert frames is not None
            for (session, request), frame in zip(requests.items(), frames, strict=True):
                session.take(request, frame)
            return dict(zip(requests, frames, strict=True))
    alone = {session: guard(session, partial(session.step_alone, request)) for session, request in requests.items()}
    return {session: frame for session, frame in alone.items() if frame is not None}
