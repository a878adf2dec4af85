"""Numbers that are none: in a scene's record as a file may bring it, in a latent world's parts, in the brain's logits.

Each is refused or named, and nothing of it is shown or saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bridge.bench.faults.result import FaultResult
from bridge.loop import Thinking
from bridge.recording.state import load_state, save_state
from bridge.session import Session
from world.dream import AnyWorld, open_dream
from world.errors import DataError
from world.scene.state import ARRAYS
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

ORDERS = "ped_cross(right)"
GOOD, AFTER = 12, 6  # frames before, and ticks after


def measure(model: AnyWorld, folder: Path, director: Any) -> FaultResult:
    """Every number of a scene's record, or every tensor of a latent world; and the logits of `director`, the brain."""
    tried, unnamed, bad = _records(model, folder) if isinstance(model, SceneWorld) else _parts(model, folder)
    heard = _brain(model, director)
    tried, unnamed = tried + 1, unnamed + (not heard)
    return FaultResult(
        "NaN in every number that a scene keeps, or in every tensor of a latent world, and in the brain's logits",
        f"{tried} tried, {tried - unnamed} named, {bad} bad frames shown or saved",
        "all named, 0 bad frames",
        not (unnamed or bad),
        {"tried": tried, "unnamed": unnamed, "bad_frames": bad},
    )


def _records(model: SceneWorld, folder: Path) -> tuple[int, int, int]:
    """Tried, not refused, and frames of another drive that were changed by them: a saved drive with one number that is none."""
    dream = _driven(model, GOOD).dream
    assert isinstance(dream, SceneDream)
    whole, tried, taken, bad = dream.state_now, 0, 0, 0
    other = _driven(model, 2)
    shown = other.frame.image.copy()
    for name in ARRAYS:
        array = getattr(whole, name)
        for field in array.dtype.names or ("",):
            if not np.issubdtype((array[field] if field else array).dtype, np.floating):
                continue
            poisoned = array.copy()
            (poisoned[field] if field else poisoned)[0] = np.nan
            session = _driven(model, 1)
            assert isinstance(session.dream, SceneDream)
            session.dream._scene = replace(whole, **{name: poisoned})
            save_state(session, folder / "a.dream")
            tried += 1
            try:
                load_state(other, folder / "a.dream")
                taken += 1
            except DataError:
                bad += not np.array_equal(other.frame.image, shown)
    return tried, taken, bad


def _parts(model: Any, folder: Path) -> tuple[int, int, int]:
    """Tried, felt but not named, and bad frames: each tensor of each part in turn."""
    begun = _driven(model, GOOD)
    clean = _frames(_go_on(begun.fork()))
    tried = unnamed = bad = 0
    for part, module in model._parts.items():
        for tensor in module.state_dict().values():
            if not tensor.is_floating_point() or not tensor.numel():
                continue
            session = begun.fork()
            with _poisoned(tensor):
                _go_on(session)
            said = " ".join(note.text for note in session.notes() if note.kind == "error")
            stopped = session.snapshot().paused
            frames = _frames(session)
            save_state(session, folder / "a.dream")
            load_state(again := _driven(model, 1), folder / "a.dream")
            bad += sum(not np.array_equal(*pair) for pair in zip(frames, clean, strict=False))
            bad += not np.array_equal(again.frame.image, frames[-1])
            tried += 1
            unnamed += stopped and ("not finite" not in said or (f"its {part} " not in said and part != "driver"))
    return tried, unnamed, bad


@contextmanager
def _poisoned(tensor: torch.Tensor) -> Iterator[None]:
    kept = tensor.clone()
    tensor.fill_(torch.nan)
    try:
        yield
    finally:
        tensor.copy_(kept)


def _driven(model: AnyWorld, frames: int) -> Session:
    session = Session(partial(open_dream, model), 3)
    session.record_all()
    session.plan(ORDERS)
    return _go_on(session, frames - 1)


def _go_on(session: Session, ticks: int = AFTER) -> Session:
    for _ in range(ticks):
        if session.begin_tick():
            session.tick()
    return session


def _frames(session: Session) -> list[np.ndarray]:
    return [moment.frame.image for moment in session.clip().moments]


def _brain(model: AnyWorld, director: Any) -> bool:
    """Whether a sentence that the brain cannot read is told of, and the drive goes on by it without a plan."""
    session, forward = _driven(model, 2), director.model._forward
    session.say("turn left")

    def poisoned(*given: Any) -> torch.Tensor:
        return torch.full_like(forward(*given), torch.nan)

    director.model._forward = poisoned
    try:
        Thinking(director).finish(session)
    finally:
        director.model._forward = forward
    session.begin_tick()
    went_on = session.tick() is not None
    said = " ".join(note.text for note in session.notes() if note.kind == "error")
    plan = [step.line for step in session.snapshot().steps]
    return went_on and "not finite" in said and plan == [ORDERS]
