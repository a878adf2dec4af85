"""One drive through a scene world, with the interface of a latent world's dream."""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from world.controls import Command, Control, Event
from world.driver import Action
from world.dynamics.dreamt import GrowingPlace, is_dreamt, remark
from world.dynamics.driver import drive, watch
from world.dynamics.extend import MAP_REACH
from world.dynamics.grown import grown_place, whole
from world.dynamics.growth import extension_from
from world.dynamics.horizon import Horizon
from world.dynamics.renumber import moved
from world.dynamics.route_ahead import ARMS, route_ahead
from world.dynamics.seats import Seat, driven_on, given_up, seated, seen_from, swapped, take_seat, touched
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.traffic import Traffic
from world.errors import DataError
from world.frame import Frame, Readout
from world.kinematics import Motion
from world.perceive.scene import scene_from, seen_conditions
from world.records import from_plain
from world.render.camera import Pose
from world.scene.between import between
from world.scene.check import check
from world.scene.facts import Facts, facts
from world.scene.hd_map import AROUND
from world.scene.state import ARRAYS, SceneState, from_bytes, stack, to_bytes
from world.scene_world import NOTHING, SIZES, SceneWorld

CRUISE = 30 / 3.6  # m/s, of a second car without commands
AT_MOST = 0.07  # s for both pictures of a step in a smooth dream


