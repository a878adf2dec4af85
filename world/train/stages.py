"""The stages of `train all` and their times, in a file beside the weights."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from world.errors import DataError

FILE = "stages.json"


@dataclass(frozen=True, slots=True)
class PipelineStage:
    """amount: what was asked for (minutes of training, frames of data); seconds: wall-clock time of all attempts."""

    amount: float = 0.0
    seconds: float = 0.0
    finished: bool = False

    def is_done(self, amount: float) -> bool:
        """Whether nothing is left to do for `amount`."""
        return self.finished and self.amount >= amount


def read_stages(folder: Path) -> dict[str, PipelineStage]:
    """The stages by name, in order of their first start. DataError where the file is damaged."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        return {name: PipelineStage(**values) for name, values in json.loads(path.read_text()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged ({error}); delete it, and what is finished is looked through again."
        ) from error


@contextmanager
def stage(folder: Path, name: str, amount: float, *, write: bool = True) -> Iterator[None]:
    """Records the time of what runs inside, however it ends, and that it is finished if nothing was raised."""
    before = read_stages(folder).get(name, PipelineStage())
    began, finished = time.monotonic(), False
    try:
        yield
        finished = True
    finally:
        if write:
            seconds = before.seconds + time.monotonic() - began
            stages = read_stages(folder) | {name: replace(before, amount=amount, seconds=seconds, finished=finished)}
            folder.mkdir(parents=True, exist_ok=True)
            aside = folder / f"{FILE}.tmp"
            aside.write_text(json.dumps({key: asdict(value) for key, value in stages.items()}, indent=2) + "\n")
            aside.replace(folder / FILE)
