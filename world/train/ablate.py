"""Ablations: one change of the recipe at a time, each trained for the same minutes from the same seed, with the same
scores.

A change of the tokenizer trains its own tokenizer and dynamics; one of the dynamics uses the base's tokenizer; one of
the sampling uses all of the base's weights. So the base is trained first.
"""

from __future__ import annotations

import csv
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from world.controls import Control
from world.errors import DataError
from world.files import WorldConfig, load_part, read_config, write_config
from world.latent.dream import LatentDream
from world.model import WorldModel
from world.train.card import markdown
from world.train.distributed import DistributedContext
from world.train.dynamics import horizons
from world.train.in_memory import DREAMING, InMemoryDataset, encode_all
from world.train.loop import Report
from world.train.recipe import Recipe
from world.train.run import train
from world.train.tokenizer import reconstruction

BASE = "base"
FRAMES = (1, 5, 10)  # ahead
TIMED = 15  # dreamt frames timed once the cache is full; their median counts
COLUMNS = ("name", "change", "minutes", "tokenizer_psnr", *(f"psnr_{n}" for n in FRAMES), "ms_a_frame")
PARTS_TO_TRAIN = {"tokenizer": ("tokenizer", "dynamics"), "dynamics": ("dynamics",), "": ()}


@dataclass(frozen=True, slots=True)
class Ablation:
    """One change.

    part: the first part to train anew; channels, context, velocity: of the configuration, where changed.
    """

    name: str
    change: str
    part: str = ""
    recipe: Recipe = Recipe()  # noqa: RUF009 (frozen)
    channels: int | None = None
    context: int | None = None
    velocity: bool = False
    steps: int = 2

    def apply_to(self, config: WorldConfig) -> WorldConfig:
        """The configuration with this change."""
        tokenizer, dynamics, readout = config.tokenizer, config.dynamics, config.readout
        if self.channels:
            tokenizer = replace(tokenizer, channels=self.channels)
            dynamics, readout = replace(dynamics, channels=self.channels), replace(readout, channels=self.channels)
        dynamics = replace(dynamics, context=self.context or dynamics.context, velocity=self.velocity)
        return replace(config, tokenizer=tokenizer, dynamics=dynamics, readout=readout)


ABLATIONS = (
    Ablation(BASE, "the recipe: 32 channels, K = 2, 12 frames remembered", "tokenizer"),
    Ablation("channels-16", "16 latents a token", "tokenizer", channels=16),
    Ablation("channels-48", "48 latents a token", "tokenizer", channels=48),
    Ablation("no-pca", "the tokenizer's linear paths start at random", "tokenizer", Recipe(pca=False)),
    Ablation("mse-only", "tokenizer without L1 and gradient L1", "tokenizer", Recipe(l1=0.0, edges=0.0)),
    Ablation("even-loss", "every latent's error counts alike", "dynamics", Recipe(visible=False)),
    Ablation("noise-0", "no noise on the past", "dynamics", Recipe(context_noise=0.0)),
    Ablation("noise-0.15", "three times the noise on the past", "dynamics", Recipe(context_noise=0.15)),
    Ablation("velocity", "v-prediction instead of x-prediction", "dynamics", velocity=True),
    Ablation("no-critic", "dreams are compared with the truth alone", "dynamics", Recipe(critic=False)),
    Ablation("k-1", "one sampling step a frame", steps=1),
    Ablation("k-4", "four sampling steps a frame", steps=4),
    Ablation("k-8", "eight sampling steps a frame", steps=8),
    Ablation("cache-4", "4 frames remembered", context=4),
    Ablation("cache-24", "24 frames remembered, trained on 16", context=24),
)


@dataclass(frozen=True, slots=True)
class Score:
    """PSNR in dB on held-out towns, of the tokenizer and of dreams at FRAMES; milliseconds per dreamt frame on one
    stream.
    """

    tokenizer: float
    dream: tuple[float, ...]
    repeat: tuple[float, ...]
    milliseconds: float


