"""From what a person asks for to a run: reads sentence, plan line or YAML, reckons the cost, makes and delivers."""

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
from bridge.factory.find import TRIALS, Find
from bridge.factory.jobs import SIZE, Batch, Request, varied
from bridge.factory.matrix import Matrix, MatrixRecipe, Reader, coverage, expand, load
from bridge.factory.pool import Workers
from bridge.factory.run import Note, RunProgress, make
from bridge.factory.scenario import Scenario, ScenarioError, of_line, under
from bridge.factory.start import Start, by_seed, check, from_file
from bridge.factory.store import Store, check_room, open_request
from bridge.factory.worker import THREADS
from world.machine import cores
from world.places import where
from world.scene_world import Others, SceneWorld

SECONDS, RETRIES = 8.0, 2
YAML = (".yaml", ".yml")
LINE = re.compile(r"[a-z_]+(\([^()]*\))?([@~][^;]*)?(;[a-z_]+(\([^()]*\))?([@~][^;]*)?)*", re.ASCII)


@dataclass(frozen=True)
class ClipSpec:
    """As on the command line; None: not said, so that a YAML file may say it. what: a sentence or a plan line; or else `file`,
    a YAML file, or `matrix`.
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
    """A request and where its clips go."""

    request: Request
    out: Path

    @classmethod
    def of(cls, wish: ClipSpec, out: Path, resume: bool = False, read: Reader | None = None) -> Order:
        """`read`: what makes a scenario of a sentence (default: the brain, loaded when it is needed). LucidriveError."""
        out = out.expanduser()
        if resume:
            return cls(open_request(out, None, True), out)
        if not wish.what.strip() and wish.file is None and wish.matrix is None:
            raise ScenarioError(
                'Say what the clips are to show: lucidrive clips "rain at night, a person steps out from the left".'
            )
        given = request_of(wish, read or PromptReader())
        return cls(open_request(out, given, False), out)

    def cost(self) -> dict[str, Any]:
        """What the clips cover, and what they would take here: time by a short trial, disk, memory is leased as it is used."""
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
        note: Note | None = None,
    ) -> RunProgress:
        count = cores() if workers is None else workers
        return make(self.request, self.out, workers=count, cluster=self._cluster(cluster, address), note=note)

    def covered(self) -> list[Cell]:
        """What the run has of what it was asked for, as far as it is."""
        with Store(self.out, self.request) as store:
            return table(store)

    def deliver(self, formats: Sequence[str], note: Callable[[float, str], None] | None = None) -> dict[str, Any]:
        with Store(self.out, self.request) as store:
            return deliver(store, formats, note)

    def _cluster(self, name: str | None, address: str | None) -> Callable[[], Workers] | None:
        if name is None:
            return None
        if name != "ray":
            raise SessionError(f"There is no cluster '{name[:40]}'; there is: ray.")
        from bridge.factory.cluster import RayWorkers

        return lambda: RayWorkers(self.request, address)

    def _trial(self) -> float:
        """Seconds of clips a second that one worker makes here now."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(THREADS)
        try:
            world = SceneWorld(self.request.start.places, others=self.request.others)
            wanted = ((Scenario("follow"), 0),)
            short = replace(self.request, wanted=wanted, seconds=1.5, branches=(), fork_at=None)
            batch = Batch(0, (short.jobs[0].take(0),))
            dream(world, short, batch)  # compiles
            began = time.perf_counter()
            clips = dream(world, short, batch)
            return sum(one.clip.seconds for one in clips) / (time.perf_counter() - began)
        finally:
            torch.set_num_threads(threads)


def request_of(wish: ClipSpec, read: Reader) -> Request:
    """What a wish comes to. ScenarioError, PlanError, DataError, WeightsError: before anything is driven."""
    book = load(wish.file, wish.cap) if wish.file is not None else MatrixRecipe(wish.matrix or _one(wish), {})
    said = book.settings

    def chosen(name: str, default: Any) -> Any:
        value = getattr(wish, name)
        return said.get(name, default) if value is None else value

    clips = expand(book.matrix, read, chosen("seed", 0))
    if wish.vary or said.get("vary"):
        clips = [(varied(scenario, seed), seed) for scenario, seed in clips]
    scene = chosen("scene", None)
    if scene is not None and wish.begin is not None:
        raise ScenarioError("Begin the clips in a place or in a saved drive, not in both.")
    start = by_seed(len(clips)) if wish.begin is None else from_file(wish.begin)
    if scene:
        begins = where(scene, chosen("seed", 0), reader(partial(_meaning, read)))
        start = Start(begins.place, what=scene) if begins.place else start
        clips = [(under(scenario, begins.conditions), seed) for scenario, seed in clips]
    others = Others.of(str(chosen("traffic", "rules")), float(chosen("reckless", 0.0)))
    world = SceneWorld(start.places, others=others)
    check(world, start)
    return Request(
        tuple(clips),
        float(chosen("seconds", SECONDS)),
        world.hashes,
        start,
        int(chosen("retries", RETRIES)),
        str(chosen("size", SIZE)),
        branches_of(wish.branches),
        wish.fork_at,
        others=others,
        find=Find.of(wish.find, wish.by, wish.trials or TRIALS) if wish.find else None,
        labels=wish.labels or bool(said.get("labels")),
    )


def _meaning(read: Reader, text: str) -> Utterance:
    """Of a phrase about a place."""
    try:
        return read(text).plan
    except SessionError:  # the brain refuses it, or asks back
        return Refusal("unsupported")


def branches_of(text: str) -> tuple[str, ...]:
    """`stop;left&rain(3)` is two branches, the second of two steps. PlanError."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    return tuple(of_line(part.replace("&", ";")).line for part in parts)


class PromptReader:
    """Sentences by the brain, which is loaded at the first of them; plan lines as they are."""

    def __init__(self, load_brain: Callable[[], Any] | None = None) -> None:
        self._load = load_brain or _load_brain
        self._brain: Any = None

    def __call__(self, text: str) -> Scenario:
        """PlanError for a line with a mistake; SessionError where the brain refuses or asks back: nobody is there to answer."""
        if is_line(text):
            return of_line(text)
        self._brain = self._brain or self._load()
        utterance = self._brain.answer(text).utterance
        if not isinstance(utterance, Plan):
            raise SessionError(sentence(utterance))
        return Scenario(print_line(utterance), " ".join(text.split()))


def is_line(text: str) -> bool:
    """Whether it is a plan line, or was meant to be one and has a mistake in it."""
    try:
        parse_line(text)
        return True
    except PlanError:
        return LINE.fullmatch("".join(text.split())) is not None and any(mark in text for mark in "();@~")


def _load_brain() -> Any:
    from brain.director import Director

    return Director.load()


def _one(wish: ClipSpec) -> Matrix:
    """A sentence or a plan line, so many times."""
    if wish.cap is not None:
        wish = replace(wish, number=min(wish.number, wish.cap))
    return Matrix(include=({"plan" if is_line(wish.what) else "say": wish.what},), seeds=wish.number)
