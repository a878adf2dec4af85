"""The confidence below which the brain asks "did you mean ...?": calibrated on validation, evaluated on held-out cases."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brain.director import CONFIDENCE, Director, Reply
from finetune.cases import Case
from finetune.corpus import corpus
from world.telling import Report

VALIDATION_SEED = 3  # not the one that training validates with
ANNOYING = 0.1  # share of right plans that may be questioned
FEWEST = 20  # right plans


def calibrate_threshold(director: Director, cases: int = 200, note: Report | None = None) -> dict[str, Any] | None:
    """The threshold that asks about `ANNOYING` of the right plans of the validation templates, and how it was measured.

    None where there are too few right plans.
    """
    tests = corpus(cases, "validation", VALIDATION_SEED)
    replies = []
    for number, case in enumerate(tests, 1):
        replies.append(director.answer(case.text, case.context))
        if note:
            note(number / cases, "how sure it has to be")
    right = [reply.confidence for case, reply in zip(tests, replies, strict=True) if reply.line == case.plan]
    if len(right) < FEWEST:
        return None
    unsure = statistics.quantiles(right, n=100)[round(100 * ANNOYING) - 1]
    return {"unsure": round(unsure, 4), "of": "validation templates", "cases": cases, "right": len(right)}


def write_threshold(adapter: Path, threshold: dict[str, Any]) -> None:
    """Writes it beside the adapter, where `Director.load` looks for it. threshold: from `calibrate_threshold`."""
    (adapter / CONFIDENCE).write_text(json.dumps(threshold, indent=2) + "\n")


def threshold_scores(unsure: float | None, cases: Sequence[Case], replies: Sequence[Reply]) -> dict[str, Any]:
    """How the threshold performs: how often right and wrong plans are questioned, and how often the second of the two
    offered is right.
    """
    if unsure is None:
        return {"unsure": None}
    counts = {"right": 0, "right_asked": 0, "wrong": 0, "wrong_asked": 0, "wrong_asked_offered": 0}
    for case, reply in zip(cases, replies, strict=True):
        which = "right" if reply.line == case.plan else "wrong"
        counts[which] += 1
        counts[f"{which}_asked"] += reply.instead is not None
        counts["wrong_asked_offered"] += which == "wrong" and reply.instead == case.plan
    return {
        "unsure": unsure,
        "cases": len(cases),
        "right_plans_asked_about": counts["right_asked"] / max(1, counts["right"]),
        "wrong_plans_asked_about": counts["wrong_asked"] / max(1, counts["wrong"]),
        "right_plan_offered_when_wrong_and_asked": counts["wrong_asked_offered"] / max(1, counts["wrong_asked"]),
        "exact": counts["right"] / max(1, len(cases)),
        "exact_with_one_question": (counts["right"] + counts["wrong_asked_offered"]) / max(1, len(cases)),
    }
