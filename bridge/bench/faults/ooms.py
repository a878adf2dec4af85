"""Checks that a drive survives memory that runs out at every allocation in turn, and at a hundred in a row.

The world is real; the device is a fake with exact accounting, since real allocations cannot be made to fail one by one, and the
brain is a fake that answers at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from brain.plan import Utterance, parse_line
from bridge.bench.faults.counted_device import CountedDevice
from bridge.bench.faults.result import FaultResult
from bridge.budget.leased_brain import LeasedBrain
from bridge.budget.ledger import Ledger
from bridge.budget.rescue import Rescue
from bridge.budget.setup import TIERS, Setup
from bridge.budget.sizes import GIB, MIB
from bridge.loop import Loop
from bridge.session import Session
from world.controls import Control
from world.dream import step_all
from world.driver import Action
from world.frame import Frame
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

SETUP = replace(TIERS["rtx5090"].setup, world="embedded", brain="Qwen3-8B", sessions=2)  # its ladder is the longest
TICKS = 4
LATER = 1e9  # s: no deadline
LONGEST = 1.0  # s
PASSES = 3  # of the brain over a sentence
Durations = tuple[float, float]  # s by the clock, and of CPU time, which does not grow on a busy machine


class HungryDream(SceneDream):
    """Allocates its state when it starts, and working memory in every step."""

    device: CountedDevice

    def start(self, *args: Any, **kwargs: Any) -> Frame:
        """Allocates 10 MiB for good."""
        self.device.allocate(10 * MIB)
        return super().start(*args, **kwargs)

    def drive(self, command: int, target_speed: float) -> Action:
        """Needs 1 MiB meanwhile."""
        with self.device.block(MIB):
            return super().drive(command, target_speed)

    def step(self, control: Control) -> Frame:
        """Needs 5 MiB meanwhile."""
        with self.device.block(5 * MIB):
            return super().step(control)


@dataclass(frozen=True, slots=True)
class FakeReply:
    """As `brain.director.Reply`."""

    utterance: Utterance
    line: str
    seconds: float = 0.0
    instead: str | None = None


class HungryBrain:
    """Plans `left` for any sentence. Allocates its weights, and working memory in every pass."""

    def __init__(self, device: CountedDevice, setup: Setup) -> None:
        self.device, self.setup = device, setup
        self.weights = device.allocate(GIB)

    def think(self, text: str, context: object) -> Generator[None, None, FakeReply]:
        """Needs 1 MiB in each of PASSES passes."""
        for _ in range(PASSES):
            with self.device.block(MIB):
                pass
            yield
        return FakeReply(parse_line("left"), "left")

    def __del__(self) -> None:
        if hasattr(self, "weights"):
            self.device.give_back(self.weights)


class FakeMachine:
    """Two dreams and a brain on one fake device, under a ledger. open_dream: makes a dream, of the device and a seed."""

    def __init__(
        self,
        open_dream: Callable[[CountedDevice, int], Any],
        failing: frozenset[int] = frozenset(),
        *,
        batched: Callable[..., list[Frame]] | None = step_all,
    ) -> None:
        self.device = CountedDevice(32 * GIB, failing)
        self.ledger = Ledger(self.device)
        self.sentences: list[str] = []
        self._batched = batched
        tell = self.sentences.append
        self.brain = LeasedBrain(SETUP, self.ledger, lambda setup: HungryBrain(self.device, setup), tell)
        self.rescue = Rescue(self.device, self.brain.down)
        self.loop = Loop(self.brain, self._step_all if batched else None, self.rescue)
        open_one = partial(open_dream, self.device)
        self.sessions = [self.rescue.run(partial(Session, open_one, seed), tell) for seed in (1, 2)]
        for session in self.sessions:
            self.loop.add(session)

    def go(self, ticks: int) -> Durations:
        """Says a sentence and runs `ticks` ticks; the longest one's durations."""
        self.sessions[0].say("left")
        longest = max(self.tick() for _ in range(ticks))
        self.sentences += [notice.text for session in self.sessions for notice in session.notes()]
        return longest

    def tick(self) -> Durations:
        """One tick of the loop; its durations."""
        began, computed = time.perf_counter(), time.process_time()
        self.loop.tick(began + LATER)
        return time.perf_counter() - began, time.process_time() - computed

    @property
    def planned(self) -> bool:
        """Whether the sentence's plan is there."""
        return [step.line for step in self.sessions[0].snapshot().steps] == ["left"]

    @property
    def goes_on(self) -> bool:
        """Whether both drives run, in the same world."""
        standing = any(session.snapshot().paused for session in self.sessions)
        return not standing and self.brain.setup.world == SETUP.world

    def _step_all(self, dreams: Sequence[Any], controls: Sequence[Control]) -> list[Frame]:
        assert self._batched is not None
        with self.device.block(8 * MIB):
            return self._batched(dreams, controls)


def hungry(model: SceneWorld, device: CountedDevice, seed: int) -> HungryDream:
    """A dream without pictures whose allocations are the device's."""
    dream = HungryDream(model, seed, quality=0)
    dream.device = device
    return dream


def measure(model: SceneWorld, row: int) -> FaultResult:
    """Fails each allocation of a drive of TICKS ticks in turn, then `row` allocations in a row."""
    quiet = FakeMachine(partial(hungry, model))
    quiet.go(TICKS)
    points = quiet.device.allocations
    recovered, longest = 0, (0.0, 0.0)
    for at in range(points):
        drive = FakeMachine(partial(hungry, model), frozenset({at}))
        longest = max(longest, drive.go(TICKS))
        frames = [session.frame.index for session in drive.sessions]
        announced = any("Memory ran out" in text for text in drive.sentences)
        recovered += drive.goes_on and drive.planned and announced and frames == [TICKS] * 2
        drive.brain.close()
    in_a_row = 0
    for _ in range(row):
        quiet.device.failing = frozenset({quiet.device.allocations})
        before = quiet.sessions[0].frame.index
        longest = max(longest, quiet.tick())
        in_a_row += quiet.goes_on and quiet.sessions[0].frame.index == before + 1
    quiet.brain.close()
    return FaultResult(
        f"memory runs out at each of {points} allocations, then {row} in a row",
        f"{recovered} + {in_a_row} recovered, the longest tick {longest[0]:.2f} s ({longest[1]:.2f} s of computing)",
        f"all, each within {LONGEST:g} s",
        (recovered, in_a_row) == (points, row) and longest[0] <= LONGEST,
        {"points": points, "recovered": recovered, "row": row, "row_recovered": in_a_row}
        | {"longest": longest[0], "computing": longest[1]},
    )
