"""The training loop that all parts share: a budget of minutes, a learning rate over it, EMA, CSV, checkpoints."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from world.train.checkpoint import load_checkpoint, save_checkpoint

Report = Callable[[float, str], None]  # fraction done, what there is to say


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
    """Runs `loss_of(step)` over and over until the minutes are spent; a kill costs at most `checkpoint_minutes`."""

    def __init__(self, name: str, folder: Path, model: nn.Module, schedule: Schedule) -> None:
        self.name, self.folder, self.model, self.schedule = name, folder, model, schedule
        folder.mkdir(parents=True, exist_ok=True)
        parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=schedule.rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
        )
        self.ema = {key: value.detach().clone() for key, value in model.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        state = load_checkpoint(self.checkpoint, model, self.ema, self.optimizer)
        if state:
            self.step, self.seconds = state["step"], state["seconds"]

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoints" / self.name

    @property
    def progress(self) -> float:
        return min(1.0, self.seconds / (60 * self.schedule.minutes))

    def run(
        self,
        loss_of: Callable[[int], dict[str, Tensor]],
        validate: Callable[[], dict[str, float]] | None = None,
        report: Report | None = None,
    ) -> None:
        """`loss_of` gives named losses, of which `loss` is descended; `validate` is called with the EMA in place."""
        schedule, log = self.schedule, _Log(self.folder / f"{self.name}.csv")
        saved = validated = self.seconds
        while self.progress < 1:
            began = time.perf_counter()
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate()
            losses = loss_of(self.step)
            losses["loss"].backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self._average()
            self.step += 1
            self.seconds += time.perf_counter() - began
            if self.step % 20 == 0:
                row = {key: float(value.detach()) for key, value in losses.items()}
                log.write({"step": self.step, "seconds": round(self.seconds, 1), "rate": self._rate()} | row)
                if report:
                    report(
                        self.progress,
                        f"step {self.step}, loss {row['loss']:.4f}, {self.seconds / self.step:.2f} s a step",
                    )
            last = self.progress >= 1
            if validate and (last or self.seconds - validated > 60 * schedule.validate_minutes):
                validated = self.seconds
                with self.averaged():
                    scores = validate()
                log.write(
                    {"step": self.step, "seconds": round(self.seconds, 1)}
                    | {f"validation_{k}": v for k, v in scores.items()}
                )
                if report:
                    report(self.progress, ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
            if last or self.seconds - saved > 60 * schedule.checkpoint_minutes:
                saved = self.seconds
                save_checkpoint(
                    self.checkpoint, self.model, self.ema, self.optimizer, {"step": self.step, "seconds": self.seconds}
                )

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


def precision(device: str, name: str = "auto") -> AbstractContextManager[object]:
    """Autocast for training: bfloat16 where the device multiplies it faster (CUDA, AVX-512 BF16), else float32."""
    if name == "auto":
        fast = device.startswith("cuda") or torch.cpu._is_avx512_bf16_supported()
        name = "bf16" if fast else "fp32"
    if name == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)


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
