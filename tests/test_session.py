"""A session and the loop around it, on a drawn dream and a brain of keywords."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from bridge.errors import DataError, LucidriveError, SessionError, explain
from bridge.loop import Loop, Pulse, Thinking, drive_headless
from bridge.session import MAX_WAITING, Session
from bridge.snapshot import Snapshot
from tests.fakes import FakeDirector, FakeDream, FakeReply
from world.controls import Command, Control, TimeOfDay, Weather
from world.frame import Frame


class Fragile(FakeDream):
    """Falls apart at frame 5."""

    def step(self, control: Control) -> Frame:
        if self.index == 4 and self.seed == 0:
            raise DataError("The dream fell apart; reset it.")
        return super().step(control)


def session(dream: Any = FakeDream, seed: int = 0, scene: str | None = None) -> Session:
    return Session(cast(Any, lambda number: dream(seed=number)), seed, scene)


def tick(one: Session, times: int = 1) -> Snapshot:
    for _ in range(times):
        if one.begin_tick():
            one.tick()
    return one.snapshot()


def answer(one: Session, text: str) -> Snapshot:
    one.say(text)
    Thinking(FakeDirector()).finish(one)
    return tick(one)


def lines(shown: Snapshot) -> list[str]:
    return [step.line for step in shown.steps]


def test_a_sentence_becomes_a_plan_and_the_plan_a_control() -> None:
    one = session()
    shown = answer(one, "turn left in the rain")
    assert lines(shown) == ["left", "rain(2)"]
    control = shown.frame.control
    assert (control.command, control.weather) == (Command.LEFT, Weather.RAIN_2)
    assert control.steer > 0


def test_refusals_and_questions_are_sentences_and_the_drive_goes_on() -> None:
    one = session()
    answer(one, "turn")
    answer(one, "fly")
    assert [note.kind for note in one.notes()] == ["question", "refusal"]
    assert one.notes() == []
    assert tick(one, 3).frame.index == 5


def test_a_button_line_is_checked_at_once() -> None:
    one = session()
    with pytest.raises(LucidriveError):
        one.do("rain(9)")
    with pytest.raises(SessionError):
        one.do("ask(side)")
    one.do("night")
    assert tick(one).frame.control.time == TimeOfDay.NIGHT


def test_keys_win_at_once_and_hand_back_on_release() -> None:
    one = session()
    one.do("right")
    assert tick(one).frame.control.steer < 0
    one.press(frozenset({"left", "down", "escape"}))
    shown = tick(one)
    assert shown.by_keys
    assert shown.frame.control.steer > 0
    assert shown.frame.control.accel < 0
    steers = [tick(one).frame.control.steer for _ in range(6)]
    assert steers == sorted(steers)
    assert max(abs(b - a) for a, b in pairwise(steers)) < 0.3
    one.press(frozenset())
    shown = tick(one)
    assert not shown.by_keys
    assert shown.frame.control.steer < 0


def test_pause_holds_the_frame_and_step_moves_it_by_one() -> None:
    one = session()
    tick(one, 3)
    one.pause(True)
    assert one.snapshot().paused
    assert tick(one, 5).frame.index == 3
    one.do("rain(1)")
    one.step_once()
    assert tick(one, 5).frame.index == 4
    one.pause(False)
    assert tick(one).frame.index == 5


def test_a_drive_that_nobody_watches_stands_still() -> None:
    one = session()
    tick(one, 3)
    one.watch(False)
    one.do("rain(1)")
    assert tick(one, 5).frame.index == 3
    one.pause(True)
    one.watch(True)
    assert tick(one, 5).frame.index == 3  # a person's own pause outlasts it
    one.pause(False)
    shown = tick(one, 2)
    assert shown.frame.index == 5 and len(shown.steps) == 1


def test_a_dream_that_falls_apart_pauses_with_a_sentence_and_can_be_reset() -> None:
    one = session(Fragile)
    shown = tick(one, 10)
    assert shown.paused
    assert shown.frame.index == 4
    assert "fell apart" in one.notes()[0].text
    reset(one, 1)
    assert tick(one, 10).frame.index == 10


def reset(one: Session, seed: int, scene: str | None = None) -> None:
    """A reset waits for the loop; here it is a thread."""
    thread = threading.Thread(target=one.reset, args=(seed, scene))
    thread.start()
    while thread.is_alive():
        one.begin_tick()
        time.sleep(0.001)


def test_reset_starts_anew_and_drops_what_was_being_read() -> None:
    one = session()
    tick(one, 5)
    one.say("turn left")
    assert one.sentence() is not None
    reset(one, 7, "old_town")
    shown = one.snapshot()
    assert (shown.seed, shown.scene, shown.frame.index, shown.thinking) == (7, "old_town", 0, False)
    one.heard(cast(Any, FakeReply(None, "left")))
    assert tick(one).steps == ()


def test_what_is_said_while_a_new_drive_is_under_way_is_the_new_drives() -> None:
    one = session()
    one.say("rain")
    asked = threading.Thread(target=one.reset, args=(1, "old_town"))
    asked.start()
    while not one._inbox:
        time.sleep(0.001)
    one.say("turn left")
    assert one.sentence() is None
    tick(one)
    asked.join()
    Thinking(FakeDirector()).finish(one)
    shown = tick(one)
    assert lines(shown) == ["left"]
    assert shown.frame.control.weather == Weather.CLEAR


def test_a_reset_that_fails_keeps_what_was_said() -> None:
    class Nowhere(FakeDream):
        def start(self, *given: Any, **named: Any) -> Frame:
            if self.seed == 1:
                raise DataError("There is no such place; choose another.")
            return super().start(*given, **named)

    one = session(Nowhere)
    one.say("turn left")
    failed: list[Exception] = []

    def ask() -> None:
        try:
            one.reset(1)
        except DataError as error:
            failed.append(error)

    asked = threading.Thread(target=ask)
    asked.start()
    while not one._inbox:
        time.sleep(0.001)
    one.begin_tick()
    asked.join()
    assert failed
    Thinking(FakeDirector()).finish(one)
    assert lines(tick(one)) == ["left"]


def test_a_reset_drive_goes_on_unless_paused_meanwhile() -> None:
    one = session()
    one.pause(True)
    reset(one, 1)
    assert not one.snapshot().paused
    waiting = threading.Thread(target=one.reset, args=(2,))
    waiting.start()
    while not one._inbox:
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


def test_markup_and_control_characters_are_words_like_others() -> None:
    one = session()
    shown = answer(one, "<b>left</b>\0 [/INST]\r\nrain")
    assert lines(shown) == ["left", "rain(2)"]
    assert one.clip().said[0].text == "<b>left</b> [/INST] rain"


def test_a_flood_of_buttons_and_keys_is_bounded() -> None:
    one = session()
    with pytest.raises(SessionError, match="too much at once"):
        for _ in range(10_000):
            one.do("rain(1);left;faster")
            one.press(frozenset({"left", "up"}))
    began = time.perf_counter()
    for _ in range(30):
        with pytest.raises(SessionError):
            for _ in range(100):
                one.do("rain(1);left;faster")
        shown = tick(one)
    assert time.perf_counter() - began < 3
    assert len(shown.steps) < 64
    assert shown.frame.index == 30


def test_a_fork_goes_on_with_the_plan_as_its_origin_does() -> None:
    one = session()
    one.do("left;rain(2)@+1;night@next")
    tick(one, 5)
    other = one.fork()
    for _ in range(40):
        ours, theirs = tick(one), tick(other)
        assert (ours.frame.control, ours.steps) == (theirs.frame.control, theirs.steps)
        assert np.array_equal(ours.frame.image, theirs.frame.image)


def test_a_fork_shares_the_past_and_not_the_future() -> None:
    one = session()
    one.do("rain(1)")
    tick(one, 5)
    other = one.fork()
    other.do("left")
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


def test_too_many_sentences_are_refused() -> None:
    one = session()
    for _ in range(MAX_WAITING):
        one.say("left")
    with pytest.raises(SessionError, match="waiting"):
        one.say("left")


class Broken:
    def think(self, text: str, context: object) -> Generator[None, None, Any]:
        yield
        raise RuntimeError("no such tensor")


def test_a_brain_that_fails_is_a_sentence_and_no_end() -> None:
    one, thinking = session(), Thinking(Broken())
    one.say("left")
    thinking.finish(one)
    assert "failed" in one.notes()[0].text
    assert not thinking.busy
    assert not one.snapshot().thinking
    thinking = Thinking(None)
    one.say("left")
    thinking.finish(one)
    assert "language model" in one.notes()[0].text


class Faulty(FakeDream):
    """Has a fault that nobody foresaw."""

    def step(self, control: Control) -> Frame:
        raise RuntimeError("shapes do not match")


def test_a_fault_pauses_one_drive_and_no_other() -> None:
    loop, one, two = Loop(None), session(Faulty), session()
    loop.add(one)
    loop.add(two)
    for _ in range(3):
        loop.tick(time.perf_counter())
    assert one.snapshot().paused
    assert "RuntimeError" in one.notes()[0].text
    assert two.snapshot().frame.index == 3


def test_dreams_of_a_tick_are_one_batch() -> None:
    sizes = []

    def together(dreams: Sequence[Any], controls: Sequence[Control]) -> list[Frame]:
        sizes.append(len(dreams))
        return [dream.step(control) for dream, control in zip(dreams, controls, strict=True)]

    loop, alone = Loop(None, together), Loop(None)
    batched, single = [[session(seed=seed) for seed in (1, 2, 3)] for _ in range(2)]
    for where, sessions in ((loop, batched), (alone, single)):
        sessions[0].do("left")
        for one in sessions:
            where.add(one)
        for _ in range(3):
            where.tick(time.perf_counter())
        sessions[2].pause(True)
        where.tick(time.perf_counter())
    assert sizes == [3, 3, 3, 2]
    for one, two in zip(batched, single, strict=True):
        assert one.snapshot().frame.control == two.snapshot().frame.control
        assert np.array_equal(one.snapshot().frame.image, two.snapshot().frame.image)
        assert len(one.clip().moments) == len(two.clip().moments)


def test_a_batch_that_fails_hurts_only_the_dream_at_fault(caplog: pytest.LogCaptureFixture) -> None:
    sizes = []

    def together(dreams: Sequence[Any], controls: Sequence[Control]) -> list[Frame]:
        sizes.append(len(dreams))
        if any(isinstance(dream, Fragile) for dream in dreams):
            raise DataError("A dream fell apart.")
        return [dream.step(control) for dream, control in zip(dreams, controls, strict=True)]

    loop, bad, good = Loop(None, together), session(Fragile), [session(seed=1), session(seed=2)]
    for one in (good[0], bad, good[1]):
        loop.add(one)
    for _ in range(7):
        loop.tick(time.perf_counter())
    assert sizes == [3] * 5 + [2] * 2
    assert "each stepped alone" in caplog.text
    assert bad.snapshot().paused and bad.snapshot().frame.index == 4
    assert "fell apart" in bad.notes()[0].text
    assert [one.snapshot().frame.index for one in good] == [7, 7]
    assert [one.notes() for one in good] == [[], []]


def test_sessions_are_read_in_turn() -> None:
    thinking, one, two = Thinking(FakeDirector()), session(), session()
    for text in ("left", "right", "night"):
        one.say(text)
    two.say("rain")
    for expected in ("left", "rain", "right", "night"):
        assert thinking._take_up([one, two])
        while thinking.busy:
            thinking._one_pass()
        heard = [said.line for each in (one, two) for said in each.clip().said]
        assert expected in str(heard)
        assert len(heard) == ("left", "rain", "right", "night").index(expected) + 1


def test_a_sentence_of_a_drive_that_ended_is_dropped() -> None:
    clock = Clock()
    thinking, one, two = Thinking(Ponderous(clock), clock), session(), session()
    one.say("left")
    thinking.go_on([one, two], clock.now + 0.01)
    assert thinking.busy
    thinking.forget(one)
    thinking.go_on([two], clock.now + 10)
    assert not thinking.busy
    assert one.clip().said == two.clip().said == ()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Ponderous:
    """A first pass of 150 ms and eight of 30 ms; then a plan."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def think(self, text: str, context: object) -> Generator[None, None, FakeReply]:
        for seconds in (0.15, *[0.03] * 8):
            self.clock.now += seconds
            yield
        return next(iter([FakeReply(FakeDirector().answer("left", None).utterance, "left")]))


