"""Writes a world's model card from the logs and scores of its training; text written by hand is kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from world.files import parameters, read_config
from world.presets import PRESETS
from world.train.dynamics import HORIZONS
from world.train.stages import PipelineStage, read_stages

BY_HAND = "<!-- Below this line a person writes; `lucidrive train release` keeps it. -->"
EVALUATION = "evaluation.json"  # output of `lucidrive evaluate future --json`, beside the trained parts
ABLATIONS = "ablations.md"  # output of `lucidrive train ablate`, likewise
CARD = "README.md"
WHAT = {
    "tokenizer": "picture <-> latents",
    "dynamics": "the next latents",
    "readout": "what the dream says of itself",
    "driver": "the autopilot",
}


def write_card(folder: Path, out: Path, data: Path | None = None) -> Path:
    """Writes README.md beside the weights in `out`, from the training's `folder`.

    Text below BY_HAND stays (of a card without that line, all of it). data: the dataset, whose card is included.
    """
    config, raw = read_config(out)
    t = config.tokenizer
    name = next((name for name, preset in PRESETS.items() if preset == config), out.name)
    modules = config.build()
    parts = [
        (f"`{part}.safetensors`", WHAT.get(part, ""), f"{parameters(module) / 1e6:.2f} M")
        for part, module in modules.items()
    ]
    files = sum(path.stat().st_size for path in out.glob("*.safetensors"))
    sections = [
        f"# lucidrive, {name} world",
        f"A world model at {t.height}x{t.width}, ten frames a second: {t.tokens} tokens of {t.channels} latents a frame, "
        f"{sum(map(parameters, modules.values())) / 1e6:.1f} M parameters, {files / 1e6:.1f} MB in fp16. Apache-2.0. "
        "Every picture it makes is synthetic; do not take its judgement for a real car's.",
        markdown(("file", "what", "parameters"), parts),
        "## Training",
        markdown(
            ("part", "minutes", "frames", "steps"), [_training(folder, p, raw["trained"][p]) for p in _parts(raw)]
        ),
        _stages(read_stages(folder)),
        f"Words of control in the data: {', '.join(raw['trained'].get('vocabulary', ())) or 'none'}. An EMA is shipped.",
        "![Quality over training time, and losses](curves.png)",
        _measured(folder / EVALUATION),
        _ablations(folder / ABLATIONS),
        _data(data),
    ]
    return write_sections(out, sections)


def write_sections(folder: Path, sections: Sequence[str]) -> Path:
    """Writes README.md: the non-empty sections, then the text below BY_HAND (of a card without that line, all of it)."""
    card = folder / CARD
    old = card.read_text() if card.exists() else ""
    by_hand = old.split(BY_HAND, 1)[-1].strip()
    text = "\n\n".join(section for section in [*sections, BY_HAND, by_hand] if section)
    aside = card.with_suffix(".tmp")
    aside.write_text(text + "\n")
    return aside.replace(card)


def markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; "" without rows."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else ""


def _parts(raw: dict[str, Any]) -> list[str]:
    return [name for name in ("tokenizer", "dynamics", "driver") if name in raw["trained"]]


def _training(folder: Path, part: str, entry: dict[str, Any]) -> tuple[str, ...]:
    steps = 0
    for path in [folder / f"{part}.csv", *folder.glob(f"{part}-*.csv")]:
        rows = list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []
        steps += int(rows[-1]["step"]) if rows else 0
    return part, f"{entry['minutes']:g}", f"{entry['frames']:,}", f"{steps:,}"


def _stages(stages: dict[str, PipelineStage]) -> str:
    rows = [(name, f"{stage.seconds / 60:.1f}") for name, stage in stages.items() if stage.finished]
    return markdown(("stage of `lucidrive train all`", "minutes by the clock"), rows)


def _measured(path: Path) -> str:
    if not path.exists():
        return ""

    def int_keys(pairs: dict[str, Any]) -> dict[Any, Any]:  # JSON turns numbers of frames into strings
        return {int(key) if key.isdigit() else key: value for key, value in pairs.items()}

    rows = future_table(json.loads(path.read_text(), object_hook=int_keys))
    return (
        f"## Measured\n\n`lucidrive evaluate future`, on data never trained on:\n\n{markdown(('what', 'value'), rows)}"
    )


def _ablations(path: Path) -> str:
    return f"## Ablations\n\n{path.read_text().strip()}" if path.exists() else ""


def _data(data: Path | None) -> str:
    card = data / CARD if data else None
    if not (card and card.exists()):
        return ""
    text = card.read_text()
    text = text.split("---", 2)[-1] if text.startswith("---") else text  # without its YAML head
    body = text.strip().split("\n", 1)[-1].strip()  # and without its title
    return f"## Data\n\n{body}"


def future_table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result of `lucidrive evaluate future` as rows (name, value)."""
    rows = [("tokenizer PSNR", f"{result['tokenizer_psnr']:.1f} dB")]
    psnr = result["dream_psnr"]
    for frames in HORIZONS:
        values = " / ".join(f"{psnr[name][frames]:.1f}" for name in ("dream", "repeat", "shuffled"))
        rows.append((f"PSNR at {frames} frames: dream / repeat the last frame / another's actions", f"{values} dB"))
    return rows
