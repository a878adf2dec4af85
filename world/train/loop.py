"""The training loop that all parts share: a budget of minutes, a learning rate over it, EMA, CSV, checkpoints."""

from __future__ import annotations

import csv
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from world.telling import Report
from world.train.checkpoint import load_checkpoint, save_checkpoint
from world.train.distributed import DistributedContext

LossOf = Callable[[int], Iterable[dict[str, Tensor]]]
LOG_EVERY = 20  # steps


@dataclass(frozen=True, slots=True)
class Schedule:
    """`minutes` of training; the rate rises over `warmup` steps and falls linearly from `fall` of the time on."""

    minutes: float
    rate: float
    warmup: int = 100
    fall: float = 0.4
    ema: float = 0.995
    weight_decay: float = 0.01
    validate_minutes: float = 6.0
    checkpoint_minutes: float = 1.5


class TrainingLoop:
    """Takes steps until the minutes are spent; a kill costs at most `checkpoint_minutes`, Ctrl+C nothing."""

    def __init__(
        self,
        name: str,
        folder: Path,
        model: nn.Module,
        schedule: Schedule,
        compute: DistributedContext | None = None,
        beside: nn.Module | None = None,
    ) -> None:
        """`beside`: what is trained against the model by `loss_of` itself; it is kept in checkpoints too."""
        self.name, self.folder, self.model, self.schedule = name, folder, model, schedule
        self.compute, self.beside = compute or DistributedContext(), beside
        folder.mkdir(parents=True, exist_ok=True)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=schedule.rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
        )
        self.compute.same(model)
        self.ema = {key: value.detach().clone() for key, value in model.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        state = load_checkpoint(self.checkpoint, model, self.ema, self.optimizer, beside)
        if state:
            self.step, self.seconds = state["step"], state["seconds"]

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoints" / self.name

    @property
    def progress(self) -> float:
        return min(1.0, self.seconds / (60 * self.schedule.minutes))

    def reseed(self, generator: torch.Generator) -> None:
        """A run that goes on draws other batches than those it began with."""
        if self.step:
            generator.manual_seed(generator.initial_seed() + self.step)

    def run(
        self,
        loss_of: LossOf,
        validate: Callable[[], dict[str, float]] | None = None,
        report: Report | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """`loss_of(step)` yields, for each part of this process's share of the batch, named losses, of which `loss` is
        descended; `validate` is called with the EMA in place, by the main process; `enough`, after a validation, says
        whether to end before the minutes are spent (one process only)."""
        schedule, compute, log = self.schedule, self.compute, _Log(self.folder / f"{self.name}.csv")
        say = report if report and compute.main else lambda fraction, text: None
        saved = validated = self.seconds
        with interruptible() as interrupted:
            while self.progress < 1:
                began = time.perf_counter()
                losses = self._take_step(loss_of(self.step))
                took, stop = compute.agreed(time.perf_counter() - began, float(interrupted()))
                self.seconds += compute.step_seconds or took
                last = self.progress >= 1
                if last or self.step % LOG_EVERY == 0:
                    row = dict(zip(losses, compute.agreed(*map(float, losses.values())), strict=True))
                    if compute.main:
                        log.write({"step": self.step, "seconds": round(self.seconds, 1), "rate": self._rate()} | row)
                    say(
                        self.progress,
                        f"step {self.step}, loss {row['loss']:.4f}, {self.seconds / self.step:.2f} s a step",
                    )
                due = last or self.seconds - validated > 60 * schedule.validate_minutes
                if validate and due and not stop:
                    validated = self.seconds
                    if compute.main:
                        with self.averaged():
                            scores = validate()
                        row = {f"validation_{key}": value for key, value in scores.items()}
                        log.write({"step": self.step, "seconds": round(self.seconds, 1)} | row)
                        say(self.progress, ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
                    last = last or enough()
                if last or stop or self.seconds - saved > 60 * schedule.checkpoint_minutes:
                    saved = self.seconds
                    if compute.main:
                        state = {"step": self.step, "seconds": self.seconds}
                        save_checkpoint(self.checkpoint, self.model, self.ema, self.optimizer, state, self.beside)
                if stop and not last:
                    raise KeyboardInterrupt
                if last:
                    break

    def _take_step(self, parts: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
        """One step of the optimiser down the mean of the parts' losses, which it gives."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        count, total = self.compute.accumulate, dict[str, Tensor]()
        for losses in parts:
            (losses["loss"] / count).backward()
            total = {key: total.get(key, 0) + value.detach() / count for key, value in losses.items()}
        self.compute.average([p.grad for p in self.parameters if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._average()
        self.step += 1
        return total

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model with its EMA weights in place of the raw ones."""
        raw = {key: value.detach().clone() for key, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.ema)
        self.model.eval()
        try:
            yield
        finally:
            self.model.load_state_dict(raw)
            self.model.train()

    def _rate(self) -> float:
        schedule = self.schedule
        warm = min(1.0, (self.step + 1) / schedule.warmup)
        falling = max(0.0, (self.progress - schedule.fall) / max(1e-9, 1 - schedule.fall))
        return schedule.rate * warm * max(0.02, 1 - falling)

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.schedule.ema, (self.step + 1) / (self.step + 10))
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.ema[key].lerp_(value, 1 - decay)
            else:
                self.ema[key].copy_(value)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl+C waits for the end of the step, a second one does not. Gives what tells whether it was pressed."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


class _Log:
    """A CSV file with one row a report; columns are the union of what has been written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []
        self.columns = list(self.rows[0]) if self.rows else []

    def write(self, row: dict[str, float]) -> None:
        self.rows.append({key: f"{value:.6g}" for key, value in row.items()})
        new = [key for key in row if key not in self.columns]
        if new or not self.path.exists():
            self.columns += new
            with self.path.open("w", newline="") as file:
                writer = csv.DictWriter(file, self.columns)
                writer.writeheader()
                writer.writerows(self.rows)
        else:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(self.rows[-1])