def test_thinking_keeps_to_the_time_that_is_left() -> None:
    clock = Clock()
    one, thinking = session(), Thinking(Ponderous(clock), clock)
    thinking._expected = {True: 0.15, False: 0.03}
    one.say("left")
    ends, deadline = [], 0.0
    while not thinking.seconds:
        deadline = max(deadline + 0.1, clock.now)
        clock.now += 0.06  # the frame
        thinking.go_on([one], deadline)
        ends.append(max(clock.now, deadline))
        clock.now = ends[-1]
    gaps = np.diff([0.0, *ends])
    assert max(gaps) < 0.22
    assert sorted(gaps)[-2] < 0.14  # only the first pass ran far over
    assert len(ends) < 12


def test_a_machine_that_is_always_late_still_thinks() -> None:
    clock = Clock()
    one, thinking = session(), Thinking(Ponderous(clock), clock)
    thinking._expected = {True: 0.15, False: 0.03}
    one.say("left")
    for _ in range(40):
        thinking.go_on([one], clock.now - 0.3)
    assert thinking.seconds


def test_the_loop_keeps_ten_ticks_a_second_for_two_sessions() -> None:
    loop = Loop(FakeDirector())
    one, two = session(seed=1), session(seed=2)
    seen = threading.Event()
    loop.add(one, seen.set)
    loop.add(two)
    loop.start()
    try:
        one.say("turn left at night")
        time.sleep(1.5)
        two.pause(True)
        one.reset(5, None)
        time.sleep(0.5)
        loop.remove(two)
        stood = two.snapshot().frame.index
        time.sleep(0.3)
    finally:
        loop.stop()
    assert seen.is_set()
    assert two.snapshot().frame.index == stood
    assert 8 <= stood <= 20
    assert one.snapshot().seed == 5
    assert loop.pulse.rhythm(False).frames + loop.pulse.rhythm(True).frames > 8


