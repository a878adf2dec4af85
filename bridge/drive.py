"""A drive: its dream with the newest frame, the timeline of its plan, and who holds the wheel."""

from __future__ import annotations

import copy
from collections.abc import Callable

from bridge.errors import DataError
from bridge.keyboard import Bindings, Keyboard
from bridge.pedals import Pedals
from bridge.snapshot import Beginning, StepRequest
from bridge.timeline import Timeline, TimelineState
from world.controls import Control
from world.dream import AnyDream
from world.driver import Action
from world.frame import Frame
from world.scene_dream import SceneDream

OpenDream = Callable[[int], AnyDream]


class Drive:
    """`open_dream(seed)` gives a dream that has not been started. Errors of the first frame come from here.

    keyboard: what the keys mean in a world without a car, None in one with a car; by_keys: whether keys led to `frame`.
    """

    def __init__(
        self, open_dream: OpenDream, seed: int, scene: str | None, bindings: Bindings | None, film: Beginning | None
    ) -> None:
        self.dream: AnyDream
        self._open_dream, self._bindings, self._film = open_dream, bindings, film
        self.start(seed, scene)

    def start(
        self, seed: int, scene: str | None = None, control: Control | None = None, film: Beginning | None = None
    ) -> None:
        """Begins in a scene, under conditions alone, or in a film; where that fails, all is as it was. DataError."""
        dream = self._open_dream(seed)
        if (before := getattr(self, "dream", None)) is not None:
            dream.quality = before.quality
        scenes, film = dream.model.scenes, film or (self._film if scene is None else None)
        if scene is None and control is None and film is None and scenes:
            scene = scenes[seed % len(scenes)]
        if not dream.model.driving and control is None:
            control = Keyboard(dream.model.inputs, self._bindings).control(frozenset())
        if film is not None:
            frame = dream.start(control, frames=film.frames, speed=film.speed)
        else:
            frame = dream.start(control, scene=scene)
        self.go_on_from(dream, frame, Timeline(max(0, frame.control.weather), _time(frame.control.time)), scene)

    def go_on_from(self, dream: AnyDream, frame: Frame, timeline: Timeline, scene: str | None) -> None:
        """`frame`: the newest one of `dream`, which takes the place of the one before with its timeline."""
        self.dream, self.frame, self.timeline, self.scene = dream, frame, timeline, scene
        self.pedals, self.by_keys = Pedals(), False
        self.keyboard = None if dream.model.driving else Keyboard(dream.model.inputs, self._bindings)

    def beside(self) -> Drive:
        """Of a second car in the same dream. DataError where there is no place for one."""
        if not isinstance(self.dream, SceneDream):
            raise DataError("This dream is pictures alone and has one seat; begin a dream of your own.")
        other, dream = copy.copy(self), self.dream.beside()
        assert dream.frame is not None
        other.go_on_from(dream, dream.frame, self.timeline.beside(), self.scene)
        return other

    def fork(self) -> Drive:
        """The same past, seed and plan: left alone, it would go on as this one does."""
        other = copy.copy(self)
        other.dream = self.dream.fork()
        other.timeline, other.pedals = copy.deepcopy(self.timeline), copy.copy(self.pedals)
        return other

    # -- a frame ------------------------------------------------------------------------------------------------------

    def advance_timeline(self, keys: frozenset[str]) -> TimelineState:
        """What the plan asks of the next frame."""
        return self.timeline.tick(self.frame, bool(keys))

    def wish(self, state: TimelineState, keys: frozenset[str]) -> StepRequest:
        """What the next frame is to be told, by the plan's driver or the person's keys. DataError when the driver cannot say."""
        if self.keyboard is not None:
            return StepRequest(self.keyboard.control(keys), bool(keys), state.steps)
        action = self.dream.drive(state.command, state.target_speed)
        control = self.pedals.control(state, Action(action.steer, action.accel), keys)
        return StepRequest(control, bool(keys), state.steps)

    def take(self, wish: StepRequest, frame: Frame) -> None:
        """The dream has been stepped as wished."""
        self.frame, self.by_keys = frame, wish.by_keys or self.keyboard is not None

    # -- what is ahead ------------------------------------------------------------------------------------------------

    @property
    def in_scene(self) -> bool:
        """Whether there are streets to know of, not latents."""
        return isinstance(self.dream, SceneDream)

    def turn_ahead(self, command: int) -> str:
        """A sentence where the next junction does not allow the turn; else ""."""
        return (self.dream.turn_ahead(command) or "") if isinstance(self.dream, SceneDream) else ""

    @property
    def turning_round(self) -> int | None:
        """The junction where the street ends and the car turns round, while it does."""
        return self.dream.turning_round if isinstance(self.dream, SceneDream) else None

    @property
    def remark(self) -> str:
        """A sentence about how it began; or ""."""
        return (self.dream.remark or "") if isinstance(self.dream, SceneDream) else ""


def _time(value: int) -> int:
    return value if value >= 0 else 1
