"""A dream of a latent world: start it, step it, fork it, save it."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from world import kinematics
from world.controls import Control
from world.data.video import fit
from world.driver import Action
from world.errors import DataError, WeightsError
from world.files import seeded
from world.frame import UNREAD, Frame, Readout
from world.kinematics import Motion
from world.latent.dynamics import Cache, Condition, sample
from world.latent.rollout import Past, advance
from world.latent.tokenizer import to_float, to_uint8
from world.latent.values import check, checked, fields_of, input_values, read
from world.model import WorldModel
from world.readout import FRAMES
from world.records import from_plain

FIRST_STEPS = 8  # shortcut steps for a frame that has no past


@dataclass(frozen=True, slots=True)
class LatentState:
    """A dream at one moment, without its random state. latents [FRAMES, 1, N, C], oldest first; cache: keys of the dynamics' past frames;
    hidden [1, D]: of the readout, in worlds with a car. It is never modified, so forks share it."""

    frame: Frame
    latents: Tensor
    cache: Tensor
    hidden: Tensor | None = None


TENSORS = tuple(field.name for field in fields(LatentState) if field.name != "frame")


@dataclass(frozen=True, slots=True)
class SavedLatent:
    """The plain values of a saved dream, by their names in the file."""

    index: int
    control: Control
    motion: Motion
    readout: Readout
    seed: int
    quality: int
    weights: dict[str, str]


class LatentDream:
    """One dream. `quality` is K, the shortcut steps per frame (1, 2, 4 or 8): more is sharper and slower. DataError for another K.

    The same weights, seed, controls and machine give the same frames. Memory is constant.
    """

    def __init__(self, model: WorldModel, seed: int = 0, quality: int = 2) -> None:
        if quality not in (1, 2, 4, 8):
            raise DataError(f"K must be 1, 2, 4 or 8 steps a frame, not {quality}.")
        self.model, self.quality, self.seed = model, quality, seed
        self._generator = seeded(seed, model.device)
        self._state: LatentState | None = None

    @property
    def frame(self) -> Frame | None:
        """The newest frame; None before the start."""
        return self._state.frame if self._state else None

    @property
    def index(self) -> int:
        """The newest frame's index; -1 before the start."""
        return self.frame.index if self.frame else -1

    @property
    def state_now(self) -> LatentState:
        """The current state. DataError before the start."""
        if self._state is None:
            raise DataError("Start the dream before stepping it.")
        return self._state

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

        control: the conditions (default: the scene's own, or a clear day); speed in m/s. DataError for a scene and frames, an unknown scene,
        frames of another shape, or numbers that are not finite.
        """
        if scene is not None and frames is not None:
            raise DataError("Start a dream from a scene or from frames, not from both.")
        motion = Motion(speed or 0.0)
        if scene is not None:
            frames, motion, own = self.model.scene(scene)
            control = control or own
            motion = Motion(motion.speed if speed is None else speed, motion.yaw_rate)
        control = control or Control()
        self._generator = seeded(self.seed, self.model.device)
        cache = Cache(self.model.dynamics.config, 1, self.model.device)
        if frames is None:
            if speed is None:
                motion = Motion(7.0)
            return self._dream_first(control, motion, cache)
        images = [
            to_float(torch.from_numpy(fit(image, self.model.size))[None]).to(self.model.device)
            for image in check(frames)
        ]
        latents = [checked(self.model.tokenizer.encode(image), "tokenizer") for image in images[-FRAMES:]]
        latents = [latents[0]] * (FRAMES - len(latents)) + latents
        return self._publish(control, motion, latents, cache, images[-1])

    def step(self, control: Control) -> Frame:
        """The next frame: the kinematic car moves under `control`, and the world is dreamt around it. DataError as in `step_latent`."""
        return step_latent([self], [control])[0]

    def drive(self, command: int, target_speed: float) -> Action:
        """The driver's action for a command and a target speed in m/s. DataError before the start."""
        return drive_all([self], [command], [target_speed])[0]

    def fork(self) -> LatentDream:
        """An independent dream with the same past and random state."""
        other = copy.copy(self)
        other._generator = self._generator.clone_state()
        return other

    def reseed(self, seed: int) -> None:
        """Restarts the random state, for another future of the same past."""
        self.seed = seed
        self._generator = seeded(seed, self.model.device)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The whole state: tensors, and plain values for JSON; the inverse is `from_state`. DataError before the start."""
        if self._state is None:
            raise DataError("There is no dream to save yet; start it first.")
        state, frame = self._state, self._state.frame
        saved = SavedLatent(
            frame.index, frame.control, frame.motion, frame.readout, self.seed, self.quality, self.model.hashes
        )
        own = {name: value.contiguous() for name in TENSORS if (value := getattr(state, name)) is not None}
        others = {"picture": torch.from_numpy(frame.image), "generator": self._generator.get_state()}
        return own | others, asdict(saved)

    @classmethod
    def from_state(cls, model: WorldModel, tensors: dict[str, Tensor], values: dict[str, Any]) -> LatentDream:
        """A dream that continues exactly from a `state`, on the device of `model`."""
        saved = from_plain(SavedLatent, values)
        dream = cls(model, saved.seed, saved.quality)
        dream._generator.set_state(tensors["generator"].cpu())
        picture = tensors["picture"].cpu().numpy()
        frame = Frame(picture, saved.index, saved.control, saved.motion, saved.readout)
        own = {name: tensors[name].to(model.device) for name in TENSORS if name in tensors}
        dream._state = LatentState(frame, **own)
        return dream

    def fits(self, other: Any) -> None:
        """ValueError where the other's tensors have other shapes or types, or are not finite."""
        mine, theirs = self.state()[0], other.state()[0]
        for name, value in mine.items():
            there = theirs[name]
            odd = (
                there.shape[-2] > self.model.dynamics.config.context if name == "cache" else there.shape != value.shape
            )
            rest = name == "cache" and (there.shape[:-2], there.shape[-1:]) != (value.shape[:-2], value.shape[-1:])
            if odd or rest or there.dtype != value.dtype or not bool(torch.isfinite(there).all()):
                raise ValueError(name)

    @property
    def most_bytes(self) -> int:
        """An upper bound of the file size of a dream with a full cache."""
        keys, rest = self.state_now.cache, self.state()[0].values()
        cache = keys[..., :1, :].numel() * self.model.dynamics.config.context * keys.element_size()
        return 2 * (cache + sum(value.numel() * value.element_size() for value in rest)) + 2**20

    def save(self, path: Path) -> None:
        """Writes the whole state as safetensors, atomically. DataError where that fails, or before the start."""
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
    def load(cls, model: WorldModel, path: Path) -> LatentDream:
        """A saved dream, to be continued. DataError where the file is damaged, WeightsError where it is of other weights."""
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

    def _dream_first(self, control: Control, motion: Motion, cache: Cache) -> Frame:
        model, nothing = self.model, torch.zeros_like(self._noise())
        motions = torch.tensor([input_values(model.inputs, control, motion)], device=model.device)
        no_past = torch.zeros(1, device=model.device)
        condition = Condition(nothing, nothing, no_past, motions, fields_of([control], model.device))
        latents = checked(sample(model.dynamics, self._noise(), condition, FIRST_STEPS, cache))
        cache.commit()
        picture = checked(model.tokenizer.decode(latents), "tokenizer")
        return self._publish(control, motion, [latents] * FRAMES, cache, picture)

    def _publish(self, control: Control, motion: Motion, latents: list[Tensor], cache: Cache, picture: Tensor) -> Frame:
        """The first frame; picture: float [1, 3, H, W]."""
        readout, hidden = UNREAD, None
        if self.model.driving:
            hidden = self.model.readout.trunk(torch.stack(latents, dim=1))
            readout = read(self.model, hidden)[0]
        frame = Frame(to_uint8(picture)[0].cpu().numpy(), 0, control, motion, readout)
        self._state = LatentState(frame, torch.stack(latents), cache.keys, hidden)
        return frame

    def _noise(self) -> Tensor:
        c = self.model.dynamics.config
        return torch.randn(1, c.tokens, c.channels, generator=self._generator, device=self.model.device)


@torch.inference_mode()
def step_latent(dreams: Sequence[LatentDream], controls: Sequence[Control]) -> list[Frame]:
    """`LatentDream.step` for many dreams at once: those of one model, K and cache length form a batch.

    Each dream keeps its own noise and cache and gets the same frame as alone, up to rounding: latents agree to 1e-4 after a
    frame. All or none: after an error every dream is unchanged, its random state included. DataError before the start, for an action of
    another width, or where a dream becomes not finite; ValueError where a dream is given twice.
    """
    if len({id(dream) for dream in dreams}) < len(dreams):
        raise ValueError("a dream cannot take two steps in one batch")
    groups: dict[tuple[int, int, int], list[int]] = {}
    for place, dream in enumerate(dreams):
        groups.setdefault((id(dream.model), dream.quality, dream.state_now.cache.shape[-2]), []).append(place)
    before = [dream._generator.get_state() for dream in dreams]
    states: dict[int, LatentState] = {}
    try:
        for places in groups.values():
            next_states = _draw([dreams[place] for place in places], [controls[place] for place in places])
            states.update(zip(places, next_states, strict=True))
    except Exception:
        for dream, random in zip(dreams, before, strict=True):
            dream._generator.set_state(random)
        raise
    for place, dream in enumerate(dreams):
        dream._state = states[place]
    return [states[place].frame for place in range(len(dreams))]


@torch.inference_mode()
def drive_all(dreams: Sequence[LatentDream], commands: Sequence[int], target_speeds: Sequence[float]) -> list[Action]:
    """`LatentDream.drive` for many dreams of one model at once; target speeds in m/s. DataError before the start."""
    if not dreams:
        return []
    states = [dream._state for dream in dreams if dream._state is not None]
    hidden = [state.hidden for state in states if state.hidden is not None]
    speeds = [state.frame.motion.speed for state in states]
    if len(hidden) < len(dreams):
        raise DataError("Start the dreams before driving them.")
    device = dreams[0].model.device
    commanded = torch.tensor([max(0, command) for command in commands], device=device)
    target, speed = torch.tensor([target_speeds, speeds], dtype=torch.float32, device=device)
    actions: list[list[float]] = dreams[0].model.driver(torch.cat(hidden), commanded, target, speed).tolist()
    return [Action(steer, accel) for steer, accel in actions]


def _draw(dreams: Sequence[LatentDream], controls: Sequence[Control]) -> list[LatentState]:
    """The next states of dreams of one model, K and cache length. Only their random states change."""
    model, size = dreams[0].model, len(dreams)
    states = [dream.state_now for dream in dreams]
    frames = [state.frame for state in states]
    motions = [Motion()] * size
    if model.driving:
        motions = [
            kinematics.step(frame.motion, *(0.0 if math.isnan(value) else value for value in (to.steer, to.accel)))
            for frame, to in zip(frames, controls, strict=True)
        ]
    leads = [input_values(model.inputs, control, motion) for control, motion in zip(controls, motions, strict=True)]
    motions_BM, fields_B6 = torch.tensor(leads, device=model.device), fields_of(controls, model.device)
    before, last = (torch.cat([state.latents[age] for state in states]) for age in (-2, -1))
    cache = Cache(model.dynamics.config, size, model.device)
    cache.keys = torch.cat([state.cache for state in states], dim=2)
    each = [(dream._noise(), dream._noise(), dream._noise()) for dream in dreams]
    start, on_last, on_before = (torch.cat(several) for several in zip(*each, strict=True))
    noise, steps = (start, on_last, on_before), dreams[0].quality
    latents = checked(advance(model.dynamics, Past(before, last), motions_BM, fields_B6, noise, steps, cache))
    pictures = checked(model.tokenizer.decode(latents), "tokenizer")
    hidden: list[Tensor | None] = [None] * size
    readouts = [UNREAD] * size
    if model.driving:
        earlier = [torch.cat([state.latents[age] for state in states]) for age in range(1 - FRAMES, 0)]
        hidden_BD = model.readout.trunk(torch.stack([*earlier, latents], dim=1))
        hidden, readouts = [one.clone() for one in hidden_BD.split(1)], read(model, hidden_BD)
    images, keys = to_uint8(pictures).cpu().numpy(), cache.keys.chunk(size, dim=2)
    return [  # copies: a view would keep the whole batch in memory
        LatentState(
            Frame(images[row].copy(), frames[row].index + 1, controls[row], motions[row], readouts[row]),
            torch.cat([states[row].latents[1:], latents[None, row : row + 1]]),
            keys[row].clone(),
            hidden[row],
        )
        for row in range(size)
    ]
