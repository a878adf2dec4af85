"""Training the network that dreams streets: which arms a junction has, in networks that are known in part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from world.dynamics.prefix_lm import PrefixConfig, PrefixLM, save
from world.dynamics.streets import LIKE
from world.errors import DataError
from world.scene.places import ENDING, FOLDER, load
from world.town.network import SPLITS
from world.town.plans import collect, networks, town_character
from world.train.compute import Compute
from world.train.dreamt_card import write_dreamt_card
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.networks import Network, batch, network_of

WHAT = "Dreams which streets leave a junction, given the streets that are there, a character and what a plan asks for."
BATCH, RATE = 96, 1e-3
HELD = 480  # lessons of a validation


def train_streets(
    out: Path,
    minutes: float,
    *,
    count: int = 3000,
    held: int = 200,
    data: Path | None = None,
    config: PrefixConfig | None = None,
    size: int = BATCH,
    compute: Compute | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> Path:
    """Trains into `out` and gives it. A killed run goes on with the same call.

    count, held: networks of the train and the validation split, made where they are missing (extra `sim`) in folders of those names
    in `data` (default: out/networks). Raises DataError for folders of other splits and SimulatorError where SUMO is missing.
    """
    if count < 1 or held < 1:
        raise DataError("Ask for at least one network to learn from and one to measure by.")
    compute, data = (compute or Compute()).joined(), data or out / "networks"
    say = report or (lambda share, text: None)
    with compute.main_first():
        for split, number in (("train", count), ("validation", held)):
            collect(data / split, number, split, workers, lambda done, of: say(0.0, f"networks: {done} of {of}"))
    own = known(data, "train") + [
        network_of(town_character(town), load(FOLDER / f"town-{town}{ENDING}")) for town in SPLITS["train"]
    ]
    validation = known(data, "validation")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PrefixLM(config or LIKE).to(compute.device)
    schedule = Schedule(minutes, rate=RATE, warmup=100, fall=0.3, ema=0.998, validate_minutes=4.0)
    loop = TrainingLoop("streets", out, model, schedule, compute)
    random = np.random.default_rng([seed, loop.step])

    def losses_of(step: int) -> Iterator[dict[str, Tensor]]:
        drawn = [torch.from_numpy(part) for part in batch(own, size, random)]
        for part in compute.shares(size):
            with compute.autocast():
                loss = loss_of(model, [one[part].to(compute.device) for one in drawn])
            yield {"loss": loss}

    def validate() -> dict[str, float]:
        fixed = np.random.default_rng(0)
        with torch.inference_mode(), compute.autocast():
            found = [
                float(
                    loss_of(model, [torch.from_numpy(one).to(compute.device) for one in batch(validation, size, fixed)])
                )
                for _ in range(max(1, HELD // size))
            ]
        return {"loss": float(np.mean(found))}

    loop.run(losses_of, validate, report)
    model.load_state_dict(loop.ema)
    if compute.main:
        trained = {"networks": len(own), "steps": loop.step, "seed": seed, "minutes": minutes}
        save(out, "streets", model, {**trained, "batch": size})
        write_dreamt_card(out, "streets", WHAT, model, trained)
    return out


def known(folder: Path, split: str) -> list[Network]:
    """The networks of a split that `collect` made. DataError where there are none."""
    return [network_of(character, graph) for character, graph in networks(folder / split, split)]


def loss_of(model: PrefixLM, drawn: list[Tensor]) -> Tensor:
    """Cross entropy a token, in nats."""
    rows, there, conditions, tokens, after = drawn
    logits = model(rows, there, conditions, tokens)
    return functional.cross_entropy(logits.float().flatten(0, 1), after.flatten(), ignore_index=-100)
