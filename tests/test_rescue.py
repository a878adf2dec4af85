"""Memory that runs out in mid-drive, at every allocation: something is given up, people are told, the drive goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from bridge.budget.leased_brain import LeasedBrain
from bridge.budget.ledger import Ledger
from bridge.budget.rescue import Rescue
from bridge.budget.setup import SETUPS, Setup
from bridge.budget.sizes import GIB, MIB
from bridge.loop import Loop
from bridge.session import Session
from tests.conftest import wait_until
from tests.fake_device import FakeDevice
from tests.fakes import FakeDirector, FakeDream
from world.controls import Control
from world.frame import Frame

SETUP = replace(SETUPS["rtx5090"], world="embedded", sessions=2)
TICKS = 12
LATER = 1e9  # s; a deadline that leaves all the time


class HungryDream(FakeDream):
    """Allocates its state when it starts and working memory in every step."""

    def __init__(self, device: FakeDevice, seed: int) -> None:
        super().__init__(seed=seed)
        self.device = device

    def start(self, *given: Any, **named: Any) -> Frame:
        self.device.allocate(10 * MIB)
        return super().start(*given, **named)

    def drive(self, command: int, target_speed: float) -> Any:
        with self.device.block(MIB):
            return super().drive(command, target_speed)

    def step(self, control: Control) -> Frame:
        with self.device.block(5 * MIB):
            return super().step(control)


class HungryBrain(FakeDirector):
    """Allocates its weights, and working memory in every pass."""

    def __init__(self, device: FakeDevice, setup: Setup) -> None:
        self.device, self.setup = device, setup
        self.weights = device.allocate(GIB)

    def think(self, text: str, context: object) -> Generator[object, None, Any]:
        thought = super().think(text, context)
        while True:
            with self.device.block(MIB):
                try:
                    yield next(thought)
                except StopIteration as done:
                    return done.value

    def __del__(self) -> None:
        if hasattr(self, "weights"):
            self.device.give_back(self.weights)


class Drive:
    """Two dreams and a brain on one fake device, all of it under a ledger."""

    def __init__(self, failing: frozenset[int] = frozenset(), *, batched: bool = True) -> None:
        self.device = FakeDevice(32 * GIB, failing)
        self.ledger = Ledger(self.device)
        self.sentences: list[str] = []
        self.brain = LeasedBrain(SETUP, self.ledger, lambda setup: HungryBrain(self.device, setup), self.tell)
        self.rescue = Rescue(self.device, self.brain.down)
        self.loop = Loop(self.brain, self.step_all if batched else None, self.rescue)
        self.sessions = [self.open(seed) for seed in (1, 2)]
        for session in self.sessions:
            self.loop.add(session)

    def open(self, seed: int) -> Session:
        open_dream: Callable[[int], Any] = lambda number: HungryDream(self.device, number)  # noqa: E731
        return self.rescue.run(lambda: Session(open_dream, seed), self.tell)

    def step_all(self, dreams: Any, controls: Any) -> list[Frame]:
        with self.device.block(8 * MIB):
            return [FakeDream.step(dream, control) for dream, control in zip(dreams, controls, strict=True)]

    def tell(self, text: str) -> None:
        self.sentences.append(text)

    def go(self, ticks: int = TICKS) -> None:
        self.sessions[0].say("left")
        for _ in range(ticks):
            self.loop.tick(time.perf_counter() + LATER)
        self.sentences += [notice.text for session in self.sessions for notice in session.notes()]


def allocations() -> int:
    """How many a drive makes that nothing befalls."""
    drive = Drive()
    drive.go()
    assert not drive.sentences
    return drive.device.allocations


def assert_goes_on(drive: Drive) -> None:
    assert [session.frame.index for session in drive.sessions] == [TICKS] * 2
    assert not any(session.snapshot().paused for session in drive.sessions)
    assert [step.line for step in drive.sessions[0].snapshot().steps] == ["left"]
    assert any("Memory ran out" in text for text in drive.sentences)
    assert drive.brain.setup.world == SETUP.world


@pytest.mark.parametrize("batched", [True, False])
def test_a_failure_at_each_allocation_costs_a_rung_and_no_frame(batched: bool) -> None:
    count = allocations() if batched else allocations() + 2 * TICKS
    assert count > 3 * TICKS
    for number in range(3 * TICKS):
        drive = Drive(frozenset({number}), batched=batched)
        began = time.process_time()
        drive.go()
        assert time.process_time() - began < 1.0
        assert_goes_on(drive)
        assert drive.brain.setup.kv == "fp8"
        assert drive.device.frees


def test_a_hundred_failures_in_a_row_are_all_survived() -> None:
    drive = Drive()
    drive.go()
    wait_until(lambda: drive.ledger.held())
    longest = 0.0
    for _ in range(100):
        drive.device.failing = frozenset({drive.device.allocations})
        before, began = drive.sessions[0].frame.index, time.process_time()
        drive.loop.tick(time.perf_counter() + LATER)
        longest = max(longest, time.process_time() - began)
        assert drive.sessions[0].frame.index == before + 1
        assert not drive.sessions[0].snapshot().paused
    assert longest < 1.0
    assert drive.brain.setup.brain_device == "cpu"  # the foot of the ladder
    drive.brain.close()
    wait_until(lambda: drive.ledger.taken == 0)


def test_what_fails_twice_stops_that_drive_and_says_so() -> None:
    drive = Drive(batched=False)
    drive.go(1)
    drive.device.limit = 0
    drive.loop.tick(time.perf_counter() + LATER)
    assert all(session.snapshot().paused for session in drive.sessions)
    assert any("ran out of memory" in notice.text for notice in drive.sessions[0].notes())


def test_other_faults_are_not_taken_for_it() -> None:
    rescue = Rescue(FakeDevice(1), lambda: pytest.fail("went down"))
    with pytest.raises(ValueError, match="other"):
        rescue.run(lambda: (_ for _ in ()).throw(ValueError("other")), lambda text: None)


def test_a_brain_that_does_not_fit_is_loaded_a_rung_lower() -> None:
    drive = Drive()
    drive.go(1)
    drive.brain.close()
    drive.device.tenant = 25 * GIB
    brain = LeasedBrain(SETUP, drive.ledger, lambda setup: HungryBrain(drive.device, setup), drive.tell)
    wait_until(lambda: brain.setup.kv == "fp8")
    assert drive.ledger.overrun == 0
    assert drive.sentences == ["Memory ran out, so the language model goes on with less: KV cache in fp8."]
