"""What a person sends to a session: when it is taken, what is dropped, how much may wait."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bridge.errors import DataError, LucidriveError, SessionError
from bridge.loop import Thinking
from bridge.mailbox import MAX_WAITING
from tests.bridge.sessions import begin, lines, session, tick
from tests.fakes import FakeDirector, FakeDream
from world.controls import Weather
from world.frame import Frame


def test_what_is_said_while_a_new_drive_is_under_way_is_the_new_drives() -> None:
    one = session()
    one.say("rain")
    thread = threading.Thread(target=one.begin, args=(1, "old_town"))
    thread.start()
    while not one.pending_orders:
        time.sleep(0.001)
    one.say("turn left")
    assert one.sentence() is None
    tick(one)
    thread.join()
    Thinking(FakeDirector()).finish(one)
    snapshot = tick(one)
    assert lines(snapshot) == ["left"]
    assert snapshot.frame.control.weather == Weather.CLEAR


def test_a_reset_that_fails_keeps_what_was_said() -> None:
    class Nowhere(FakeDream):
        def start(self, *args: Any, **kwargs: Any) -> Frame:
            if self.seed == 1:
                raise DataError("There is no such place; choose another.")
            return super().start(*args, **kwargs)

    one = session(Nowhere)
    one.say("turn left")
    failed: list[Exception] = []

    def ask() -> None:
        try:
            one.begin(1)
        except DataError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not one.pending_orders:
        time.sleep(0.001)
    one.begin_tick()
    thread.join()
    assert failed
    Thinking(FakeDirector()).finish(one)
    assert lines(tick(one)) == ["left"]


def test_a_reset_drive_goes_on_unless_paused_meanwhile() -> None:
    one = session()
    one.pause(True)
    begin(one, 1)
    assert not one.snapshot().paused
    waiting = threading.Thread(target=one.begin, args=(2,))
    waiting.start()
    while not one.pending_orders:
        time.sleep(0.001)
    one.pause(True)
    one.begin_tick()
    waiting.join()
    assert one.seed == 2 and one.snapshot().paused and not one.begin_tick()


@pytest.mark.parametrize("text", ["", " \t\r\n", "\0\x07\u200b", "x" * 5000])
def test_unreadable_texts_are_refused_at_once(text: str) -> None:
    one = session()
    with pytest.raises(LucidriveError):
        one.say(text)
    assert one.sentence() is None
    assert not one.snapshot().thinking
    assert tick(one, 3).frame.index == 3


def test_a_flood_of_buttons_and_keys_is_bounded() -> None:
    one = session()
    with pytest.raises(SessionError, match="too much at once"):
        for _ in range(10_000):
            one.plan("rain(1);left;faster")
            one.press(frozenset({"left", "up"}))
    began = time.perf_counter()
    for _ in range(30):
        with pytest.raises(SessionError):
            for _ in range(100):
                one.plan("rain(1);left;faster")
        snapshot = tick(one)
    assert time.perf_counter() - began < 3
    assert len(snapshot.steps) < 64
    assert snapshot.frame.index == 30


def test_too_many_sentences_are_refused() -> None:
    one = session()
    for _ in range(MAX_WAITING):
        one.say("left")
    with pytest.raises(SessionError, match="waiting"):
        one.say("left")


def test_pause_holds_the_frame_and_step_moves_it_by_one() -> None:
    one = session()
    tick(one, 3)
    one.pause(True)
    assert one.snapshot().paused
    assert tick(one, 5).frame.index == 3
    one.plan("rain(1)")
    one.step_once()
    assert tick(one, 5).frame.index == 4
    one.pause(False)
    assert tick(one).frame.index == 5


def test_a_drive_that_nobody_watches_stands_still() -> None:
    one = session()
    tick(one, 3)
    one.watch(False)
    one.plan("rain(1)")
    assert tick(one, 5).frame.index == 3
    one.pause(True)
    one.watch(True)
    assert tick(one, 5).frame.index == 3  # a person's own pause outlasts it
    one.pause(False)
    snapshot = tick(one, 2)
    assert snapshot.frame.index == 5 and len(snapshot.steps) == 1
