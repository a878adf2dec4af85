"""What can be checked before the work is: packages, room, rights, names. Nothing is loaded before the sentence."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from bridge.disk import check_place
from bridge.errors import ExportError
from bridge.factory.deliver import check_formats
from ui.app import check_serving
from ui.cli import app
from world.packages import MissingPackageError
from world.presets import preset
from world.train.pipeline import train_all


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extras, as the import system sees it."""
    for name in ("mcap", "mcp", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)


def test_a_format_whose_package_is_missing_is_refused_before_any_clip(bare: None, tmp_path: Path) -> None:
    with pytest.raises(MissingPackageError, match=r"MCAP files need the package `mcap`.*lucidrive\[mcap\]"):
        check_formats(["lerobot", "mcap"])
    assert check_formats(["lerobot"]) == ("lerobot",)
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["clips", "rain(2)", "--format", "mcap", "--out", str(out)])
    assert done.exit_code == 1 and "lucidrive[mcap]" in done.stderr and not out.exists()


def test_other_packages_are_asked_for_first_too(bare: None, tmp_path: Path) -> None:
    with pytest.raises(MissingPackageError, match=r"lucidrive\[mcp\]"):
        check_serving("127.0.0.1", 0, None, mcp=True)
    with pytest.raises(MissingPackageError, match=r"lucidrive\[train\]"):
        train_all(preset("embedded"), tmp_path / "run", lambda name: pytest.fail(f"{name} began"))


def test_a_place_that_cannot_be_written_is_told_before_the_drive(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "drive.mp4", tmp_path / "file" / "deep" / "drive.mp4", tmp_path):
        with pytest.raises(ExportError, match=r"could not be saved: .*choose"):
            check_place(place)
    out = str(tmp_path / "file" / "drive.mp4")
    done = CliRunner().invoke(app, ["dream", "--out", out, "--seconds", "1"])
    assert done.exit_code == 1 and "a part of its path is a file" in done.stderr and "Traceback" not in done.stderr
    done = CliRunner().invoke(
        app, ["dream", "--out", str(tmp_path / "a.mp4"), "--save-state", str(tmp_path / "file" / "a.dream")]
    )
    assert done.exit_code == 1 and "a.dream could not be saved" in done.stderr


def test_a_disk_without_room_is_told_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_place(tmp_path / "new" / "drive.mp4", 1000)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 2**20))
    with pytest.raises(ExportError, match="may take 20 MiB, and its disk has 10 MiB left"):
        check_place(tmp_path / "drive.mp4", 20 * 2**20)
