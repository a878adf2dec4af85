"""Real dreams for the page: `bridge.Loop` and its sessions behind the few methods that `ui.drive` asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from brain.conditions import reader
from brain.director import Director, threshold
from brain.files import ADAPTER
from brain.vllm_client import VllmDirector
from bridge.budget.leased_brain import LeasedBrain
from bridge.budget.ledger import Lease, Ledger
from bridge.budget.opening import DREAM, open_world, ram
from bridge.budget.rescue import Rescue
from bridge.budget.setup import TIERS
from bridge.errors import BusyError, SessionError
from bridge.keyboard import Bindings, parse_keys
from bridge.loop import Loop, percentile
from bridge.session import Session
from ui.budget import memory_of
from ui.drive import Measures, Memory, PageDream
from ui.live_drive import LiveDrive, Shared
from ui.live_guest import GuestDrive
from ui.places import offered, picture_of
from world.controls import DT, Control, Event, Side, TimeOfDay, Weather
from world.dream import AnyWorld, is_scene, open_dream, step_all
from world.perceive.network import FOLDER
from world.places import ANYWHERE, Where, find_place, where
from world.render.camera import Rig
from world.scene_world import USUAL, Others, SceneWorld

CLIPS = Path("clips")  # where saved clips go, below the folder that lucidrive was started in
BY_SPEED = frozenset({"follow", "stop", "go", "faster", "slower", "speed"})  # need nothing but a target speed


def load_brain() -> Director:
    """The language model, warmed up with one sentence."""
    director = Director.load()
    director.answer("turn left")
    return director


SERVED = replace(TIERS["rtx5090"].setup, device="cpu")  # its brain is behind a server, and takes nothing here


def served_brain(url: str, name: str) -> VllmDirector:
    """The model of that name behind a `vllm serve` at `url`. BrainServerError."""
    return VllmDirector.connect(url, name, unsure=threshold(ADAPTER))


def begun_in(place: str, load: Callable[[], Director | VllmDirector]) -> Where:
    """Where a place's name or a sentence says, checked before the page opens. load: the brain, for a sentence. DataError."""
    brain = cache(load)
    begins = where(place, 0, reader(lambda text: brain().answer(text).utterance))
    if begins.place is not None:
        find_place(begins.place)
    return begins


