"""How a training is computed: processes, precision, memory. None of it changes what a step learns.

Every process draws the whole batch from the same generator and takes its own rows, so any number of processes, and any
number of parts per process, takes the same steps (up to rounding). Gradients are averaged once per step.
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

PATIENCE = timedelta(hours=12)  # of the others while the main process decodes a dataset or validates
BUCKET = 2**24  # gradient values per reduction
PRECISIONS = ("auto", "bf16", "fp32")


@dataclass(frozen=True, slots=True)
class DistributedContext:
    """Processes, precision and memory of a training.

    accumulate: number of parts in which a process takes its share of a batch. checkpointing: recompute the blocks'
    activations in the backward pass. compile: compile the blocks with torch.compile. step_seconds: duration that every
    step counts as, so that a budget of minutes is the same number of steps anywhere. DataError for an unknown
    precision.
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

    def join_processes(self) -> DistributedContext:
        """This context with the rank and device of an `accelerate launch` process; itself in a single process."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return self
        from accelerate import PartialState

        state = PartialState(cpu=self.device == "cpu", timeout=PATIENCE)
        return replace(self, device=str(state.device), rank=state.process_index, processes=state.num_processes)

    @property
    def main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[object]:
        """Autocast in the context's precision."""
        return precision(self.device, self.mixed_precision)

    def prepare(self, model: nn.Module) -> None:
        """Enables checkpointing and compilation of the model's blocks, in place. Call once per model."""
        for block in model.modules():
            if not isinstance(block, TransformerBlock):
                continue
            if self.checkpointing:
                again = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)
                setattr(block, "forward", again)  # noqa: B010 (a method may not be assigned to, says the type checker)
            if self.compile:
                block.compile()

    def own(self, rows: int) -> Tensor:
        """The batch rows that this process takes, whatever the parts: every `processes`-th."""
        return torch.arange(self.rank, rows, self.processes)

    def shares(self, rows: int, together: int = 1) -> Iterator[Tensor]:
        """Yields the row numbers of each part of this process's share; `together` rows (a clip) stay adjacent.

        DataError where the batch cannot be divided evenly.
        """
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

    def mean_over_processes(self, *numbers: float) -> list[float]:
        """The numbers' means over the processes."""
        values = torch.tensor(numbers, dtype=torch.float32, device=self.device)
        self.average([values])
        return values.tolist() if self.processes > 1 else list(numbers)

    def same(self, model: nn.Module) -> None:
        """Copies the main process's model to all others."""
        if self.processes > 1:
            from accelerate.utils import broadcast

            for value in model.state_dict().values():
                value.copy_(broadcast(value.clone()))

    def wait(self) -> None:
        """Blocks until every process is here."""
        if self.processes > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Lets the main process run first and alone; the others follow and find its files."""
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