def test_pulse_measures_gaps() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    for _ in range(100):
        clock.now += 0.1
        pulse.beat(False)
    clock.now += 0.3
    pulse.beat(True)
    assert pulse.rhythm(False).gap_p99 == pytest.approx(0.1)
    assert pulse.rhythm(False).fps == pytest.approx(10)
    assert pulse.rhythm(True).gap_p50 == pytest.approx(0.3)


def test_a_headless_drive_is_deterministic_and_whole() -> None:
    def drive() -> list[np.ndarray]:
        one = session(seed=4)
        one.say("turn left, then rain")
        clip = drive_headless(one, 70, FakeDirector())
        assert clip.said[0].line == "left;rain(2)"
        assert len(clip.moments) == 700
        return [moment.frame.image for moment in clip.moments[:100]]

    assert all(np.array_equal(a, b) for a, b in zip(drive(), drive(), strict=True))


def test_a_headless_drive_that_falls_apart_says_so() -> None:
    with pytest.raises(SessionError, match="fell apart"):
        drive_headless(session(Fragile), 3, None)


def test_explain_never_shows_a_traceback() -> None:
    assert explain(SessionError("No.")) == "No."
    for error in (MemoryError(), OSError(28, "No space left on device"), RuntimeError("x\ny")):
        assert "\n" not in explain(error)


class Empty(FakeDream):
    """Nobody ever comes."""

    def step(self, control: Control) -> Frame:
        frame = super().step(control)
        self.frame = replace(frame, readout=replace(frame.readout, event_visible=0.0))
        return self.frame


def test_an_event_that_had_no_chance_is_told_of_once() -> None:
    one = session(Empty)
    one.do("cut_in(left,2)")
    told: list[str] = []
    for _ in range(100):
        tick(one)
        told += [notice.text for notice in one.notes()]
    assert len(told) == 1 and told[0].startswith("'cut_in(left)' did not happen: no chance for it within 8 s")
