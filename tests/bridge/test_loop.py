"""The loop and its one stepper, on drawn dreams and a brain of keywords."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest

from brain.plan import parse_line
from bridge.errors import DataError, SessionError
from bridge.loop import FrameMeter, Loop, Thinking, drive_headless
from bridge.stepper import step
from tests.bridge.sessions import Fragile, session
from tests.fakes import FakeDirector, FakeDream, FakeReply
from world.controls import Control
from world.frame import Frame


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
        sessions[0].plan("left")
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
        lines_read = [exchange.line for each in (one, two) for exchange in each.clip().exchanges]
        assert expected in str(lines_read)
        assert len(lines_read) == ("left", "rain", "right", "night").index(expected) + 1


def test_a_sentence_of_a_drive_that_ended_is_dropped() -> None:
    clock = Clock()
    thinking, one, two = Thinking(Ponderous(clock), clock), session(), session()
    one.say("left")
    thinking.go_on([one, two], clock.now + 0.01)
    assert thinking.busy
    thinking.forget(one)
    thinking.go_on([two], clock.now + 10)
    assert not thinking.busy
    assert one.clip().exchanges == two.clip().exchanges == ()


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
    changed = threading.Event()
    loop.add(one, changed.set)
    loop.add(two)
    loop.start()
    try:
        one.say("turn left at night")
        time.sleep(1.5)
        two.pause(True)
        one.begin(5, None)
        time.sleep(0.5)
        loop.remove(two)
        stood = two.snapshot().frame.index
        time.sleep(0.3)
    finally:
        loop.stop()
    assert changed.is_set()
    assert two.snapshot().frame.index == stood
    assert 8 <= stood <= 20
    assert one.snapshot().seed == 5
    assert loop.meter.stats(False).frames + loop.meter.stats(True).frames > 8


def test_a_meter_measures_gaps() -> None:
    clock = Clock()
    meter = FrameMeter(clock)
    for _ in range(100):
        clock.now += 0.1
        meter.count(False)
    clock.now += 0.3
    meter.count(True)
    assert meter.stats(False).gap_p99 == pytest.approx(0.1)
    assert meter.stats(False).fps == pytest.approx(10)
    assert meter.stats(True).gap_p50 == pytest.approx(0.3)


def test_a_headless_drive_is_deterministic_and_whole() -> None:
    def drive() -> list[np.ndarray]:
        one = session(seed=4)
        one.say("turn left, then rain")
        clip = drive_headless(one, 70, FakeDirector())
        assert clip.exchanges[0].line == "left;rain(2)"
        assert len(clip.moments) == 700
        return [moment.frame.image for moment in clip.moments[:100]]

    assert all(np.array_equal(a, b) for a, b in zip(drive(), drive(), strict=True))


def test_a_headless_drive_that_falls_apart_says_so() -> None:
    with pytest.raises(SessionError, match="fell apart"):
        drive_headless(session(Fragile), 3, None)


def test_the_stepper_leaves_out_who_could_not_go_on() -> None:
    bad, good = session(Fragile), session(seed=1)
    for index in range(1, 7):
        frames = step([bad, good], None)
        assert frames[good].index == index
        assert (bad in frames) == (index < 5)
    assert bad.snapshot().paused and bad.frame.index == 4


def ask(loop: Loop, text: str, wait: float = 5.0) -> list[Any]:
    """What the loop says of a text, asked from another thread while the loop ticks."""
    results: list[Any] = []

    def ask() -> None:
        try:
            results.append(loop.ask(text, wait))
        except SessionError as error:
            results.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive():
        loop.tick(time.perf_counter() + 0.02)
    return results


def test_a_text_of_no_drive_is_read_in_its_turn() -> None:
    loop, one = Loop(FakeDirector()), session()
    loop.add(one)
    one.say("left")
    assert ask(loop, "rain at night") == [parse_line("rain(2);night")]
    assert [step.line for step in one.snapshot().steps] == ["left"] and not loop.thinking.busy


def test_a_text_that_cannot_be_read_is_a_sentence() -> None:
    assert "failed" in ask(Loop(Broken()), "rain")[0]
    assert "No language model" in ask(Loop(None), "rain")[0]


def test_a_text_that_is_not_read_in_time_is_given_up() -> None:
    class Slow:
        def think(self, text: str, context: object) -> Generator[None, None, Any]:
            while True:
                yield

    loop = Loop(Slow())
    assert "in time" in ask(loop, "rain", 0.1)[0]
    loop.tick(time.perf_counter() + 0.02)
    assert not loop.thinking.busy
