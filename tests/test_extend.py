"""A new event is six files: the example of docs/extend.md is added to a copy of the packages, whole and with a file forgotten."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.event_gaps import gaps

ROOT = Path(__file__).parents[1]
Hunks = list[tuple[str, str]]  # the lines before and after
KNOWS = """
from brain.plan import STEPS, parse_line
from bridge.factory.scenario import EVENTS
from finetune.baselines import INSTRUCTION
from finetune.corpus import corpus
from finetune.rules import by_rules
from ui.clips_tab import CHOICES
from ui.page import event_module, event_symbols
from ui.words import step_words
from world.judge import JUDGE, Judge
from world.labels.classes import OF_KIND, SemanticClass
from world.scene.objects import Kind

plan = parse_line("fallen_tree(3)@+2~5")
assert step_words(plan.steps[0]) == "fallen tree, sudden, in 2 s, for 5 s"
assert "fallen_tree" in EVENTS and "road_work fallen_tree." in INSTRUCTION
assert by_rules("a tree falls across the lane") == "fallen_tree"
for split in ("train", "validation", "held_out"):
    assert any("fallen_tree" in case.plan for case in corpus(1000, split)), split
assert '"event": "fallen_tree"' in event_module() and 'id="i-fallen_tree"' in event_symbols()
assert ("fallen tree", "fallen_tree") in CHOICES["events"]
assert OF_KIND[Kind.FALLEN_TREE] is SemanticClass.DYNAMIC
assert Judge.load(JUDGE).config.events == 11
"""


def example() -> dict[str, Hunks]:
    """By file, of the one block of docs/extend.md that shows lines to add."""
    (block,) = re.findall(r"```diff\n(.*?)```", (ROOT / "docs/extend.md").read_text("utf-8"), re.S)
    files: dict[str, Hunks] = {}
    for part in re.split(r"^\+\+\+ ", block, flags=re.M)[1:]:
        name, _, hunks = part.partition("\n")
        files[name] = []
        for hunk in re.split(r"^@@\n", hunks, flags=re.M)[1:]:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] or line for line in lines if not line.startswith("+"))
            files[name].append((before, "".join(line[1:] for line in lines)))
    return files


EXAMPLE = example()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with their weights as links, and the look for gaps."""
    folder = tmp_path_factory.mktemp("copy")
    for package in ("brain", "bridge", "finetune", "ui", "world"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "weights"))
        if (ROOT / package / "weights").exists():
            (folder / package / "weights").symlink_to(ROOT / package / "weights")
    (folder / "tests").mkdir()
    for name in ("__init__.py", "event_gaps.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests")
    return folder


def with_(copy: Path, files: Mapping[str, Hunks], *command: str) -> str:
    """What a command of Python says in the copy with these files added to."""
    for name in EXAMPLE:
        text = (ROOT / name).read_text("utf-8")
        for before, after in files.get(name, ()):
            assert not before or text.count(before) == 1, f"docs/extend.md shows a line that is not in {name}: {before}"
            text = text.replace(before, after) if before else text + after
        (copy / name).write_text(text, "utf-8")
    done = subprocess.run([sys.executable, "-B", *command], cwd=copy, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def test_every_event_can_be_named_played_and_said_and_every_thing_drawn() -> None:
    assert list(gaps()) == []


@pytest.mark.slow
def test_the_documents_example_is_six_files_and_all_else_follows(copy: Path) -> None:
    assert len(EXAMPLE) == 6
    assert with_(copy, EXAMPLE, "-m", "tests.event_gaps") == ""
    assert with_(copy, EXAMPLE, "-c", KNOWS) == ""


@pytest.mark.parametrize(
    ("forgotten", "sentence"),
    [
        ("world/controls.py", "a row 'fallen_tree', which is no Event of world/controls.py; add it there"),
        ("world/events.tsv", "no row 'fallen_tree', which is an Event of world/controls.py; add it"),
        ("world/dynamics/roles/cast.py", "Nobody plays fallen_tree: give it a row in CASTS"),
        ("finetune/phrases/events.tsv", "Nobody says fallen_tree: finetune/phrases/events.tsv has no phrase"),
        ("world/scene/objects.py", "nor a Kind of world/scene/objects.py: add it there"),
        ("world/render/assets/obstacles.py", "FALLEN_TREE has no triangles: give it a row in THINGS"),
    ],
)
def test_a_file_that_is_forgotten_is_named(copy: Path, forgotten: str, sentence: str) -> None:
    rest = {name: hunks for name, hunks in EXAMPLE.items() if name != forgotten}
    assert sentence in with_(copy, rest, "-m", "tests.event_gaps")
