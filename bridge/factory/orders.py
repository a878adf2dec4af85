"""Turns a sentence, a plan line or a YAML file into a run of clips, estimates its cost, makes and delivers it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from brain.conditions import reader
from brain.plan import Plan, PlanError, Refusal, Utterance, parse_line, print_line, sentence
from bridge.errors import SessionError
from bridge.factory.coverage import Cell, table
from bridge.factory.deliver import deliver
from bridge.factory.dreaming import dream
from bridge.factory.find import TRIALS, SearchSpec
from bridge.factory.jobs import SIZE, Batch, Request, vary_by_seed
from bridge.factory.matrix import Matrix, MatrixRecipe, Reader, coverage, expand, load
from bridge.factory.pool import Workers
from bridge.factory.run import OnProgress, RunProgress, make
from bridge.factory.scenario import Scenario, ScenarioError, of_line, with_conditions
from bridge.factory.start import Start, by_seed, check, from_file
from bridge.factory.store import Store, check_room, open_request
from bridge.factory.worker import THREADS
from world.machine import cores
from world.places import where
from world.scene_world import Others, SceneWorld
from world.telling import Report

SECONDS, RETRIES = 8.0, 2
YAML = (".yaml", ".yml")
LINE = re.compile(r"[a-z_]+(\([^()]*\))?([@~][^;]*)?(;[a-z_]+(\([^()]*\))?([@~][^;]*)?)*", re.ASCII)


@dataclass(frozen=True)
class ClipSpec:
    """The options of `lucidrive clips`; None leaves one to the YAML file or the default. What to show is `what`, a sentence or a
    plan line, or `file`, a YAML file, or `matrix`.
    """

    what: str = ""
    file: Path | None = None
    matrix: Matrix | None = None
    number: int = 10
    seconds: float | None = None
    seed: int | None = None
    cap: int | None = None
    vary: bool = False
    retries: int | None = None
    scene: str | None = None
    begin: Path | None = None
    fork_at: float | None = None
    branches: str = ""
    size: str | None = None
    traffic: str | None = None
    reckless: float | None = None
    find: str | None = None
    by: str = "random"
    trials: int | None = None
    labels: bool = False


@dataclass(frozen=True)
class Order:
    """A request and the folder that its clips go to."""

    request: Request
    out: Path

    @classmethod
    def of(cls, spec: ClipSpec, out: Path, resume: bool = False, read: Reader | None = None) -> Order:
        """Checks the options and the folder. resume: take the request from the folder; read: makes a scenario of a sentence
        (default: the brain, loaded when it is needed).

        ScenarioError, PlanError, SessionError: what is asked for; ExportError: the folder; DataError, WeightsError: a file, place
        or weights.
        """
        out = out.expanduser()
        if resume:
            return cls(open_request(out, None, True), out)
        if not spec.what.strip() and spec.file is None and spec.matrix is None:
            raise ScenarioError(
                'Say what the clips are to show: lucidrive clips "rain at night, a person steps out from the left".'
            )
        return cls(open_request(out, request_of(spec, read or PromptReader()), False), out)

    def cost(self) -> dict[str, Any]:
        """What the clips cover, and the time (by a short trial) and disk space that they would take here. ExportError where the disk has less."""
        request, workers = self.request, cores()
        scenarios = [job.scenario for job in request.jobs]
        clips = len(request.jobs) * max(1, len(request.branches))
        speed = self._trial() * workers
        seconds = clips * request.seconds
        most = seconds * (1 + request.retries)
        return {
            "coverage": coverage(scenarios),
            "cost": {
                "clips": clips,
                "scenarios": len({scenario.line for scenario in scenarios}),
                "seconds of clips": round(seconds, 1),
                "seconds driven, at most (all retries)": round(most, 1),
                f"minutes, at least, on {workers} cores": round(seconds / speed / 60, 1),
                f"minutes, at most, on {workers} cores": round(most / speed / 60, 1),
                "MiB on the disk, at most": round(check_room(self.out, request) / 2**20),
                "begins in": request.start.what,
            },
        }

    def make(
        self,
        workers: int | None = None,
        cluster: str | None = None,
        address: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> RunProgress:
        """Makes the clips that the folder lacks. workers: processes (default: one a core); cluster: "ray", at `address`.

        SessionError: the cluster or a worker; ExportError: the folder or the disk; NoRoomError: the memory.
        """
        count = cores() if workers is None else workers
        return make(
            self.request, self.out, workers=count, cluster=self._cluster(cluster, address), on_progress=on_progress
        )

    def coverage_table(self) -> list[Cell]:
        """How much of the request is made so far. ExportError where another process uses the folder."""
        with Store(self.out, self.request) as store:
            return table(store)

    def deliver(self, formats: Sequence[str], on_progress: Report | None = None) -> dict[str, Any]:
        """Writes datasets, pictures, card and report, and returns the report. SessionError, ExportError, MissingPackageError."""
        with Store(self.out, self.request) as store:
            return deliver(store, formats, on_progress)

    def _cluster(self, name: str | None, address: str | None) -> Callable[[], Workers] | None:
        if name is None:
            return None
        if name != "ray":
            raise SessionError(f"There is no cluster '{name[:40]}'; there is: ray.")
        from bridge.factory.cluster import RayWorkers

        return lambda: RayWorkers(self.request, address)

    def _trial(self) -> float:
        """Seconds of clips that one worker makes here a second, measured."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(THREADS)
        try:
            world = SceneWorld(self.request.start.places, others=self.request.others)
            short = replace(self.request, clips=((Scenario("follow"), 0),), seconds=1.5, branches=(), fork_at=None)
            batch = Batch(0, (short.jobs[0].take(0),))
            dream(world, short, batch)  # compiles
            began = time.perf_counter()
            clips = dream(world, short, batch)
            return sum(one.clip.seconds for one in clips) / (time.perf_counter() - began)
        finally:
            torch.set_num_threads(threads)


