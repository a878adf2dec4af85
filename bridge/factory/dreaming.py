"""Makes takes in two stages: scenes are driven without pictures until one is what was asked for, which is then painted from its states."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from bridge.errors import LucidriveError, explain
from bridge.factory.check import Finding, check, reasons
from bridge.factory.find import Candidate, min_ttc, search
from bridge.factory.jobs import Batch, Request, Take
from bridge.factory.labels import Label, label
from bridge.factory.look import Look, look
from bridge.factory.scenario import Scenario
from bridge.factory.shard import draw_labelled
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

TRIALS = 16  # beginnings of a take driven at most, without a picture, to find one that fits


@dataclass(frozen=True, slots=True)
class Rollout:
    """One clip of a take. branch: the plan line that it forked into, or ""; labels, states: one a frame; failure: why it ended
    early, or ""; trials: beginnings driven to find it, in `steps` steps and `seconds` s; painted: whether its frames have pictures;
    looks: what the judge sees in the pictures; shard: the labels of the pictures, where the request has them; candidate: the
    parameters that a search drew.
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
    candidate: Candidate | None = None

    def stem(self, request: Request) -> str:
        """The stem of its files' names."""
        if not self.branch:
            return self.take.stem
        words = re.sub(r"[^a-z0-9]+", "-", self.branch.lower()).strip("-")[:40]
        return f"{self.take.stem}.{request.branches.index(self.branch)}-{words}"

    def fits(self, request: Request) -> bool:
        """Whether it is complete and its scene is what the take is to show."""
        whole = not self.failure and len(self.states) == request.frames
        return whole and not reasons(self.findings(request))

    def findings(self, request: Request, scenario: Scenario | None = None) -> tuple[Finding, ...]:
        """Checks of what was asked for. scenario: default, the job's. In a search, the check of the danger replaces the one that
        nobody is touched.
        """
        scenario = scenario or self.take.job.scenario
        find = request.find
        if find is None:
            return check(self.clip, self.labels, scenario)
        findings = check(self.clip, self.labels, self.candidate.apply(scenario) if self.candidate else scenario)
        least, contact = self.danger
        text = "our car touched somebody" if contact else f"{least:.1f} s from a collision at the worst"
        goal = f"ttc<{find.seconds:g}" if find.what == "ttc" else find.what
        met = find.met(least, contact)
        danger = Finding("find", goal, met, 1.0 if met else 0.0, None, text)
        return (*(one for one in findings if one.kind != "contact"), danger)

    @property
    def danger(self) -> tuple[float, bool]:
        """The least time to collision in s, and whether our car touched somebody."""
        return min_ttc(self.states), any(one.facts.collision for one in self.labels)


class _Drive:
    """A session under way, with the state and label of each of its frames."""

    def __init__(self, take: Take, session: Session, branch: str = "", failure: str = "") -> None:
        self.take, self.session, self.branch, self.failure = take, session, branch, failure
        self.labels: list[Label] = []
        self.states: list[SceneState] = []

    def record(self) -> None:
        """Adds the newest frame's state and label."""
        dream = self.session.dream
        assert isinstance(dream, SceneDream)
        self.states.append(dream.state_now)
        self.labels.append(label(dream.state_now))

    @property
    def unclean(self) -> bool:
        """Whether our car touches somebody, or has left the road, in the newest frame."""
        return self.labels[-1].facts.collision or self.labels[-1].facts.off_road

    def fork(self, branch: str) -> _Drive:
        """A drive with the same past that carries out `branch`, a plan line, from here on."""
        other = _Drive(self.take, self.session.fork(), branch, self.failure)
        other.labels, other.states = list(self.labels), list(self.states)
        if not other.failure:
            _guard(other, partial(other.session.plan, branch))
        return other


def dream(world: SceneWorld, request: Request, batch: Batch, judge: Judge | None = None) -> list[Rollout]:
    """All clips of the batch, in the order of its takes. On one machine the same take gives the same clip to the bit.

    What does not fit is not painted, except in a counterfactual set, whose pictures are compared. judge: looks at what is painted.
    """
    clips = [one for take in batch.takes for one in rollouts(world, request, take)]
    return [paint(world, request, one, judge) if request.branches or one.fits(request) else one for one in clips]


