"""Writes the folder of trained traffic: weights, a config with their SHA-256, and a card."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from world.dynamics.traffic_net import FEED, FORMAT, HEADS, ITEM, LAYERS, WIDTH
from world.train.card import markdown
from world.train.traffic_network import Net


def ship(nets: Mapping[str, Net], out: Path, record: Mapping[str, Any]) -> None:
    """Writes `out/traffic`: float16 safetensors, the config, and the card with the results in the CSV files of `out`."""
    folder = out / "traffic"
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, net in nets.items():
        path = folder / f"{name}.safetensors"
        save_file({key: value.detach().half().cpu().contiguous() for key, value in net.named_parameters()}, path)
        files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    shape = {"width": WIDTH, "item": ITEM, "heads": HEADS, "feed": FEED, "layers": LAYERS}
    config = {"format": FORMAT, "shape": shape, "files": files, "trained": dict(record)}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "README.md").write_text(_card(nets, out, record))


def _card(nets: Mapping[str, Net], out: Path, record: Mapping[str, Any]) -> str:
    sizes = {name: sum(value.numel() for value in net.parameters()) for name, net in nets.items()}
    rows = [(name, str(value)) for name, value in record.items() if name != "recipe"]
    recipe = [(name, str(value)) for name, value in record["recipe"].items()]
    sections = [
        "# lucidrive, learnt traffic",
        "Two cross-attention networks that move vehicles and people of scene worlds: motion tokens from what each can know. Apache-2.0. "
        "Learnt from drives by rules and from SUMO's in training towns, all of them simulated; not for real cars.",
        markdown(("network", "parameters"), [(name, f"{size:,}") for name, size in sizes.items()]),
        "## Training",
        markdown(("what", "how much"), rows + recipe),
        markdown(
            ("part", "steps", "minutes", "loss", "validation loss"),
            [_curve(path) for path in sorted(out.glob("*.csv"))],
        ),
        "Again: `lucidrive train traffic`, which goes on where it was killed. Measured beside the rules and SUMO: `lucidrive evaluate traffic --weights` with this folder.",
    ]
    return "\n\n".join(sections) + "\n"


def _curve(path: Path) -> tuple[str, ...]:
    """The last values of a training's log."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    last = {key: value for row in rows for key, value in row.items() if value}
    minutes = float(last.get("seconds", 0)) / 60
    return path.stem, last.get("step", ""), f"{minutes:.1f}", last.get("loss", ""), last.get("validation_loss", "")
