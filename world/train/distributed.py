"""Where and how a training computes: processes, precision, memory. None of it changes what a step learns.

Every process draws the whole batch from the same generator and takes its own rows of it, so any number of processes, and
any number of parts a process takes them in, walks the same steps (up to rounding). Gradients are averaged once a step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from world.errors import DataError
from world.latent.blocks import TransformerBlock
from world.render.painter import quick

PATIENCE = timedelta(hours=12)  # how long the others wait while the main process decodes a dataset, or validates
BUCKET = 2**24  # numbers of a gradient that travel together
PRECISIONS = ("auto", "bf16", "fp32")


@dataclass(frozen=True, slots=True)
class DistributedContext:
    """`accumulate`: in how many parts a process takes its share of a batch, one after the other. `checkpointing`: blocks'
    activations are computed again in the backward pass instead of kept. `compile`: blocks go through torch.compile.
    `step_seconds`: every step counts as that long whatever it took, so that a budget of minutes is the same steps anywhere.
    """

    device: str = "cpu"
    mixed_precision: str = "auto"
    checkpointing: bool = False
    compile: bool = False
    accumulate: int = 1
    step_seconds: float | None = None
    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if self.mixed_precision not in PRECISIONS:
            raise DataError(f"There is no precision '{self.mixed_precision}'; there are: {', '.join(PRECISIONS)}.")

    def joined(self) -> DistributedContext:
        """The same with the other processes that `accelerate launch` started, if it did, and with this one's device."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return self
        from accelerate import PartialState

        state = PartialState(cpu=self.device == "cpu", timeout=PATIENCE)
        return replace(self, device=str(state.device), rank=state.process_index, processes=state.num_processes)

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes files and talks."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[object]:
        return precision(self.device, self.mixed_precision)

    def prepare(self, model: nn.Module) -> None:
        """Lets the model's blocks checkpoint and compile, in place, as asked for. Once a model."""
        for block in model.modules():
            if not isinstance(block, TransformerBlock):
                continue
            if self.checkpointing:
                again = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)
                setattr(block, "forward", again)  # noqa: B010 (a method may not be assigned to, says the type checker)
            if self.compile:
                block.compile()

    def own(self, rows: int) -> Tensor:
        """Which of a batch's rows this process takes, whatever the parts it takes them in: every `processes`-th."""
        return torch.arange(self.rank, rows, self.processes)

    def shares(self, rows: int, together: int = 1) -> Iterator[Tensor]:
        """Row numbers of each part of this process's share; `together` rows (a clip) stay side by side."""
        parts, clips = self.processes * self.accumulate, torch.arange(rows).view(-1, together)
        if len(clips) % parts:
            raise DataError(
                f"A batch of {len(clips)} cannot be shared by {self.processes} processes in {self.accumulate} parts each; "
                "choose numbers that divide it."
            )
        for number in range(self.rank, parts, self.processes):
            yield clips[number::parts].flatten()

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its mean over the processes."""
        if self.processes == 1:
            return
        from accelerate.utils import reduce

        for bucket in _buckets(tensors):
            flat = reduce(torch.cat([tensor.flatten() for tensor in bucket]), "mean")
            for tensor, mean in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def agreed(self, *numbers: float) -> list[float]:
        """The numbers' means over the processes: what all of them then go by."""
        values = torch.tensor(numbers, dtype=torch.float32, device=self.device)
        self.average([values])
        return values.tolist() if self.processes > 1 else list(numbers)

    def same(self, model: nn.Module) -> None:
        """Every process's model as the main one's."""
        if self.processes > 1:
            from accelerate.utils import broadcast

            for value in model.state_dict().values():
                value.copy_(broadcast(value.clone()))

    def wait(self) -> None:
        """Until every process is here."""
        if self.processes > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """The main process goes through alone; the others follow and find the files that it made."""
        if self.processes == 1:
            yield
            return
        from accelerate import PartialState

        with PartialState().main_process_first():
            yield


def precision(device: str, name: str = "auto") -> AbstractContextManager[object]:
    """Autocast for training: bfloat16 where the device multiplies it faster (CUDA, AVX-512 BF16), else float32."""
    if name == "auto":
        name = "bf16" if quick(device) == torch.bfloat16 else "fp32"
    if name == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(item.numel() for item in bucket) + tensor.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
