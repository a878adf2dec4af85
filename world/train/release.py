"""Turns a trained folder into weights to ship: parts, start scenes, curves, config and model card."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from world.controls import FPS, NULL, TRANSITION_SECONDS, TimeOfDay, Weather
from world.errors import DataError
from world.files import SCENES, read_config, write_config
from world.packages import need
from world.readout import FRAMES
from world.train.card import write_card
from world.train.dynamics import HORIZONS, SHARES
from world.train.in_memory import InMemoryDataset

SCENES_OF = {Weather.CLEAR: 3, Weather.RAIN_2: 1, Weather.SNOW_2: 1, Weather.FOG_2: 1}  # start scenes at every time
OPEN_ROAD = 25.0  # m to the next junction, so that a scene shows road
SCENES_SPREAD = 8  # start scenes of data without labels
DREAMS = ("dream_5", "dream_10", "repeat_5", "repeat_10")
CURVES = {  # validation scores plotted below a part's loss
    "tokenizer": (("psnr",), "PSNR, dB"),
    **{f"dynamics-{phase}": (DREAMS, "PSNR, dB") for phase in SHARES},
    "driver": (("steer_correlation", "accel_correlation", "weather_accuracy"), "correlation, accuracy"),
}


def release(folder: Path, scenes_from: Path, out: Path, data: Path | None = None) -> None:
    """Copies the trained parts of `folder` to `out`, with start scenes from the dataset `scenes_from`, curves and a
    model card.

    data: the training dataset, whose card is included. DataError where a part is missing or there are no start scenes;
    MissingPackageError without matplotlib.
    """
    check_release()
    config, raw = read_config(folder)
    out.mkdir(parents=True, exist_ok=True)
    for name in config.build():
        path = folder / f"{name}.safetensors"
        if not path.exists():
            raise DataError(f"{path} is missing; train that part before releasing.")
        shutil.copyfile(path, out / path.name)
    size = (config.tokenizer.height, config.tokenizer.width)
    save_file(pick_scenes(InMemoryDataset.load(scenes_from, size, folder / "cache")), out / f"{SCENES}.safetensors")
    write_config(out, config, raw["trained"])
    curves(folder, out / "curves.png")
    write_card(folder, out, data)


def check_release() -> None:
    """MissingPackageError where the curves could not be drawn: known before hours of training."""
    need("matplotlib", "train", "The curves of a release")


def pick_scenes(drives: InMemoryDataset) -> dict[str, Tensor]:
    """Three frames and their state per scene, for every weather and time in the data: on the road, moving, with
    constant weather, and with open road ahead where possible.

    Scenes of data without labels are spread over all of it. DataError where no frame is suitable.
    """
    if not drives.labelled:
        return _spread(drives)
    column = drives.column
    settle = int(TRANSITION_SECONDS * FPS) + FRAMES
    fields = drives.fields
    good = (drives.age > settle) & (drives.motions[:, 2] > 4) & (drives.motions[:, 3].abs() < 0.03)
    good &= (column("label.lane_offset").abs() < 0.6) & (column("label.heading_error").abs() < 0.08)
    good &= (column("label.off_road") == 0) & (column("label.collision") == 0) & (fields[:, 3] == 0)
    good &= (fields[:, 1:3] == fields.roll(settle, 0)[:, 1:3]).all(1)
    far = good & (column("label.junction_distance") > OPEN_ROAD)
    scenes: dict[str, Tensor] = {}
    for time in TimeOfDay:
        for weather, count in SCENES_OF.items():
            here = (fields[:, 1] == weather) & (fields[:, 2] == time)
            mask = next((mask for mask in (far & here, good & here) if mask.sum() >= count), None)
            if mask is None:
                continue
            index = mask.nonzero()[:, 0]
            for number in range(count):
                frame = int(index[(2 * number + 1) * len(index) // (2 * count)])
                name = f"{time.name.lower()}-{weather.name.lower().removesuffix('_2')}-{number + 1}"
                speed, yaw_rate = drives.motions[frame, 2:].tolist()
                state = [speed, yaw_rate, 0.0, float(weather), float(time)]
                scenes[f"{name}/images"] = torch.from_numpy(drives.images[frame - FRAMES + 1 : frame + 1].copy())
                scenes[f"{name}/state"] = torch.tensor(state)
    if not scenes:
        raise DataError("The dataset has no frame that would make a start scene; collect more.")
    return scenes


def _spread(drives: InMemoryDataset) -> dict[str, Tensor]:
    """Evenly spread scenes, with the motion of a car."""
    index = (drives.age >= FRAMES - 1).nonzero()[:, 0]
    if not len(index):
        raise DataError(f"The dataset has no episode of {FRAMES} frames to start from; collect more.")
    scenes: dict[str, Tensor] = {}
    for number in range(SCENES_SPREAD):
        frame = int(index[(2 * number + 1) * len(index) // (2 * SCENES_SPREAD)])
        motion = drives.motions[frame, 2:].nan_to_num().tolist() if drives.driving else [0.0, 0.0]
        scenes[f"scene-{number + 1}/images"] = torch.from_numpy(drives.images[frame - FRAMES + 1 : frame + 1].copy())
        scenes[f"scene-{number + 1}/state"] = torch.tensor([*motion, NULL, NULL, NULL])
    return scenes


def curves(folder: Path, picture: Path) -> None:
    """Plots the dreams' PSNR over the minutes of all phases, and below it each part's log."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(CURVES)
    layout: Any = [["quality"] * len(names), [f"{name} loss" for name in names], [f"{name} score" for name in names]]
    figure, axes = pyplot.subplot_mosaic(layout, figsize=(20, 11))
    _quality(axes["quality"], quality(folder))
    for name, (columns, unit) in CURVES.items():
        rows, above, below = _rows(folder / f"{name}.csv"), axes[f"{name} loss"], axes[f"{name} score"]
        _plot(above, rows, {"loss": "loss"})
        _plot(below, rows, {f"validation_{column}": column for column in columns})
        above.set(title=name, yscale="log", ylabel="training loss")
        below.set(xlabel="minutes", ylabel=f"validation: {unit}")
        below.legend()
    figure.tight_layout()
    figure.savefig(picture, dpi=70)
    pyplot.close(figure)


