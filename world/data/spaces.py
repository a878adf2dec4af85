"""Gymnasium spaces for a dataset: actions as flat numbers, and which observations are pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from world.errors import DataError
from world.inputs import Inputs

SMALLEST = 16  # pixels a side; a smaller grid of bytes holds symbols
DARK, FEW = 32, 16  # an image below this value with no more distinct values holds symbols


@dataclass(frozen=True, slots=True)
class Actions:
    """An environment's actions as flat numbers, and back.

    Box: its numbers. Discrete: one-hot. MultiDiscrete and MultiBinary: one number per choice, counted from 0.
    """

    space: gymnasium.Space[Any]
    inputs: Inputs
    first: tuple[int, ...] = ()  # the lowest choices

    @classmethod
    def of(cls, env: gymnasium.Env[Any, Any], names: tuple[str, ...] | None = None) -> Actions:
        """DataError for any other space, for missing bounds and for names that do not fit."""
        space = env.action_space
        first: tuple[int, ...] = ()
        if isinstance(space, Discrete):
            count, first = int(space.n), (int(space.start),)
            meanings = getattr(env.unwrapped, "get_action_meanings", lambda: [f"choice_{n}" for n in range(count)])()
            low, high, default_names = [0.0] * count, [1.0] * count, list(map(str, meanings))
        elif isinstance(space, MultiDiscrete | MultiBinary):
            most = (
                space.nvec.reshape(-1) - 1 if isinstance(space, MultiDiscrete) else np.ones(int(np.prod(space.shape)))
            )
            first = tuple(map(int, np.broadcast_to(getattr(space, "start", 0), space.shape).reshape(-1)))
            high = [max(1.0, float(value)) for value in most]  # a choice of one is 0 for ever
            low, default_names = [0.0] * len(high), [f"choice_{n}" for n in range(len(high))]
        elif isinstance(space, Box):
            low, high = (bound.astype(np.float64).reshape(-1).tolist() for bound in (space.low, space.high))
            default_names = [f"a{n}" for n in range(len(low))]
            if not np.isfinite(low + high).all():
                raise DataError("This environment's actions have no bounds; wrap it in gymnasium's RescaleAction.")
        else:
            raise DataError(
                f"Actions of the kind {type(space).__name__} cannot be imported; Box, Discrete, MultiDiscrete and "
                "MultiBinary can."
            )
        if names is not None and len(names) != len(low):
            raise DataError(f"This environment has {len(low)} actions and {len(names)} names were given; name each.")
        try:
            inputs = Inputs(names or tuple(default_names), tuple(low), tuple(high), isinstance(space, Discrete))
        except ValueError as error:
            raise DataError(f"This environment's actions cannot be used: {error}.") from error
        return cls(space, inputs, first)

    @property
    def description(self) -> str:
        """How they are flattened, for a dataset's card."""
        kind, names = type(self.space).__name__, ", ".join(self.inputs.names)
        if isinstance(self.space, Discrete):
            return f"{kind}, one number a choice, of which one is 1: {names}"
        if isinstance(self.space, MultiDiscrete | MultiBinary):
            most = (f"{name} 0 to {high:g}" for name, high in zip(self.inputs.names, self.inputs.high, strict=True))
            return f"{kind}, flattened to one whole number for each of its choices, counted from 0: {', '.join(most)}"
        return f"{kind}, its numbers in a row: {names}"

    def nearest(self, action: np.ndarray) -> np.ndarray:
        """The nearest valid action: choices and integers are rounded."""
        whole = not isinstance(self.space, Box) or np.issubdtype(self.space.dtype, np.integer)
        if isinstance(self.space, MultiDiscrete):
            return np.clip(np.round(action), 0, self.space.nvec.reshape(-1) - 1)
        return np.round(action) if whole else action

    def native(self, action: np.ndarray) -> Any:
        """The action in the environment's own form."""
        if isinstance(self.space, Discrete):
            return self.space.dtype.type(self.first[0] + int(action.argmax()))
        flat = action + np.array(self.first) if self.first else action
        return flat.astype(self.space.dtype).reshape(self.space.shape)

    def flat(self, native: Any) -> np.ndarray:
        """A policy's answer as flat numbers. DataError where it is no action."""
        values = np.asarray(native, np.float64).reshape(-1)
        if isinstance(self.space, Discrete) and values.size == 1 and 0 <= values[0] - self.first[0] < len(self.inputs):
            return np.eye(len(self.inputs))[int(values[0]) - self.first[0]]
        if isinstance(self.space, Discrete) or values.size != len(self.inputs) or not np.isfinite(values).all():
            raise DataError(f"The policy gave {values.tolist()}, which is no action of this environment; mend it.")
        flat = values - np.array(self.first) if self.first else values
        return np.clip(flat, self.inputs.low, self.inputs.high)