@dataclass(frozen=True)
class SavedScene:
    """The plain values of a saved drive, by their names in the file.

    asked: extensions of a growing place; pending: a requested one; kept: m of its map's reach (0.0: unlimited, in older drives).
    """

    index: int
    control: Control
    seed: int
    quality: int
    place: str
    asked: tuple[Any, ...] = ()
    pending: tuple[Any, ...] | None = None
    kept: float = 0.0
    weights: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class SceneDream:
    """One drive. Its fields are its whole state; a fork copies them. quality: a key of SIZES, else DataError.

    smooth: whether to draw a picture halfway from the previous frame too, if the machine is quick enough.
    """

    model: SceneWorld
    seed: int = 0
    quality: int = 2
    smooth: bool = False
    frame: Frame | None = field(default=None, init=False)
    traffic: Traffic | None = field(init=False)
    seat: Seat | None = field(default=None, init=False)  # of a second driver
    _guest_control: Control | None = field(default=None, init=False)  # of the second car, for the next step
    _swapped: bool = field(default=False, init=False)  # whether the current step is taken from the second seat
    _scene: SceneState | None = field(default=None, init=False)
    _place: str = field(default="", init=False)
    _horizon: Horizon = field(default_factory=Horizon, init=False)
    _gains: np.ndarray | None = field(default=None, init=False)  # the painter's output for the last picture
    _seconds: float = field(default=0.0, init=False)  # spent on the last picture
    _share: float = field(default=1.0, init=False)  # seconds of a halfway picture, relative to these

    def __post_init__(self) -> None:
        if self.quality not in SIZES:
            raise DataError(f"The picture size is {', '.join(map(str, SIZES))} on the dial, not {self.quality}.")
        self.traffic = self.model.traffic

    @property
    def index(self) -> int:
        """The newest frame's index; -1 before the start."""
        return self.frame.index if self.frame else -1

    @property
    def state_now(self) -> SceneState:
        """The current scene. DataError before the start."""
        if self._scene is None:
            raise DataError("Start the dream before stepping it.")
        return self._scene

    def start(
        self,
        control: Control | None = None,
        *,
        scene: str | None = None,
        frames: np.ndarray | None = None,
        speed: float | None = None,
        lane: int | None = None,
        s: float | None = None,
        density: float = 1.0,
        reckless: float | None = None,
    ) -> Frame:
        """The first frame, in a place by name or by the seed. speed in m/s; lane, s, density, reckless (default: the world's): as in
        `world.dynamics.start`.

        control: the conditions (default: the world's). frames: a picture uint8 [H, W, 3] or a film [T, H, W, 3], to begin in the
        street most like it and by default under its conditions. DataError for an unknown place or an invalid picture,
        WeightsError where a network is missing.
        """
        self.seat = None
        if frames is not None:
            first_state = scene_from(frames, self.model.towns, self.seed, speed, control, self.model.rig)
            self._scene = replace(first_state, reckless=np.array([self.model.others.reckless]))
            self._place = self._scene.places[0].name
            return self._publish(control or Control().with_(**seen_conditions(self._scene)), 0)
        self._place = scene or self.model.scenes[self.seed % len(self.model.scenes)]
        control = control or self.model.begins
        place = self.model.place(self._place)
        reckless = self.model.others.reckless if reckless is None else reckless
        if is_dreamt(self._place):
            self._place = place.name  # with the mark of its streets
        self._scene = start(
            place,
            self.seed,
            control,
            7.0 if speed is None else speed,
            lane=lane,
            s=s,
            density=density,
            reckless=reckless,
        )
        return self._publish(control, 0)

    def step(self, control: Control) -> Frame:
        """The next frame under `control`. DataError before the start."""
        state, command = self.before(control)
        return self.went(step(state, [command], self.traffic), control)

    def before(self, control: Control) -> tuple[SceneState, Control]:
        """Input of the next step: the scene, with its streets grown if due, and the control.

        A second driver's car has already moved in it. An event appears in front of the car that requested it: if that is the second
        one, the step is taken from its seat.
        """
        if self.seat is None:
            return self._horizon.step(self.state_now, control.command), control
        seat, guest, self._guest_control = self.seat, self._guest_control or self._by_itself(self.seat), None
        from_seat = seen_from(self.state_now, seat)
        state = self._horizon.step(self.state_now, control.command, (from_seat, guest.command))
        if state.places != self.state_now.places:
            seat = replace(seat, ego=moved(from_seat, state.places[0]).ego)
            state = seated(state, seat)
        self._swapped = control.event <= Event.NONE < guest.event
        if self._swapped:
            state, seat = swapped(state, seat)
            control, guest = guest.with_(weather=control.weather, time=control.time), control
        self.seat = driven_on(state, seat, guest)
        return seated(state, self.seat), control

    def settle(self) -> None:
        """Blocks until pending streets are dreamt, so that no step has to wait."""
        self._horizon.settle()

    def went(self, after: SceneState, control: Control) -> Frame:
        """The frame of a step from `before` that was computed elsewhere, as in a batch."""
        if self.seat is not None:
            after, self.seat = touched(after, self.seat)
            if self._swapped:
                after, self.seat = swapped(after, self.seat)
        before, self._scene = self.state_now, after
        both = self.smooth and self._seconds * (1 + self._share) < AT_MOST
        return self._publish(control, self.index + 1, before if both else None)

    def drive(self, command: int, target_speed: float) -> Action:
        """The driver's action for a command and a target speed in m/s. DataError before the start."""
        return Action(*drive(self.state_now, command, target_speed, by=self.model.driver))

    def watch(self, command: int, target_speed: float) -> tuple[np.ndarray, Action]:
        """The driver's inputs, float32 [VECTOR] of world.dynamics.vector, and its action."""
        inputs, *action = watch(self.state_now, command, target_speed, by=self.model.driver)
        return inputs, Action(*action)

    # -- a second driver ----------------------------------------------------------------------------------------------

    def beside(self) -> SceneDream:
        """Adds a second car and returns the drive from its seat; call `show` after every step. DataError where there is one already or no
        room for it."""
        if self.seat is not None:
            raise DataError("Somebody drives along here already, and there is one seat; begin a dream of your own.")
        frame, (self._scene, self.seat) = self.frame, take_seat(self.state_now)
        assert frame is not None
        other = SceneDream(self.model, self.seed, self.quality, self.smooth)
        other._place, other._scene = self._place, seen_from(self._scene, self.seat)
        other._publish(frame.control, frame.index)
        return other

    def tell(self, control: Control) -> None:
        """Sets the second car's control for the next step; without one it drives by itself."""
        self._guest_control = control

    def show(self, other: SceneDream, control: Control) -> Frame:
        """The newest step from the second car, as the next frame of the dream from `beside`."""
        assert self.seat is not None
        return other.went(seen_from(self.state_now, self.seat), control)

    def alone(self) -> None:
        """Hands the second car over to the traffic."""
        self._scene, self.seat = given_up(self.state_now), None

    def _by_itself(self, seat: Seat) -> Control:
        steer, accel = drive(seen_from(self.state_now, seat), int(Command.FOLLOW), CRUISE, by=self.model.driver)
        return Control(steer=steer, accel=accel)

    @property
    def remark(self) -> str:
        """A note on the place for the driver; mostly empty."""
        return remark(self._place)

    def turn_ahead(self, command: int) -> str:
        """A sentence where the turn of a command cannot be made at the next junction; else empty."""
        route = route_ahead(self.state_now, command)
        if route is None or (route.found and not route.passed):
            return ""
        arm = f"{'straight on' if ARMS[command] == 'straight' else f'to the {ARMS[command]}'}"
        if route.found:
            later = "the one after has" if route.passed == 1 else f"the one {route.passed} junctions later has"
            return f"The next junction has no street {arm}; {later}."
        if isinstance(place := self.state_now.places[0], GrowingPlace) and route.end in place.growth.open:
            return f"No junction ahead has a street {arm} yet; one is being dreamt."
        return f"No junction on this way has a street {arm}; say another turn, or drive on."

    @property
    def turning_round(self) -> int | None:
        """The junction where our car makes a U-turn, during the turn; else None."""
        ego, lanes = self.state_now.ego[0], self.state_now.places[0].map.lanes
        lane = int(ego["lane"])
        return int(lanes["junction"][lane]) if lane >= 0 and lanes["turn"][lane] == AROUND else None

    def seen_from(self, pose: Pose) -> np.ndarray:
        """A picture of the scene from a free camera, in the dial's size. DataError for a pose too far from our car."""
        return self.model.seen_from(self.state_now, SIZES[self.quality], pose)

    def surround(self) -> np.ndarray:
        """Pictures of the scene from six cameras round our car, uint8 [2, 3, H, W, 3], of the dial's first size."""
        return self.model.surround(self.state_now, SIZES[1])

    def fork(self) -> SceneDream:
        """An independent drive with the same past."""
        other = copy.copy(self)
        other._horizon = self._horizon.fork()
        return other

    def go_back_to(self, fork: SceneDream) -> None:
        """Replaces the state by that of `fork`."""
        vars(self).update(vars(fork.fork()))

    def reseed(self, seed: int) -> None:
        """Restarts the random numbers, for another future of the same past."""
        self.seed = seed
        if self._scene is not None:
            self._scene = replace(self._scene, seed=np.array([seed], np.uint64))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The whole state: the record's fields as bytes, and plain values for JSON. A second car is saved as traffic."""
        scene, frame = given_up(self.state_now), self.frame
        assert frame is not None
        weights = {"scene": self.model.hashes["scene"]}  # the painter does not influence a drive
        if self.traffic:
            weights["traffic"] = self.traffic.sha256
        extensions, pending = getattr(scene.places[0], "extensions", ()), self._horizon.pending
        saved = SavedScene(
            frame.index, frame.control, self.seed, self.quality, self._place, extensions, pending, MAP_REACH, weights
        )
        return tensors_of(scene), asdict(saved)

    @classmethod
    def from_state(cls, model: SceneWorld, tensors: dict[str, Tensor], values: dict[str, Any]) -> SceneDream:
        """A drive that continues exactly from a `state`. ValueError for invalid bytes, TypeError for invalid values, DataError for an
        unknown place."""
        saved = from_plain(SavedScene, values)
        dream = cls(model, saved.seed, saved.quality)
        if "traffic" not in saved.weights:
            dream.traffic = None  # saved with rule-based traffic
        parts = {name: tensor.cpu().numpy().tobytes() for name, tensor in tensors.items()}
        place = model.place(saved.place)
        if isinstance(place, GrowingPlace):
            place = grown_place(place.name, tuple(map(extension_from, saved.asked)), *place.weights)
        if saved.pending:
            dream._horizon = Horizon(extension_from(saved.pending))
        if isinstance(place, GrowingPlace) and not saved.kept:
            scene = moved(from_bytes(whole(place), parts), place)
        else:
            scene = from_bytes(place, parts)
        dream.stand(scene, saved.control, saved.place, int(saved.index))
        return dream

    def stand(self, scene: SceneState, control: Control, place: str, index: int = 0) -> None:
        """Continues in a scene of one drive from elsewhere, as frame `index`. ValueError where it holds invalid numbers."""
        check(scene)
        self._scene, self._place = scene, place
        self._publish(control, index)

    def fits(self, other: Any) -> None:
        """ValueError where the other's state holds invalid numbers."""
        check(other.state_now)

    @property
    def most_bytes(self) -> int:
        """An upper bound of the file size of a saved drive."""
        return 2 * sum(getattr(self.state_now, name).nbytes for name in ARRAYS) + 2**20

    def _publish(self, control: Control, index: int, before: SceneState | None = None) -> Frame:
        """The frame of the current scene, with a halfway picture from `before`, the scene of the last frame, if any."""
        scene, size = self.state_now, SIZES[self.quality]
        true, ego = facts(scene), scene.ego[0]
        halfway, began = None, time.perf_counter()
        if before is not None and size[0]:
            earlier_gains = self._gains if self.frame is not None and self.frame.image.shape[:2] == size else None
            halfway = self.model.shot(between(before, scene, 0.5), size, before, earlier_gains).picture
        first = time.perf_counter() - began
        image, self._gains = NOTHING, None
        if size[0]:
            shot = self.model.shot(scene, size)
            image, self._gains = shot.picture, shot.gains
        self._seconds = time.perf_counter() - began - first
        if halfway is not None:
            self._share = first / self._seconds
        motion = Motion(float(ego["speed"]), float(ego["yaw_rate"]))
        self.frame = Frame(image, index, control, motion, readout_of(true), halfway)
        return self.frame


