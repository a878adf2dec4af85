"""The model card of a network that dreams streets or roadsides: its data, its training time and its loss curve."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from world.dynamics.prefix_lm import PrefixLM
from world.files import parameters
from world.train.card import markdown, write_sections

POINTS = 8  # of a curve


def write_prefix_lm_card(folder: Path, name: str, what: str, model: PrefixLM, history: Mapping[str, object]) -> Path:
    """Writes README.md into a training's folder. Text written by hand stays, as in `write_sections`.

    name: of the part and its CSV; what: a sentence about the network's purpose; history: data, steps, minutes and seed.
    """
    shape = model.config
    sections = [
        f"# lucidrive, {name}",
        f"{what} A transformer of {parameters(model):,} weights ({shape.layers} layers, {shape.width} wide) over {shape.vocabulary} tokens. "
        "Apache-2.0. Learnt from what this table names, and training towns, alone.",
        "## Training",
        markdown(("what", "how much"), [(key, str(value)) for key, value in history.items()]),
        markdown(("step", "minutes", "validation loss, nats a token"), _curve(folder / f"{name}.csv")),
        f"Again: `lucidrive train {name}`, which goes on where it was killed. Measured: `lucidrive evaluate {name} --weights` with this folder.",
    ]
    return write_sections(folder, sections)


def _curve(log: Path) -> list[tuple[str, ...]]:
    """At most POINTS of a training's validations, evenly spaced, including the last."""
    rows = [row for row in csv.DictReader(log.read_text().splitlines()) if row["validation_loss"]]
    points = rows[:: -max(1, -(-len(rows) // POINTS))][::-1]
    return [
        (row["step"], f"{float(row['seconds']) / 60:.1f}", f"{float(row['validation_loss']):.3f}") for row in points
    ]
