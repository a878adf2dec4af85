"""One drive through a scene world, behind the door: it looks like a latent world's dream."""

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

CRUISE = 30 / 3.6  # m/s, of a car that nobody tells anything
AT_MOST = 0.07  # s for pictures, where two are drawn a tenth of a second


@dataclass(frozen=True)
class SavedScene:
    """What a saved drive says beside the fields of its scene's record, by the names that it has in the file.

    asked: where a place that grows was extended; kept: what of such a place is kept (0.0: all of it, in drives saved before any was given up).
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
    """One drive, as its fields say where it stands: a fork is a copy of them. `quality` is the dial: a key of SIZES.

    smooth: a picture halfway from the frame before is drawn too, where the machine is quick enough for both.
    """

    model: SceneWorld
    seed: int = 0
    quality: int = 2
    smooth: bool = False
    frame: Frame | None = field(default=None, init=False)
    traffic: Traffic | None = field(init=False)
    seat: Seat | None = field(default=None, init=False)  # of another person who drives along
    _told: Control | None = field(default=None, init=False)  # what the car in it is told for the next step
    _swapped: bool = field(default=False, init=False)  # whether the step under way is taken from there
    _scene: SceneState | None = field(default=None, init=False)
    _place: str = field(default="", init=False)
    _horizon: Horizon = field(default_factory=Horizon, init=False)
    _known: np.ndarray | None = field(default=None, init=False)  # what the painter said of the last picture
    _seconds: float = field(default=0.0, init=False)  # that the last picture took
    _share: float = field(default=1.0, init=False)  # of them, what one halfway took

    def __post_init__(self) -> None:
        if self.quality not in SIZES:
            raise DataError(f"The picture size is {', '.join(map(str, SIZES))} on the dial, not {self.quality}.")
        self.traffic = self.model.traffic

    @property
    def index(self) -> int:
        return self.frame.index if self.frame else -1

    @property
    def state_now(self) -> SceneState:
        """The scene as it stands. DataError before the start."""
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
        """The first frame, in a place by name, or in one that the seed decides. speed in m/s; lane, s: where, density: of traffic, reckless: share
        of the others (default: the world's), as `start` takes them.

        `control` says under which conditions (default: the world's). frames: a picture uint8 [H, W, 3] or a film [T, H, W, 3]
        to begin in, in the street most like it and (default) under its conditions. DataError for what is no picture,
        WeightsError where there is no network that reads it.
        """
        self.seat = None
        if frames is not None:
            begun = scene_from(frames, self.model.towns, self.seed, speed, control, self.model.rig)
            self._scene = replace(begun, reckless=np.array([self.model.others.reckless]))
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
        """One frame on under `control`."""
        state, told = self.before(control)
        return self.went(step(state, [told], self.traffic), control)

    def before(self, control: Control) -> tuple[SceneState, Control]:
        """What the next step goes from: the scene as it stands, in streets that may have grown; and what it is told.

        Where another person drives along, that car has gone already. An event is played before whoever asked for it: the step
        is then taken from that seat.
        """
        if self.seat is None:
            return self._horizon.step(self.state_now, control.command), control
        seat, told, self._told = self.seat, self._told or self._by_itself(self.seat), None
        seen = seen_from(self.state_now, seat)
        state = self._horizon.step(self.state_now, control.command, (seen, told.command))
        if state.places != self.state_now.places:
            seat = replace(seat, ego=moved(seen, state.places[0]).ego)
            state = seated(state, seat)
        self._swapped = control.event <= Event.NONE < told.event
        if self._swapped:
            state, seat = swapped(state, seat)
            control, told = told.with_(weather=control.weather, time=control.time), control
        self.seat = driven_on(state, seat, told)
        return seated(state, self.seat), control

    def settle(self) -> None:
        """Waits for streets that are being dreamt, so that no step has to."""
        self._horizon.settle()

    def went(self, after: SceneState, control: Control) -> Frame:
        """The frame after a step that was taken elsewhere, as in a batch, from what `before` gave."""
        if self.seat is not None:
            after, self.seat = touched(after, self.seat)
            if self._swapped:
                after, self.seat = swapped(after, self.seat)
        before, self._scene = self.state_now, after
        both = self.smooth and self._seconds * (1 + self._share) < AT_MOST
        return self._publish(control, self.index + 1, before if both else None)

    def drive(self, command: int, target_speed: float) -> Action:
        """What the driver would do now, given a command and a target speed in m/s."""
        return Action(*drive(self.state_now, command, target_speed, by=self.model.driver))

    def watch(self, command: int, target_speed: float) -> tuple[np.ndarray, Action]:
        """What a driver must know now, float32 [VECTOR] of world.dynamics.vector, and what ours would do."""
        told, *action = watch(self.state_now, command, target_speed, by=self.model.driver)
        return told, Action(*action)

    # -- a second person ----------------------------------------------------------------------------------------------

    def beside(self) -> SceneDream:
        """The same drive from a second car, which from now on goes along; it is to be shown every step by `show`. DataError where there is no place for it."""
        if self.seat is not None:
            raise DataError("Somebody drives along here already, and there is one seat; begin a dream of your own.")
        frame, (self._scene, self.seat) = self.frame, take_seat(self.state_now)
        assert frame is not None
        other = SceneDream(self.model, self.seed, self.quality, self.smooth)
        other._place, other._scene = self._place, seen_from(self._scene, self.seat)
        other._publish(frame.control, frame.index)
        return other

    def tell(self, control: Control) -> None:
        """What the car beside ours is told for the next step; without, it drives by itself."""
        self._told = control

    def show(self, other: SceneDream, control: Control) -> Frame:
        """The newest step from the car beside ours, as the next frame of the dream that `beside` gave."""
        assert self.seat is not None
        return other.went(seen_from(self.state_now, self.seat), control)

    def alone(self) -> None:
        """From here on the car beside ours is one of the traffic."""
        self._scene, self.seat = given_up(self.state_now), None

    def _by_itself(self, seat: Seat) -> Control:
        steer, accel = drive(seen_from(self.state_now, seat), int(Command.FOLLOW), CRUISE, by=self.model.driver)
        return Control(steer=steer, accel=accel)

    @property
    def remark(self) -> str:
        """What somebody who drives here should know of the place; mostly nothing."""
        return remark(self._place)

    def turn_ahead(self, command: int) -> str:
        """A sentence where the turn that a command asks for cannot be made at the next junction; else nothing."""
        way = route_ahead(self.state_now, command)
        if way is None or (way.found and not way.passed):
            return ""
        arm = f"{'straight on' if ARMS[command] == 'straight' else f'to the {ARMS[command]}'}"
        if way.found:
            later = "the one after has" if way.passed == 1 else f"the one {way.passed} junctions later has"
            return f"The next junction has no street {arm}; {later}."
        if isinstance(place := self.state_now.places[0], GrowingPlace) and way.end in place.growth.open:
            return f"No junction ahead has a street {arm} yet; one is being dreamt."
        return f"No junction on this way has a street {arm}; say another turn, or drive on."

    @property
    def turning_round(self) -> int | None:
        """The junction at the end of a street where our car turns round, while it does."""
        ego, lanes = self.state_now.ego[0], self.state_now.places[0].map.lanes
        lane = int(ego["lane"])
        return int(lanes["junction"][lane]) if lane >= 0 and lanes["turn"][lane] == AROUND else None

    def seen_from(self, pose: Pose) -> np.ndarray:
        """The scene as it stands as a camera sees it that is not on our car, in the dial's size; nothing of the drive changes. DataError as of the world's."""
        return self.model.seen_from(self.state_now, SIZES[self.quality], pose)

    def surround(self) -> np.ndarray:
        """The scene as it stands as six cameras round our car see it, uint8 [2, 3, H, W, 3], of the dial's first size; nothing of the drive changes."""
        return self.model.surround(self.state_now, SIZES[1])

    def fork(self) -> SceneDream:
        """A second drive with the same past; neither feels what the other does."""
        other = copy.copy(self)
        other._horizon = self._horizon.fork()
        return other

    def go_back_to(self, fork: SceneDream) -> None:
        """From here on as `fork` stands."""
        vars(self).update(vars(fork.fork()))

    def reseed(self, seed: int) -> None:
        """From here on another of the futures that this past may have."""
        self.seed = seed
        if self._scene is not None:
            self._scene = replace(self._scene, seed=np.array([seed], np.uint64))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next frames depend on: the record's fields as bytes, and plain values for JSON. A car beside ours is one of the traffic there."""
        scene, frame = given_up(self.state_now), self.frame
        assert frame is not None
        weights = {"scene": self.model.hashes["scene"]}  # a drive goes on alike whoever paints it
        if self.traffic:
            weights["traffic"] = self.traffic.sha256
        asked, pending = getattr(scene.places[0], "extensions", ()), self._horizon.pending
        saved = SavedScene(
            frame.index, frame.control, self.seed, self.quality, self._place, asked, pending, MAP_REACH, weights
        )
        return tensors_of(scene), asdict(saved)

    @classmethod
    def from_state(cls, model: SceneWorld, tensors: dict[str, Tensor], values: dict[str, Any]) -> SceneDream:
        """A drive that goes on exactly where the other was. ValueError for bytes that are no state, TypeError for other values."""
        saved = from_plain(SavedScene, values)
        dream = cls(model, saved.seed, saved.quality)
        if "traffic" not in saved.weights:
            dream.traffic = None  # rules moved the others, and go on to
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
        """From here on in a scene of one drive that was made elsewhere, as frame `index`. ValueError where it holds numbers that are none."""
        check(scene)
        self._scene, self._place = scene, place
        self._publish(control, index)

    def fits(self, other: Any) -> None:
        """ValueError where the other's state is not one of such a drive, or holds numbers that are none."""
        check(other.state_now)

    @property
    def most_bytes(self) -> int:
        """More than the file of such a drive takes."""
        return 2 * sum(getattr(self.state_now, name).nbytes for name in ARRAYS) + 2**20

    def _publish(self, control: Control, index: int, before: SceneState | None = None) -> Frame:
        """The frame of the scene as it stands; with one halfway from `before`, the scene of the last frame, where that is given."""
        scene, size = self.state_now, SIZES[self.quality]
        true, ego = facts(scene), scene.ego[0]
        halfway, began = None, time.perf_counter()
        if before is not None and size[0]:
            known = self._known if self.frame is not None and self.frame.image.shape[:2] == size else None
            halfway = self.model.shot(between(before, scene, 0.5), size, before, known).picture
        first = time.perf_counter() - began
        image, self._known = NOTHING, None
        if size[0]:
            shot = self.model.shot(scene, size)
            image, self._known = shot.picture, shot.gains
        self._seconds = time.perf_counter() - began - first
        if halfway is not None:
            self._share = first / self._seconds
        motion = Motion(float(ego["speed"]), float(ego["yaw_rate"]))
        self.frame = Frame(image, index, control, motion, readout_of(true), halfway)
        return self.frame


def step_scenes(dreams: Sequence[SceneDream], controls: Sequence[Control]) -> list[Frame]:
    """`step` for many dreams, each as alone: as one batch those whose others are moved alike, by rules or by the same networks."""
    frames: dict[int, Frame] = {}
    alike = defaultdict[int, list[int]](list)
    for number, dream in enumerate(dreams):
        alike[id(dream.traffic)].append(number)
    for rows in alike.values():
        states, told = zip(*(dreams[n].before(controls[n]) for n in rows), strict=True)
        after = step(stack(states), told, dreams[rows[0]].traffic)
        frames |= {n: dreams[n].went(after.alone(row), controls[n]) for row, n in enumerate(rows)}
    return [frames[n] for n in range(len(dreams))]


def tensors_of(scene: SceneState) -> dict[str, Tensor]:
    """The record's fields as bytes, uint8 each, as `SceneDream.from_state` takes them."""
    return {name: torch.frombuffer(bytearray(part), dtype=torch.uint8) for name, part in to_bytes(scene).items()}


def readout_of(true: Facts) -> Readout:
    """The scene's facts in the record that pictures' readouts use: exact, with certainty."""
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