def request_of(spec: ClipSpec, read: Reader) -> Request:
    """The request that the options make; nothing is driven yet. ScenarioError, PlanError, SessionError, DataError, WeightsError."""
    recipe = load(spec.file, spec.cap) if spec.file is not None else MatrixRecipe(spec.matrix or _matrix_of(spec), {})
    settings = recipe.settings

    def setting(name: str, default: Any) -> Any:
        value = getattr(spec, name)
        return settings.get(name, default) if value is None else value

    clips = expand(recipe.matrix, read, setting("seed", 0))
    if spec.vary or settings.get("vary"):
        clips = [(vary_by_seed(scenario, seed), seed) for scenario, seed in clips]
    scene = setting("scene", None)
    if scene is not None and spec.begin is not None:
        raise ScenarioError("Begin the clips in a place or in a saved drive, not in both.")
    start = by_seed(len(clips)) if spec.begin is None else from_file(spec.begin)
    if scene:
        beginning = where(scene, setting("seed", 0), reader(partial(_utterance, read)))
        start = Start(beginning.place, what=scene) if beginning.place else start
        clips = [(with_conditions(scenario, beginning.conditions), seed) for scenario, seed in clips]
    others = Others.of(str(setting("traffic", "rules")), float(setting("reckless", 0.0)))
    world = SceneWorld(start.places, others=others)
    check(world, start)
    return Request(
        tuple(clips),
        float(setting("seconds", SECONDS)),
        world.hashes,
        start,
        int(setting("retries", RETRIES)),
        str(setting("size", SIZE)),
        branches_of(spec.branches),
        spec.fork_at,
        others=others,
        find=SearchSpec.of(spec.find, spec.by, spec.trials or TRIALS) if spec.find else None,
        labels=spec.labels or bool(settings.get("labels")),
    )


def _utterance(read: Reader, text: str) -> Utterance:
    """What the brain understands by a phrase about a place."""
    try:
        return read(text).plan
    except SessionError:  # the brain refuses it, or asks back
        return Refusal("unsupported")


def branches_of(text: str) -> tuple[str, ...]:
    """The branches of, say, `stop;left&rain(3)`: two, the second with two steps. PlanError, ScenarioError."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    return tuple(of_line(part.replace("&", ";")).line for part in parts)


class PromptReader:
    """Makes scenarios: of sentences by the brain, which is loaded at the first of them; of plan lines as they are."""

    def __init__(self, load_brain: Callable[[], Any] | None = None) -> None:
        self._load = load_brain or _load_brain
        self._brain: Any = None

    def __call__(self, text: str) -> Scenario:
        """The scenario of a sentence or plan line.

        PlanError for a line with a mistake; SessionError where the brain refuses or asks back: nobody is there to answer.
        """
        if is_line(text):
            return of_line(text)
        self._brain = self._brain or self._load()
        utterance = self._brain.answer(text).utterance
        if not isinstance(utterance, Plan):
            raise SessionError(sentence(utterance))
        return Scenario(print_line(utterance), " ".join(text.split()))


def is_line(text: str) -> bool:
    """Whether the text is a plan line, or looks like one with a mistake."""
    try:
        parse_line(text)
        return True
    except PlanError:
        return LINE.fullmatch("".join(text.split())) is not None and any(mark in text for mark in "();@~")


def _load_brain() -> Any:
    from brain.director import Director

    return Director.load()


def _matrix_of(spec: ClipSpec) -> Matrix:
    """One sentence or plan line under as many seeds as clips are asked for."""
    number = spec.number if spec.cap is None else min(spec.number, spec.cap)
    return Matrix(include=({"plan" if is_line(spec.what) else "say": spec.what},), seeds=number)
