"""A dreamer for the page's tests: FakeDream at ten ticks a second, plans by keyword, clips of a few bytes."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from brain.director import clean
from brain.plan import Plan, parse_line
from bridge.recording.history import PastFrame
from tests.fakes import FakeDream
from ui.drive import Chip, Measures, Memory, Note, PageState, Rung, Saved, Share, StartRequest
from ui.road_map import Around, LaneLines
from ui.words import step_words
from world.controls import Command, Control, Event, TimeOfDay, Weather
from world.errors import LucidriveError
from world.frame import Frame
from world.render.camera import Pose, Rig

WORDS: dict[str, tuple[str, dict[str, int]]] = {
    "left": ("left", {"command": Command.LEFT}),
    "right": ("right", {"command": Command.RIGHT}),
    "rain": ("rain(2)", {"weather": Weather.RAIN_2}),
    "night": ("night", {"time": TimeOfDay.NIGHT}),
    "ped_cross": ("ped_cross(right)", {"event": Event.PED_CROSS}),
}


def _words(line: str) -> str:
    plan = parse_line(line)
    assert isinstance(plan, Plan)
    return step_words(plan.steps[0])


@dataclass
class FakeBranch:
    dream: FakeDream
    control: Control
    chips: list[Chip] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.dream.frame is not None
        self.frame = self.dream.frame


class FakeDrive:
    def __init__(self, clips: Path, changed: Callable[[], None], ended: Callable[[], None] = lambda: None) -> None:
        self.clips = clips
        self.ended = ended
        self.changed = changed
        self.calls: list[tuple[Any, ...]] = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.told: list[Note] = []
        self.chips: list[Chip] = []
        self.control = Control()
        self.branches: list[FakeBranch] = []
        self.dial = 2
        self.watched = True
        self.begin(StartRequest())
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def seed(self) -> int:
        return self.dream.seed

    def _run(self) -> None:
        while not self.stopped.wait(0.1):
            if self.watched and not self.paused:
                self.tick()

    def tick(self) -> None:
        with self.lock:
            for branch in self.branches:
                branch.frame = branch.dream.step(branch.control.with_(accel=0.2))
        if self.branches:
            self.changed()
            return
        with self.lock:
            action = self.dream.drive(self.control.command, 10.0)
            steer = 0.6 * ("left" in self.held) - 0.6 * ("right" in self.held)
            self.by_keys = bool(self.held)
            self.frame = self.dream.step(
                self.control.with_(steer=steer if self.by_keys else action.steer, accel=action.accel)
            )
            states = [{"pending": "running"}.get(chip.state, "done") for chip in self.chips]
            self.chips = [
                replace(chip, state=state, share=float(state == "done"))
                for chip, state in zip(self.chips, states, strict=True)
            ]
            self.record()
        self.changed()

    def record(self) -> None:
        jpeg = io.BytesIO()
        Image.fromarray(self.frame.image).save(jpeg, "JPEG")
        self.frames.append((self.frame, jpeg.getvalue()))

    def view(self) -> PageState:
        with self.lock:
            control = self.control
            chips = tuple(self.chips)
            return PageState(
                self.frame,
                self.by_keys,
                chips,
                self.paused,
                False,
                control.weather,
                control.time,
                quality=self.dial,
                target=10.0,
                seed=self.seed,
                scene=self.scene,
                where=self.where,
                last=len(self.frames) - 1,
            )

    def futures(self) -> tuple[PageState, ...]:
        with self.lock:
            return tuple(
                PageState(branch.frame, paused=self.paused, plan=tuple(branch.chips), weather=branch.control.weather)
                for branch in self.branches
            )

    def notes(self) -> list[Note]:
        told, self.told = self.told, []
        return told

    def say(self, text: str, branch: int = 0) -> None:
        text = clean(text)
        self.calls.append(("say", text))
        if branch > len(self.branches):
            raise LucidriveError("There is no such future; fork the drive first.")
        found = [entry for word, entry in WORDS.items() if word in text]
        if not found:
            self.told.append(
                Note("That is not something this world can dream; try “make it rain”.", "refusal", branch=branch)
            )
        with self.lock:
            told = self.branches[branch - 1] if branch else self
            told.chips = [
                Chip(line, _words(line), "pending", number=len(self.calls) * 10 + place)
                for place, (line, _) in enumerate(found)
            ]
            for _, changes in found:
                told.control = told.control.with_(**changes)

    def plan(self, line: str, branch: int = 0) -> None:
        self.calls.append(("plan", line))
        if "(" in line and not line.endswith(")"):
            raise LucidriveError("That line is not in the plan language; check its brackets.")
        self.say(line, branch)

    def choose(self, line: str, branch: int = 0) -> None:
        self.calls.append(("choose", line))

    def wrong(self, branch: int = 0) -> None:
        self.calls.append(("wrong",))
        self.told.append(Note("Did you mean", "question", (("left", "turn left"), ("right", "turn right"))))

    def set_quality(self, quality: int) -> None:
        if quality not in (1, 2, 4, 8):
            raise LucidriveError("K must be 1, 2, 4 or 8 steps a frame.")
        self.calls.append(("set_quality", quality))
        self.dial = quality

    def press(self, keys: frozenset[str], branch: int = 0) -> None:
        self.calls.append(("press", tuple(sorted(keys))))
        self.held = keys

    def watch(self, on: bool) -> None:
        self.watched = on

    def pause(self, on: bool) -> None:
        self.calls.append(("pause", on))
        self.paused = on

    def step_once(self) -> None:
        self.tick()

    def begin(self, start: StartRequest) -> None:
        if start.scene not in (None, *FakeDreamer.scenes):
            raise LucidriveError(f"There is no start scene '{start.scene}'.")
        if "flamingos" in start.where:
            raise LucidriveError("Not understood: 'flamingos'; a place is dense, mixed or suburban.")
        self.paused, self.where = start.stand, start.where
        with self.lock:
            self.dream = FakeDream(seed=start.seed)
            self.frame = self.dream.start()
            self.control = Control(weather=start.weather or 0, time=1 if start.time is None else start.time)
            self.held, self.by_keys = frozenset[str](), False
            self.chips, self.branches, self.scene = [], [], start.scene
            self.frames: list[tuple[Frame, bytes]] = []
            self.record()
        self.calls.append(("begin", start.seed, start.scene))
        if start.pictures is not None:
            self.calls.append(("pictures", start.pictures.shape))

    def fork(self, index: int | None, count: int) -> None:
        self.calls.append(("fork", index, count))
        if index is not None and index >= len(self.frames):
            raise LucidriveError(f"Frame {index} is not part of this drive.")
        with self.lock:
            self.paused = True
            self.branches = [FakeBranch(self.dream.fork(), self.control) for _ in range(count)]
            if index is not None:
                for branch in self.branches:
                    branch.dream.frame = branch.frame = self.frames[index][0]

    def keep_future(self, branch: int) -> None:
        self.calls.append(("keep_future", branch))
        with self.lock:
            if branch > len(self.branches):
                raise LucidriveError("There is no such future; fork the drive first.")
            if branch:
                kept = self.branches[branch - 1]
                self.dream, self.frame, self.control, self.chips = kept.dream, kept.frame, kept.control, kept.chips
                del self.frames[kept.frame.index :]
                self.record()
            self.branches = []

    def picture(self, index: int) -> bytes:
        if not 0 <= index < len(self.frames):
            raise LucidriveError(f"Frame {index} is not part of this drive.")
        return self.frames[index][1]

    def past(self) -> tuple[PastFrame, ...]:
        return tuple(PastFrame(f.index, f.motion.speed, f.readout.speed, f.motion.yaw_rate) for f, _ in self.frames)

    mapped: tuple[LaneLines, Around] | None = None  # what its map would show

    def streets(self) -> LaneLines | None:
        return self.mapped and self.mapped[0]

    def around(self) -> Around | None:
        return self.mapped and self.mapped[1]

    def look_around(self, pose: Pose) -> bytes:
        self.calls.append(("look_around", pose))
        if FakeDreamer.camera is None:
            raise LucidriveError("This world's pictures have one camera.")
        jpeg = io.BytesIO()
        Image.new("RGB", (64, 36), (round(2 * pose.z), 0, 0)).save(jpeg, "JPEG")
        return jpeg.getvalue()

    def surround(self) -> bytes:
        self.calls.append(("surround",))
        if FakeDreamer.camera is None:
            raise LucidriveError("This world's pictures have one camera.")
        jpeg = io.BytesIO()
        Image.new("RGB", (96, 36), (0, 90, 0)).save(jpeg, "JPEG")
        return jpeg.getvalue()

    def save_drive(self) -> Saved:
        return self.save_clip("whole")

    def save_clip(self, name: str = "drive") -> Saved:
        video, sidecar = self.clips / f"{name}.mp4", self.clips / f"{name}.json"
        video.write_bytes(b"not really a video")
        sidecar.write_text("{}", encoding="utf-8")
        return Saved(video, sidecar, self.frame.index / 10)

    most_bytes = 1000
    host: FakeDrive | None = None  # in whose dream it is a guest

    @property
    def guest(self) -> bool:
        return self.host is not None

    def invite(self) -> None:
        self.calls.append(("invite",))

    def save_dream(self) -> Path:
        path = self.clips / "drive.dream"
        path.write_bytes(b"a drive")
        return path

    def load_dream(self, data: bytes) -> None:
        if data != b"a drive":
            raise LucidriveError("That is no saved drive; save it again.")
        self.calls.append(("load_dream",))

    def close(self) -> None:
        self.calls.append(("close",))
        self.stopped.set()
        self.thread.join()
        self.ended()


class FakeDreamer:
    scenes = ("avenue", "old_town")
    known: frozenset[str] | None = None
    scene_world = False
    camera: Rig | None = None
    begins_in_pictures = True
    driving = True

    def __init__(self, clips: Path, most: int = 3) -> None:
        self.clips = clips
        self.most = most
        self.drives: list[FakeDrive] = []
        self.lock = threading.Lock()
        self.places = 0

    def admit(self, host: Any = None) -> Callable[[Callable[[], None]], FakeDrive]:
        with self.lock:
            if any(drive.host is host and ("close",) not in drive.calls for drive in self.drives if host is not None):
                raise LucidriveError("Somebody drives along there already, and a dream has one seat for a guest.")
            if self.places >= self.most:
                raise LucidriveError("This machine is full: it dreams for three tabs at most; close one.")
            self.places += 1
        return partial(self._begin, host)

    def _begin(self, host: FakeDrive | None, changed: Callable[[], None]) -> FakeDrive:
        self.drives.append(FakeDrive(self.clips, changed, self._ended))
        self.drives[-1].host = host
        return self.drives[-1]

    def _ended(self) -> None:
        with self.lock:
            self.places -= 1

    def scene_picture(self, name: str) -> bytes | None:
        if name not in self.scenes:
            return None
        jpeg = io.BytesIO()
        Image.fromarray(FakeDream(seed=self.scenes.index(name)).start().image).save(jpeg, "JPEG")
        return jpeg.getvalue()

    def memory(self) -> Memory:
        held = (Share("the world", 600 * 2**20), Share("a dream", 50 * 2**20), Share("the language model", 900 * 2**20))
        ladder = (Rung("KV type", "KV cache in fp8"), Rung("context", ""), Rung("quantisation", "", True))
        plan = (("libraries", 350 * 2**20, "measured"), ("margin", 90 * 2**20, "estimated"))
        return Memory(4 * 2**30, 2 * 2**30, 0, 1200 * 2**20, held, "SmolLM2-135M, int8", ladder, plan)

    alive = True
    ill: LucidriveError | None = None
    overrun = 0

    def check(self) -> None:
        if self.ill:
            raise self.ill

    def measures(self) -> Measures:
        nothing = math.nan
        return Measures(
            len(self.drives), 0, nothing, nothing, nothing, nothing, nothing, nothing, 100, 50, self.overrun
        )
