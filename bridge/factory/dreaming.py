"""Drives the takes of a batch together, frame by frame, each by its own plan; with branches, each forks on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bridge.clips import Clip
from bridge.errors import LucidriveError, explain
from bridge.factory.check import check, reasons
from bridge.factory.jobs import Batch, Request, Take
from bridge.factory.labels import Label, label
from bridge.factory.start import UNDRAWN, begin
from bridge.session import Session
from bridge.stepper import step
from world.dream import step_all
from world.scene.state import SceneState
from world.scene_world import SceneDream, SceneWorld

TRIALS = 16  # beginnings of a take that are driven without a picture, to find one


@dataclass(frozen=True, slots=True)
class Dreamt:
    """One clip of a take. branch: the plan line that it forked into, or ""; labels, states: of its frames; failure: why it ended
    early, or "".
    """

    take: Take
    branch: str
    clip: Clip
    labels: tuple[Label, ...]
    failure: str
    states: tuple[SceneState, ...]


class _Drive:
    """A session on its way, and what was true of each of its frames."""

    def __init__(self, take: Take, session: Session, branch: str = "", failure: str = "") -> None:
        self.take, self.session, self.branch, self.failure = take, session, branch, failure
        self.labels: list[Label] = []
        self.states: list[SceneState] = []

    def note(self) -> None:
        """Keeps the scene of the frame that was just made, and labels it."""
        dream = self.session.dream
        assert isinstance(dream, SceneDream)
        self.states.append(dream.state_now)
        self.labels.append(label(dream.state_now))

    def fork(self, branch: str) -> _Drive:
        other = _Drive(self.take, self.session.fork(), branch, self.failure)
        other.labels, other.states = list(self.labels), list(self.states)
        if not other.failure:
            _guarded(other, partial(other.session.do, branch))
        return other


def dream(world: SceneWorld, request: Request, batch: Batch) -> list[Dreamt]:
    """All clips of the batch, in the order of its takes. The same take gives the same clip to the bit on one machine."""
    return [one for take in batch.takes for one in _made(world, request, take, request.quality)]


def again(world: SceneWorld, request: Request, take: Take) -> list[Dreamt]:
    """The clips of one take, driven as they were, without pictures: their scenes, step by step."""
    return _made(world, request, take, UNDRAWN)


def _made(world: SceneWorld, request: Request, take: Take, quality: int) -> list[Dreamt]:
    """The clips of one take, branches side by side. A take after the other: what stands round several at once would not be kept."""
    drives = [_begin(world, request, take, quality, _scouted(world, request, take))]
    for frame in range(request.frames - 1):
        if frame == request.fork_frame:
            drives = [drive.fork(branch) for drive in drives for branch in request.branches]
        _step(drives)
    return [
        Dreamt(
            drive.take,
            drive.branch,
            drive.session.clip(),
            tuple(drive.labels),
            drive.failure,
            tuple(drive.states),
        )
        for drive in drives
    ]


def _scouted(world: SceneWorld, request: Request, take: Take) -> int:
    """The first of TRIALS beginnings from which the plan comes true, tried without drawing; the last one where none does.

    A picture costs many times what a step does, so a take is worth looking for.
    """
    if request.branches or request.start.state is not None:
        return 0
    for trial in range(TRIALS - 1):
        drive = _begin(world, request, take, UNDRAWN, trial)
        for _ in range(request.frames - 1):
            _step([drive])
        if not drive.failure and not reasons(check(drive.session.clip(), drive.labels, take.job.scenario)):
            return trial
    return TRIALS - 1


def _begin(world: SceneWorld, request: Request, take: Take, quality: int, trial: int) -> _Drive:
    scenario = take.job.scenario
    drive = _Drive(take, begin(world, request.start, scenario, take.seed, quality, trial))
    drive.note()
    _guarded(drive, partial(drive.session.do, scenario.line))
    return drive


def _step(drives: Sequence[_Drive]) -> None:
    """A frame of each that has not failed; whatever keeps the batch back, each then steps alone."""
    going = [drive for drive in drives if not drive.failure]
    for drive in going:
        drive.session.begin_tick()
    frames = step([drive.session for drive in going], step_all)
    for drive in going:
        if drive.session in frames:
            drive.note()
        else:
            _fail(drive)


def _fail(drive: _Drive) -> None:
    notes = [notice.text for notice in drive.session.notes() if notice.kind == "error"]
    drive.failure = notes[-1] if notes else "The drive could not go on."


def _guarded(drive: _Drive, order: partial[None]) -> None:
    try:
        order()
    except LucidriveError as error:
        drive.failure = explain(error)