@dataclass(frozen=True, slots=True)
class Pixels:
    """The source of an environment's pictures: the keys of an observation, or None for the rendered picture."""

    keys: tuple[Any, ...] | None

    @classmethod
    def find(cls, env: gymnasium.Env[Any, Any], observation: Any, source: str) -> Pixels:
        """source: obs, obs:KEY, render, or auto: the observation where it is or holds one picture, else the rendered
        one.

        DataError where that is no picture, or one of several.
        """
        if source == "render":
            return cls(None)
        if source != "auto" and source.partition(":")[0] != "obs":
            raise DataError(f"Pixels come from obs, obs:KEY, render, or either (auto), not from '{source}'.")
        key = source.partition(":")[2]
        leaves = dict(_leaves(env.observation_space))
        matches = [keys for keys in leaves if key and key in (str(keys[-1]) if keys else "", "/".join(map(str, keys)))]
        if key and len(matches) != 1:
            options = ", ".join("/".join(map(str, keys)) for keys in leaves if keys)
            raise DataError(f"There is no single observation '{key}'; there are: {options or 'one without a name'}.")
        pictures = matches or [keys for keys, space in leaves.items() if _holds_picture(space)]
        if not key:
            pictures = [keys for keys in pictures if not _symbolic(_at(observation, keys))]
        if len(pictures) == 1:
            return cls(pictures[0])
        if len(pictures) > 1 and source == "obs":
            names = ", ".join("/".join(map(str, keys)) for keys in pictures)
            raise DataError(f"This environment shows several pictures; take one with --pixels obs:KEY of {names}.")
        if source == "obs":
            raise DataError(
                f"This environment's observation is no colour picture of 8 bits ({env.observation_space}): small grids and low "
                "numbers are symbols. Try --pixels render."
            )
        if env.render_mode is None:
            raise DataError("This environment shows no colour picture, neither as observation nor rendered; wrap it.")
        return cls(None)

    @property
    def description(self) -> str:
        """The source in words, for a dataset's card."""
        if self.keys is None:
            return "as rendered"
        return "the observation" + (f" {'/'.join(map(str, self.keys))}" if self.keys else "")

    def picture(self, env: gymnasium.Env[Any, Any], observation: Any) -> np.ndarray:
        """uint8 [H, W, 3]. DataError where it is no picture."""
        if self.keys is None:
            return as_picture(env.render(), None)
        return as_picture(_at(observation, self.keys), dict(_leaves(env.observation_space)).get(self.keys))


def as_picture(pixels: Any, space: gymnasium.Space[Any] | None) -> np.ndarray:
    """uint8 [H, W, 3] of a grey, RGB or RGBA picture in bytes or in floats in [0, 1], [-1, 1] or [0, 255], channels
    last or first. DataError for anything else.
    """
    image = np.asarray(pixels)
    if image.ndim == 3 and image.shape[-1] not in (1, 3, 4) and image.shape[0] in (1, 3, 4):
        image = image.transpose(1, 2, 0)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    if image.ndim == 3 and image.shape[-1] == 4:
        image = image[..., :3]
    if np.issubdtype(image.dtype, np.floating) and image.ndim == 3 and np.isfinite(image).all():
        low, high = _range(image, space)
        image = np.clip(np.round((image - low) * (255 / (high - low))), 0, 255).astype(np.uint8)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or min(image.shape[:2]) < 2:
        raise DataError(
            f"This environment shows no colour picture of 8 bits ({image.dtype} {image.shape}); try the other of "
            "--pixels obs and --pixels render."
        )
    return np.ascontiguousarray(image)


def _range(image: np.ndarray, space: gymnasium.Space[Any] | None) -> tuple[float, float]:
    """The space's bounds, else [0, 1], or [0, 255] where a value exceeds 1."""
    if isinstance(space, Box) and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return float(space.low.min()), float(space.high.max())
    return 0.0, 1.0 if image.max(initial=0.0) <= 1 else 255.0


def _leaves(
    space: gymnasium.Space[Any], keys: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], gymnasium.Space[Any]]]:
    """Every space within Dict and Tuple, with its keys."""
    parts: Any = ()
    if isinstance(space, spaces.Dict):
        parts = space.spaces.items()
    elif isinstance(space, spaces.Tuple):
        parts = enumerate(space.spaces)
    else:
        yield keys, space
    for key, part in parts:
        yield from _leaves(part, (*keys, key))


def _at(observation: Any, keys: tuple[Any, ...]) -> Any:
    for key in keys:
        observation = observation[key]
    return observation


def _holds_picture(space: gymnasium.Space[Any]) -> bool:
    """Whether its shape and bounds are those of a picture."""
    if not isinstance(space, Box) or len(space.shape) not in (2, 3):
        return False
    shape = space.shape
    if len(shape) == 3 and shape[-1] not in (1, 3):
        if shape[0] not in (1, 3):  # four channels are as often four moments
            return False
        shape = (*shape[1:], shape[0])
    low, high = float(space.low.min()), float(space.high.max())
    bounds = [(0, 255)] if space.dtype == np.uint8 else [(0, 1), (-1, 1), (0, 255)]
    kind = space.dtype == np.uint8 or np.issubdtype(space.dtype, np.floating)
    return bool(kind and min(shape[:2]) >= SMALLEST and (low, high) in bounds)


def _symbolic(pixels: Any) -> bool:
    """Whether bytes are symbols: few distinct and low values."""
    values = np.asarray(pixels)
    return bool(values.dtype == np.uint8 and 0 < values.max(initial=0) < DARK and len(np.unique(values)) <= FEW)
