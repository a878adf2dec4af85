"""Makes a trained folder into weights to ship: the five parts, start scenes, loss curves, config and model card."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from world.controls import FPS, TRANSITION_SECONDS, TimeOfDay, Weather
from world.errors import DataError
from world.files import SCENES, read_config, write_config
from world.readout import FRAMES
from world.train.drives import Drives

SCENES_EACH = 3  # start scenes for every weather and time
DREAMS = ("dream_5", "dream_10", "repeat_5", "repeat_10")
CURVES = {  # what is shown of a part's validation, below its loss
    "tokenizer": (("psnr",), "PSNR, dB"),
    "dynamics-pairs": (DREAMS, "PSNR, dB"),
    "dynamics-pool": (DREAMS, "PSNR, dB"),
    "dynamics-clips": (DREAMS, "PSNR, dB"),
    "driver": (("steer_correlation", "accel_correlation", "weather_accuracy"), "correlation, accuracy"),
}


def release(trained: Path, scenes_from: Path, out: Path) -> None:
    """Copies the trained parts to `out` with start scenes from the dataset `scenes_from` and a picture of the losses."""
    config, raw = read_config(trained)
    out.mkdir(parents=True, exist_ok=True)
    for name in config.build():
        path = trained / f"{name}.safetensors"
        if not path.exists():
            raise DataError(f"{path} is missing; train that part before releasing.")
        shutil.copyfile(path, out / path.name)
    size = (config.tokenizer.height, config.tokenizer.width)
    save_file(pick_scenes(Drives.load(scenes_from, size, trained / "cache")), out / f"{SCENES}.safetensors")
    write_config(out, config, raw["trained"])
    curves(trained, out / "curves.png")


def pick_scenes(drives: Drives) -> dict[str, Tensor]:
    """Three frames and their state for scenes of every weather and time there is: on the road, moving, well settled."""
    column = drives.column
    settled = int(TRANSITION_SECONDS * FPS) + FRAMES
    fields = drives.fields
    good = (drives.age > settled) & (drives.motions[:, 2] > 4) & (drives.motions[:, 3].abs() < 0.03)
    good &= (column("label.lane_offset").abs() < 0.6) & (column("label.heading_error").abs() < 0.08)
    good &= (column("label.off_road") == 0) & (column("label.collision") == 0) & (fields[:, 3] == 0)
    good &= (fields[:, 1:3] == fields.roll(settled, 0)[:, 1:3]).all(1)
    scenes: dict[str, Tensor] = {}
    for time in TimeOfDay:
        for weather in (Weather.CLEAR, Weather.RAIN_2):
            index = (good & (fields[:, 1] == weather) & (fields[:, 2] == time)).nonzero()[:, 0]
            if len(index) < SCENES_EACH:
                continue
            for number in range(SCENES_EACH):
                frame = int(index[(2 * number + 1) * len(index) // (2 * SCENES_EACH)])
                name = f"{time.name.lower()}-{weather.name.lower().removesuffix('_2')}-{number + 1}"
                speed, yaw_rate = drives.motions[frame, 2:].tolist()
                state = [speed, yaw_rate, 0.0, float(weather), float(time)]
                scenes[f"{name}/images"] = torch.from_numpy(drives.images[frame - FRAMES + 1 : frame + 1].copy())
                scenes[f"{name}/state"] = torch.tensor(state)
    if not scenes:
        raise DataError("The dataset has no frame that would make a start scene; collect more.")
    return scenes


def curves(trained: Path, picture: Path) -> None:
    """Draws what training logged, part by part."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(CURVES), figsize=(20, 7))
    for (above, below), (name, (columns, unit)) in zip(axes.T, CURVES.items(), strict=True):
        path = trained / f"{name}.csv"
        rows = list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []
        _plot(above, rows, {"loss": "loss"})
        _plot(below, rows, {f"validation_{column}": column for column in columns})
        above.set(title=name, yscale="log", ylabel="training loss")
        below.set(xlabel="minutes", ylabel=f"validation: {unit}")
        below.legend()
    figure.tight_layout()
    figure.savefig(picture, dpi=70)
    pyplot.close(figure)


def _plot(axis: Any, rows: list[dict[str, Any]], labels: dict[str, str]) -> None:
    for column, label in labels.items():
        points = [(float(row["seconds"]) / 60, float(row[column])) for row in rows if row.get(column)]
        axis.plot(
            *zip(*points, strict=True) if points else ((), ()), label=label, marker="." if len(points) < 20 else ""
        )