def step_scenes(dreams: Sequence[SceneDream], controls: Sequence[Control]) -> list[Frame]:
    """`step` for many dreams, each as alone. Dreams with the same traffic, rules or networks, form a batch."""
    frames: dict[int, Frame] = {}
    alike = defaultdict[int, list[int]](list)
    for number, dream in enumerate(dreams):
        alike[id(dream.traffic)].append(number)
    for rows in alike.values():
        states, commands = zip(*(dreams[n].before(controls[n]) for n in rows), strict=True)
        after = step(stack(states), commands, dreams[rows[0]].traffic)
        frames |= {n: dreams[n].went(after.alone(row), controls[n]) for row, n in enumerate(rows)}
    return [frames[n] for n in range(len(dreams))]


def tensors_of(scene: SceneState) -> dict[str, Tensor]:
    """The record's fields as bytes, uint8 each, for `SceneDream.from_state`."""
    return {name: torch.frombuffer(bytearray(part), dtype=torch.uint8) for name, part in to_bytes(scene).items()}


def readout_of(true: Facts) -> Readout:
    """The scene's facts as a Readout: exact, with certainty."""
    return Readout(
        true.speed,
        true.yaw_rate,
        true.junction_distance,
        true.lane_offset,
        float(true.collision),
        float(true.off_road),
        float(true.event_visible),
        true.weather,
        1.0,
        true.time,
        1.0,
    )
