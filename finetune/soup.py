"""The average of an adapter and its initial one, often better than either (model soups, arXiv 2203.05482)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from brain.files import WEIGHTS, checked, seal

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the trained adapter
Weights = dict[str, Tensor]


def soup(begin: Path, adapter: Path, loss_of: Callable[[Weights], float]) -> float:
    """Writes the average of least loss into `adapter`, records its share in training.json and returns it.

    An adapter that has a share already stays as it is. WeightsError where one of them is damaged.
    """
    from safetensors.torch import load_file, save_file

    record = json.loads((adapter / "training.json").read_text())
    if "share" in record:
        return float(record["share"])
    old, new = load_file(checked(begin)), load_file(checked(adapter))
    losses = {share: loss_of(_average(old, new, share)) for share in SHARES}
    share = min(losses, key=lambda one: losses[one])
    save_file({name: value.half() for name, value in _average(old, new, share).items()}, adapter / WEIGHTS)
    record |= {"share": share, "loss_by_share": losses}
    (adapter / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    seal(adapter)
    return share


def _average(old: Weights, new: Weights, share: float) -> Weights:
    return {name: value.float().lerp(new[name].float(), share) for name, value in old.items()}
