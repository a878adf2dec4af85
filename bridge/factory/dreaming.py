"""Dreams the takes of a batch together, frame by frame, each by its own plan; with branches, each forks on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bridge.clips import Clip
from bridge.errors import DataError, LucidriveError, SessionError, explain
from bridge.factory.jobs import Batch, Request, Take
from bridge.factory.start import begin
from bridge.session import Session
from bridge.snapshot import Wish
from world.dream import Dream, step_all
from world.model import WorldModel


@dataclass(frozen=True, slots=True)
class Dreamt:
    """One clip of a take. branch: the plan line that it forked into, or "". failure: why it ended early, or ""."""

    take: Take
    branch: str
    clip: Clip
    failure: str


class _Drive:
    """A session on its way."""

    def __init__(self, take: Take, session: Session, branch: str = "", failure: str = "") -> None:
        self.take, self.session, self.branch, self.failure = take, session, branch, failure

    def fork(self, branch: str) -> _Drive:
        other = _Drive(self.take, self.session.fork(), branch, self.failure)
        if not other.failure:
            _guarded(other, partial(other.session.do, branch))
        return other


def dream(model: WorldModel, request: Request, batch: Batch) -> list[Dreamt]:
    """All clips of the batch, in the order of its takes. The same batch gives the same clips to the bit on one machine."""
    drives = [_begin(model, request, take) for take in batch.takes]
    for frame in range(request.frames - 1):
        if frame == request.fork_frame:
            drives = [drive.fork(branch) for drive in drives for branch in request.branches]
        _step(drives)
    return [Dreamt(drive.take, drive.branch, drive.session.clip(), drive.failure) for drive in drives]


def _begin(model: WorldModel, request: Request, take: Take) -> _Drive:
    def open_dream(seed: int) -> Dream:
        return Dream(model, seed, request.steps)

    scenario = take.job.scenario
    drive = _Drive(take, begin(open_dream, model, request.start, scenario, take.seed))
    _guarded(drive, partial(drive.session.do, scenario.line))
    return drive


def _step(drives: Sequence[_Drive]) -> None:
    """A frame of each that has not failed; whatever keeps the batch back, each then steps alone."""
    wishes: list[tuple[_Drive, Wish]] = []
    for drive in drives:
        if drive.failure:
            continue
        drive.session.begin_tick()
        wish = drive.session.wish()
        if wish is None:
            _fail(drive)
        else:
            wishes.append((drive, wish))
    if not wishes:
        return
    try:
        frames = step_all([drive.session.dream for drive, _ in wishes], [wish.control for _, wish in wishes])
    except DataError:
        for drive, wish in wishes:
            if drive.session.dream_on(wish) is None:
                _fail(drive)
        return
    for (drive, wish), frame in zip(wishes, frames, strict=True):
        drive.session.take(wish, frame)


def _fail(drive: _Drive) -> None:
    notes = [notice.text for notice in drive.session.notes() if notice.kind == "error"]
    drive.failure = notes[-1] if notes else "The dream could not go on."


def _guarded(drive: _Drive, order: partial[None]) -> None:
    try:
        order()
    except LucidriveError as error:
        drive.failure = explain(error)


def clear_of(model: WorldModel) -> None:
    """SessionError for a world that knows no car: nothing could be asked of it."""
    if not model.driving:
        raise SessionError(
            "These weights know no car, weather or events; clips are made by weights of a driving world."
        )
