"""What a configuration would take, worked out on torch's meta device: no weight is made and nothing is multiplied.

FLOPs are counted operation by operation (two for a multiplication and an addition). What the backward pass keeps is
counted tensor by tensor, in bfloat16 and with attention scores written out, which CUDA's fused kernels avoid: an upper
bound there.
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

TRAINED = 20  # bytes a parameter while it is trained: weight, gradient, two moments of AdamW, EMA, all float32
GB = 1e9
USABLE = 0.85  # of a device's memory; the rest goes to its context, weights cast to bfloat16, fragmentation


@dataclass(frozen=True, slots=True)
class PartPlan:
    """A part's cost. `flops`: one forward pass of one frame; `kept` and `checkpointed`: bytes that the backward pass keeps a
    row of the batch, plainly and with gradient checkpointing; `rows`: the batch's rows in training (0: fitted, not trained).
    """

    name: str
    parameters: int
    flops: int = 0
    kept: int = 0
    checkpointed: int = 0
    rows: int = 0

    def training_bytes(self, rows: int, checkpointing: bool) -> int:
        return self.parameters * TRAINED + rows * (self.checkpointed if checkpointing else self.kept)

    def parts_within(self, memory: float, frozen: int, checkpointing: bool = True) -> int | None:
        """Into how many parts one process has to take a batch (`--accumulate`) to stay within `memory` bytes."""
        for parts in (1, 2, 4, 8, 16, 32, 64, 128):
            if (
                self.rows % parts == 0
                and frozen + self.training_bytes(self.rows // parts, checkpointing) <= USABLE * memory
            ):
                return parts
        return None


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """`dream_flops`: one frame of a dream at K = `steps`, but for attention to the frames before."""

    parts: tuple[PartPlan, ...]
    steps: int
    dream_flops: int

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts)


def plan(config: WorldConfig, steps: int = 2) -> TrainingPlan:
    """What the parts of `config` take to train, and a dreamt frame to compute."""
    with torch.device("meta"):
        modules: dict[str, Any] = dict(config.build())
        t = config.tokenizer
        image, latents = torch.empty(1, 3, t.height, t.width), torch.empty(1, t.tokens, t.channels)
        given = _given(config)
        one = torch.ones(1)
        tokenizer, dynamics = modules["tokenizer"], modules["dynamics"]
        runs: dict[str, tuple[Callable[[], Any], int]] = {
            "tokenizer": (lambda: tokenizer.decode(tokenizer.encode(image)), tokenizer_recipe.BATCH),
            "dynamics": (lambda: dynamics(latents, one, one, given), dynamics_recipe.PAIRS),
        }
        if "readout" in modules:
            readout, seen = modules["readout"], torch.empty(1, FRAMES, t.tokens, t.channels)
            runs["readout"] = (lambda: readout(readout.trunk(seen)), OBSERVED)
        parts = [
            PartPlan(name, parameters(modules[name]), _flops(run), *_kept(modules[name], run), rows)
            for name, (run, rows) in runs.items()
        ]
        parts += [PartPlan(name, parameters(module)) for name, module in modules.items() if name not in runs]
        past, noise = Past(latents, latents), (latents, latents, latents)
        motions, fields = given.motions_B4, given.fields_B6
        dream = _flops(lambda: tokenizer.decode(advance(dynamics, past, motions, fields, noise, steps)))
        dream += next((part.flops for part in parts if part.name == "readout"), 0)
    return TrainingPlan(tuple(parts), steps, dream)


def table(config: WorldConfig, made: TrainingPlan, memory_gb: float) -> list[tuple[str, str]]:
    """The plan as rows of text, for a device of that much memory."""
    t, d = config.tokenizer, config.dynamics
    rows = [
        ("picture", f"{t.height}x{t.width}, {t.tokens} tokens of {t.channels} latents"),
        ("dynamics", f"{d.depth} blocks of width {d.dim}, {d.context} frames remembered"),
        ("parameters", f"{made.parameters / 1e6:,.1f} M"),
        ("weights in fp16", f"{made.parameters * 2 / 1e6:,.1f} MB"),
        (f"a dreamt frame, K = {made.steps}", f"{made.dream_flops / 1e9:,.1f} GFLOP"),
        ("ten a second", f"{made.dream_flops / 1e11:,.2f} TFLOP/s"),
    ]
    frozen = 0
    for part in made.parts:
        if part.rows:
            parts = part.parts_within(memory_gb * GB, frozen)
            fits = f"--accumulate {parts} --checkpointing" if parts else "not on one such device"
            rows += [
                (
                    f"{part.name}: parameters; forward pass of a frame",
                    f"{part.parameters / 1e6:,.1f} M; {part.flops / 1e9:,.1f} GFLOP",
                ),
                (f"{part.name}: weights, gradients, AdamW, EMA", f"{part.parameters * TRAINED / GB:,.2f} GB"),
                (
                    f"{part.name}: activations a frame, plain / checkpointed",
                    f"{part.kept / 1e6:,.0f} / {part.checkpointed / 1e6:,.0f} MB (at most, bf16)",
                ),
                (f"{part.name}: a batch of {part.rows} within {memory_gb:g} GB", fits),
            ]
        frozen += part.parameters * 4
    return rows


def _given(config: WorldConfig) -> Condition:
    shape = (1, config.dynamics.tokens, config.dynamics.channels)
    motions = torch.zeros(1, len(config.dynamics.inputs))
    fields = torch.zeros(1, len(FIELDS), dtype=torch.long)
    return Condition(torch.empty(shape), torch.empty(shape), torch.ones(1), motions, fields)


def _flops(run: Callable[[], Any]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def _kept(module: nn.Module, run: Callable[[], Any]) -> tuple[int, int]:
    """Bytes of bfloat16 that the backward pass of one row keeps, plainly and with its blocks checkpointed."""
    inside: list[int] = []
    inputs: list[int] = []

    def watched(block: nn.Module, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run_block(x: Tensor, *rest: Tensor) -> Tensor:
            inputs.append(2 * x.numel())
            with _counting(block) as count:
                out = forward(x, *rest)
            inside.append(count())
            return out

        return run_block

    blocks = [block for block in module.modules() if isinstance(block, TransformerBlock)]
    for block in blocks:
        setattr(block, "forward", watched(block, block.forward))  # noqa: B010
    with _counting(module) as count:
        run()
    for block in blocks:
        del block.forward
    outside = count()
    return outside + sum(inside), outside + sum(inputs) + max(inside, default=0)


@contextmanager
def _counting(module: nn.Module) -> Iterator[Callable[[], int]]:
    """Counts what is saved for the backward pass meanwhile, each storage once and parameters not at all."""
    own = {value.untyped_storage()._cdata for value in module.parameters()}
    seen: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in own:
            seen.setdefault(storage, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield lambda: sum(2 * tensor.untyped_storage().nbytes() // tensor.element_size() for tensor in seen.values())
