"""Work beside the page: made once, by one process, the newest first where somebody looks; what fails is a sentence and ends nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.budget.opening import ram
from tests.conftest import wait_until
from tests.ui.tiny_task import Note
from ui.tasks import Tasks, TaskStatus

PATIENCE = 240  # s: a process has to wake


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    made = Tasks("a test", ram(), newest_first=True)
    yield made
    made.close()


def state(tasks: Tasks, task: Note) -> str:
    standing = tasks.standing(task)
    return "" if standing is None else standing.state


@pytest.mark.slow
def test_each_is_made_once_in_one_other_process_and_the_newest_first(tasks: Tasks, tmp_path: Path) -> None:
    notes = [Note(tmp_path, name) for name in "abc"]
    assert tasks.standing(notes[0]) is None
    assert tasks.ask(notes[0]) == TaskStatus("waiting")
    wait_until(lambda: tasks.standing(notes[0]) == TaskStatus("making", "begun"), PATIENCE)
    for note in (*notes[1:], *notes):
        tasks.ask(note)
    assert [state(tasks, note) for note in notes] == ["making", "waiting", "waiting"]
    (tmp_path / "gate").touch()
    wait_until(lambda: all(note.ready for note in notes), PATIENCE)
    assert len({note.path.read_text() for note in notes} - {str(os.getpid())}) == 1
    written = sorted(notes, key=lambda note: note.path.stat().st_mtime_ns)
    assert [note.name for note in written] == ["a", "c", "b"]
    wait_until(lambda: state(tasks, notes[1]) == "ready", 10)
    assert tasks.ask(notes[1]) == TaskStatus("ready")


@pytest.mark.slow
def test_what_fails_is_a_sentence_and_may_be_asked_for_again(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    bad, dies, good = (
        Note(tmp_path, "bad", "It cannot be; ask otherwise."),
        Note(tmp_path, "dies", "dies"),
        Note(tmp_path, "good"),
    )
    tasks.ask(bad)
    wait_until(lambda: tasks.standing(bad) == TaskStatus("failed", "It cannot be; ask otherwise."), PATIENCE)
    assert tasks.ask(bad).state == "waiting"
    tasks.ask(dies)
    wait_until(lambda: state(tasks, dies) == "failed", PATIENCE)
    told = tasks.standing(dies)
    assert told is not None and "died" in told.told
    tasks.ask(good)
    wait_until(lambda: good.ready, PATIENCE)