def paint(world: SceneWorld, request: Request, rollout: Rollout, judge: Judge | None = None) -> Rollout:
    """The same with a picture in every frame, and what the judge sees in them."""
    size, shard = SIZES[request.quality], b""
    if request.labels:
        rig = replace(world.rig, height=size[0], width=size[1])
        pictures, shard = draw_labelled(rollout.take, rollout.stem(request), rollout.states, rig, world.renderer)
    else:
        pictures = [world.draw(state, size) for state in rollout.states]
    moments = (
        replace(moment, frame=replace(moment.frame, image=picture))
        for moment, picture in zip(rollout.clip.moments, pictures, strict=True)
    )
    clip = replace(rollout.clip, moments=tuple(moments))
    looks = look(judge, clip, rollout.findings(request)) if judge is not None else ()
    return replace(rollout, clip=clip, painted=True, looks=looks, shard=shard)


def rollouts(world: SceneWorld, request: Request, take: Take, first: int = 0) -> list[Rollout]:
    """The clips of one take, without pictures, one a branch: of the first beginning that fits, or of the last one tried.

    first: the trial to begin with, where those before are known not to fit.
    """
    if request.find is not None:
        return [_search(world, request, take)]
    began, steps = time.perf_counter(), 0
    trials = 1 if request.branches or request.start.state is not None else TRIALS
    for trial in range(min(first, trials - 1), trials):
        drives = _drive(world, request, take, trial, stop_early=trial < trials - 1)
        steps += sum(len(drive.states) - 1 for drive in drives)
        clips = [_rollout(request, drive, trial + 1) for drive in drives]
        if not request.branches and clips[0].fits(request):
            break
    seconds = time.perf_counter() - began
    return [replace(clips[0], steps=steps, seconds=seconds), *clips[1:]]


def _search(world: SceneWorld, request: Request, take: Take) -> Rollout:
    """The clip of a take with a search: the first that meets it, or the one with the best score."""
    find, began, steps, trials = request.find, time.perf_counter(), 0, 0
    assert find is not None
    best: tuple[float, Rollout] | None = None

    def evaluate(candidate: Candidate) -> tuple[float, bool]:
        nonlocal best, steps, trials
        trials += 1
        [drive] = _drive(world, request, take, 0, False, candidate)
        steps += len(drive.states) - 1
        one = replace(_rollout(request, drive, trials), candidate=candidate)
        missing = sum(not finding.found for finding in one.findings(request) if finding.kind != "find")
        score = find.score(*one.danger) if math.isfinite(one.danger[0]) or one.danger[1] else 2 * HORIZON
        score += 3 * HORIZON * (missing + bool(one.failure))
        fits = one.fits(request)
        if best is None or fits or score < best[0]:
            best = score, one
        return score, fits

    search(find, take.seed, evaluate)
    assert best is not None
    return replace(best[1], trials=trials, steps=steps, seconds=time.perf_counter() - began)


def _drive(
    world: SceneWorld, request: Request, take: Take, trial: int, stop_early: bool, candidate: Candidate | None = None
) -> list[_Drive]:
    """Drives one beginning to its end, branches side by side. stop_early: leave it as soon as it can no longer fit."""
    drives = [_begin(world, request, take, UNDRAWN, trial, candidate)]
    for frame in range(request.frames - 1):
        if frame == request.fork_frame:
            drives = [drive.fork(branch) for drive in drives for branch in request.branches]
        _step(drives)
        if stop_early and (drives[0].failure or drives[0].unclean):
            break
    return drives


def _rollout(request: Request, drive: _Drive, trials: int) -> Rollout:
    clip = replace(drive.session.clip(), quality=request.quality)
    return Rollout(drive.take, drive.branch, clip, tuple(drive.labels), drive.failure, tuple(drive.states), trials)


def _begin(
    world: SceneWorld, request: Request, take: Take, quality: int, trial: int, candidate: Candidate | None = None
) -> _Drive:
    scenario = candidate.apply(take.job.scenario) if candidate else take.job.scenario
    drive = _Drive(take, begin(world, request.start, scenario, take.seed, quality, trial, candidate))
    drive.record()
    _guard(drive, partial(drive.session.plan, scenario.line))
    return drive


def _step(drives: Sequence[_Drive]) -> None:
    """A frame of each drive that has not failed; where the batch cannot step, each drive steps alone."""
    going = [drive for drive in drives if not drive.failure]
    for drive in going:
        drive.session.begin_tick()
    frames = step([drive.session for drive in going], step_all)
    for drive in going:
        if drive.session in frames:
            drive.record()
        else:
            _fail(drive)


def _fail(drive: _Drive) -> None:
    notes = [notice.text for notice in drive.session.notes() if notice.kind == "error"]
    drive.failure = notes[-1] if notes else "The drive could not go on."


def _guard(drive: _Drive, order: partial[None]) -> None:
    """Calls `order`; our own error becomes the drive's failure."""
    try:
        order()
    except LucidriveError as error:
        drive.failure = explain(error)