class LiveDreamer:
    """A `ui.drive.Dreamer`: one world, one brain, one loop, and a session for every tab, each under a lease.

    dream_size: bytes that one dream takes; they are reserved in the ledger as long as its tab is open. tabs: at most, as long
    as memory allows, however slow that makes them; else as many as keep real time, too. world: the folder of its
    weights, where it is not the repository's.
    """

    world: Path | None = None

    def __init__(
        self,
        model: AnyWorld,
        loop: Loop,
        *,
        quality: int = 2,
        clips: Path = CLIPS,
        bindings: Bindings | None = None,
        ledger: Ledger | None = None,
        dream_size: int = 0,
        rescue: Rescue | None = None,
        tabs: int | None = None,
        brain: LeasedBrain | None = None,
    ) -> None:
        self.model = model
        self.loop = loop
        self.ledger = ledger or ram()
        self.tabs = tabs
        self.dream_size = dream_size
        self.rescue = rescue or Rescue(self.ledger.device, lambda: None)
        self.quality = quality
        self.clips = clips
        self.bindings = bindings
        self._lock = threading.Lock()
        self.brain, self._began = brain, brain.setup if brain is not None else None
        self._open = 0
        self._shared = Shared(loop, self.ledger, self.rescue, clips, self.known, dream_size)
        loop.start()

    @classmethod
    def load(
        cls,
        world: Path | None = None,
        *,
        quality: int = 2,
        clips: Path = CLIPS,
        keys: str = "",
        tabs: int | None = None,
        capacity: int | None = None,
        brain_url: str | None = None,
        brain_name: str = "lucidrive",
        others: Others = USUAL,
        place: str | None = None,
    ) -> LiveDreamer:
        """The world's weights now, the language model in the background. WeightsError, NoRoomError.

        A world without a car gets no language model; `keys` says what the keys mean there. capacity: bytes of RAM that this
        process may have. brain_url: of a `vllm serve` that reads the sentences, by its model `brain_name`. others: who else is on a scene's roads.
        place: where drives begin, a name or a sentence (`world.places.where`); DataError where there is no such place.
        """
        begins = ANYWHERE if place is None else Where(place)
        if place is not None and is_scene(world):
            begins = begun_in(place, load_brain if brain_url is None else partial(served_brain, brain_url, brain_name))
        ledger = ram(capacity)
        opened = open_world(ledger, world, tabs or TIERS["embedded"].setup.sessions, others, begins)
        model = opened.model
        if model.driving and keys:
            raise SessionError("A car's keys are what they are; --keys is for worlds without one.")
        bindings = parse_keys(keys, model.inputs) if keys else None
        brain: LeasedBrain | None = None
        rescue = Rescue(ledger.device, lambda: brain.down() if brain else None)
        loop = Loop(None, step_all, rescue)
        if model.driving:
            if brain_url is None:
                brain = LeasedBrain(TIERS["embedded"].setup, ledger, lambda _: load_brain(), loop.tell)
            else:
                load = partial(served_brain, brain_url, brain_name)
                brain = LeasedBrain(SERVED, ledger, lambda _: load(), loop.tell, lower=lambda _: None)
            loop.thinking.brain = brain
        dreamer = cls(
            model,
            loop,
            quality=quality,
            clips=clips,
            bindings=bindings,
            ledger=ledger,
            dream_size=opened.dream_size,
            rescue=rescue,
            tabs=tabs,
            brain=brain,
        )
        dreamer.world = world
        return dreamer

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the start scenes."""
        return offered(self.model)

    @property
    def driving(self) -> bool:
        """Whether a car is driven."""
        return self.model.driving

    @property
    def scene_world(self) -> bool:
        """Whether the world is a scene."""
        return isinstance(self.model, SceneWorld)

    @property
    def camera(self) -> Rig | None:
        """The car's camera; None in a latent world."""
        return self.model.rig if isinstance(self.model, SceneWorld) else None

    @property
    def begins_in_pictures(self) -> bool:
        """Whether a dream can begin in a picture."""
        return not self.scene_world or (FOLDER / "config.json").exists()

    @property
    def known(self) -> frozenset[str] | None:
        """Plan words of the weights; None when they do not say."""
        if not self.model.driving:
            return frozenset()
        words = self.model.vocabulary
        return words | BY_SPEED if words else None

    def admit(self, host: PageDream | None = None) -> Callable[[Callable[[], None]], LiveDrive]:
        """A place for one more dream; host: whose dream it is to be a second car in. BusyError where it is one too many, or all would
        fall below ten frames a second; NoRoomError where memory does not allow it.
        """
        with self._lock:
            others = self._open
            if self.tabs is not None and others >= self.tabs:
                raise BusyError(
                    f"This page is full: {others} dreams are open, and no more may be. Close a tab, or try again."
                )
            if self.tabs is None and others and self.loop.timer.expected(others + 1) > DT:
                raise BusyError(
                    f"This machine is full: with one more than the {others} dreams that are open, none would keep its ten "
                    "frames a second. Close a tab, or try again in a moment."
                )
            lease = self.ledger.reserve(DREAM, self.dream_size)
            self._open += 1
        if host is not None:
            assert isinstance(host, LiveDrive)
            return partial(self._seat, lease, host)
        return partial(self._begin, lease, others)

    def open(self, changed: Callable[[], None]) -> LiveDrive:
        """A new dream at its first frame. Raises as `admit` does."""
        return self.admit()(changed)

    def _begin(self, lease: Lease, others: int, changed: Callable[[], None]) -> LiveDrive:
        try:
            with ExitStack() as undo:
                undo.enter_context(lease)
                session = self.rescue.run(self._session, self.loop.tell)
                lease.commit()
                undo.pop_all()
        except BaseException:
            self._ended()
            raise
        if others:
            session.tell(f"{others + 1} tabs share this machine now, and each dreams the slower for it.")
        return LiveDrive(session, self._shared, lease, changed, self._ended)

    def _seat(self, lease: Lease, host: LiveDrive, changed: Callable[[], None]) -> GuestDrive:
        """A second car in a dream. SessionError, DataError where there is no place for it."""
        try:
            with ExitStack() as undo:
                undo.enter_context(lease)
                drive = GuestDrive(host, lease, changed, self._ended)
                lease.commit()
                undo.pop_all()
        except BaseException:
            self._ended()
            raise
        return drive

    @property
    def alive(self) -> bool:
        """Whether the loop's thread runs."""
        return self.loop.alive

    def check(self) -> None:
        """Dreams a frame, a person who crosses, and a wet night, so that everything is compiled. LucidriveError."""
        dream = open_dream(self.model, quality=1)
        frame = self.rescue.run(dream.start, self.loop.tell)
        control = (
            replace(frame.control, event=Event.PED_CROSS, side=Side.RIGHT, level=2) if self.driving else frame.control
        )
        self.rescue.run(lambda: dream.step(control), self.loop.tell)
        if self.scene_world:
            night = Control(weather=Weather.RAIN_2, time=TimeOfDay.NIGHT)
            self.rescue.run(lambda: dream.start(control=night), self.loop.tell)

    def measures(self) -> Measures:
        """Of the loop, the brain and the ledger, since the start."""
        idle, thinking = (self.loop.meter.stats(busy) for busy in (False, True))
        read, ledger = sorted(self.loop.thinking.seconds), self.ledger
        return Measures(
            tabs=self._open,
            frames=idle.frames + thinking.frames,
            gap_p50=idle.gap_p50,
            gap_p99=idle.gap_p99,
            gap_thinking_p50=thinking.gap_p50,
            gap_thinking_p99=thinking.gap_p99,
            sentence_p50=percentile(read, 0.5),
            sentence_p99=percentile(read, 0.99),
            memory_lent=ledger.reserved,
            memory_room=ledger.room,
            memory_overrun=ledger.overrun,
        )

    def memory(self) -> Memory:
        """The ledger as the page shows it."""
        setup = self.brain.setup if self.brain is not None else None
        return memory_of(self.ledger, self._open, setup, self._began)

    def scene_picture(self, name: str) -> bytes | None:
        """A JPEG; None where there is no such scene."""
        return picture_of(self.model, name)

    def close(self) -> None:
        """Ends the loop, and with it every dream."""
        self.loop.stop()

    def _session(self) -> Session:
        return Session(lambda seed: open_dream(self.model, seed, self.quality, smooth=True), bindings=self.bindings)

    def _ended(self) -> None:
        with self._lock:
            self._open -= 1
