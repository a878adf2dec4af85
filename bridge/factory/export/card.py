"""The card of a dataset of dreams: what it is, how far its labels go, and how to make it again."""

from __future__ import annotations

from typing import Any

from bridge.clips import versions
from bridge.factory.jobs import Request
from world.controls import FPS


def card(request: Request, found: dict[str, Any], clips: int) -> str:
    """Markdown with the header that dataset hubs read. `found`: the run's report; clips: that were accepted."""
    parts = [
        _HEAD.format(size=_size(clips)),
        f"{clips} clips of {request.seconds:g} s at {FPS} frames a second, every frame of them **dreamt** by lucidrive's world model:",
        "nothing here was filmed or rendered, and nothing of it happened.\n",
        _yields(found),
        _LABELS.format(false=found["judge"]["real_frames"]["false_alarm"], rates=_rates(found)),
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

# Corner cases, dreamt
"""

_LABELS = """
## What the labels are worth

* `action`, `control.*` and `observation.state` are **commanded**: what the dream was told, and what a kinematic car did of it.
* `judged.*` are **estimates** by a judge that learnt from real frames alone and sees nothing but the pictures; `readout.*` are the
  world model's estimates of its own pictures. Neither shares a column with what was commanded.
* A clip is accepted when the judge sees in it what was asked for. It is not infallible. Of held-out real frames it names so many rightly:

{rates}

  In {false:.1%} of real frames without an event it names one all the same; how many frames are needed follows from that.
* `report.json` has the yield of every scenario and the reasons for rejection, `rejected/` the clips that were not accepted.
"""


def _yields(found: dict[str, Any]) -> str:
    lines = ["| scenario | clips | takes accepted |", "|---|---|---|"]
    for line, one in [*found["scenarios"].items(), ("all", found["all"])]:
        share = "-" if one["yield"] is None else f"{one['yield']:.0%}"
        lines.append(f"| `{line}` | {one['accepted']} of {one['jobs']} | {share} of {one['takes']} |")
    return "\n".join(lines)


def _rates(found: dict[str, Any]) -> str:
    trust, clips = found["judge"]["real_frames"], found["judge"]["real_clips"]
    lines = []
    for name in ("weather", "time", "event"):
        rates = ", ".join(f"{word} {rate:.0%}" for word, rate in sorted(trust[name].items()))
        lines.append(f"  * {name}: {rates}")
    lines.append(
        f"  * side of an event: {trust['side']:.0%}; speed: wrong by {trust['speed_error']:.2f} m/s on average"
    )
    if clips is not None:
        passed = ", ".join(f"{word} {one['found']:.0%} / {one['false']:.1%}" for word, one in clips["event"].items())
        lines.append(f"  * of real clips with each event / without it, these checks accept: {passed}")
    return "\n".join(lines)


def _again(request: Request) -> str:
    seeds = sorted({seed for _, seed in request.wanted})
    told = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    hashes = "\n".join(f"* `{name}` {digest}" for name, digest in sorted({**request.world, **request.judge}.items()))
    made = ", ".join(f"{name} {number}" for name, number in sorted(versions().items()))
    fork = (
        f" Forked at {request.fork_at:g} s into {', '.join(request.branches)}." if request.fork_at is not None else ""
    )
    return f"""
## How to make it again

Each clip's sidecar has its seed, plan line, scene and the takes that were dreamt with it as one batch; `run.json` has all that was asked
for. Copy that file into an empty folder and run `lucidrive clips --resume --out FOLDER`: the same weights on the same kind of machine
give the same frames. Seeds {told}; K = {request.steps}; begins in {request.start.what}.{fork}

Weights, by their sha256:

{hashes}

Made by {made}. Apache-2.0, as the weights and the data that they learnt from.
"""


def _size(clips: int) -> str:
    frames = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")]
    return next((word for most, word in frames if clips < most), "100K<n<1M")
