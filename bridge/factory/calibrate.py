"""What these checks say of real clips of test towns, where it is known what is in them: `python -m bridge.factory.calibrate`.

It writes real.json beside this file: for every check the share of real clips with the thing that pass and of those without it that
pass all the same, and the limits of quality.py. Needs the extra `sim`, or a dataset of `lucidrive collect --split test`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bridge.factory.check import MOST
from bridge.factory.measures import BY_CHANCE, REAL
from bridge.factory.quality import RIGHT, measure
from bridge.factory.worker import judge_hashes
from world.controls import FPS, SIDED_EVENTS, Event, TimeOfDay, Weather
from world.evaluate.control import CONDITION_SECONDS, EVENT_SECONDS, NOTICED
from world.evaluate.world import TEST_FRAMES, default_cache, test_set
from world.judge import Judge, Sight
from world.train.drives import Drives

CLIP, EVENT_FRAMES = 8 * FPS, round(EVENT_SECONDS * FPS)
STRIDE = 2 * FPS  # frames from one clip to the next
SETTLED = round(CONDITION_SECONDS * FPS)
Note = Callable[[float, str], None]


def calibrate(data: Path | None = None, judge: Path | None = None, note: Note | None = None) -> dict[str, Any]:
    """What real.json holds, of the dataset `data` (default: the test towns of `lucidrive evaluate judge`)."""
    tell, seer = note or (lambda fraction, text: None), Judge.load(judge)
    cache = default_cache() / "evaluate"
    root = data or test_set(cache, TEST_FRAMES, tell)
    drives = Drives.load(root, (seer.config.height, seer.config.width), cache)
    tell(0.3, "watching")
    sights = seer.watch(drives.images)
    tell(0.9, "counting")
    return {
        "judge": judge_hashes(judge),
        "frames": len(drives),
        "checks": {
            "event": _events(drives, sights),
            "weather": _conditions(drives, sights, "weather", Weather),
            "time": _conditions(drives, sights, "time", TimeOfDay),
        },
        **_pictures(drives, sights),
    }


def _events(drives: Drives, sights: Sight) -> dict[str, dict[str, Any]]:
    """How many frames are needed of each event, so that at most BY_CHANCE of the windows without any event pass as it; and the
    share that then passes of windows that begin with its true onset, and of those without.
    """
    kind, side = (drives.column(f"control.{name}").numpy() for name in ("event", "side"))
    onset, left = drives.column("event.onset").numpy() > 0, drives.left.numpy()
    begins = np.flatnonzero(onset & (left >= EVENT_FRAMES) & (drives.age.numpy() >= FPS)).tolist()
    quiet = [
        first
        for first in range(0, len(kind) - EVENT_FRAMES, FPS)
        if left[first] >= EVENT_FRAMES and not kind[first : first + EVENT_FRAMES].any()
    ]

    def count(first: int, event: Event) -> int:
        return int((sights.event[first : first + EVENT_FRAMES] == event).sum())

    def passes(first: int, event: Event, needed: int) -> bool:
        hits = sights.event[first : first + EVENT_FRAMES] == event
        good = hits.sum() >= needed
        if good and event in SIDED_EVENTS and kind[first] == event:
            good = (sights.side[first : first + EVENT_FRAMES][hits] == side[first]).mean() > MOST
        return bool(good)

    found = {}
    for event in list(Event)[1:]:
        by_chance = np.array([count(first, event) for first in quiet])
        needed = next(k for k in range(NOTICED, EVENT_FRAMES + 2) if (by_chance >= k).mean() <= BY_CHANCE)
        there = [passes(first, event, needed) for first in begins if kind[first] == event]
        false = (by_chance >= needed).tolist()
        found[event.name.lower()] = {
            "needed": needed,
            "found": _share(there),
            "false": _share(false),
            "clips": len(there),
            "without": len(false),
        }
    return found


def _conditions(drives: Drives, sights: Sight, name: str, kinds: Any) -> dict[str, dict[str, Any]]:
    """Of windows under one weather (time) for long enough: the share that passes as it, and of others that do."""
    truth, named, left = drives.column(f"control.{name}").numpy(), getattr(sights, name), drives.left.numpy()
    windows = []
    for first in range(0, len(truth) - CLIP, STRIDE):
        span = slice(first, first + CLIP)
        if left[first] >= CLIP and (truth[span] == truth[first]).all():
            windows.append((truth[first], named[span][SETTLED:]))
    found = {}
    for one in kinds:
        there = [float((seen == one).mean()) > MOST for true, seen in windows if true == one]
        false = [float((seen == one).mean()) > MOST for true, seen in windows if true != one]
        found[one.name.lower()] = {
            "found": _share(there),
            "false": _share(false),
            "clips": len(there),
            "without": len(false),
        }
    return found


def _pictures(drives: Drives, sights: Sight) -> dict[str, Any]:
    """The judge's features of real frames, and the limits that nearly all real clips keep."""
    features = {"mean": sights.features.mean(0), "std": np.maximum(sights.features.std(0), 1e-3)}
    plain = {"features": {name: np.round(value.astype(np.float64), 4).tolist() for name, value in features.items()}}
    left = drives.left.numpy()
    clips = [
        measure(drives.images[first : first + CLIP], sights[first : first + CLIP], plain)
        for first in range(0, len(left) - CLIP, STRIDE)
        if left[first] >= CLIP
    ]
    limits = {
        "flicker": float(np.quantile([one.flicker for one in clips], RIGHT)),
        "contrast": float(np.quantile([one.contrast for one in clips], 1 - RIGHT)),
        "drift": float(np.quantile([one.drift for one in clips], RIGHT)),
    }
    return {"limits": {name: round(value, 3) for name, value in limits.items()}, "real_clips": len(clips), **plain}


def _share(passed: list[bool]) -> float | None:
    return round(float(np.mean(passed)), 4) if passed else None


def main() -> None:
    found = calibrate(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    REAL.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({name: found[name] for name in ("frames", "checks", "limits", "real_clips")}, indent=1))


if __name__ == "__main__":
    main()
