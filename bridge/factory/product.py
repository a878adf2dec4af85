"""A checked take as files: a JSON sidecar a clip, an mp4 where it was painted, its labels where they are wanted, and for a counterfactual set
what its branches differ in.

Of the sidecar, `control` and `asked` are commanded; `motion`, `readout`, `facts` and `check` are facts of the scene; `judge` is what a
network sees in the pictures, an estimate. None share a key.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brain.plan import Plan, print_line
from bridge.factory.check import Verdict, reasons
from bridge.factory.dreaming import Dreamt
from bridge.factory.jobs import Batch, Request
from bridge.factory.labels import plain
from bridge.factory.look import Look
from bridge.factory.scenario import Scenario, of_line
from bridge.factory.sets import differences
from bridge.recording.clip import sidecar
from bridge.recording.clip_files import described, encode_pictures, labels_alone
from world.scene_world import SIZES

SET, SHARD = ".set.json", ".labels.tar"
FALLEN = "the drive broke off"


@dataclass(frozen=True, slots=True)
class Product:
    """What became of a take. stem: of its files; files: name -> bytes; seconds: of pictures that were drawn;
    trials: scenes that were tried for it, in so many steps and seconds.
    """

    lot: int
    job: str
    attempt: int
    stem: str
    accepted: bool
    reasons: tuple[str, ...]
    files: Mapping[str, bytes]
    seconds: float
    trials: int = 1
    steps: int = 0
    scene_seconds: float = 0.0
    looks: tuple[Look, ...] = ()


def verdict(request: Request, dreamt: Dreamt, scenario: Scenario, complete: bool) -> Verdict:
    """Whether the clip shows its scenario, and the reasons why not; one that failed or is not `complete` never does."""
    found = dreamt.findings(request, scenario)
    why = reasons(found)
    if dreamt.failure or not complete:
        why = [f"{FALLEN} after {dreamt.clip.seconds:g} s: {dreamt.failure}", *why]
    return Verdict(found, tuple(why))


def products(request: Request, batch: Batch, dreamt: Sequence[Dreamt]) -> list[Product]:
    """One for each take of the batch, in its order; a set is accepted when every branch of it is."""
    mates = [take.stem for take in batch.takes]
    made = []
    for take in batch.takes:
        own = [one for one in dreamt if one.take is take]
        files: dict[str, bytes] = {}
        why: list[str] = []
        for one in own:
            scenario = take.job.scenario if not one.branch else _joined(take.job.scenario, one.branch)
            found = verdict(request, one, scenario, len(one.clip.moments) == request.frames)
            stem = one.stem(request)
            fields = _fields(request, one, scenario, found, mates)
            if one.shard:
                files[f"{stem}{SHARD}"] = one.shard
                fields["shard"] = hashlib.sha256(one.shard).hexdigest()
            if one.painted:
                video = encode_pictures(moment.frame.image for moment in one.clip.moments)
                files |= {f"{stem}.mp4": video, f"{stem}.json": described(video, fields)}
            else:
                files[f"{stem}.json"] = labels_alone(fields)
            why += [f"{one.branch}: {reason}" if one.branch else reason for reason in found.reasons]
        if request.branches:
            files[f"{take.stem}{SET}"] = _set(request, take.stem, own)
        seconds, first = sum(one.clip.seconds for one in own if one.painted), own[0]
        looks = tuple(seen for one in own for seen in one.looks)
        stage = first.trials, first.steps, first.seconds, looks
        made.append(
            Product(batch.lot, take.job.id, take.attempt, take.stem, not why, tuple(why), files, seconds, *stage)
        )
    return made


def _fields(
    request: Request,
    dreamt: Dreamt,
    scenario: Scenario,
    found: Verdict,
    mates: list[str],
) -> dict[str, Any]:
    clip, take = dreamt.clip, dreamt.take
    fields = sidecar(clip, SIZES[request.quality])
    fields["text"] = take.job.scenario.text
    job = {
        "id": take.job.id,
        "attempt": take.attempt,
        "seed_asked_for": take.job.seed,
        "line": take.job.scenario.line,
        "branch": dreamt.branch,
        "fork_at": request.fork_at,
        "trials": dreamt.trials,
        "start": request.start.what if clip.scene is None else f"scene {clip.scene}",
        "batch": mates,
    }
    checked = {
        "accepted": found.accepted,
        "reasons": list(found.reasons),
        "findings": [asdict(one) | {"score": round(one.score, 4)} for one in found.findings],
    }
    seen = {"judge": [one.plain() for one in dreamt.looks]} if dreamt.looks else {}
    facts = {"job": job, "asked": scenario.words(), "check": checked, "facts": plain(dreamt.labels)}
    return {**fields, **facts, **seen, **_search(request, dreamt)}


def _search(request: Request, dreamt: Dreamt) -> dict[str, Any]:
    """What a search has drawn and how near it came; nothing where none was asked for."""
    if request.find is None or dreamt.drawn is None:
        return {}
    least, contact = dreamt.danger
    near = {"ttc": round(least, 1) if math.isfinite(least) else None, "contact": contact}
    return {"search": {**request.find.plain(), "tried": dreamt.trials, "drawn": asdict(dreamt.drawn), **near}}


def _set(request: Request, stem: str, clips: Sequence[Dreamt]) -> bytes:
    fields = {
        "set": stem,
        "synthetic": True,
        "fork_frame": request.fork_frame,
        "branches": [one.branch for one in clips],
        "differences": differences(clips, request.fork_frame or 0),
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=1).encode()


def _joined(scenario: Scenario, branch: str) -> Scenario:
    """What a branch is to show: the conditions and events of the past, and its own steps in place of older manoeuvres."""
    new = of_line(branch)
    kept = [step for step in scenario.plan.steps if step.group not in ("drive", "speed")]
    if not any(step.group in ("drive", "speed") for step in new.plan.steps):
        kept = list(scenario.plan.steps)
    return Scenario(print_line(Plan((*kept, *new.plan.steps))), scenario.text)
