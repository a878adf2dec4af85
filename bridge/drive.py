"""A drive: its dream with the newest frame, its plan's timeline, and the wheel and pedals or keys."""

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
    """A drive, started at once. open_dream: makes a dream, not started, of a seed; film: to begin in where no scene is given.

    keyboard: the keys of a world without a car, None in one with a car; by_keys: whether keys led to `frame`. DataError, WeightsError: the
    first frame.
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
        """Starts anew in a scene, under a control's conditions, or in a film. DataError, WeightsError; then all is as before."""
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
        self.continue_from(dream, frame, Timeline(max(0, frame.control.weather), _time(frame.control.time)), scene)

    def continue_from(self, dream: AnyDream, frame: Frame, timeline: Timeline, scene: str | None) -> None:
        """Replaces dream and timeline. frame: the newest of `dream`."""
        self.dream, self.frame, self.timeline, self.scene = dream, frame, timeline, scene
        self.pedals, self.by_keys = Pedals(), False
        self.keyboard = None if dream.model.driving else Keyboard(dream.model.inputs, self._bindings)

    def beside(self) -> Drive:
        """A drive of a second car in the same dream. DataError where there is no place for one."""
        if not isinstance(self.dream, SceneDream):
            raise DataError("This dream is pictures alone and has one seat; begin a dream of your own.")
        other, dream = copy.copy(self), self.dream.beside()
        assert dream.frame is not None
        other.continue_from(dream, dream.frame, self.timeline.beside(), self.scene)
        return other

    def fork(self) -> Drive:
        """A copy with the same past, seed and plan, which would go on as this one does."""
        other = copy.copy(self)
        other.dream = self.dream.fork()
        other.timeline, other.pedals = copy.deepcopy(self.timeline), copy.copy(self.pedals)
        return other

    # -- a frame ------------------------------------------------------------------------------------------------------

    def advance_timeline(self, keys: frozenset[str]) -> TimelineState:
        """Advances the plan by the newest frame; what it asks of the next one."""
        return self.timeline.tick(self.frame, bool(keys))

    def step_request(self, state: TimelineState, keys: frozenset[str]) -> StepRequest:
        """The request for the next frame, by the driver under the plan or the person's keys. DataError where the driver's output is not finite."""
        if self.keyboard is not None:
            return StepRequest(self.keyboard.control(keys), bool(keys), state.steps)
        action = self.dream.drive(state.command, state.target_speed)
        control = self.pedals.control(state, Action(action.steer, action.accel), keys)
        return StepRequest(control, bool(keys), state.steps)

    def take(self, request: StepRequest, frame: Frame) -> None:
        """Takes the frame that the dream made of the request."""
        self.frame, self.by_keys = frame, request.by_keys or self.keyboard is not None

    # -- the road ahead -----------------------------------------------------------------------------------------------

    @property
    def in_scene(self) -> bool:
        """Whether the dream is of a scene with streets, not of latents."""
        return isinstance(self.dream, SceneDream)

    def turn_ahead(self, command: int) -> str:
        """A sentence where the next junction does not allow the turn; else ""."""
        return (self.dream.turn_ahead(command) or "") if isinstance(self.dream, SceneDream) else ""

    @property
    def turning_round(self) -> int | None:
        """The junction at the street's end, while the car turns round there; else None."""
        return self.dream.turning_round if isinstance(self.dream, SceneDream) else None

    @property
    def remark(self) -> str:
        """A sentence on how the drive began, or ""."""
        return (self.dream.remark or "") if isinstance(self.dream, SceneDream) else ""


def _time(value: int) -> int:
    return value if value >= 0 else 1
