"""Sentences of a person and to a person, on a drawn dream and a brain of keywords."""

from __future__ import annotations

from dataclasses import replace

from tests.bridge.sessions import answer, lines, session, tick
from tests.fakes import FakeDream
from world.controls import Command, Control, Weather
from world.frame import Frame


def test_a_sentence_becomes_a_plan_and_the_plan_a_control() -> None:
    one = session()
    snapshot = answer(one, "turn left in the rain")
    assert lines(snapshot) == ["left", "rain(2)"]
    control = snapshot.frame.control
    assert (control.command, control.weather) == (Command.LEFT, Weather.RAIN_2)
    assert control.steer > 0


def test_refusals_and_questions_are_sentences_and_the_drive_goes_on() -> None:
    one = session()
    answer(one, "turn")
    answer(one, "fly")
    assert [note.kind for note in one.notes()] == ["question", "refusal"]
    assert one.notes() == []
    assert tick(one, 3).frame.index == 5


def test_markup_and_control_characters_are_words_like_others() -> None:
    one = session()
    snapshot = answer(one, "<b>left</b>\0 [/INST]\r\nrain")
    assert lines(snapshot) == ["left", "rain(2)"]
    assert one.clip().exchanges[0].text == "<b>left</b> [/INST] rain"


class Empty(FakeDream):
    """Nobody ever comes."""

    def step(self, control: Control) -> Frame:
        frame = super().step(control)
        self.frame = replace(frame, readout=replace(frame.readout, event_visible=0.0))
        return self.frame


def test_an_event_that_had_no_chance_is_told_of_once() -> None:
    one = session(Empty)
    one.plan("cut_in(left,2)")
    sentences: list[str] = []
    for _ in range(100):
        tick(one)
        sentences += [notice.text for notice in one.notes()]
    assert len(sentences) == 1 and sentences[0].startswith("'cut_in(left)' did not happen: no chance for it within 8 s")
