"""`lucidrive/Dream-v0`: driving in a scene world, or in a latent world from a folder of weights, as a Gymnasium environment.

`gymnasium.make("world.envs:lucidrive/Dream-v0")`; with a brain for prompts `"bridge.envs:lucidrive/Dream-v0"`.
`gymnasium.make_vec` steps its dreams as one batch (world/dream_vector_env.py), or takes `vectorization_mode="sync"` or `"async"`, the latter with
`vector_kwargs={"context": "spawn"}` if this process has drawn already.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from gymnasium import Env
from gymnasium.spaces import Box, Dict

from world.controls import DT, Control
from world.dream import AnyDream, AnyWorld, goes_on, is_scene, load_world, open_dream, restore
from world.dream_cameras import Cameras
from world.dream_options import OPTIONS, control_fields, density_of
from world.dream_script import Cue, Script, ScriptWriter, Steady
from world.dynamics.vector import VECTOR
from world.errors import DataError, WeightsError
from world.frame import Frame, Readout
from world.kinematics import Motion
from world.labels.cameras import CameraSet
from world.places import SEEDS, where
from world.records import from_plain
from world.scene.state import SceneState
from world.scene_dream import SceneDream
from world.scene_world import SIZES, Others, SceneWorld

OFF_ROAD_COST, CONTACT_COST = 0.5, 5.0
OBSERVATIONS = ("picture", "vector")
_NAMES = {
    "readout": [field.name for field in fields(Readout)],
    "motion": [field.name for field in fields(Motion)],
    "control": [field.name for field in fields(Control) if field.name != "action"],
}
_READOUT, _MOTION, _CONTROL = (attrgetter(*names) for names in _NAMES.values())
_KEYS = [f"{part}.{name}" for part, names in _NAMES.items() for name in names]  # of `info`
IMPORTED_IN = os.getpid()  # differs from the current process after a fork


class DreamEnv(Env[Any, np.ndarray]):
    """Driving in a dream, ten steps a second.

    Action: float32 [2], steer and accel in [-1, 1] (positive: left, faster). Observation: uint8 [H, W, 3]; in scene worlds with
    `observation="vector"` float32 [VECTOR] of world.dynamics.vector, without drawing; in scene worlds with `rig` a dict of a picture per
    camera, and with `labels` of its depth, classes and instances (world/dream_cameras.py). Reward: metres driven on the road,
    speed * 0.1 s * (1 - p) - 0.5 * p - 5 * c, with p 1 off the road and c 1 in the step that begins a contact. In a scene it is exact;
    in a latent world speed and p are readouts, the dream's own estimates, and c is unknown: do not trust a policy with only such
    rewards. Never terminated; truncated after `seconds`.

    `info`, all plain numbers: `readout.*` and `motion.*` (exact in a scene, world/frame.py), `control.*` (of the frame), `driver.steer`,
    `driver.accel` (the built-in driver's action now), `target_speed` (m/s) and `plan` (the prompt's plan). `get_state` and `set_state`
    continue bit for bit, in another process too.

    `place`: where episodes begin: a name, or a sentence as in `lucidrive dream --place`, dreamt with one of sixteen seeds by the episode's
    seed; `world`: a folder of a latent world's weights (default: scene worlds); `quality`: a scene's picture size (SIZES of
    world/scene_world.py) or a latent world's K; `director`: plans prompts; `traffic`, `reckless`: other road users of a scene, as in
    `lucidrive dream` (docs/traffic.md); `rig`: cameras as in `lucidrive export clip --cameras`, or a CameraSet, whose sizes replace
    `quality`; `render` returns the first camera's picture. DataError or WeightsError for invalid arguments.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / DT)}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(
        self,
        world: str | Path | None = None,
        quality: int = 2,
        seconds: float = 60.0,
        render_mode: str | None = None,
        director: ScriptWriter | None = None,
        device: str = "cpu",
        observation: str = "picture",
        traffic: str = "usual",
        reckless: float = 0.0,
        place: str | None = None,
        rig: str | Path | CameraSet | None = None,
        labels: bool = False,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise DataError(f"Dream-v0 cannot render '{render_mode}'; take render_mode='rgb_array'.")
        if observation not in OBSERVATIONS:
            raise DataError(f"Dream-v0 observes {' or '.join(OBSERVATIONS)}, not '{observation}'.")
        self._folder, self._device = None if world is None else Path(world), device
        self._others = Others.of(traffic, reckless)
        model, scene = self._model(), is_scene(self._folder)
        if not model.driving:
            raise DataError("Dream-v0 drives a car, and these weights know none; give weights of a driving world.")
        if observation == "vector" and not scene:
            raise DataError("A latent world knows its pictures alone; leave out observation='vector', or world.")
        if place is not None and not scene:
            raise DataError("A latent world has no places; leave out place, or world.")
        if rig is not None and (observation == "vector" or not scene):
            raise DataError("Cameras see scene worlds, and no vectors; leave out rig, or observation and world.")
        if labels and rig is None:
            raise DataError("Labels come with cameras; say which: rig='front'.")
        self._vector, self._place = observation == "vector", place
        self._cameras = None if rig is None else Cameras.of(rig, labels)
        size = SIZES.get(quality, model.size) if scene else model.size
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space: Box | Dict = Box(0, 255, (*size, 3), np.uint8)
        if self._vector:
            self.observation_space = Box(-np.inf, np.inf, (VECTOR,), np.float32)
        elif self._cameras is not None:
            self.observation_space = self._cameras.space()
        self.render_mode, self.director = render_mode, director
        undrawn = self._vector or self._cameras is not None
        self._quality, self._length = 0 if undrawn else quality, max(1, round(seconds / DT))
        self._dream: AnyDream | None = None
        self._script: Script
        self._cue: Cue
        self._begin: Control  # the conditions of the first frame
        self._line = ""
        self._trail: list[tuple[float, ...]] = []  # motion and readout of every frame, for the script
        self._ahead: Frame | None = None  # the next frame, if a batch has drawn it already
        self._vector_now = np.zeros(0, np.float32)  # of the last frame, if vectors are observed
        self._touching = False  # whether our car is in contact, in a scene
        self._round: tuple[SceneState, dict[str, np.ndarray]] | None = None  # the cameras' last arrays

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode. DataError for an invalid option.

        `options`: place (as the environment's, for this episode) or scene (a place's or a start scene's name; None for conditions alone;
        default: by the seed), prompt (a sentence; needs a director), weather, time, command, event, side (names or values of
        world.controls; default: the scene's own), level (1 to 3), speed (m/s), density (of traffic, 0 to 2, 1 is usual; not in latent worlds).
        """
        self._check_fork()
        super().reset(seed=seed)
        settings = dict(options or {})
        if unknown := sorted(set(settings) - set(OPTIONS)):
            raise DataError(f"Dream-v0 has no option '{unknown[0]}'; there are: {', '.join(OPTIONS)}.")
        model = self._model()
        number, draw = (int(value) for value in self.np_random.integers(2**31, size=2))
        default = model.scenes[draw % len(model.scenes)] if model.scenes else None
        scene = settings.get("scene", default)
        own = model.scene(scene)[2] if scene is not None and not is_scene(self._folder) else Control()
        place = settings.get("place", None if "scene" in settings else self._place)
        if place is not None:
            if "scene" in settings or not is_scene(self._folder):
                raise DataError(
                    "Dream-v0 begins in a place or in a scene, not in both, and a latent world has scenes alone."
                )
            begins = where(place, SEEDS[draw % len(SEEDS)], self._conditions)
            scene, own = begins.place or default, own.with_(**begins.conditions)
        control = own.with_(**control_fields(settings))
        line = ""
        script: Script = Steady(control)
        if prompt := settings.get("prompt"):
            line = self._reader().plan(prompt, control)
            script = self._reader().script(line, control)
        dream = open_dream(model, number, self._quality)
        speed = settings.get("speed")
        if isinstance(dream, SceneDream):
            frame = dream.start(control, scene=scene, speed=speed, density=density_of(settings.get("density", 1.0)))
        elif "density" in settings:
            raise DataError("The traffic of a latent world is what it was in its pictures; leave `density` out.")
        else:
            frame = dream.start(control, scene=scene, speed=speed)
        self._dream, self._script, self._line, self._begin = dream, script, line, control
        self._trail, self._ahead = [], None
        info = self._look(frame)
        return self._observed(frame), info

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """The next frame. DataError for an invalid action, before `reset`, or when the dream becomes not finite."""
        frame, self._ahead = self._ahead or self.dream.step(self.control_for(action)), None
        readout, touched = frame.readout, self._touching
        reward = max(0.0, readout.speed) * DT * (1 - readout.off_road) - OFF_ROAD_COST * readout.off_road
        info = self._look(frame)
        reward -= CONTACT_COST * (self._touching and not touched)
        return self._observed(frame), float(reward), False, frame.index >= self._length, info

    def render(self) -> np.ndarray | None:
        """The current picture, uint8 [H, W, 3]; None without render_mode. DataError before `reset`."""
        if self.render_mode is None:
            return None
        if self._cameras is not None:
            return next(iter(self._look_round().values())).copy()
        return self._newest().image.copy()

    @property
    def dream(self) -> AnyDream:
        """The episode's dream. DataError before `reset`."""
        if self._dream is None:
            raise DataError("Reset Dream-v0 before stepping it.")
        return self._dream

    def control_for(self, action: np.ndarray) -> Control:
        """The control of the next frame for an action. DataError for an invalid action."""
        wish = np.asarray(action, np.float64)
        if wish.shape != (2,) or not np.isfinite(wish).all():
            raise DataError(f"An action is two finite numbers, steer and accel in [-1, 1], not {action!r}.")
        steer, accel = (min(1.0, max(-1.0, value)) for value in wish.tolist())
        assert self.dream.frame is not None
        return self._cue.control.with_(steer=steer, accel=accel)

    def foresee(self, frame: Frame) -> None:
        """Sets the frame of the next `step`, which a batch has drawn from `control_for`."""
        self._ahead = frame

    def get_state(self) -> dict[str, np.ndarray]:
        """The whole state of the episode as arrays, for `numpy.savez`. DataError before `reset`."""
        tensors, plain = self.dream.state()
        words = {
            "dream": plain,
            "line": self._line,
            "begin": asdict(self._begin),
            "random": self.np_random.bit_generator.state,
        }
        state = {f"dream.{name}": tensor.cpu().numpy().copy() for name, tensor in tensors.items()}
        state["trail"] = np.array(self._trail, np.float64)
        return state | {"words": np.frombuffer(json.dumps(words).encode(), np.uint8).copy()}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Continues from a `get_state`. WeightsError where it is of other weights, DataError where it is invalid."""
        self._check_fork()
        model = self._model()
        try:
            words = json.loads(bytes(state["words"]))
            if not goes_on(model, words["dream"]["weights"]):
                raise WeightsError("That state was dreamt by other weights; make Dream-v0 with those to go on with it.")
            tensors = {
                name.removeprefix("dream."): torch.from_numpy(np.array(array))
                for name, array in state.items()
                if name.startswith("dream.")
            }
            dream = restore(model, tensors, words["dream"])
            begin = from_plain(Control, words["begin"])
            rows = [tuple(row) for row in np.asarray(state["trail"], np.float64).tolist()]
            random = words["random"]
            script = self._reader().script(words["line"], begin) if words["line"] else Steady(begin)
            cues = [script.next(_frame(index, row)) for index, row in enumerate(rows)]
            self.np_random.bit_generator.state = random
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise DataError(f"That is no state of Dream-v0 ({error}); take one from get_state.") from error
        self._dream, self._script, self._line, self._begin = dream, script, words["line"], begin
        self._trail, self._cue, self._ahead = rows, cues[-1], None
        assert dream.frame is not None
        self._touching = isinstance(dream, SceneDream) and dream.frame.readout.collision >= 0.5

    def _look(self, frame: Frame) -> dict[str, Any]:
        """Passes a new frame to the script; returns its `info`."""
        motion, readout, control = _MOTION(frame.motion), _READOUT(frame.readout), _CONTROL(frame.control)
        self._trail.append((*motion, *readout))
        self._touching = isinstance(self._dream, SceneDream) and frame.readout.collision >= 0.5
        self._cue = self._script.next(frame)
        command, target = self._cue.control.command, self._cue.target_speed
        if self._vector and isinstance(self._dream, SceneDream):
            self._vector_now, driver = self._dream.watch(command, target)
        else:
            driver = self.dream.drive(command, target)
        return {
            **dict(zip(_KEYS, (*readout, *motion, *control), strict=True)),
            "driver.steer": driver.steer,
            "driver.accel": driver.accel,
            "target_speed": float(self._cue.target_speed),
            "plan": self._line,
        }

    def _observed(self, frame: Frame) -> Any:
        if self._cameras is not None:
            return {name: array.copy() for name, array in self._look_round().items()}
        return self._vector_now if self._vector else frame.image.copy()

    def _look_round(self) -> dict[str, np.ndarray]:
        """The cameras' arrays of the current scene, drawn once."""
        dream, model = self.dream, self._model()
        assert self._cameras is not None and isinstance(dream, SceneDream) and isinstance(model, SceneWorld)
        if self._round is None or self._round[0] is not dream.state_now:
            self._round = dream.state_now, self._cameras.look(dream.state_now, model.renderer)
        return self._round[1]

    def _newest(self) -> Frame:
        frame = self.dream.frame
        assert frame is not None
        return frame

    def _reader(self) -> ScriptWriter:
        if self.director is None:
            raise DataError(
                "This Dream-v0 reads no sentences; make 'bridge.envs:lucidrive/Dream-v0', or give it a director."
            )
        return self.director

    def _conditions(self, phrase: str) -> Mapping[str, int] | None:
        return self._reader().conditions(phrase)

    def _check_fork(self) -> None:
        """Copes with a fork, which does not copy threads: torch then uses one, as in its own data loaders; drawing cannot.

        Raises DataError where this process was forked from one that has drawn scenes with GNU's OpenMP.
        """
        if os.getpid() == IMPORTED_IN:
            return
        torch.set_num_threads(1)
        try:
            layer = numba.threading_layer()
        except ValueError:  # nothing was drawn before the fork
            return
        if layer == "omp" and is_scene(self._folder) and not self._vector:
            raise DataError(
                "Dream-v0 cannot draw in a process that was forked after scenes were drawn; let processes be spawned: "
                "vector_kwargs={'context': 'spawn'}."
            )

    def _model(self) -> AnyWorld:
        config = None if self._folder is None else self._folder / "config.json"
        stamp = config.stat().st_mtime_ns if config is not None and config.exists() else 0
        return _load(self._folder, self._device, stamp, self._others)


def _frame(index: int, row: tuple[float, ...]) -> Frame:
    """The frame of a row of the trail, with what a script may use."""
    values = dict(zip(_NAMES["readout"], row[2:], strict=True))
    whole: dict[str, Any] = {name: int(values[name]) for name in ("weather", "time")}
    motion, readout = Motion(*row[:2]), Readout(**values | whole)
    return Frame(np.zeros((0, 0, 3), np.uint8), index, Control(), motion, readout)


@lru_cache(maxsize=2)
def _load(folder: Path | None, device: str, stamp: int, others: Others) -> AnyWorld:
    """One model for all environments of a process; `stamp`: modification time of the weights."""
    return load_world(folder, device, others)
