"""A dream: start it, step it, fork it, save it. The only door into the world model."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from world import kinematics
from world.anchor import carry
from world.controls import NULL, Control
from world.data.video import fit
from world.driver import Action
from world.errors import DataError, WeightsError
from world.files import seeded
from world.frame import UNREAD, Frame, Readout
from world.inputs import Inputs
from world.kinematics import Motion
from world.latent.dynamics import FIELDS, Cache, Condition, sample
from world.latent.tokenizer import to_float, to_uint8
from world.layout import unknown
from world.model import WorldModel
from world.readout import FRAMES
from world.scene_world import SceneDream, SceneWorld
from world.stage import Stage, plain, state_of

FIRST_STEPS = 8  # shortcut steps for a frame that has no past
GUIDANCE, GUIDED_FRAMES = 1.0, 40  # of weather and time of day, and for how long after others were asked for
SCENE = "scene"  # the name of the scene worlds, where else a folder of weights is named
CONTEXT_NOISE = 0.05  # on the past, as in training (world/train/dynamics.py)


class Dream:
    """One dream. `steps` is K, the shortcut steps a frame (1 to 8): more is sharper and slower.

    The same weights, seed, controls and machine give the same frames. Memory stays constant however long it runs.
    """

    def __init__(self, model: WorldModel, seed: int = 0, steps: int = 2) -> None:
        if steps not in (1, 2, 4, 8):
            raise DataError(f"K must be 1, 2, 4 or 8 steps a frame, not {steps}.")
        self.model, self.steps, self.seed = model, steps, seed
        self.frame: Frame | None = None
        self._generator = seeded(seed, model.device)
        self._cache = Cache(model.dynamics.config, 1, model.device)
        self._latents: list[Tensor] = []  # the last FRAMES, oldest first, each [1, N, C]
        self._images: list[Tensor] = []  # the last two pictures, oldest first, each float [1, 3, H, W]
        self._hidden: Tensor | None = None
        self._stage = Stage(model.courses, seed)
        self._layout = unknown(1, model.device)  # what the last frame was told of what is where
        self._since = GUIDED_FRAMES  # frames since another weather or time was asked for, at most that many

    @property
    def index(self) -> int:
        return self.frame.index if self.frame else -1

    @torch.inference_mode()
    def start(
        self,
        control: Control | None = None,
        *,
        scene: str | None = None,
        frames: np.ndarray | None = None,
        speed: float | None = None,
    ) -> Frame:
        """The first frame: from a named scene, from real frames uint8 [T, H, W, 3] of any size, or from conditions alone.

        `control` says under which conditions (default: the scene's own, or a clear day); speed in m/s.
        """
        if scene is not None and frames is not None:
            raise DataError("Start a dream from a scene or from frames, not from both.")
        motion, own = Motion(speed or 0.0), None
        if scene is not None:
            frames, motion, own = self.model.scene(scene)
            control = control or own
            motion = Motion(motion.speed if speed is None else speed, motion.yaw_rate)
        control = control or Control()
        self._generator = seeded(self.seed, self.model.device)
        self._cache = Cache(self.model.dynamics.config, 1, self.model.device)
        self._latents, self._images = [], []
        self._stage = Stage(self.model.courses, self.seed, own or control)
        self._layout = unknown(1, self.model.device)
        self._since = GUIDED_FRAMES if own is None or _same(own, control) else 0
        if frames is None:
            if speed is None:
                motion = Motion(7.0)
            return self._dream_first(control, motion)
        images = [
            to_float(torch.from_numpy(fit(image, self.model.size))[None]).to(self.model.device)
            for image in check(frames)
        ]
        self._latents = [checked(self.model.tokenizer.encode(image), "tokenizer") for image in images[-FRAMES:]]
        self._latents = [self._latents[0]] * (FRAMES - len(self._latents)) + self._latents
        self._images = [images[max(-2, -len(images))], images[-1]]
        return self._publish(control, motion, 0)

    def step(self, control: Control) -> Frame:
        """One frame on: the kinematic car moves under `control`, and the world is dreamt around it."""
        return step_all([self], [control])[0]

    def drive(self, command: int, target_speed: float) -> Action:
        """What the driver would do now, given a command and a target speed in m/s."""
        if self.frame is None or self._hidden is None:
            raise DataError("Start the dream before driving it.")
        with torch.inference_mode():
            speed = self._tensor(self.frame.motion.speed)
            commands = torch.tensor([max(0, command)], device=self.model.device)
            target = self._tensor(target_speed)
            steer, accel = self.model.driver(self._hidden, commands, target, speed, self._layout)[0].tolist()
        return Action(steer, accel)

    def fork(self) -> Dream:
        """A second dream with the same past and the same random state; neither feels what the other does."""
        other = Dream(self.model, self.seed, self.steps)
        other.frame, other._images, other._hidden = self.frame, list(self._images), self._hidden
        other._latents, other._cache = list(self._latents), self._cache.clone()
        other._generator.set_state(self._generator.get_state())
        other._stage, other._layout, other._since = self._stage.fork(), self._layout, self._since
        return other

    def reseed(self, seed: int) -> None:
        """From here on another of the futures that this past may have."""
        self.seed = seed
        self._generator = seeded(seed, self.model.device)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next frames depend on: tensors, and plain values for JSON. `from_state` goes on from there."""
        if self.frame is None:
            raise DataError("There is no dream to save yet; start it first.")
        frame = self.frame
        values = {
            "index": frame.index,
            "control": asdict(frame.control),
            "motion": asdict(frame.motion),
            "readout": asdict(frame.readout),
            "seed": self.seed,
            "steps": self.steps,
            "weights": self.model.hashes,
            "stage": plain(self._stage.now),
            "since": self._since,
        }
        tensors = {
            "picture": torch.from_numpy(frame.image),
            "images": torch.stack(self._images).contiguous(),
            **({} if self._hidden is None else {"hidden": self._hidden.contiguous()}),
            "latents": torch.stack(self._latents),
            "layout": self._layout.contiguous(),
            "cache": self._cache.keys.contiguous(),
            "generator": self._generator.get_state(),
        }
        return tensors, values

    @classmethod
    def from_state(cls, model: WorldModel, tensors: dict[str, Tensor], values: dict[str, Any]) -> Dream:
        """A dream that goes on exactly where the other was, on the device of `model`."""
        dream = cls(model, values["seed"], values["steps"])
        there = {name: tensor.to(model.device) for name, tensor in tensors.items()}
        dream._images, dream._hidden = list(there["images"]), there.get("hidden")
        dream._latents, dream._cache.keys = list(there["latents"]), there["cache"]
        dream._layout = there["layout"]
        dream._generator.set_state(tensors["generator"].cpu())
        dream._stage.now, dream._since = state_of(values["stage"]), values["since"]
        dream.frame = Frame(
            tensors["picture"].cpu().numpy(),
            values["index"],
            Control(**values["control"] | {"action": tuple(values["control"].get("action", ()))}),
            Motion(**values["motion"]),
            Readout(**values["readout"]),
        )
        return dream

    def fits(self, other: Any) -> None:
        """ValueError where the other's tensors are not those of such a dream, or hold numbers that are none."""
        mine, theirs = self.state()[0], other.state()[0]
        for name, value in mine.items():
            there = theirs[name]
            odd = there.shape[-2] > self._cache.context if name == "cache" else there.shape != value.shape
            rest = name == "cache" and (there.shape[:-2], there.shape[-1:]) != (value.shape[:-2], value.shape[-1:])
            if odd or rest or there.dtype != value.dtype or not _finite(name, there):
                raise ValueError(name)

    @property
    def most_bytes(self) -> int:
        """More than the file of such a dream takes, whose cache is full."""
        keys, rest = self._cache.keys, self.state()[0].values()
        cache = keys[..., :1, :].numel() * self._cache.context * keys.element_size()
        return 2 * (cache + sum(value.numel() * value.element_size() for value in rest)) + 2**20

    def save(self, path: Path) -> None:
        """Writes the whole state as safetensors (aside, then renamed)."""
        tensors, plain = self.state()
        aside = path.with_name(path.name + ".tmp")
        try:
            save_file(tensors, aside, {"lucidrive": json.dumps(plain)})
            aside.replace(path)
        except (OSError, SafetensorError) as error:
            aside.unlink(missing_ok=True)
            raise DataError(
                f"The dream could not be saved to {path} ({error}); choose a folder with room that you may write to."
            ) from error

    @classmethod
    def load(cls, model: WorldModel, path: Path) -> Dream:
        """A saved dream, going on exactly where it was; WeightsError when it was dreamt by other weights."""
        try:
            with safe_open(str(path), "pt", device=model.device) as file:
                plain = json.loads(file.metadata()["lucidrive"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is not a saved dream, or it is damaged ({error}); save it again.") from error
        if plain["weights"] != model.hashes:
            raise WeightsError(
                f"{path} was dreamt by other weights than those loaded; load those weights to go on with it."
            )
        return cls.from_state(model, tensors, plain)

    def _dream_first(self, control: Control, motion: Motion) -> Frame:
        model, nothing = self.model, torch.zeros_like(self._noise())
        motions = torch.tensor([told(model.dynamics.config.inputs, control, motion)], device=model.device)
        given = condition((nothing, nothing, nothing), control, motions)
        latents = checked(sample(model.dynamics, self._noise(), given, FIRST_STEPS, self._cache))
        self._cache.commit()
        self._latents = [latents] * FRAMES
        self._images = [checked(model.tokenizer.decode(latents), "tokenizer").clamp(-1, 1)] * 2
        return self._publish(control, motion, 0)

    def _publish(self, control: Control, motion: Motion, index: int) -> Frame:
        readout = UNREAD
        if self.model.driving:
            self._hidden = self.model.readout.trunk(torch.stack(self._latents, dim=1))
            readout = read(self.model, self._hidden)[0]
        self.frame = Frame(to_uint8(self._images[-1])[0].cpu().numpy(), index, control, motion, readout)
        return self.frame

    def _noise(self) -> Tensor:
        c = self.model.dynamics.config
        return torch.randn(1, c.tokens, c.channels, generator=self._generator, device=self.model.device)

    def _tensor(self, value: float) -> Tensor:
        return torch.tensor([value], device=self.model.device)


AnyDream = Dream | SceneDream
AnyWorld = WorldModel | SceneWorld


def load_world(path: Path | None = None, device: str = "cpu") -> AnyWorld:
    """A scene world, or where `path` names a folder of weights the latent world of those. WeightsError."""
    return SceneWorld(device=device) if is_scene(path) else WorldModel.load(path, device)


def is_scene(path: Path | None) -> bool:
    """Whether that names the scene world: by saying nothing else."""
    return path is None or str(path) == SCENE


def open_dream(model: AnyWorld, seed: int = 0, steps: int = 2, smooth: bool = False) -> AnyDream:
    """A dream of that world which has not been started. smooth: a scene's also draws pictures between frames, for the eye."""
    if isinstance(model, SceneWorld):
        return SceneDream(model, seed, steps, smooth)
    return Dream(model, seed, steps)


def restore(model: AnyWorld, tensors: dict[str, Tensor], values: dict[str, Any]) -> AnyDream:
    """A dream that goes on where the one was whose `state` this is. KeyError, ValueError or RuntimeError where it is none."""
    if isinstance(model, SceneWorld):
        return SceneDream.from_state(model, tensors, values)
    return Dream.from_state(model, tensors, values)


def step_all(dreams: Sequence[AnyDream], controls: Sequence[Control]) -> list[Frame]:
    """`step` for many dreams at once, of both families; all or none, as each alone but for a latent world's rounding."""
    pairs = list(enumerate(zip(dreams, controls, strict=True)))
    latent = [(place, dream, control) for place, (dream, control) in pairs if isinstance(dream, Dream)]
    before = [(dream, dream.fork()) for dream in dreams if isinstance(dream, SceneDream)]
    try:
        frames = {place: dream.step(control) for place, (dream, control) in pairs if isinstance(dream, SceneDream)}
        stepped = _step_latent([dream for _, dream, _ in latent], [control for _, _, control in latent])
    except Exception:
        for dream, then in before:
            dream.go_back_to(then)
        raise
    frames |= dict(zip((place for place, _, _ in latent), stepped, strict=True))
    return [frames[place] for place, _ in pairs]


@torch.inference_mode()
def _step_latent(dreams: Sequence[Dream], controls: Sequence[Control]) -> list[Frame]:
    """`Dream.step` for many dreams at once: those of one model, K and cache length are one batch.

    Each dream keeps its own noise and cache and gets the frame that it would get alone, but for rounding: latents agree
    to 1e-4 after a frame. All or none: after an error every dream is as it was, its random state too.
    """
    if len({id(dream) for dream in dreams}) < len(dreams):
        raise ValueError("a dream cannot take two steps in one batch")
    groups: dict[tuple[int, int, int], list[int]] = {}
    for place, dream in enumerate(dreams):
        groups.setdefault((id(dream.model), dream.steps, dream._cache.keys.shape[-2]), []).append(place)
    states = [dream._generator.get_state() for dream in dreams]
    drawn: dict[int, _Drawn] = {}
    try:
        for places in groups.values():
            found = _draw([dreams[place] for place in places], [controls[place] for place in places])
            drawn.update(zip(places, found, strict=True))
    except Exception:
        for dream, state in zip(dreams, states, strict=True):
            dream._generator.set_state(state)
        raise
    return [drawn[place].commit(dream) for place, dream in enumerate(dreams)]


@torch.inference_mode()
def drive_all(dreams: Sequence[Dream], commands: Sequence[int], target_speeds: Sequence[float]) -> list[Action]:
    """`Dream.drive` for many dreams of one model at once; target speeds in m/s."""
    if not dreams:
        return []
    hidden = [dream._hidden for dream in dreams if dream._hidden is not None]
    speeds = [dream.frame.motion.speed for dream in dreams if dream.frame is not None]
    if len(hidden) < len(dreams) or len(speeds) < len(dreams):
        raise DataError("Start the dreams before driving them.")
    device = dreams[0].model.device
    told = torch.tensor([max(0, command) for command in commands], device=device)
    target, speed = torch.tensor([target_speeds, speeds], dtype=torch.float32, device=device)
    layout = torch.cat([dream._layout for dream in dreams])
    actions: list[list[float]] = dreams[0].model.driver(torch.cat(hidden), told, target, speed, layout).tolist()
    return [Action(steer, accel) for steer, accel in actions]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One dream's next frame, not yet part of it."""

    frame: Frame
    latents: Tensor
    picture: Tensor
    hidden: Tensor | None
    keys: Tensor
    stage: Stage
    layout: Tensor
    since: int

    def commit(self, dream: Dream) -> Frame:
        dream._latents = [*dream._latents, self.latents][-FRAMES:]
        dream._images = [dream._images[-1], self.picture]
        dream._hidden, dream._cache.keys, dream.frame = self.hidden, self.keys, self.frame
        dream._stage, dream._layout, dream._since = self.stage, self.layout, self.since
        return self.frame


def _draw(dreams: Sequence[Dream], controls: Sequence[Control]) -> list[_Drawn]:
    """The next frames of dreams of one model, K and cache length. Changes nothing of theirs but the random states."""
    model, size = dreams[0].model, len(dreams)
    frames = [dream.frame for dream in dreams if dream.frame is not None]
    if len(frames) < size:
        raise DataError("Start the dreams before stepping them.")
    inputs, motions = model.dynamics.config.inputs, [Motion()] * size
    if inputs.driving:
        motions = [
            kinematics.step(frame.motion, *(0.0 if math.isnan(value) else value for value in (to.steer, to.accel)))
            for frame, to in zip(frames, controls, strict=True)
        ]
    leads = [told(inputs, control, motion) for control, motion in zip(controls, motions, strict=True)]
    motions_BM = torch.tensor(leads, device=model.device)
    before, last = (torch.cat([dream._images[age] for dream in dreams]) for age in (-2, -1))
    stages = [dream._stage.fork() for dream in dreams]
    layouts = unknown(size, model.device)
    carried = carry(model.anchor, (before, last), motions_BM)
    if model.dynamics.config.layout_rows:
        sights = [frame.readout.junction_distance for frame in frames]
        rows = zip(stages, controls, motions, sights, strict=True)
        told_each = [stage.step(to, motion, sight) for stage, to, motion, sight in rows]
        layouts = torch.cat(told_each).to(model.device)
    seen_as = layouts, torch.cat([dream._layout for dream in dreams]), fields_of(controls, model.device)
    carried = checked(model.painted(checked(carried, "anchor"), *seen_as), "actor")
    latents = checked(model.tokenizer.encode(carried), "tokenizer")
    given = Condition.stack(
        [
            condition((new, dream._latents[-1], dream._latents[-2]), control, lead[None], dream._noise)
            for dream, new, control, lead in zip(dreams, latents.split(1), controls, motions_BM, strict=True)
        ]
    )
    given.layout_BL = layouts
    cache = Cache(model.dynamics.config, size, model.device)
    cache.keys = torch.cat([dream._cache.keys for dream in dreams], dim=2)
    noise = torch.cat([dream._noise() for dream in dreams])
    since = [_since(dream, frame.control, to) for dream, frame, to in zip(dreams, frames, controls, strict=True)]
    guidance = torch.tensor([GUIDANCE * (count < GUIDED_FRAMES) for count in since], device=model.device)
    latents = checked(sample(model.dynamics, noise, given, dreams[0].steps, cache, guidance_B=guidance))
    cache.commit()
    decoded = checked(model.tokenizer.decode(latents), "tokenizer").clamp(-1, 1)
    pictures = checked(model.painted(checked(model.blend(carried, decoded), "blend"), *seen_as), "actor")
    hidden: list[Tensor | None] = [None] * size
    readouts = [UNREAD] * size
    if model.driving:
        seen = [torch.cat([dream._latents[age] for dream in dreams]) for age in range(1 - FRAMES, 0)]
        hidden_BD = model.readout.trunk(torch.stack([*seen, latents], dim=1))
        hidden, readouts = [one.clone() for one in hidden_BD.split(1)], read(model, hidden_BD)
    images, keys = to_uint8(pictures).cpu().numpy(), cache.keys.chunk(size, dim=2)
    return [  # copies: a part of a batch would keep the whole of it in memory
        _Drawn(
            Frame(images[row].copy(), frames[row].index + 1, controls[row], motions[row], readouts[row]),
            latents[row : row + 1].clone(),
            pictures[row : row + 1].clone(),
            hidden[row],
            keys[row].clone(),
            stages[row],
            layouts[row : row + 1].clone(),
            since[row],
        )
        for row in range(size)
    ]


def _since(dream: Dream, before: Control, now: Control) -> int:
    """Frames since another weather or time was asked for."""
    return min(dream._since + 1, GUIDED_FRAMES) if _same(before, now) else 0


def _same(one: Control, other: Control) -> bool:
    return (one.weather, one.time) == (other.weather, other.time)


def checked(value: Tensor, part: str = "dynamics") -> Tensor:
    """What a part of the world gave; DataError where that is not finite."""
    if not torch.isfinite(value).all():
        raise fallen_apart(part)
    return value


def read(model: WorldModel, hidden_BD: Tensor) -> list[Readout]:
    """What the readout says, checked likewise."""
    readouts = model.readout.read(hidden_BD)
    if not all(math.isfinite(value) for readout in readouts for value in astuple(readout)):
        raise fallen_apart("readout")
    return readouts


def fallen_apart(part: str) -> DataError:
    return DataError(
        f"The dream fell apart in its {part} (numbers that are not finite); go back to the last good frame or reset it."
    )


def condition(
    known: tuple[Tensor, Tensor, Tensor], control: Control, motions_BM: Tensor, noise: Any = None
) -> Condition:
    """One frame's condition out of its past's latents (carried, last, before; each [1, N, C]), control and inputs.

    With `noise`, a function that draws unit noise, the past enters a little noised, as it did in training; without,
    there is no past.
    """
    device = motions_BM.device
    if noise is not None:
        known = (
            known[0] + CONTEXT_NOISE * noise(),
            known[1] + CONTEXT_NOISE * noise(),
            known[2] + CONTEXT_NOISE * noise(),
        )
    fields = fields_of([control], device)
    past = torch.full((1,), float(noise is not None), device=device)
    return Condition(*known, past, motions_BM, fields, unknown(1, device))


def fields_of(controls: Sequence[Control], device: torch.device | str) -> Tensor:
    """int64 [B, 6], as `Condition` has them."""
    rows = [[getattr(control, name) for name in FIELDS] for control in controls]
    return torch.tensor(rows, device=device).clamp_min(NULL)


def told(inputs: Inputs, control: Control, motion: Motion) -> tuple[float, ...]:
    """What a model with these inputs is told; DataError for an action of another width."""
    if inputs.driving:
        return control.steer, control.accel, motion.speed, motion.yaw_rate
    action = control.action or inputs.rest
    if len(action) != len(inputs):
        raise DataError(
            f"An action here has {len(inputs)} values ({', '.join(inputs.names)}), not {len(action)}; give them all."
        )
    return action


def check(frames: np.ndarray) -> np.ndarray:
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise DataError(f"Start frames must be uint8 [T, H, W, 3], not {frames.dtype} {frames.shape}.")
    return frames[-FRAMES:]


def _finite(name: str, value: Tensor) -> bool:
    """In a layout NaN says that a thing is not known."""
    return name == "layout" or not value.is_floating_point() or bool(torch.isfinite(value).all())
