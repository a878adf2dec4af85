"""Makes takes in two stages: first scenes alone, until one is what was asked for; then what fits is painted, from its states."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from bridge.errors import LucidriveError, explain
from bridge.factory.check import Finding, check, reasons
from bridge.factory.find import Candidate, search, worst
from bridge.factory.jobs import Batch, Request, Take
from bridge.factory.labels import Label, label
from bridge.factory.look import Look, look
from bridge.factory.scenario import Scenario
from bridge.factory.shard import labelled
from bridge.factory.start import begin
from bridge.recording.clip import Clip
from bridge.session import Session
from bridge.stepper import step
from world.dream import step_all
from world.dynamics.danger import HORIZON
from world.judge import Judge
from world.scene.state import SceneState
from world.scene_dream import SceneDream
from world.scene_world import SIZES, UNDRAWN, SceneWorld

TRIALS = 16  # beginnings of a take that are driven at most, without a picture, to find one that fits


@dataclass(frozen=True, slots=True)
class Dreamt:
    """One clip of a take. branch: the plan line that it forked into, or ""; labels, states: of its frames; failure: why it ended
    early, or "". trials: beginnings that were driven to find it, in so many steps and seconds; painted: whether its frames have pictures;
    looks: what the judge sees in the pictures; shard: the labels of the pictures, where the request wants them; drawn: what a search has drawn.
    """

    take: Take
    branch: str
    clip: Clip
    labels: tuple[Label, ...]
    failure: str
    states: tuple[SceneState, ...]
    trials: int = 1
    steps: int = 0
    seconds: float = 0.0
    painted: bool = False
    looks: tuple[Look, ...] = ()
    shard: bytes = b""
    drawn: Candidate | None = None

    def stem(self, request: Request) -> str:
        """Of its files."""
        if not self.branch:
            return self.take.stem
        words = re.sub(r"[^a-z0-9]+", "-", self.branch.lower()).strip("-")[:40]
        return f"{self.take.stem}.{request.branches.index(self.branch)}-{words}"

    def fits(self, request: Request) -> bool:
        """Whether the scene is what the take was to show, to its end."""
        whole = not self.failure and len(self.states) == request.frames
        return whole and not reasons(self.findings(request))

    def findings(self, request: Request, scenario: Scenario | None = None) -> tuple[Finding, ...]:
        """What is there of what was asked for; `scenario`: another one than the job's. Where danger is looked for, that takes the
        place of a drive without contact.
        """
        scenario = scenario or self.take.job.scenario
        find = request.find
        if find is None:
            return check(self.clip, self.labels, scenario)
        found = check(self.clip, self.labels, self.drawn.told(scenario) if self.drawn else scenario)
        least, contact = self.danger
        seen = "our car touched somebody" if contact else f"{least:.1f} s from a collision at the worst"
        asked = f"ttc<{find.seconds:g}" if find.what == "ttc" else find.what
        danger = Finding("find", asked, find.met(least, contact), 1.0 if find.met(least, contact) else 0.0, None, seen)
        return (*(one for one in found if one.kind != "contact"), danger)

    @property
    def danger(self) -> tuple[float, bool]:
        """s to a collision at the worst moment, and whether one came."""
        return worst(self.states), any(one.facts.collision for one in self.labels)


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

    @property
    def spoilt(self) -> bool:
        """Whether our car touches somebody, or has left the road, in the newest frame."""
        return self.labels[-1].facts.collision or self.labels[-1].facts.off_road

    def fork(self, branch: str) -> _Drive:
        other = _Drive(self.take, self.session.fork(), branch, self.failure)
        other.labels, other.states = list(self.labels), list(self.states)
        if not other.failure:
            _guarded(other, partial(other.session.plan, branch))
        return other


def dream(world: SceneWorld, request: Request, batch: Batch, judge: Judge | None = None) -> list[Dreamt]:
    """All clips of the batch, in the order of its takes. The same take gives the same clip to the bit on one machine.

    What does not fit is not painted; of a counterfactual set every branch is, since its pictures are compared. judge: looks at what was painted.
    """
    made = [one for take in batch.takes for one in again(world, request, take)]
    return [painted(world, request, one, judge) if request.branches or one.fits(request) else one for one in made]


def painted(world: SceneWorld, request: Request, dreamt: Dreamt, judge: Judge | None = None) -> Dreamt:
    """The same with a picture in every frame, and with what the judge sees in them."""
    size, shard = SIZES[request.quality], b""
    if request.labels:
        rig = replace(world.rig, height=size[0], width=size[1])
        pictures, shard = labelled(dreamt.take, dreamt.stem(request), dreamt.states, rig, world.renderer)
    else:
        pictures = [world.draw(state, size) for state in dreamt.states]
    moments = (
        replace(moment, frame=replace(moment.frame, image=picture))
        for moment, picture in zip(dreamt.clip.moments, pictures, strict=True)
    )
    clip = replace(dreamt.clip, moments=tuple(moments))
    looks = look(judge, clip, dreamt.findings(request)) if judge is not None else ()
    return replace(dreamt, clip=clip, painted=True, looks=looks, shard=shard)


def again(world: SceneWorld, request: Request, take: Take, first: int = 0) -> list[Dreamt]:
    """The clips of one take without pictures: of the first beginning that fits, or of the last one that was tried; a clip a branch.

    first: beginnings that are known not to fit.
    """
    if request.find is not None:
        return [_found(world, request, take)]
    began, steps = time.perf_counter(), 0
    trials = 1 if request.branches or request.start.state is not None else TRIALS
    for trial in range(min(first, trials - 1), trials):
        drives = _driven(world, request, take, trial, hopeful=trial < trials - 1)
        steps += sum(len(drive.states) - 1 for drive in drives)
        made = [_dreamt(request, drive, trial + 1) for drive in drives]
        if not request.branches and made[0].fits(request):
            break
    seconds = time.perf_counter() - began
    return [replace(made[0], steps=steps, seconds=seconds), *made[1:]]


def _found(world: SceneWorld, request: Request, take: Take) -> Dreamt:
    """The clip of a take that searches: the one that was found, or of all that were tried the nearest to it."""
    find, began, steps, trials = request.find, time.perf_counter(), 0, 0
    assert find is not None
    best: tuple[float, Dreamt] | None = None

    def judge(drawn: Candidate) -> tuple[float, bool]:
        nonlocal best, steps, trials
        trials += 1
        [drive] = _driven(world, request, take, 0, False, drawn)
        steps += len(drive.states) - 1
        one = replace(_dreamt(request, drive, trials), drawn=drawn)
        missing = sum(not finding.found for finding in one.findings(request) if finding.kind != "find")
        score = find.score(*one.danger) if math.isfinite(one.danger[0]) or one.danger[1] else 2 * HORIZON
        score += 3 * HORIZON * (missing + bool(one.failure))
        fits = one.fits(request)
        if best is None or fits or score < best[0]:
            best = score, one
        return score, fits

    search(find, take.seed, judge)
    assert best is not None
    return replace(best[1], trials=trials, steps=steps, seconds=time.perf_counter() - began)


def _driven(
    world: SceneWorld, request: Request, take: Take, trial: int, hopeful: bool, drawn: Candidate | None = None
) -> list[_Drive]:
    """One beginning, driven to its end, branches side by side. hopeful: one that can no longer fit is left, since there are others."""
    drives = [_begin(world, request, take, UNDRAWN, trial, drawn)]
    for frame in range(request.frames - 1):
        if frame == request.fork_frame:
            drives = [drive.fork(branch) for drive in drives for branch in request.branches]
        _step(drives)
        if hopeful and (drives[0].failure or drives[0].spoilt):
            break
    return drives


def _dreamt(request: Request, drive: _Drive, trials: int) -> Dreamt:
    clip = replace(drive.session.clip(), quality=request.quality)
    return Dreamt(drive.take, drive.branch, clip, tuple(drive.labels), drive.failure, tuple(drive.states), trials)


def _begin(
    world: SceneWorld, request: Request, take: Take, quality: int, trial: int, drawn: Candidate | None = None
) -> _Drive:
    scenario = drawn.told(take.job.scenario) if drawn else take.job.scenario
    drive = _Drive(take, begin(world, request.start, scenario, take.seed, quality, trial, drawn))
    drive.note()
    _guarded(drive, partial(drive.session.plan, scenario.line))
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
