"""A training that is killed, at any moment of writing, goes on from its last whole checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from world.errors import DataError
from world.train import checkpoint
from world.train.checkpoint import load_checkpoint, save_checkpoint


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def trained(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def save(folder: Path, step: int) -> None:
    model, optimizer = trained(step)
    save_checkpoint(folder, model, dict(model.state_dict()), optimizer, {"step": step})


def load(folder: Path) -> int | None:
    """The step of the last checkpoint, after a look at whether its weights are that step's."""
    model, optimizer = trained(99)
    state = load_checkpoint(folder, model, {}, optimizer)
    if state is None:
        return None
    assert torch.equal(model.weight, trained(state["step"])[0].weight)
    return state["step"]


def kill_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The `moment`-th thing done to the disk from now on is left half done."""
    done = 0

    def deadly(target: Any, name: str, halfway: Callable[..., object]) -> None:
        real = getattr(target, name)

        def patched(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == moment:
                halfway(*arguments)
                raise Killed
            return real(*arguments, **options)

        monkeypatch.setattr(target, name, patched)

    def first_file(folder: Path, *_: Any) -> None:
        for path in sorted(folder.glob("*"))[:1]:
            path.unlink()

    deadly(checkpoint, "save_file", lambda tensors, path: path.write_bytes(b"half"))
    deadly(Path, "mkdir", lambda path: None)
    deadly(Path, "write_text", lambda path, text: None)
    deadly(Path, "touch", lambda path: None)
    deadly(Path, "rename", lambda path, target: None)
    deadly(shutil, "rmtree", first_file)


def test_whenever_it_is_killed_the_last_good_one_is_used(tmp_path: Path) -> None:
    moments = 0
    for moment in range(1, 50):
        folder = tmp_path / f"at-{moment}" / "c"
        save(folder, 1)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(moment, patch)
            try:
                save(folder, 2)
            except Killed:
                moments += 1
            else:
                break
        assert load(folder) in (1, 2)
        save(folder, 3)
        assert load(folder) == 3
    assert moments >= 8


def test_a_first_checkpoint_that_is_killed_is_none(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(2, patch)
        with pytest.raises(Killed):
            save(tmp_path / "c", 1)
    assert load(tmp_path / "c") is None
    assert load(tmp_path / "nothing") is None


def test_a_damaged_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    save(tmp_path / "c", 1)
    tensors = tmp_path / "c" / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-10])
    with pytest.raises(DataError, match="is damaged"):
        load(tmp_path / "c")


def test_a_checkpoint_of_another_configuration_is_a_sentence(tmp_path: Path) -> None:
    save(tmp_path / "c", 1)
    other = nn.Linear(4, 2)
    with pytest.raises(DataError, match="another configuration"):
        load_checkpoint(tmp_path / "c", other, {}, torch.optim.AdamW(other.parameters()))
