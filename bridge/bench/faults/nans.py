"""Numbers that are none, put into each part in mid-drive: the part is named, and nothing of it is shown or saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bridge.bench.faults.result import Found
from bridge.loop import Thinking
from bridge.session import Session
from bridge.state import load_state, save_state
from world.dream import Dream
from world.model import WorldModel

ORDERS = "ped_cross(right)"  # so that the actor's part has something to paint
GOOD, AFTER = 12, 6  # frames before, and ticks after
PARTS = ("tokenizer", "anchor", "blend", "dynamics", "actor", "readout", "driver")


def measure(model: WorldModel, folder: Path, director: Any) -> Found:
    """All parts that the world has, each of their tensors in turn; and the logits of `director`, the brain."""
    begun = _driven(model, GOOD)
    clean = _frames(_go_on(begun.fork()))
    tried = unfelt = unnamed = bad = 0
    for part in PARTS:
        for tensor in model._parts[part].state_dict().values() if part in model._parts else ():
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
            unfelt += not stopped
            unnamed += (stopped and f"its {part} " not in said and part != "driver") or (
                stopped and "not finite" not in said
            )
    heard = _brain(model, director)
    tried, unnamed = tried + 1, unnamed + (not heard)
    return Found(
        "NaN in every tensor of every part, and in the brain's logits",
        f"{tried} tried, {tried - unfelt} felt and {tried - unfelt - unnamed} of them named, {bad} bad frames shown or saved",
        "every part named, 0 bad frames",
        not (unnamed or bad),
        {"tried": tried, "felt": tried - unfelt, "unnamed": unnamed, "bad_frames": bad},
    )


@contextmanager
def _poisoned(tensor: torch.Tensor) -> Iterator[None]:
    kept = tensor.clone()
    tensor.fill_(torch.nan)
    try:
        yield
    finally:
        tensor.copy_(kept)


def _driven(model: WorldModel, frames: int) -> Session:
    session = Session(partial(Dream, model), 3)
    session.record_all()
    session.do(ORDERS)
    return _go_on(session, frames - 1)


def _go_on(session: Session, ticks: int = AFTER) -> Session:
    for _ in range(ticks):
        if session.begin_tick():
            session.tick()
    return session


def _frames(session: Session) -> list[np.ndarray]:
    return [moment.frame.image for moment in session.clip().moments]


def _brain(model: WorldModel, director: Any) -> bool:
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
