"""Other machines: locales that are not UTF-8, systems without some modules, folders with long paths."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ExportError, SessionError
from bridge.factory import store
from bridge.factory.cluster import RAY_PATH, SOCKET_PATH, short_folder
from ui import console
from world import machine

ROOT = Path(__file__).parents[3]
NAME = "下雨的夜晚.tsv"
LOCALES = (
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},  # ASCII, as an old locale has it
    {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
)


@pytest.mark.parametrize("settings", LOCALES, ids=["locale", "streams"])
def test_chinese_names_work_in_any_locale(tmp_path: Path, settings: dict[str, str]) -> None:
    """A real file with a name and rows in Chinese; the sentence of an error names it, and JSON stays JSON."""
    file = tmp_path / NAME
    file.write_bytes("左轉\n".encode("big5"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    environ |= settings | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ui.cli", "plan", "--file", str(file)]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=300)
    told = done.stderr.decode()
    assert done.returncode == 1 and "Error" not in told and "is not UTF-8 text" in told
    if "PYTHONIOENCODING" not in settings:
        assert NAME in told
    code = "import ui.cli; from ui.locales import speak_utf8; speak_utf8(); from ui.console import print_json; print_json({'file': '\\u591c\\udce5'})"
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, timeout=300)
    assert json.loads(done.stdout) == {"file": "夜\udce5"}, done.stderr


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system without the modules that Windows lacks."""
    real = builtins.__import__

    def limited(name: str, *rest: Any) -> Any:
        if name in console.POSIX_ONLY:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", limited)
    for module in (machine, store):
        importlib.reload(module)
    yield
    monkeypatch.undo()
    for module in (machine, store):
        importlib.reload(module)


def test_without_its_modules_a_system_is_told_in_a_sentence(elsewhere: None, tmp_path: Path) -> None:
    assert machine.peak() == 0
    with pytest.raises(ExportError, match="needs file locks"):
        store.Store(tmp_path, None)  # type: ignore[arg-type]
    assert "WSL" in console._cause(ModuleNotFoundError("No module named 'resource'", name="resource"))


def test_a_system_that_does_not_tell_its_memory_is_told_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    with pytest.raises(machine.MemoryUnknownError, match="--memory"):
        machine.total()


def test_rays_sockets_get_a_path_that_they_can_have(tmp_path: Path) -> None:
    assert short_folder("/tmp") is None
    long = str(tmp_path / ("x" * 60))
    short = short_folder(long, tempfile.gettempdir() if len(tempfile.gettempdir()) < 20 else "/tmp")
    assert short is not None and short.is_dir() and len(os.fsencode(str(short))) + RAY_PATH <= SOCKET_PATH
    short.rmdir()
    with pytest.raises(SessionError, match="set TMPDIR to a shorter one"):
        short_folder(long, str(tmp_path / "nowhere"))
