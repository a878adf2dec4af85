"""Estimates the cost of a configuration on torch's meta device: no weight is allocated, nothing is computed.

FLOPs are counted per operation (two for a multiply-add). Activations kept for the backward pass are counted per tensor,
in bfloat16 and with explicit attention scores, which CUDA's fused kernels avoid: an upper bound there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from world.files import WorldConfig, parameters
from world.latent.blocks import TransformerBlock
from world.latent.dynamics import FIELDS, Condition
from world.latent.rollout import Past, advance
from world.readout import FRAMES
from world.train import dynamics as dynamics_recipe
from world.train import tokenizer as tokenizer_recipe
from world.train.driver import BATCH as OBSERVED

BYTES_PER_PARAMETER = (
    20  # bytes a parameter while it is trained: weight, gradient, two moments of AdamW, EMA, all float32
)
GB = 1e9
USABLE = 0.85  # of a device's memory; the rest is its context, weights cast to bfloat16, fragmentation


@dataclass(frozen=True, slots=True)
class PartPlan:
    """A part's cost. flops: of one forward pass of one frame; rows: the batch's rows (0: fitted, not trained).

    activation_bytes, checkpointed_bytes: kept for the backward pass per row, plain and with gradient checkpointing.
    """

    name: str
    parameters: int
    flops: int = 0
    activation_bytes: int = 0
    checkpointed_bytes: int = 0
    rows: int = 0

    def training_bytes(self, rows: int, checkpointing: bool) -> int:
        """Bytes of a training process with so many rows."""
        return self.parameters * BYTES_PER_PARAMETER + rows * (
            self.checkpointed_bytes if checkpointing else self.activation_bytes
        )

    def parts_within(self, memory: float, frozen: int, checkpointing: bool = True) -> int | None:
        """Least number of parts of a batch (`--accumulate`) with which a process stays within `memory` bytes; None
        where none suffices.
        """
        for parts in (1, 2, 4, 8, 16, 32, 64, 128):
            if (
                self.rows % parts == 0
                and frozen + self.training_bytes(self.rows // parts, checkpointing) <= USABLE * memory
            ):
                return parts
        return None


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The costs of all parts.

    dream_flops: of one dreamt frame at K = `steps`, without attention to the frames before.
    """

    parts: tuple[PartPlan, ...]
    steps: int
    dream_flops: int

    @property
    def parameters(self) -> int:
        """The number of parameters of all parts."""
        return sum(part.parameters for part in self.parts)


def plan(config: WorldConfig, steps: int = 2) -> TrainingPlan:
    """The cost of training the parts of `config`, and of a dreamt frame."""
    with torch.device("meta"):
        modules: dict[str, Any] = dict(config.build())
        t = config.tokenizer
        image, latents = torch.empty(1, 3, t.height, t.width), torch.empty(1, t.tokens, t.channels)
        condition = _condition(config)
        one = torch.ones(1)
        tokenizer, dynamics = modules["tokenizer"], modules["dynamics"]
        runs: dict[str, tuple[Callable[[], Any], int]] = {
            "tokenizer": (lambda: tokenizer.decode(tokenizer.encode(image)), tokenizer_recipe.BATCH),
            "dynamics": (lambda: dynamics(latents, one, one, condition), dynamics_recipe.PAIRS),
        }
        if "readout" in modules:
            readout, past_frames = modules["readout"], torch.empty(1, FRAMES, t.tokens, t.channels)
            runs["readout"] = (lambda: readout(readout.trunk(past_frames)), OBSERVED)
        parts = [
            PartPlan(name, parameters(modules[name]), _flops(run), *_activation_bytes(modules[name], run), rows)
            for name, (run, rows) in runs.items()
        ]
        parts += [PartPlan(name, parameters(module)) for name, module in modules.items() if name not in runs]
        past, noise = Past(latents, latents), (latents, latents, latents)
        motions, fields = condition.motions_B4, condition.fields_B6
        dream = _flops(lambda: tokenizer.decode(advance(dynamics, past, motions, fields, noise, steps)))
        dream += next((part.flops for part in parts if part.name == "readout"), 0)
    return TrainingPlan(tuple(parts), steps, dream)


