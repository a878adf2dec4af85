"""Where the brain is not sure it asks, and what was meant is kept as a case to learn from."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.corrections import FILE, Correction, keep
from bridge.errors import ExportError, SessionError
from bridge.loop import Thinking
from bridge.session import Session
from finetune.cases import read_cases
from tests.fakes import FakeDirector, FakeDream, FakeReply
from ui import messages
from ui.words import line_words


class Unsure(FakeDirector):
    """As the fake director, but never sure: it might have been a stop."""

    def think(self, text: str, context: object) -> Generator[object, None, FakeReply]:
        reply = yield from super().think(text, context)
        return FakeReply(reply.utterance, reply.line, instead="stop")


@pytest.fixture
def corrections() -> list[Correction]:
    return []


def session(corrections: list[Correction] | None) -> Session:
    one = Session(cast(Any, lambda seed: FakeDream(seed=seed)))
    one.remember = None if corrections is None else corrections.append
    return one


def hear(one: Session, text: str, brain: Any) -> list[str]:
    """The plan's lines after the sentence."""
    one.say(text)
    Thinking(brain).finish(one)
    return [step.line for step in tick(one)]


def tick(one: Session) -> Any:
    if one.begin_tick():
        one.tick()
    return one.snapshot().steps


def test_an_unsure_plan_is_asked_about_and_the_chosen_one_is_played_and_kept(corrections: list[Correction]) -> None:
    one = session(corrections)
    assert hear(one, "left or so", Unsure()) == []
    (note,) = one.notes()
    assert (note.kind, note.choices) == ("question", ("left", "stop"))
    one.choose("stop")
    assert [step.line for step in tick(one)] == ["stop"]
    assert [(c.text, c.plan) for c in corrections] == [("left or so", "stop")]
    assert "weather=" in corrections[0].context
    assert one.clip().exchanges[-1].text == "left or so"


def test_where_nobody_is_there_to_be_asked_the_best_plan_is_played() -> None:
    one = session(None)
    assert hear(one, "left", Unsure()) == ["left"]
    assert one.notes() == []


def test_what_is_said_after_a_wrong_plan_is_its_meaning(corrections: list[Correction]) -> None:
    one = session(corrections)
    with pytest.raises(SessionError):
        one.wrong()
    hear(one, "night", FakeDirector())
    one.wrong()
    assert one.notes()[-1].kind == "question"
    hear(one, "fly", FakeDirector())  # a refusal is no meaning
    hear(one, "left", FakeDirector())
    hear(one, "right", FakeDirector())
    assert [(c.text, c.plan) for c in corrections] == [("night", "left")]


def test_a_refusal_can_be_what_was_meant(corrections: list[Correction]) -> None:
    one = session(corrections)
    hear(one, "left", Unsure())
    one.choose("refuse(offtopic)")
    tick(one)
    assert corrections[0].plan == "refuse(offtopic)"
    assert [note.kind for note in one.notes()] == ["question", "refusal"]


def test_kept_corrections_are_cases_to_train_on(tmp_path: Path) -> None:
    file = keep(tmp_path / "clips", Correction("左轉 maybe", "speed=30", "left"))
    keep(tmp_path / "clips", Correction("stop it", "", "stop"))
    assert file.name == FILE
    assert [(case.text, case.context, case.plan) for case in read_cases(file)] == [
        ("左轉 maybe", "speed=30", "left"),
        ("stop it", "", "stop"),
    ]
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ExportError, match="could not be kept"):
        keep(tmp_path / "taken", Correction("left", "", "left"))


def test_choices_come_as_strict_messages_and_in_words() -> None:
    assert messages.parse_message('{"type": "choose", "line": "left"}') == messages.Choose("left")
    assert messages.parse_message('{"type": "wrong"}') == messages.Wrong()
    for bad in ('{"type": "choose"}', '{"type": "wrong", "line": "left"}', '{"type": "choose", "line": 3}'):
        with pytest.raises(messages.MessageError):
            messages.parse_message(bad)
    assert line_words("left;rain(2)@next") == "turn left, then rain"
    assert line_words("refuse(offtopic)") != line_words("ask(side)")
