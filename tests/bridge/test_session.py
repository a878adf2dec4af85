"""A session's drive and its recorder, on a drawn dream."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from bridge.errors import LucidriveError, SessionError, explain
from bridge.recording.last_minute import RECENT, Jpegs
from tests.bridge.sessions import Fragile, begin, session, tick
from tests.fakes import FakeReply
from world.controls import Command, TimeOfDay, Weather


def test_a_button_line_is_checked_at_once() -> None:
    one = session()
    with pytest.raises(LucidriveError):
        one.plan("rain(9)")
    with pytest.raises(SessionError):
        one.plan("ask(side)")
    one.plan("night")
    assert tick(one).frame.control.time == TimeOfDay.NIGHT


def test_keys_win_at_once_and_hand_back_on_release() -> None:
    one = session()
    one.plan("right")
    assert tick(one).frame.control.steer < 0
    one.press(frozenset({"left", "down", "escape"}))
    snapshot = tick(one)
    assert snapshot.by_keys
    assert snapshot.frame.control.steer > 0
    assert snapshot.frame.control.accel < 0
    steers = [tick(one).frame.control.steer for _ in range(6)]
    assert steers == sorted(steers)
    assert max(abs(b - a) for a, b in pairwise(steers)) < 0.3
    one.press(frozenset())
    snapshot = tick(one)
    assert not snapshot.by_keys
    assert snapshot.frame.control.steer < 0


def test_a_dream_that_falls_apart_pauses_with_a_sentence_and_can_be_reset() -> None:
    one = session(Fragile)
    snapshot = tick(one, 10)
    assert snapshot.paused
    assert snapshot.frame.index == 4
    assert "fell apart" in one.notes()[0].text
    begin(one, 1)
    assert tick(one, 10).frame.index == 10


def test_reset_starts_anew_and_drops_what_was_being_read() -> None:
    one = session()
    tick(one, 5)
    one.say("turn left")
    assert one.sentence() is not None
    begin(one, 7, "old_town")
    snapshot = one.snapshot()
    assert (snapshot.seed, snapshot.scene, snapshot.frame.index, snapshot.thinking) == (7, "old_town", 0, False)
    one.on_reply(cast(Any, FakeReply(None, "left")))
    assert tick(one).steps == ()


def test_a_fork_goes_on_with_the_plan_as_its_origin_does() -> None:
    one = session()
    one.plan("left;rain(2)@+1;night@next")
    tick(one, 5)
    other = one.fork()
    for _ in range(40):
        ours, theirs = tick(one), tick(other)
        assert (ours.frame.control, ours.steps) == (theirs.frame.control, theirs.steps)
        assert np.array_equal(ours.frame.image, theirs.frame.image)


def test_a_fork_shares_the_past_and_not_the_future() -> None:
    one = session()
    one.plan("rain(1)")
    tick(one, 5)
    other = one.fork()
    other.plan("left")
    ours, theirs = tick(one, 10), tick(other, 10)
    assert ours.frame.index == theirs.frame.index
    assert theirs.frame.control.weather == Weather.RAIN_1
    assert (ours.frame.control.command, theirs.frame.control.command) == (Command.FOLLOW, Command.LEFT)
    assert len(one.clip().moments) == len(other.clip().moments) == 16


def test_the_recorder_keeps_the_last_minute() -> None:
    one = session()
    tick(one, 700)
    clip = one.clip()
    assert (len(clip.moments), clip.moments[-1].frame.index, clip.seconds) == (600, 700, 60.0)


def test_explain_never_shows_a_traceback() -> None:
    assert explain(SessionError("No.")) == "No."
    for error in (MemoryError(), OSError(28, "No space left on device"), RuntimeError("x\ny")):
        assert "\n" not in explain(error)


def test_pictures_that_are_not_new_any_more_are_let_go() -> None:
    jpegs, images = Jpegs(), [np.full((8, 8, 3), shade, np.uint8) for shade in range(RECENT + 1)]
    first = jpegs.of(images[0])
    for image in images:
        jpegs.of(image)
    assert jpegs.of(images[0]) == first
    assert jpegs.of(images[0]) is not first