def quality(folder: Path) -> list[dict[str, float]]:
    """Held-out PSNR (dB) of dreams over the minutes of the dynamics' training, one phase after the other.

    Rows have `minutes` and, where measured, `dream_N` and `repeat_N` for the frames N of HORIZONS.
    """
    out, before = [], 0.0
    for phase in SHARES:
        rows = _rows(folder / f"dynamics-{phase}.csv")
        for row in rows:
            scores = {
                name.removeprefix("validation_"): float(value)
                for name, value in row.items()
                if name.startswith(("validation_dream", "validation_repeat")) and value
            }
            if scores:
                out.append({"minutes": (before + float(row["seconds"])) / 60} | scores)
        before += float(rows[-1]["seconds"]) if rows else 0.0
    return out


def _quality(axis: Any, rows: list[dict[str, float]]) -> None:
    for number, frames in enumerate(HORIZONS):
        for name, style in (("dream", "-o"), ("repeat", ":")):
            points = [(row["minutes"], row[f"{name}_{frames}"]) for row in rows if f"{name}_{frames}" in row]
            if points:
                axis.plot(
                    *zip(*points, strict=True),
                    style,
                    color=f"C{number}",
                    label=f"{name}, {frames} frames",
                    markersize=4,
                )
    axis.set(
        title="dreams of held-out towns, K = 2, and the last frame repeated",
        xlabel="minutes of training the dynamics",
        ylabel="PSNR, dB",
    )
    if rows:
        axis.legend(ncols=2)


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def _plot(axis: Any, rows: list[dict[str, Any]], labels: dict[str, str]) -> None:
    for column, label in labels.items():
        points = [(float(row["seconds"]) / 60, float(row[column])) for row in rows if row.get(column)]
        axis.plot(
            *zip(*points, strict=True) if points else ((), ()), label=label, marker="." if len(points) < 20 else ""
        )
