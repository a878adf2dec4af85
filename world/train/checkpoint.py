"""Checkpoints without pickle: tensors in safetensors, the rest in JSON; one counts when its marker is there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from world.errors import DataError

MARKER = "COMPLETE"


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    ema: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Any],
) -> None:
    """Writes aside, then swaps in; the last good checkpoint stands until the new one is whole."""
    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in ema.items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
    save_file(
        {name: value.detach().contiguous().clone() for name, value in tensors.items()}, aside / "tensors.safetensors"
    )
    (aside / "state.json").write_text(json.dumps(dict(state)))
    with (aside / "tensors.safetensors").open("rb") as file:
        os.fsync(file.fileno())
    (aside / MARKER).touch()
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    folder: Path, model: nn.Module, ema: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Restores everything in place from the newest whole checkpoint; None where there is none."""
    for place in (folder, folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")):
        if (place / MARKER).exists():
            break
    else:
        return None
    tensors = load_file(place / "tensors.safetensors")
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "ema": {}, "optimizer": {}}
    for name, value in tensors.items():
        group, rest = name.split(".", 1)
        groups[group][rest] = value
    try:
        model.load_state_dict(groups["model"])
    except RuntimeError as error:
        raise DataError(
            f"The checkpoint {place} belongs to another configuration; train into another folder."
        ) from error
    ema.update(groups["ema"])
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in groups["optimizer"].items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return json.loads((place / "state.json").read_text())
