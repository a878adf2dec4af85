"""The card beside a network that dreams streets or what lines them: what it learnt from, for how long, and how its loss fell."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from world.dynamics.prefix_lm import PrefixLM
from world.files import parameters
from world.train.card import BY_HAND, CARD, markdown

POINTS = 8  # of a curve


def write_dreamt_card(folder: Path, name: str, what: str, model: PrefixLM, trained: Mapping[str, object]) -> Path:
    """Writes README.md into a training's folder. What stood below BY_HAND stays.

    name: of the part and of its CSV; what: a sentence that says what the network does.
    """
    shape = model.config
    sections = [
        f"# lucidrive, {name}",
        f"{what} A transformer of {parameters(model):,} weights ({shape.layers} layers, {shape.width} wide) over {shape.vocabulary} tokens. "
        "Apache-2.0. Learnt from simulated networks and training towns alone.",
        "## Training",
        markdown(("what", "how much"), [(key, str(value)) for key, value in trained.items()]),
        markdown(("step", "minutes", "validation loss, nats a token"), _curve(folder / f"{name}.csv")),
        f"Again: `lucidrive train {name}`, which goes on where it was killed. Measured: `lucidrive evaluate {name} --weights` with this folder.",
    ]
    card = folder / CARD
    kept = card.read_text().partition(BY_HAND)[2].strip() if card.exists() else ""
    aside = card.with_suffix(".tmp")
    aside.write_text("\n\n".join(part for part in [*sections, BY_HAND, kept] if part) + "\n")
    return aside.replace(card)


def _curve(log: Path) -> list[tuple[str, ...]]:
    """Up to POINTS of a training's validations, evenly apart, the last one among them."""
    rows = [row for row in csv.DictReader(log.read_text().splitlines()) if row["validation_loss"]]
    kept = rows[:: -max(1, -(-len(rows) // POINTS))][::-1]
    return [(row["step"], f"{float(row['seconds']) / 60:.1f}", f"{float(row['validation_loss']):.3f}") for row in kept]