def table(config: WorldConfig, costs: TrainingPlan, memory_gb: float) -> list[tuple[str, str]]:
    """The plan as rows (name, value), for a device of that much memory."""
    t, d = config.tokenizer, config.dynamics
    rows = [
        ("picture", f"{t.height}x{t.width}, {t.tokens} tokens of {t.channels} latents"),
        ("dynamics", f"{d.depth} blocks of width {d.dim}, {d.context} frames remembered"),
        ("parameters", f"{costs.parameters / 1e6:,.1f} M"),
        ("weights in fp16", f"{costs.parameters * 2 / 1e6:,.1f} MB"),
        (f"a dreamt frame, K = {costs.steps}", f"{costs.dream_flops / 1e9:,.1f} GFLOP"),
        ("ten a second", f"{costs.dream_flops / 1e11:,.2f} TFLOP/s"),
    ]
    frozen = 0
    for part in costs.parts:
        if part.rows:
            parts = part.parts_within(memory_gb * GB, frozen)
            fits = f"--accumulate {parts} --checkpointing" if parts else "not on one such device"
            rows += [
                (
                    f"{part.name}: parameters; forward pass of a frame",
                    f"{part.parameters / 1e6:,.1f} M; {part.flops / 1e9:,.1f} GFLOP",
                ),
                (
                    f"{part.name}: weights, gradients, AdamW, EMA",
                    f"{part.parameters * BYTES_PER_PARAMETER / GB:,.2f} GB",
                ),
                (
                    f"{part.name}: activations a frame, plain / checkpointed",
                    f"{part.activation_bytes / 1e6:,.0f} / {part.checkpointed_bytes / 1e6:,.0f} MB (at most, bf16)",
                ),
                (f"{part.name}: a batch of {part.rows} within {memory_gb:g} GB", fits),
            ]
        frozen += part.parameters * 4
    return rows


def _condition(config: WorldConfig) -> Condition:
    shape = (1, config.dynamics.tokens, config.dynamics.channels)
    motions = torch.zeros(1, len(config.dynamics.inputs))
    fields = torch.zeros(1, len(FIELDS), dtype=torch.long)
    return Condition(torch.empty(shape), torch.empty(shape), torch.ones(1), motions, fields)


def _flops(run: Callable[[], Any]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def _activation_bytes(module: nn.Module, run: Callable[[], Any]) -> tuple[int, int]:
    """Bytes of bfloat16 that one row keeps for the backward pass, plain and with checkpointed blocks."""
    inside: list[int] = []
    inputs: list[int] = []

    def watch(block: nn.Module, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run_block(x: Tensor, *rest: Tensor) -> Tensor:
            inputs.append(2 * x.numel())
            with _counting(block) as count:
                out = forward(x, *rest)
            inside.append(count())
            return out

        return run_block

    blocks = [block for block in module.modules() if isinstance(block, TransformerBlock)]
    for block in blocks:
        setattr(block, "forward", watch(block, block.forward))  # noqa: B010
    with _counting(module) as count:
        run()
    for block in blocks:
        del block.forward
    outside = count()
    return outside + sum(inside), outside + sum(inputs) + max(inside, default=0)


@contextmanager
def _counting(module: nn.Module) -> Iterator[Callable[[], int]]:
    """Counts what is saved for the backward pass meanwhile, each storage once, without parameters."""
    own = {value.untyped_storage()._cdata for value in module.parameters()}
    storages: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in own:
            storages.setdefault(storage, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield lambda: sum(
            2 * tensor.untyped_storage().nbytes() // tensor.element_size() for tensor in storages.values()
        )
