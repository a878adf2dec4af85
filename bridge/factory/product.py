"""A checked take as files: a JSON sidecar a clip, an mp4 where it is painted, its labels where the request has them, and for a
counterfactual set the differences of its branches.

In the sidecar `control` and `asked` are commanded; `motion`, `readout`, `facts` and `check` are facts of the scene; `judge` is what a
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
from bridge.factory.dreaming import Rollout
from bridge.factory.jobs import Batch, Request
from bridge.factory.labels import plain
from bridge.factory.look import Look
from bridge.factory.scenario import Scenario, of_line
from bridge.factory.sets import differences
from bridge.recording.clip import sidecar
from bridge.recording.clip_files import encode_pictures, sidecar_alone, sidecar_bytes
from world.scene_world import SIZES

SET, SHARD = ".set.json", ".labels.tar"
BROKE_OFF = "the drive broke off"


@dataclass(frozen=True, slots=True)
class Product:
    """A take's result. stem: of its files' names; files: name -> bytes; seconds: of painted clips; trials: scenes tried for it, in
    `steps` steps and `scene_seconds` seconds.
    """

    group: int
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


def verdict(request: Request, rollout: Rollout, scenario: Scenario, complete: bool) -> Verdict:
    """Whether the clip shows its scenario, and the reasons where not; one that failed or is not `complete` never does."""
    findings = rollout.findings(request, scenario)
    why = reasons(findings)
    if rollout.failure or not complete:
        why = [f"{BROKE_OFF} after {rollout.clip.seconds:g} s: {rollout.failure}", *why]
    return Verdict(findings, tuple(why))


def products(request: Request, batch: Batch, rollouts: Sequence[Rollout]) -> list[Product]:
    """The product of each take of the batch, in its order; a set is accepted when all its branches are."""
    stems = [take.stem for take in batch.takes]
    results = []
    for take in batch.takes:
        own = [one for one in rollouts if one.take is take]
        files: dict[str, bytes] = {}
        why: list[str] = []
        for one in own:
            scenario = take.job.scenario if not one.branch else _branch_scenario(take.job.scenario, one.branch)
            result = verdict(request, one, scenario, len(one.clip.moments) == request.frames)
            stem = one.stem(request)
            fields = _fields(request, one, scenario, result, stems)
            if one.shard:
                files[f"{stem}{SHARD}"] = one.shard
                fields["shard"] = hashlib.sha256(one.shard).hexdigest()
            if one.painted:
                video = encode_pictures(moment.frame.image for moment in one.clip.moments)
                files |= {f"{stem}.mp4": video, f"{stem}.json": sidecar_bytes(video, fields)}
            else:
                files[f"{stem}.json"] = sidecar_alone(fields)
            why += [f"{one.branch}: {reason}" if one.branch else reason for reason in result.reasons]
        if request.branches:
            files[f"{take.stem}{SET}"] = _set(request, take.stem, own)
        seconds, first = sum(one.clip.seconds for one in own if one.painted), own[0]
        looks = tuple(look for one in own for look in one.looks)
        stage = first.trials, first.steps, first.seconds, looks
        results.append(
            Product(batch.group, take.job.id, take.attempt, take.stem, not why, tuple(why), files, seconds, *stage)
        )
    return results


def _fields(
    request: Request,
    rollout: Rollout,
    scenario: Scenario,
    result: Verdict,
    stems: list[str],
) -> dict[str, Any]:
    clip, take = rollout.clip, rollout.take
    fields = sidecar(clip, SIZES[request.quality])
    fields["text"] = take.job.scenario.text
    job = {
        "id": take.job.id,
        "attempt": take.attempt,
        "seed_asked_for": take.job.seed,
        "line": take.job.scenario.line,
        "branch": rollout.branch,
        "fork_at": request.fork_at,
        "trials": rollout.trials,
        "start": request.start.what if clip.scene is None else f"scene {clip.scene}",
        "batch": stems,
    }
    check = {
        "accepted": result.accepted,
        "reasons": list(result.reasons),
        "findings": [asdict(one) | {"score": round(one.score, 4)} for one in result.findings],
    }
    judge = {"judge": [one.plain() for one in rollout.looks]} if rollout.looks else {}
    facts = {"job": job, "asked": scenario.words(), "check": check, "facts": plain(rollout.labels)}
    return {**fields, **facts, **judge, **_search(request, rollout)}


def _search(request: Request, rollout: Rollout) -> dict[str, Any]:
    """The candidate of a search and how near it came; nothing without a search."""
    if request.find is None or rollout.candidate is None:
        return {}
    least, contact = rollout.danger
    near = {"ttc": round(least, 1) if math.isfinite(least) else None, "contact": contact}
    return {"search": {**request.find.plain(), "tried": rollout.trials, "drawn": asdict(rollout.candidate), **near}}


def _set(request: Request, stem: str, clips: Sequence[Rollout]) -> bytes:
    """The file of a counterfactual set."""
    fields = {
        "set": stem,
        "synthetic": True,
        "fork_frame": request.fork_frame,
        "branches": [one.branch for one in clips],
        "differences": differences(clips, request.fork_frame or 0),
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=1).encode()


def _branch_scenario(scenario: Scenario, branch: str) -> Scenario:
    """What a branch is to show: the conditions and events of the past, and its own steps instead of older manoeuvres."""
    new = of_line(branch)
    past = [step for step in scenario.plan.steps if step.group not in ("drive", "speed")]
    if not any(step.group in ("drive", "speed") for step in new.plan.steps):
        past = list(scenario.plan.steps)
    return Scenario(print_line(Plan((*past, *new.plan.steps))), scenario.text)
