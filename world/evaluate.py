"""The numbers of the README: how the world does on towns it never saw. Every figure beside its baseline."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from world.controls import FPS, TRANSITION_SECONDS, Control, TimeOfDay, Weather
from world.data import DriveDataset
from world.dream import Dream, WorldModel
from world.errors import DataError
from world.files import EMBEDDED
from world.kinematics import steer_for
from world.readout import FRAMES
from world.train.driver import Labels, Observer, scores
from world.train.drives import Drives, cache_key, encode_all
from world.train.dynamics import HORIZONS, Parts, horizons
from world.train.tokenizer import reconstruction

Note = Callable[[float, str], None]
TEST_FRAMES, TEST_SEED = 4000, 71
STEERING_CLIPS, STEERING_FRAMES = 16, 60
CONDITION_CLIPS, CONDITION_SECONDS = 24, 4.0


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lucidrive"


def evaluate_world(
    weights: Path | None = None,
    data: Path | None = None,
    *,
    steps: int = 2,
    seed: int = 0,
    device: str = "cpu",
    report: Note | None = None,
) -> dict[str, Any]:
    """Measures the weights on a dataset of test towns; without `data` the dataset is collected first (extra `sim`).

    `steps` is K. The same seed, weights, data and machine give the same numbers.
    """
    note = report or (lambda fraction, text: None)
    cache = default_cache() / "evaluate"
    root = data or _test_set(cache, note)
    model = WorldModel.load(weights, device)
    folder = weights or EMBEDDED
    drives = Drives.load(root, model.size, cache, lambda text: note(0.2, text))
    latents = encode_all(
        drives, model.tokenizer, model.anchor, device, cache, cache_key(model.hashes), lambda text: note(0.3, text)
    )
    parts = Parts(model.tokenizer, model.anchor, model.dynamics)

    note(0.4, "tokenizer")
    clear_day = (drives.fields[:, 1] == Weather.CLEAR) & (drives.fields[:, 2] == TimeOfDay.DAY)
    result: dict[str, Any] = {
        "weights": str(folder.name),
        "steps": steps,
        "test_frames": len(drives),
        "tokenizer_psnr": {
            "all": reconstruction(model.tokenizer, drives, device),
            "clear day": reconstruction(model.tokenizer, drives, device, where=clear_day),
        },
    }
    note(0.5, "dreams against the true future")
    result["dream_psnr"] = horizons(parts, drives, latents, device, steps=steps, seed=seed)
    note(0.6, "readouts on real frames")
    result["readouts_on_real_frames"] = scores(
        Observer(model.readout, model.driver), drives, latents, Labels(drives), device
    )
    note(0.7, "steering and speed")
    result["steering"] = steering(model, drives, steps, seed)
    note(0.85, "night and rain")
    result["conditions"] = conditions(model, drives, steps, seed)
    return result


def steering(model: WorldModel, drives: Drives, steps: int, seed: int) -> dict[str, float]:
    """Correlation of what the picture shows (readouts) with what was commanded, over dreams with smooth random driving."""
    generator = np.random.default_rng(seed)
    commanded, seen = [], []
    for first in _starts(drives, STEERING_CLIPS, day=True):
        dream = begin(model, drives, first, steps, seed)
        turn, pedal = _smooth(generator, STEERING_FRAMES, 0.3), _smooth(generator, STEERING_FRAMES, 0.4)
        for frame in range(STEERING_FRAMES):
            assert dream.frame is not None
            steer = steer_for(float(turn[frame]), max(1.0, dream.frame.motion.speed))
            now = dream.step(_conditions(drives, first).with_(steer=steer, accel=float(pedal[frame])))
            if frame >= FRAMES:
                commanded.append((now.motion.yaw_rate, now.motion.speed))
                seen.append((now.readout.yaw_rate, now.readout.speed))
    pairs = np.array(commanded), np.array(seen)
    return {
        "yaw_rate_correlation": float(np.corrcoef(pairs[0][:, 0], pairs[1][:, 0])[0, 1]),
        "speed_correlation": float(np.corrcoef(pairs[0][:, 1], pairs[1][:, 1])[0, 1]),
    }


def conditions(model: WorldModel, drives: Drives, steps: int, seed: int) -> dict[str, dict[str, float]]:
    """How often the picture shows night, or rain, 4 s after it was asked for on a clear day; and when it was not asked."""
    changes = {
        "night": {"time": int(TimeOfDay.NIGHT)},
        "rain": {"weather": int(Weather.RAIN_2)},
        "nothing": {},
    }
    rates = {}
    starts = _starts(drives, CONDITION_CLIPS, day=True)
    for name, change in changes.items():
        night = rain = brightness = 0.0
        for first in starts:
            dream = begin(model, drives, first, steps, seed)
            assert dream.frame is not None
            before = dream.frame.image.mean()
            for _ in range(int(CONDITION_SECONDS * FPS)):
                action = dream.drive(0, 8.0)
                control = _conditions(drives, first).with_(steer=action.steer, accel=action.accel, **change)
                readout = dream.step(control).readout
            night += readout.time == TimeOfDay.NIGHT
            rain += Weather.RAIN_1 <= readout.weather <= Weather.RAIN_3
            brightness += float(dream.frame.image.mean()) / float(before)
        count = len(starts)
        rates[name] = {"night": night / count, "rain": rain / count, "brightness_ratio": brightness / count}
    return rates


def begin(model: WorldModel, drives: Drives, first: int, steps: int, seed: int) -> Dream:
    """A dream that starts from the true frames up to `first`."""
    dream = Dream(model, seed, steps)
    frames = drives.images[first - FRAMES + 1 : first + 1]
    dream.start(_conditions(drives, first), frames=np.asarray(frames), speed=float(drives.motions[first, 2]))
    return dream


def _conditions(drives: Drives, frame: int) -> Control:
    return Control(weather=int(drives.fields[frame, 1]), time=int(drives.fields[frame, 2]))


def _starts(drives: Drives, count: int, *, day: bool) -> list[int]:
    """Frame numbers spread over the dataset: moving, and on a clear day well after any change where `day`."""
    settled = int(TRANSITION_SECONDS * FPS)
    usable = (drives.age >= settled) & (drives.motions[:, 2] > 3)
    if day:
        clear = (drives.fields[:, 1] == Weather.CLEAR) & (drives.fields[:, 2] == TimeOfDay.DAY)
        usable &= clear & clear.roll(settled, 0)
    index = usable.nonzero()[:, 0]
    if len(index) < count:
        raise DataError(f"The dataset has only {len(index)} frames to start a clear-day dream from; collect more.")
    return index[torch.linspace(0, len(index) - 1, count).long()].tolist()


def _smooth(generator: np.random.Generator, frames: int, size: float) -> np.ndarray:
    """A smooth random signal of the given standard deviation (a first-order process with a 1 s memory)."""
    out, value, keep = np.empty(frames), generator.normal() * size, np.exp(-1 / FPS)
    for frame in range(frames):
        value = keep * value + size * np.sqrt(1 - keep**2) * generator.normal()
        out[frame] = value
    return out.clip(-0.8, 0.8)


def _test_set(cache: Path, note: Note) -> Path:
    from world.collect import collect  # needs the extra `sim`

    root = cache / f"test-{TEST_FRAMES}-{TEST_SEED}"
    if not (root / "meta/info.json").exists():
        note(0.0, f"collecting {TEST_FRAMES} frames in test towns")
        collect(TEST_FRAMES, root, seed=TEST_SEED, split="test")
    DriveDataset.open(root)
    return root


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result as rows of text, for people."""
    rows = [(f"tokenizer PSNR, {name}", f"{value:.1f} dB") for name, value in result["tokenizer_psnr"].items()]
    psnr = result["dream_psnr"]
    for frames in HORIZONS:
        values = " / ".join(f"{psnr[name][frames]:.1f}" for name in ("dream", "repeat", "shuffled"))
        rows.append((f"PSNR at {frames} frames: dream / repeat the last frame / shuffled motion", f"{values} dB"))
    rows += [(name.replace("_", " "), f"{value:.2f}") for name, value in result["steering"].items()]
    for name, rates in result["conditions"].items():
        seen = ", ".join(f"{key.replace('_', ' ')} {value:.2f}" for key, value in rates.items())
        rows.append((f"4 s after asking for {name}", seen))
    rows += [
        (f"readouts: {name.replace('_', ' ')}", f"{value:.3f}")
        for name, value in result["readouts_on_real_frames"].items()
    ]
    return rows
