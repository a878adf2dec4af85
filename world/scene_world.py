"""Scene worlds behind the door: a `SceneWorld` knows places, a `SceneDream` drives through one, and both look like a latent world's.

Streets are a place's, traffic goes by rules or by what learnt from drives, the driver is learnt by imitation of rules; the picture is plainly shaded, and painted where there are weights for it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from world.controls import Control
from world.driver import Action
from world.dynamics.dreamt import GrowingPlace, is_dreamt, remark
from world.dynamics.driver import DRIVER, drive
from world.dynamics.driver import By as DrivenBy
from world.dynamics.extend import KEPT
from world.dynamics.growth import asked_from
from world.dynamics.grown import grown_place, whole
from world.dynamics.horizon import Horizon
from world.dynamics.renumber import moved
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.traffic import FOLDER as TRAFFIC
from world.dynamics.traffic import load_traffic
from world.dynamics.way_ahead import ARMS, way_ahead
from world.errors import DataError
from world.frame import Frame, Readout
from world.inputs import DRIVING, Inputs
from world.kinematics import Motion
from world.perceive.scene import scene_from, seen_conditions
from world.places import find_place
from world.render.camera import Rig
from world.render.painter import SHIPPED, load_painter
from world.render.raster import check_cache
from world.render.renderer import Renderer, Shot
from world.scene.between import between
from world.scene.check import check
from world.scene.facts import Facts, facts
from world.scene.places import towns
from world.scene.state import AGENTS, ARRAYS, Place, SceneState, from_bytes, stack, to_bytes

By = Literal["rules", "model"] | Path  # who moves the others; a folder: of the weights of a model
AT_MOST = 0.07  # s for pictures, where two are drawn a tenth of a second
VERSION = 2  # of the step and of the state's records: raise it when a saved drive would go on differently
# Height and width by the quality dial; 0 draws nothing, 16 is for clips that nobody waits for.
SIZES = {0: (0, 0), 1: (108, 192), 2: (144, 256), 4: (216, 384), 8: (288, 512), 16: (576, 1024)}


_NOTHING = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Others:
    """Who else is on the road. traffic: who moves them; reckless: share of the drivers who take no notice of signals."""

    traffic: By = "rules"
    reckless: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.reckless <= 1.0:
            raise DataError(f"The share of reckless drivers is 0 to 1, not {self.reckless:g}.")

    @classmethod
    def of(cls, traffic: str, reckless: float = 0.0) -> Others:
        """As a command line says it. DataError for traffic that is none."""
        if traffic in ("rules", "model"):
            return cls(traffic, reckless)  # type: ignore[arg-type]
        if not Path(traffic).is_dir():
            raise DataError(
                f"There is no traffic '{traffic}'; say rules, model, or a folder that `lucidrive train traffic` made."
            )
        return cls(Path(traffic), reckless)

    @property
    def folder(self) -> Path | None:
        """Of the weights; None: rules."""
        if self.traffic == "rules":
            return None
        return TRAFFIC if self.traffic == "model" else Path(self.traffic)


USUAL = Others()


class SceneWorld:
    """What every drive through the shipped places shares. `device`: where pictures are painted; `driver`: who drives, rules or what
    learnt from them; `painter`: its weights, None for plain shading; `others`: who else is on the road."""

    driving = True
    inputs: Inputs = DRIVING

    def __init__(
        self,
        names: Sequence[str] = (),
        rig: Rig | None = None,
        device: str = "cpu",
        driver: DrivenBy = DRIVER,
        painter: Path | None = SHIPPED,
        others: Others = USUAL,
    ) -> None:
        """`names`: places, shipped ones or files (default: the test towns). DataError where numba has nowhere to keep what it compiles, WeightsError
        for weights that are none."""
        check_cache()
        self.scenes = tuple(names) or tuple(towns()["test"])
        self.towns = tuple(name for name in self.scenes if not is_dreamt(name)) or tuple(
            towns()["test"]
        )  # that films are found in
        self.rig, self.device, self.driver = rig or Rig(), device, driver
        self.vocabulary: frozenset[str] = frozenset()
        self.hashes = {"scene": hashlib.sha256(f"scene {VERSION} {AGENTS}".encode()).hexdigest()}
        self.others, self.traffic = others, None
        if others.folder is not None:
            self.traffic = load_traffic(others.folder)
            self.hashes["traffic"] = self.traffic.sha256
        self.renderer = Renderer()
        if painter is not None:
            self.renderer.painter = load_painter(painter, device)
            self.hashes["painter"] = self.renderer.painter.sha256
        self._drawing = threading.Lock()  # a page asks for pictures of places while drives are drawn

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture at the dial's second step."""
        return SIZES[2]

    def place(self, name: str) -> Place:
        """A place by name, shipped, from a file or dreamt; DataError lists what there is, WeightsError: no network dreams streets."""
        return find_place(name)

    def scene(self, name: str) -> tuple[np.ndarray, Motion, Control]:
        """A start as it looks: uint8 frames [1, H, W, 3], the motion, the control in force. DataError for an unknown name."""
        if name not in self.scenes:
            raise DataError(f"There is no start scene '{name}'; there are: {', '.join(self.scenes)}.")
        return _shown(self, name)[None], Motion(7.0), Control()

    def draw(self, state: SceneState, size: tuple[int, int]) -> np.ndarray:
        """The picture of one drive, uint8 [H, W, 3]; nothing where it has no size."""
        return self.shot(state, size).picture if size[0] else _NOTHING

    def shot(
        self,
        state: SceneState,
        size: tuple[int, int],
        before: SceneState | None = None,
        known: np.ndarray | None = None,
    ) -> Shot:
        """The same with what it is made of; before, known: as a Renderer takes them."""
        with self._drawing:
            return self.renderer.shot(
                state, replace(self.rig, height=size[0], width=size[1]), before=before, known=known
            )


