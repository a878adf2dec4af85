"""All measurements of a world, one after the other, on drives through test towns."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from world.controls import TimeOfDay, Weather
from world.data import DriveDataset
from world.errors import DataError
from world.evaluate.control import counterfactual, events, steering, weather_and_time
from world.evaluate.endurance import endurance, from_nothing
from world.evaluate.films import QUICK, Bench, Sizes
from world.evaluate.manoeuvres import manoeuvres
from world.files import EMBEDDED
from world.judge import WEIGHTS, Judge, card
from world.latent.rollout import Parts
from world.model import WorldModel
from world.train.driver import Labels, Observer, scores
from world.train.drives import Drives, encode_all
from world.train.dynamics import horizons
from world.train.judge import accuracy
from world.train.tokenizer import reconstruction

Note = Callable[[float, str], None]
TEST_FRAMES, QUICK_FRAMES, TEST_SEED = 12_000, 4_000, 71


def evaluate_world(
    weights: Path | None = None,
    data: Path | None = None,
    *,
    judge: Path | None = None,
    steps: int = 2,
    seed: int = 0,
    quick: bool = False,
    only: tuple[str, ...] = (),
    sizes: Sizes | None = None,
    device: str = "cpu",
    report: Note | None = None,
) -> dict[str, Any]:
    """Measures the weights on a dataset of test towns; without `data` the dataset is collected first (extra `sim`).

    `steps` is K; `quick` takes fewer dreams (and, without `data`, fewer test frames); `only`: some of MEASUREMENTS. The same
    seed, weights, data and machine give the same numbers.
    """
    note = report or (lambda fraction, text: None)
    names = only or tuple(MEASUREMENTS)
    if odd := [name for name in names if name not in MEASUREMENTS]:
        raise DataError(f"There is no measurement '{odd[0]}'; there are: {', '.join(MEASUREMENTS)}.")
    model, seer = WorldModel.load(weights, device), Judge.load(judge).to(device)
    cache = default_cache() / "evaluate"
    root = data or test_set(cache, QUICK_FRAMES if quick else TEST_FRAMES, note)
    drives = Drives.load(root, model.size, cache, lambda text: note(0.02, text))
    bench = Bench(model, seer, drives, steps, seed, sizes or (QUICK if quick else Sizes()))
    note(0.04, "the judge on real frames")
    result: dict[str, Any] = {
        "weights": (weights or EMBEDDED).name,
        "steps": steps,
        "test_frames": len(drives),
        "sizes": asdict(bench.sizes),
        "judge": accuracy(seer, drives),
    }
    total = sum(cost for name, (cost, _) in MEASUREMENTS.items() if name in names)
    spent = 0.0
    for name, (cost, measure) in MEASUREMENTS.items():
        if name in names:
            note(0.05 + 0.95 * spent / total, name.replace("_", " "))
            result[name] = measure(bench)
            spent += cost
    return result


def evaluate_judge(
    judge: Path | None = None, data: Path | None = None, *, quick: bool = False, report: Note | None = None
) -> dict[str, Any]:
    """How right the judge is about real frames of towns that it never saw; without `data` they are collected first."""
    note = report or (lambda fraction, text: None)
    seer, cache = Judge.load(judge), default_cache() / "evaluate"
    root = data or test_set(cache, QUICK_FRAMES if quick else TEST_FRAMES, note)
    size = (seer.config.height, seer.config.width)
    drives = Drives.load(root, size, cache, lambda text: note(0.1, text))
    note(0.3, "watching")
    trained = card(judge or WEIGHTS)["trained"]
    return accuracy(seer, drives) | {
        "trained": {name: trained[name] for name in ("minutes", "frames") if name in trained}
    }


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lucidrive"


def test_set(cache: Path, frames: int, note: Note) -> Path:
    """Drives through test towns, collected unless they are in the cache."""
    from world.collect import VERSION, collect  # needs the extra `sim`

    root = cache / f"test-{VERSION}-{frames}-{TEST_SEED}"
    if not (root / "meta/info.json").exists():
        note(0.0, f"collecting {frames} frames in test towns")
        collect(frames, root, seed=TEST_SEED, split="test")
    DriveDataset.open(root)
    return root


def _tokenizer(bench: Bench) -> dict[str, float]:
    model, fields = bench.model, bench.drives.fields
    clear_day = (fields[:, 1] == Weather.CLEAR) & (fields[:, 2] == TimeOfDay.DAY)
    if not clear_day.any():
        raise DataError("The dataset has no frame of a clear day; collect more.")
    return {
        "all": reconstruction(model.tokenizer, bench.drives, model.device),
        "clear day": reconstruction(model.tokenizer, bench.drives, model.device, where=clear_day),
    }


def _future(bench: Bench) -> dict[str, dict[int, float]]:
    parts, latents = _latents(bench)
    return horizons(
        parts, bench.drives, latents, bench.model.device, clips=bench.sizes.clips, steps=bench.steps, seed=bench.seed
    )


def _readouts(bench: Bench) -> dict[str, float]:
    observer = Observer(bench.model.readout, bench.model.driver)
    return scores(observer, bench.drives, _latents(bench)[1], Labels(bench.drives), bench.model.device)


def _latents(bench: Bench) -> Any:
    model = bench.model
    latents = encode_all(bench.drives, model.tokenizer, model.device, default_cache() / "evaluate", model.hashes)
    return Parts(model.tokenizer, model.anchor, model.blend, model.dynamics), latents


# What is measured, and its share of the time.
MEASUREMENTS: dict[str, tuple[float, Callable[[Bench], dict[str, Any]]]] = {
    "tokenizer_psnr": (1, _tokenizer),
    "dream_psnr": (6, _future),
    "readouts_on_real_frames": (2, _readouts),
    "steering": (2, steering),
    "manoeuvres": (16, manoeuvres),
    "conditions": (9, weather_and_time),
    "events": (22, events),
    "counterfactual": (1, counterfactual),
    "from_nothing": (3, from_nothing),
    "endurance": (60, endurance),
}
