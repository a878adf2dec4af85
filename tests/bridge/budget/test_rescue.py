"""Memory that runs out in mid-drive, at every allocation: something is given up, people are told, the drive goes on."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bridge.bench.faults.counted_device import CountedDevice
from bridge.bench.faults.ooms import SETUP, FakeMachine, HungryBrain
from bridge.budget.leased_brain import LeasedBrain
from bridge.budget.rescue import Rescue
from bridge.budget.sizes import GIB, MIB
from tests.conftest import wait_until
from tests.fakes import FakeDream
from world.controls import Control
from world.frame import Frame

TICKS = 12


class HungryDream(FakeDream):
    """Allocates its state when it starts and working memory in every step."""

    def __init__(self, device: CountedDevice, seed: int) -> None:
        super().__init__(seed=seed)
        self.device = device

    def start(self, *args: Any, **kwargs: Any) -> Frame:
        self.device.allocate(10 * MIB)
        return super().start(*args, **kwargs)

    def drive(self, command: int, target_speed: float) -> Any:
        with self.device.block(MIB):
            return super().drive(command, target_speed)

    def step(self, control: Control) -> Frame:
        with self.device.block(5 * MIB):
            return super().step(control)


def step_all(dreams: Any, controls: Any) -> list[Frame]:
    return [FakeDream.step(dream, control) for dream, control in zip(dreams, controls, strict=True)]


def open_drive(failing: frozenset[int] = frozenset(), *, batched: bool = True) -> FakeMachine:
    return FakeMachine(HungryDream, failing, batched=step_all if batched else None)


def allocations() -> int:
    """How many a drive makes that nothing befalls."""
    drive = open_drive()
    drive.go(TICKS)
    assert not drive.sentences
    return drive.device.allocations


def assert_goes_on(drive: FakeMachine) -> None:
    assert drive.goes_on and drive.planned
    assert [session.frame.index for session in drive.sessions] == [TICKS] * 2
    assert any("Memory ran out" in text for text in drive.sentences)


@pytest.mark.parametrize("batched", [True, False])
def test_a_failure_at_each_allocation_costs_a_rung_and_no_frame(batched: bool) -> None:
    count = allocations() if batched else allocations() + 2 * TICKS
    assert count > 3 * TICKS
    for number in range(3 * TICKS):
        drive = open_drive(frozenset({number}), batched=batched)
        began = time.process_time()
        drive.go(TICKS)
        assert time.process_time() - began < 1.0
        assert_goes_on(drive)
        assert drive.brain.setup.kv == "fp8"
        assert drive.device.frees


def test_a_hundred_failures_in_a_row_are_all_survived() -> None:
    drive = open_drive()
    drive.go(TICKS)
    wait_until(lambda: drive.ledger.leases())
    longest = 0.0
    for _ in range(100):
        drive.device.failing = frozenset({drive.device.allocations})
        before, began = drive.sessions[0].frame.index, time.process_time()
        drive.tick()
        longest = max(longest, time.process_time() - began)
        assert drive.sessions[0].frame.index == before + 1
        assert not drive.sessions[0].snapshot().paused
    assert longest < 1.0
    assert drive.brain.setup.brain_device == "cpu"  # the foot of the ladder
    drive.brain.close()
    wait_until(lambda: drive.ledger.reserved == 0)


def test_what_fails_twice_stops_that_drive_and_says_so() -> None:
    drive = open_drive(batched=False)
    drive.go(1)
    drive.device.limit = 0
    drive.tick()
    assert all(session.snapshot().paused for session in drive.sessions)
    assert any("ran out of memory" in notice.text for notice in drive.sessions[0].notes())


def test_other_faults_are_not_taken_for_it() -> None:
    rescue = Rescue(CountedDevice(1), lambda: pytest.fail("went down"))
    with pytest.raises(ValueError, match="other"):
        rescue.run(lambda: (_ for _ in ()).throw(ValueError("other")), lambda text: None)


def test_a_brain_that_does_not_fit_is_loaded_a_rung_lower() -> None:
    drive = open_drive()
    drive.go(1)
    drive.brain.close()
    drive.device.tenant = 25 * GIB
    brain = LeasedBrain(SETUP, drive.ledger, lambda setup: HungryBrain(drive.device, setup), drive.sentences.append)
    wait_until(lambda: brain.setup.kv == "fp8")
    assert drive.ledger.overrun == 0
    assert drive.sentences == ["Memory ran out, so the language model goes on with less: KV cache in fp8."]
