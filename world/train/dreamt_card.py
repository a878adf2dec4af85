"""The card beside a network that dreams streets or what lines them: what it learnt from, for how long, and how its loss fell."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from world.dynamics.prefix_lm import PrefixLM
from world.files import parameters
from world.train.card import markdown, put_card

POINTS = 8  # of a curve


def write_dreamt_card(folder: Path, name: str, what: str, model: PrefixLM, trained: Mapping[str, object]) -> Path:
    """Writes README.md into a training's folder. What a person wrote there stays, as `put_card` says.

    name: of the part and of its CSV; what: a sentence that says what the network does.
    """
    shape = model.config
    sections = [
        f"# lucidrive, {name}",
        f"{what} A transformer of {parameters(model):,} weights ({shape.layers} layers, {shape.width} wide) over {shape.vocabulary} tokens. "
        "Apache-2.0. Learnt from what this table names, and training towns, alone.",
        "## Training",
        markdown(("what", "how much"), [(key, str(value)) for key, value in trained.items()]),
        markdown(("step", "minutes", "validation loss, nats a token"), _curve(folder / f"{name}.csv")),
        f"Again: `lucidrive train {name}`, which goes on where it was killed. Measured: `lucidrive evaluate {name} --weights` with this folder.",
    ]
    return put_card(folder, sections)


def _curve(log: Path) -> list[tuple[str, ...]]:
    """Up to POINTS of a training's validations, evenly apart, the last one among them."""
    rows = [row for row in csv.DictReader(log.read_text().splitlines()) if row["validation_loss"]]
    kept = rows[:: -max(1, -(-len(rows) // POINTS))][::-1]
    return [(row["step"], f"{float(row['seconds']) / 60:.1f}", f"{float(row['validation_loss']):.3f}") for row in kept]
