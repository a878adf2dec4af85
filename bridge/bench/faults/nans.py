"""NaN in a scene's state from a file, in a latent world's parts, and in the brain's logits.

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
    """NaN in every number of a scene's state, or every tensor of a latent world; and in the logits of `director`, the brain."""
    trials, unnamed, bad = _records(model, folder) if isinstance(model, SceneWorld) else _parts(model, folder)
    trials, unnamed = trials + 1, unnamed + (not _brain(model, director))
    return FaultResult(
        "NaN in every number that a scene keeps, or in every tensor of a latent world, and in the brain's logits",
        f"{trials} tried, {trials - unnamed} named, {bad} bad frames shown or saved",
        "all named, 0 bad frames",
        not (unnamed or bad),
        {"tried": trials, "unnamed": unnamed, "bad_frames": bad},
    )


def _records(model: SceneWorld, folder: Path) -> tuple[int, int, int]:
    """Loads saved drives with one NaN: how many, how many were not refused, and changed frames of the drive that loads them."""
    dream = _drive(model, GOOD).dream
    assert isinstance(dream, SceneDream)
    whole, trials, accepted, bad = dream.state_now, 0, 0, 0
    other = _drive(model, 2)
    picture = other.frame.image.copy()
    for name in ARRAYS:
        array = getattr(whole, name)
        for field in array.dtype.names or ("",):
            if not np.issubdtype((array[field] if field else array).dtype, np.floating):
                continue
            poisoned = array.copy()
            (poisoned[field] if field else poisoned)[0] = np.nan
            session = _drive(model, 1)
            assert isinstance(session.dream, SceneDream)
            session.dream._scene = replace(whole, **{name: poisoned})
            save_state(session, folder / "a.dream")
            trials += 1
            try:
                load_state(other, folder / "a.dream")
                accepted += 1
            except DataError:
                bad += not np.array_equal(other.frame.image, picture)
    return trials, accepted, bad


def _parts(model: Any, folder: Path) -> tuple[int, int, int]:
    """Puts NaN into each tensor of each part: how many, how many stopped the drive without being named, and bad frames."""
    start = _drive(model, GOOD)
    clean = _frames(_go_on(start.fork()))
    trials = unnamed = bad = 0
    for part, module in model._parts.items():
        for tensor in module.state_dict().values():
            if not tensor.is_floating_point() or not tensor.numel():
                continue
            session = start.fork()
            with _poisoned(tensor):
                _go_on(session)
            errors = _errors(session)
            stopped = session.snapshot().paused
            frames = _frames(session)
            save_state(session, folder / "a.dream")
            load_state(again := _drive(model, 1), folder / "a.dream")
            bad += sum(not np.array_equal(*pair) for pair in zip(frames, clean, strict=False))
            bad += not np.array_equal(again.frame.image, frames[-1])
            trials += 1
            unnamed += stopped and ("not finite" not in errors or (f"its {part} " not in errors and part != "driver"))
    return trials, unnamed, bad


@contextmanager
def _poisoned(tensor: torch.Tensor) -> Iterator[None]:
    copy = tensor.clone()
    tensor.fill_(torch.nan)
    try:
        yield
    finally:
        tensor.copy_(copy)


def _drive(model: AnyWorld, frames: int) -> Session:
    session = Session(partial(open_dream, model), 3)
    session.record_all()
    session.plan(ORDERS)
    return _go_on(session, frames - 1)


def _go_on(session: Session, ticks: int = AFTER) -> Session:
    for _ in range(ticks):
        if session.begin_tick():
            session.tick()
    return session


def _errors(session: Session) -> str:
    return " ".join(note.text for note in session.notes() if note.kind == "error")


def _frames(session: Session) -> list[np.ndarray]:
    return [moment.frame.image for moment in session.clip().moments]


def _brain(model: AnyWorld, director: Any) -> bool:
    """Whether a sentence that the brain cannot read is reported, and the drive goes on without a new plan."""
    session, forward = _drive(model, 2), director.model._forward
    session.say("turn left")

    def poisoned(*args: Any) -> torch.Tensor:
        return torch.full_like(forward(*args), torch.nan)

    director.model._forward = poisoned
    try:
        Thinking(director).finish(session)
    finally:
        director.model._forward = forward
    session.begin_tick()
    went_on = session.tick() is not None
    errors = _errors(session)
    plan = [step.line for step in session.snapshot().steps]
    return went_on and "not finite" in errors and plan == [ORDERS]
