"""Trains the driver of scene worlds by imitation: rounds of drives (`scene_drives`), training after each, then a long
training.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from world.dynamics.policy import FORMAT, HIDDEN, ITEM, SHAPES, Policy, policy_of
from world.telling import Report
from world.train.checkpoint import load_checkpoint, save_checkpoint
from world.train.scene_drives import DriverSamples, drives

FIRST_SEED = 10**6  # of the drives; evaluation's seeds are smaller


@dataclass(frozen=True, slots=True)
class DriverRecipe:
    """The defaults are the recipe of the shipped weights: about 20 minutes on two cores.

    drives: per round, each of `seconds`; steps, last_steps: of training after each round, and after the last; braking:
    extra weight of states in which the expert brakes for something.
    """

    rounds: int = 10
    drives: int = 110
    seconds: float = 45.0
    steps: int = 350
    last_steps: int = 3500
    batch: int = 1024
    rate: float = 2e-3
    braking: float = 4.0


class PolicyNetwork(nn.Module):
    """The network of `world.dynamics.policy`, for training; its last layer starts at zero, so the base policy drives at
    first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(*shape) for name, shape in SHAPES.items()})
        for value in self.layers["action"].parameters():
            nn.init.zeros_(value)

    def forward(self, own: Tensor, users: Tensor, crossers: Tensor, counts: Tensor) -> Tensor:
        """own [B, OWN], users [B, N, USER], crossers [B, M, CROSSER], counts [B, 2] -> residual of steer and accel [B,
        2].
        """
        x = torch.cat(
            [own, self._largest("user", users, counts[:, 0]), self._largest("crosser", crossers, counts[:, 1])], 1
        )
        for name in ("trunk_1", "trunk_2"):
            x = torch.relu(self.layers[name](x))
        out: Tensor = self.layers["action"](x)
        return out

    def _largest(self, name: str, items: Tensor, count: Tensor) -> Tensor:
        there = torch.arange(items.shape[1], device=items.device) < count[:, None]
        x = torch.relu(self.layers[f"{name}_1"](items))
        x = torch.relu(self.layers[f"{name}_2"](x))
        return (x * there[..., None]).amax(1)

    def tensors(self) -> dict[str, np.ndarray]:
        """Weights by the names of `Policy`, float16 as shipped."""
        arrays = {}
        for name, layer in self.layers.items():
            assert isinstance(layer, nn.Linear)
            arrays[name] = layer.weight.detach().cpu().t().half().contiguous().numpy()
            arrays[f"{name}_bias"] = layer.bias.detach().cpu().half().numpy()
        return arrays

    def policy(self) -> Policy:
        """The policy that drives with these weights."""
        return policy_of(self.tensors())


def loss_of(residual: Tensor, own: Tensor, labels: Tensor, braking: float) -> Tensor:
    """Huber loss of both controls; pedals beyond their limits cost nothing, rare braking and yielding count more.

    residual: [B, 2]; own: [B, OWN], whose last two columns are the base's controls; labels: [B, 2], the expert's.
    """
    base, pedal = own[:, -2:], labels[:, 1]
    steer_error = base[:, 0] + residual[:, 0] - labels[:, 0]
    error = base[:, 1] + residual[:, 1] - pedal
    error = torch.where(pedal <= -0.999, error.clamp_min(0), torch.where(pedal >= 0.999, error.clamp_max(0), error))
    holds_back = base[:, 1] - pedal > 0.1  # the expert yields to something
    weight = 1 + 0.25 * braking * holds_back + braking * (holds_back & (pedal < -0.2))
    # Too much throttle there ends in a collision or runs a light.
    weight = weight * torch.where(holds_back & (error > 0), 1.5, 1.0)
    pedals = (weight * nn.functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=0.1)).mean()
    steer = nn.functional.smooth_l1_loss(steer_error, torch.zeros_like(error), reduction="none", beta=0.02).mean()
    return pedals + 5 * steer


def train_scene_driver(
    out: Path,
    recipe: DriverRecipe | None = None,
    seed: int = 0,
    device: str = "cpu",
    workers: int = 1,
    report: Report | None = None,
) -> Path:
    """Trains in `out` and writes the weights to `out/driver`, which it returns. An interrupted run resumes with the
    same call.

    DataError where `out` belongs to another recipe or is damaged.
    """
    recipe, note = recipe or DriverRecipe(), report or (lambda share, text: None)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    network = PolicyNetwork().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-4)
    state = load_checkpoint(out / "checkpoint", network, {}, optimizer) or {"rounds": 0, "loss": math.nan}
    samples: list[DriverSamples] = []
    for number in range(recipe.rounds):
        path, share = out / f"round-{number:02d}.npz", number / (recipe.rounds + 2)
        if path.exists():
            samples.append(DriverSamples.load(path))
        else:
            note(share, f"round {number + 1} of {recipe.rounds}: drives")
            first = FIRST_SEED * (seed + 1) + number * recipe.drives
            policy = network.policy() if number else None
            samples.append(drives(range(first, first + recipe.drives), recipe.seconds, policy, workers))
            samples[-1].save(path)
        if number < state["rounds"]:
            continue
        note(share, f"round {number + 1} of {recipe.rounds}: training on {sum(map(len, samples)):,} states")
        rates = [recipe.rate] * recipe.steps
        state = {"rounds": number + 1, "loss": _fit(network, optimizer, samples, rates, recipe, seed + number)}
        save_checkpoint(out / "checkpoint", network, {}, optimizer, state)
    if state["rounds"] == recipe.rounds:
        note(recipe.rounds / (recipe.rounds + 2), f"the last training on {sum(map(len, samples)):,} states")
        rates = [0.5 * recipe.rate * (1 + math.cos(math.pi * k / recipe.last_steps)) for k in range(recipe.last_steps)]
        loss = _fit(network, optimizer, samples, rates, recipe, seed + recipe.rounds)
        state = {"rounds": recipe.rounds + 1, "loss": loss}
        save_checkpoint(out / "checkpoint", network, {}, optimizer, state)
    note(1.0, f"done: loss {state['loss']:.4f}")
    _ship(network, out / "driver", recipe, seed, sum(map(len, samples)), state["loss"])
    return out / "driver"


def _fit(
    network: PolicyNetwork,
    optimizer: torch.optim.Optimizer,
    samples: list[DriverSamples],
    rates: list[float],
    recipe: DriverRecipe,
    seed: int,
) -> float:
    """Trains one step per rate; the mean loss of the last tenth of the steps."""
    device, all_of = next(network.parameters()).device, DriverSamples.concatenate(samples)
    generator, losses = np.random.default_rng(seed), []
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = np.sort(generator.integers(len(all_of), size=recipe.batch))
        own, users, crossers, labels = (
            torch.from_numpy(getattr(all_of, name)[rows]).to(device).float()
            for name in ("own", "users", "crossers", "labels")
        )
        counts = torch.from_numpy(all_of.counts[rows]).to(device)
        loss = loss_of(network(own, users, crossers, counts), own, labels, recipe.braking)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))


def _ship(network: PolicyNetwork, folder: Path, recipe: DriverRecipe, seed: int, states: int, loss: float) -> None:
    """Writes float16 safetensors and a config with their SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "driver.safetensors"
    save_file({name: torch.from_numpy(array) for name, array in network.tensors().items()}, path)
    config = {
        "format": FORMAT,
        "item": ITEM,
        "hidden": HIDDEN,
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
        "trained": {"recipe": asdict(recipe), "seed": seed, "states": states, "loss": round(loss, 5)},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