def ablate(
    data: Path,
    held_out: Path,
    out: Path,
    config: WorldConfig,
    *,
    minutes: float = 3.0,
    only: Sequence[str] = (),
    compute: DistributedContext | None = None,
    seed: int = 0,
    report: Report | None = None,
) -> Path:
    """Trains and scores ABLATIONS, or `only` those and the base, `minutes` per part; returns the path of the table
    (Markdown).

    Rows for the same minutes are not computed again, and interrupted training resumes. DataError for an unknown name in
    `only`.
    """
    if unknown := sorted(set(only) - {ablation.name for ablation in ABLATIONS}):
        names = ", ".join(ablation.name for ablation in ABLATIONS)
        raise DataError(f"There is no ablation '{unknown[0]}'; there are: {names}.")
    compute, say = compute or DistributedContext(), report or (lambda fraction, text: None)
    rows = _finished_rows(out / "ablations.csv", minutes)
    chosen = [ablation for ablation in ABLATIONS if not only or ablation.name in (BASE, *only)]
    for number, ablation in enumerate(chosen):
        if ablation.name in rows:
            continue

        def note(fraction: float, text: str, number: int = number, name: str = ablation.name) -> None:
            say((number + fraction) / len(chosen), f"{name}: {text}")

        folder = _prepare(out, ablation, config)
        for part in PARTS_TO_TRAIN[ablation.part]:
            train(
                part,
                data,
                held_out,
                folder,
                minutes=minutes,
                compute=compute,
                seed=seed,
                report=note,
                recipe=ablation.recipe,
            )
        score = measure(folder, held_out, ablation, compute.device, seed)
        values = [score.tokenizer, *score.dream, score.milliseconds]
        rows[ablation.name] = dict(
            zip(COLUMNS, [ablation.name, ablation.change, f"{minutes:g}", *(f"{v:.2f}" for v in values)], strict=True)
        )
        rows["repeat"] = dict.fromkeys(COLUMNS, "") | {"name": "repeat", "change": "the last frame again"}
        rows["repeat"] |= {f"psnr_{n}": f"{v:.2f}" for n, v in zip(FRAMES, score.repeat, strict=True)}
        rows["repeat"]["minutes"] = f"{minutes:g}"
        _write(out, rows, minutes, compute)
    return out / "ablations.md"


def measure(folder: Path, held_out: Path, ablation: Ablation, device: str = "cpu", seed: int = 0) -> Score:
    """Held-out scores of the weights in `folder`, with the ablation's sampling."""
    base, raw = read_config(folder)
    config = ablation.apply_to(base)
    modules = config.build()
    for name in DREAMING:
        modules[name] = load_part(folder, name, modules[name], raw).to(device)
    model = WorldModel({name: module.eval() for name, module in modules.items()}, raw["files"], {}, device)
    drives = InMemoryDataset.load(held_out, model.size, folder / "cache")
    latents = encode_all(drives, model.tokenizer, device, folder / "cache", raw["files"])
    noise = ablation.recipe.context_noise
    psnr = horizons(
        model.tokenizer,
        model.dynamics,
        drives,
        latents,
        device,
        steps=ablation.steps,
        seed=seed,
        context_noise=noise,
    )
    return Score(
        reconstruction(model.tokenizer, drives, device),
        tuple(psnr["dream"][frames] for frames in FRAMES),
        tuple(psnr["repeat"][frames] for frames in FRAMES),
        milliseconds(model, ablation.steps),
    )


def milliseconds(model: WorldModel, steps: int) -> float:
    """The median time of a dreamt frame with its readouts and picture, once the cache is full."""
    dream = LatentDream(model, quality=steps)
    dream.start(Control(weather=0, time=1))
    times = []
    for _ in range(model.dynamics.config.context + TIMED):
        began = time.perf_counter()
        dream.step(Control(steer=0.0, accel=0.0))
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times[-TIMED:])


def _prepare(out: Path, ablation: Ablation, config: WorldConfig) -> Path:
    """The ablation's folder, with the base's parts that it uses."""
    if not ablation.part:
        return out / BASE
    folder = out / ablation.name
    folder.mkdir(parents=True, exist_ok=True)
    (out / "cache").mkdir(exist_ok=True)
    if not (folder / "cache").exists():
        (folder / "cache").symlink_to(Path("..") / "cache", target_is_directory=True)
    if (folder / "config.json").exists():
        return folder
    history = {}
    if ablation.part == "dynamics":
        config, raw = read_config(out / BASE)
        history = {"tokenizer": raw["trained"]["tokenizer"]}
        shutil.copyfile(out / BASE / "tokenizer.safetensors", folder / "tokenizer.safetensors")
    write_config(folder, ablation.apply_to(config), history)
    return folder


def _finished_rows(path: Path, minutes: float) -> dict[str, dict[str, str]]:
    """Rows of an earlier call with the same minutes, by name. DataError where the file is another table."""
    if not path.exists():
        return {}
    rows = list(csv.DictReader(path.read_text().splitlines()))
    if rows and tuple(rows[0]) != COLUMNS:
        raise DataError(f"{path} is not a table of ablations; choose another folder.")
    return {row["name"]: row for row in rows if float(row["minutes"]) == minutes}


def _write(out: Path, rows: dict[str, dict[str, str]], minutes: float, compute: DistributedContext) -> None:
    order = ["repeat", *(ablation.name for ablation in ABLATIONS)]
    sorted_rows = [rows[name] for name in order if name in rows]
    aside = out / "ablations.csv.tmp"
    with aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(sorted_rows)
    aside.replace(out / "ablations.csv")
    head = ("name", "change", "tokenizer, dB", *(f"{n} ahead, dB" for n in FRAMES), "ms a frame")
    cells = [tuple(row[column] for column in COLUMNS if column != "minutes") for row in sorted_rows]
    threads = f"{torch.get_num_threads()} threads of {compute.device}"
    text = (
        f"Each change alone, {minutes:g} minutes a trained part, the same seed and data, K = 2 where not said otherwise; "
        f"PSNR on held-out towns with true controls, {threads}. After so few minutes the table ranks how fast a recipe learns.\n\n"
    )
    (out / "ablations.md").write_text(text + markdown(head, cells) + "\n")
