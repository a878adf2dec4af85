"""The card of a dataset of clips: what it is, how far its labels go, and how to make it again."""

from __future__ import annotations

from typing import Any

from bridge.factory.jobs import Request
from bridge.recording.clip import versions
from world.controls import FPS


def card(request: Request, report: dict[str, Any], clips: int) -> str:
    """Markdown with the header that dataset hubs read. report: of the run; clips: number of accepted ones."""
    parts = [
        _HEAD.format(size=_size(clips)),
        f"{clips} clips of {request.seconds:g} s at {FPS} frames a second and {request.size} pixels, **driven and drawn** by lucidrive in",
        "its scene worlds: nothing here was filmed, and nothing of it happened.\n",
        _yields(report),
        _LABELS,
        _again(request),
    ]
    return "\n".join(parts) + "\n"


_HEAD = """---
license: apache-2.0
task_categories:
- robotics
tags:
- LeRobot
- synthetic
- driving
- lucidrive
size_categories:
- {size}
---

# Corner cases, synthetic
"""

_LABELS = """
## What the labels are worth

* `action` and `control.*` are **commanded**: what the drive was told.
* `observation.state`, `readout.*` and `facts.*` are **facts** of the scene that the pictures were drawn from: what our car did, the weather and time
  that the sky has, the distance to the junction, the place in the lane, what it touches; and the event's actor: which, on which side, how
  many metres ahead and to the left. `readout.event_visible` says that the actor is within 60 m in a picture of 70 degrees and that
  road users hide no more than half of it; houses that hide it are not looked at.
* A clip is accepted when the scene says that what was asked for is there, that our car touched nobody and that it stayed on the road.
* `report.json` has the yield of every scenario and the reasons for rejection, `rejected/` the clips that were not accepted.
"""


def _yields(report: dict[str, Any]) -> str:
    lines = ["| scenario | clips | takes accepted |", "|---|---|---|"]
    for line, one in [*report["scenarios"].items(), ("all", report["all"])]:
        share = "-" if one["yield"] is None else f"{one['yield']:.0%}"
        lines.append(f"| `{line}` | {one['accepted']} of {one['jobs']} | {share} of {one['takes']} |")
    return "\n".join(lines)


def _again(request: Request) -> str:
    seeds = sorted({seed for _, seed in request.clips})
    span = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    hashes = "\n".join(f"* `{name}` {digest}" for name, digest in sorted(request.world.items()))
    packages = ", ".join(f"{name} {number}" for name, number in sorted(versions().items()))
    fork = (
        f" Forked at {request.fork_at:g} s into {', '.join(request.branches)}." if request.fork_at is not None else ""
    )
    return f"""
## How to make it again

Each clip's sidecar has its seed, plan line and place; `run.json` has all that was asked for. Copy that file into an empty folder
and run `lucidrive clips --resume --out FOLDER`: the same version on the same kind of machine gives the same frames.
Seeds {span}; begins in {request.start.what}.{fork}

The world, by the sha256 of its version:

{hashes}

Made by {packages}. Apache-2.0.
"""


def _size(clips: int) -> str:
    frames = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")]
    return next((word for most, word in frames if clips < most), "100K<n<1M")