@lru_cache(maxsize=64)
def _shown(world: SceneWorld, name: str) -> np.ndarray:
    return world.draw(start(world.place(name), 0), SIZES[2])


class SceneDream:
    """One drive. `steps` is the quality dial: a key of SIZES.

    smooth: a picture halfway from the frame before is drawn too, where the machine is quick enough for both.
    """

    def __init__(self, model: SceneWorld, seed: int = 0, steps: int = 2, smooth: bool = False) -> None:
        if steps not in SIZES:
            raise DataError(f"The picture size is {', '.join(map(str, SIZES))} on the dial, not {steps}.")
        self.model, self.steps, self.seed = model, steps, seed
        self.smooth = smooth
        self._seconds, self._share = 0.0, 1.0  # that the last picture took; of them, what one halfway took
        self._known: np.ndarray | None = None  # what the painter said of the last picture
        self.frame: Frame | None = None
        self._scene: SceneState | None = None
        self._place, self._horizon = "", Horizon()

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

        `control` says under which conditions (default: a clear day). frames: a picture uint8 [H, W, 3] or a film [T, H, W, 3]
        to begin in, in the street most like it and (default) under its conditions. DataError for what is no picture,
        WeightsError where there is no network that reads it.
        """
        if frames is not None:
            begun = scene_from(frames, self.model.towns, self.seed, speed, control, self.model.rig)
            self._scene = replace(begun, reckless=np.array([self.model.others.reckless]))
            self._place = self._scene.places[0].name
            return self._publish(control or Control().with_(**seen_conditions(self._scene)), 0)
        self._place = scene or self.model.scenes[self.seed % len(self.model.scenes)]
        control = control or Control()
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
        return self.went(step(self.before(control), [control], self.model.traffic), control)

    def before(self, control: Control) -> SceneState:
        """What the next step goes from: the scene as it stands, in streets that may have grown."""
        return self._horizon.step(self.state_now, control.command)

    def settle(self) -> None:
        """Waits for streets that are being dreamt, so that no step has to."""
        self._horizon.settle()

    def went(self, after: SceneState, control: Control) -> Frame:
        """The frame after a step that was taken elsewhere, as in a batch, from what `before` gave."""
        before, self._scene = self.state_now, after
        both = self.smooth and self._seconds * (1 + self._share) < AT_MOST
        return self._publish(control, self.index + 1, before if both else None)

    def drive(self, command: int, target_speed: float) -> Action:
        """What the driver would do now, given a command and a target speed in m/s."""
        return Action(*drive(self.state_now, command, target_speed, by=self.model.driver))

    @property
    def remark(self) -> str:
        """What somebody who drives here should know of the place; mostly nothing."""
        return remark(self._place)

    def turn_ahead(self, command: int) -> str:
        """A sentence where the turn that a command asks for cannot be made at the next junction; else nothing."""
        way = way_ahead(self.state_now, command)
        if way is None or (way.found and not way.passed):
            return ""
        arm = f"{'straight on' if ARMS[command] == 'straight' else f'to the {ARMS[command]}'}"
        if way.found:
            later = "the one after has" if way.passed == 1 else f"the one {way.passed} junctions later has"
            return f"The next junction has no street {arm}; {later}."
        if isinstance(place := self.state_now.places[0], GrowingPlace) and way.end in place.growth.open:
            return f"No junction ahead has a street {arm} yet; one is being dreamt."
        return f"No junction on this way has a street {arm}; say another turn, or drive on."

    def fork(self) -> SceneDream:
        """A second drive with the same past; neither feels what the other does."""
        other = SceneDream(self.model, self.seed, self.steps, self.smooth)
        other.go_back_to(self)
        return other

    def go_back_to(self, fork: SceneDream) -> None:
        """From here on as `fork` stands."""
        self.frame, self._scene, self._place, self._known = fork.frame, fork._scene, fork._place, fork._known
        self._horizon = fork._horizon.fork()

    def reseed(self, seed: int) -> None:
        """From here on another of the futures that this past may have."""
        self.seed = seed
        if self._scene is not None:
            self._scene = replace(self._scene, seed=np.array([seed], np.uint64))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next frames depend on: the record's fields as bytes, and plain values for JSON."""
        scene, frame = self.state_now, self.frame
        assert frame is not None
        tensors = {name: torch.frombuffer(bytearray(part), dtype=torch.uint8) for name, part in to_bytes(scene).items()}
        values = {
            "index": frame.index,
            "control": asdict(frame.control),
            "seed": self.seed,
            "steps": self.steps,
            "place": self._place,
            "asked": getattr(scene.places[0], "asked", ()),
            "pending": self._horizon.pending,
            "kept": KEPT,
            # A drive goes on alike whoever paints it.
            "weights": {name: self.model.hashes[name] for name in ("scene", "traffic") if name in self.model.hashes},
        }
        return tensors, values

    @classmethod
    def from_state(cls, model: SceneWorld, tensors: dict[str, Tensor], values: dict[str, Any]) -> SceneDream:
        """A drive that goes on exactly where the other was. ValueError for bytes that are no state."""
        dream = cls(model, values["seed"], values["steps"])
        dream._place = values["place"]
        parts = {name: tensor.cpu().numpy().tobytes() for name, tensor in tensors.items()}
        place = model.place(dream._place)
        if isinstance(place, GrowingPlace):
            asked = tuple(asked_from(one) for one in values["asked"])
            place = grown_place(place.name, asked, *place.weights)
        if values.get("pending"):
            dream._horizon = Horizon(asked_from(values["pending"]))
        if isinstance(place, GrowingPlace) and "kept" not in values:  # saved when maps were those of all of a place
            dream._scene = moved(from_bytes(whole(place), parts), place)
        else:
            dream._scene = from_bytes(place, parts)
        check(dream._scene)
        control = Control(**values["control"] | {"action": tuple(values["control"].get("action", ()))})
        dream._publish(control, int(values["index"]))
        return dream

    def fits(self, other: Any) -> None:
        """ValueError where the other's state is not one of such a drive, or holds numbers that are none."""
        check(other.state_now)

    @property
    def most_bytes(self) -> int:
        """More than the file of such a drive takes."""
        return 2 * sum(getattr(self.state_now, name).nbytes for name in ARRAYS) + 2**20

    def _publish(self, control: Control, index: int, before: SceneState | None = None) -> Frame:
        """The frame of the scene as it stands; with one halfway from `before`, the scene of the last frame, where that is given."""
        scene, size = self.state_now, SIZES[self.steps]
        true, ego = facts(scene), scene.ego[0]
        halfway, began = None, time.perf_counter()
        if before is not None and size[0]:
            known = self._known if self.frame is not None and self.frame.image.shape[:2] == size else None
            halfway = self.model.shot(between(before, scene, 0.5), size, before, known).picture
        first = time.perf_counter() - began
        image, self._known = _NOTHING, None
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
    """`step` for many dreams, each as alone; the road users of those whose traffic is learnt go through its networks together."""
    frames: dict[int, Frame] = {}
    learnt = [n for n, dream in enumerate(dreams) if dream.model.traffic is not None]
    for model in {id(dreams[n].model): dreams[n].model for n in learnt}.values():
        rows = [n for n in learnt if dreams[n].model is model]
        after = step(stack([dreams[n].before(controls[n]) for n in rows]), [controls[n] for n in rows], model.traffic)
        frames |= {n: dreams[n].went(after.row(row), controls[n]) for row, n in enumerate(rows)}
    return [
        frames[n] if n in frames else dream.step(control)
        for n, (dream, control) in enumerate(zip(dreams, controls, strict=True))
    ]


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
