"""Checkpoints without pickle: tensors in safetensors, the rest in JSON; one is valid once its marker exists.

The marker is written last, after everything else has reached the disk. A new checkpoint is written beside the old one
and renamed, so that one of `name`, `name.new` and `name.old` is whole at every moment.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
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
    beside: nn.Module | None = None,
) -> None:
    """Writes a checkpoint aside, then swaps it in; the last one is valid until the new one is whole.

    beside: a module trained against the model and not shipped.
    """
    _recover(folder)
    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in ema.items()}
    tensors |= {f"beside.{name}": value for name, value in (beside.state_dict() if beside else {}).items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
    save_file(
        {name: value.detach().contiguous().clone() for name, value in tensors.items()}, aside / "tensors.safetensors"
    )
    (aside / "state.json").write_text(json.dumps(dict(state)))
    for path in aside.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    (aside / MARKER).touch()
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    folder: Path,
    model: nn.Module,
    ema: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    beside: nn.Module | None = None,
) -> dict[str, Any] | None:
    """Restores everything in place from the last whole checkpoint; None where there is none.

    DataError where it is damaged or of another configuration.
    """
    place = next((place for place in _places(folder) if (place / MARKER).exists()), None)
    if place is None:
        return None
    try:
        tensors = load_file(place / "tensors.safetensors")
        state = json.loads((place / "state.json").read_text())
    except (SafetensorError, ValueError, OSError) as error:
        raise DataError(f"The checkpoint {place} is damaged ({error}); delete that folder to begin anew.") from error
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "ema": {}, "optimizer": {}, "beside": {}}
    for name, value in tensors.items():
        group, rest = name.split(".", 1)
        groups[group][rest] = value
    try:
        model.load_state_dict(groups["model"])
        if beside is not None:
            beside.load_state_dict(groups["beside"])
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
    return state


def _places(folder: Path) -> tuple[Path, Path, Path]:
    return folder, folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")


def _recover(folder: Path) -> None:
    """Restores the whole copy after a kill between the two renames of a swap."""
    if not folder.exists():
        for place in _places(folder)[1:]:
            if (place / MARKER).exists():
                place.rename(folder)
                return
