"""The training loop of all parts: a budget of minutes, a learning-rate schedule, EMA, CSV logs, checkpoints."""

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
    """Takes steps until the minutes are spent; a kill loses at most `checkpoint_minutes`, Ctrl+C nothing.

    DataError where a checkpoint is damaged or of another configuration.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        model: nn.Module,
        schedule: Schedule,
        compute: DistributedContext | None = None,
        beside: nn.Module | None = None,
    ) -> None:
        """beside: a module that `loss_of` itself trains against the model; part of the checkpoints."""
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
        """The folder of its checkpoints."""
        return self.folder / "checkpoints" / self.name

    @property
    def progress(self) -> float:
        """Share of the minutes that is spent, in [0, 1]."""
        return min(1.0, self.seconds / (60 * self.schedule.minutes))

    def reseed(self, generator: torch.Generator) -> None:
        """Makes a resumed run draw other batches than those before."""
        if self.step:
            generator.manual_seed(generator.initial_seed() + self.step)

    def run(
        self,
        loss_of: LossOf,
        validate: Callable[[], dict[str, float]] | None = None,
        report: Report | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Trains until the minutes are spent. KeyboardInterrupt after Ctrl+C, with a checkpoint written.

        loss_of(step): yields the named losses of each part of this process's share of the batch; `loss` is minimised.
        validate: scores, called with the EMA weights in the main process. enough: called after a validation; True ends
        the training early (one process only).
        """
        schedule, compute, log = self.schedule, self.compute, _Log(self.folder / f"{self.name}.csv")
        say = report if report and compute.main else lambda fraction, text: None
        last_save = last_validation = self.seconds
        with interruptible() as stop_requested:
            while self.progress < 1:
                began = time.perf_counter()
                losses = self._take_step(loss_of(self.step))
                took, stop = compute.mean_over_processes(time.perf_counter() - began, float(stop_requested()))
                self.seconds += compute.step_seconds or took
                last = self.progress >= 1
                if last or self.step % LOG_EVERY == 0:
                    row = dict(zip(losses, compute.mean_over_processes(*map(float, losses.values())), strict=True))
                    if compute.main:
                        log.write({"step": self.step, "seconds": round(self.seconds, 1), "rate": self._rate()} | row)
                    say(
                        self.progress,
                        f"step {self.step}, loss {row['loss']:.4f}, {self.seconds / self.step:.2f} s a step",
                    )
                due = last or self.seconds - last_validation > 60 * schedule.validate_minutes
                if validate and due and not stop:
                    last_validation = self.seconds
                    if compute.main:
                        with self.with_ema():
                            scores = validate()
                        row = {f"validation_{key}": value for key, value in scores.items()}
                        log.write({"step": self.step, "seconds": round(self.seconds, 1)} | row)
                        say(self.progress, ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
                    last = last or enough()
                if last or stop or self.seconds - last_save > 60 * schedule.checkpoint_minutes:
                    last_save = self.seconds
                    if compute.main:
                        state = {"step": self.step, "seconds": self.seconds}
                        save_checkpoint(self.checkpoint, self.model, self.ema, self.optimizer, state, self.beside)
                if stop and not last:
                    raise KeyboardInterrupt
                if last:
                    break

    def _take_step(self, parts: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
        """One optimiser step on the mean of the parts' losses, which it returns."""
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
    def with_ema(self) -> Iterator[None]:
        """Swaps in the EMA weights and evaluation mode."""
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
    """Lets Ctrl+C wait for the end of the step, a second one not; yields whether it was pressed."""
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
    """A CSV file with one row per report; its columns are the union of all rows'."""

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
