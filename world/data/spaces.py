"""What an environment's spaces mean to a dataset: its actions as numbers, and which of its observations are pictures."""

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

SMALLEST = 16  # pixels; a smaller grid of bytes holds symbols
DARK, FEW = 32, 16  # a whole picture below such a value and with no more values is one of symbols


@dataclass(frozen=True, slots=True)
class Actions:
    """An environment's actions as the dataset has them, flat, and back.

    Box: its numbers. Discrete: one number a choice, of which one is 1. MultiDiscrete and MultiBinary: a number for each
    choice, counted from 0.
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
            low, high, called = [0.0] * count, [1.0] * count, list(map(str, meanings))
        elif isinstance(space, MultiDiscrete | MultiBinary):
            most = (
                space.nvec.reshape(-1) - 1 if isinstance(space, MultiDiscrete) else np.ones(int(np.prod(space.shape)))
            )
            first = tuple(map(int, np.broadcast_to(getattr(space, "start", 0), space.shape).reshape(-1)))
            high = [max(1.0, float(value)) for value in most]  # a choice of one is 0 for ever
            low, called = [0.0] * len(high), [f"choice_{n}" for n in range(len(high))]
        elif isinstance(space, Box):
            low, high = (bound.astype(np.float64).reshape(-1).tolist() for bound in (space.low, space.high))
            called = [f"a{n}" for n in range(len(low))]
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
            inputs = Inputs(names or tuple(called), tuple(low), tuple(high), isinstance(space, Discrete))
        except ValueError as error:
            raise DataError(f"This environment's actions cannot be used: {error}.") from error
        return cls(space, inputs, first)

    @property
    def said(self) -> str:
        """How they are flattened, for a dataset's card."""
        kind, names = type(self.space).__name__, ", ".join(self.inputs.names)
        if isinstance(self.space, Discrete):
            return f"{kind}, one number a choice, of which one is 1: {names}"
        if isinstance(self.space, MultiDiscrete | MultiBinary):
            most = (f"{name} 0 to {high:g}" for name, high in zip(self.inputs.names, self.inputs.high, strict=True))
            return f"{kind}, flattened to one whole number for each of its choices, counted from 0: {', '.join(most)}"
        return f"{kind}, its numbers in a row: {names}"

    def rounded(self, action: np.ndarray) -> np.ndarray:
        """The nearest action that there is: choices and whole numbers have nothing in between."""
        whole = not isinstance(self.space, Box) or np.issubdtype(self.space.dtype, np.integer)
        if isinstance(self.space, MultiDiscrete):
            return np.clip(np.round(action), 0, self.space.nvec.reshape(-1) - 1)
        return np.round(action) if whole else action

    def native(self, action: np.ndarray) -> Any:
        """As the environment takes it."""
        if isinstance(self.space, Discrete):
            return self.space.dtype.type(self.first[0] + int(action.argmax()))
        flat = action + np.array(self.first) if self.first else action
        return flat.astype(self.space.dtype).reshape(self.space.shape)

    def flat(self, native: Any) -> np.ndarray:
        """As the dataset has it, from what a policy gave. DataError for what is no action."""
        given = np.asarray(native, np.float64).reshape(-1)
        if isinstance(self.space, Discrete) and given.size == 1 and 0 <= given[0] - self.first[0] < len(self.inputs):
            return np.eye(len(self.inputs))[int(given[0]) - self.first[0]]
        if isinstance(self.space, Discrete) or given.size != len(self.inputs) or not np.isfinite(given).all():
            raise DataError(f"The policy gave {given.tolist()}, which is no action of this environment; mend it.")
        flat = given - np.array(self.first) if self.first else given
        return np.clip(flat, self.inputs.low, self.inputs.high)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where an environment's pictures come from: an observation, by its keys, or None for the rendered picture."""

    keys: tuple[Any, ...] | None

    @classmethod
    def find(cls, env: gymnasium.Env[Any, Any], observation: Any, wanted: str) -> Pixels:
        """`wanted`: obs, obs:KEY, render, or auto: the observation where it is, or holds, one picture, else as rendered.

        DataError for an observation that is none, and for one of several.
        """
        if wanted == "render":
            return cls(None)
        if wanted != "auto" and wanted.partition(":")[0] != "obs":
            raise DataError(f"Pixels come from obs, obs:KEY, render, or either (auto), not from '{wanted}'.")
        key = wanted.partition(":")[2]
        leaves = dict(_leaves(env.observation_space))
        named = [keys for keys in leaves if key and key in (str(keys[-1]) if keys else "", "/".join(map(str, keys)))]
        if key and len(named) != 1:
            known = ", ".join("/".join(map(str, keys)) for keys in leaves if keys)
            raise DataError(f"There is no single observation '{key}'; there are: {known or 'one without a name'}.")
        pictures = named or [keys for keys, space in leaves.items() if _holds_picture(space)]
        if not key:
            pictures = [keys for keys in pictures if not _symbolic(_at(observation, keys))]
        if len(pictures) == 1:
            return cls(pictures[0])
        if len(pictures) > 1 and wanted == "obs":
            names = ", ".join("/".join(map(str, keys)) for keys in pictures)
            raise DataError(f"This environment shows several pictures; take one with --pixels obs:KEY of {names}.")
        if wanted == "obs":
            raise DataError(
                f"This environment's observation is no colour picture of 8 bits ({env.observation_space}): small grids and low "
                "numbers are symbols. Try --pixels render."
            )
        if env.render_mode is None:
            raise DataError("This environment shows no colour picture, neither as observation nor rendered; wrap it.")
        return cls(None)

    @property
    def said(self) -> str:
        if self.keys is None:
            return "as rendered"
        return "the observation" + (f" {'/'.join(map(str, self.keys))}" if self.keys else "")

    def picture(self, env: gymnasium.Env[Any, Any], observation: Any) -> np.ndarray:
        """uint8 [H, W, 3]. DataError for what is no picture."""
        if self.keys is None:
            return as_picture(env.render(), None)
        return as_picture(_at(observation, self.keys), dict(_leaves(env.observation_space)).get(self.keys))


def as_picture(shown: Any, space: gymnasium.Space[Any] | None) -> np.ndarray:
    """uint8 [H, W, 3] of a grey, coloured or transparent picture, of bytes or of numbers in [0, 1], [-1, 1] or [0, 255], its
    channels last or first. DataError for anything else."""
    image = np.asarray(shown)
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
    """By the space's bounds, else by what a picture may be: [0, 1] unless it is brighter."""
    if isinstance(space, Box) and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return float(space.low.min()), float(space.high.max())
    return 0.0, 1.0 if image.max(initial=0.0) <= 1 else 255.0


def _leaves(
    space: gymnasium.Space[Any], keys: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], gymnasium.Space[Any]]]:
    """Every space within Dict and Tuple, with the keys that lead to it."""
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
    """Whether its shape and bounds are a picture's."""
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


def _symbolic(shown: Any) -> bool:
    """Whether bytes are the numbers of symbols: few and low ones."""
    values = np.asarray(shown)
    return bool(values.dtype == np.uint8 and 0 < values.max(initial=0) < DARK and len(np.unique(values)) <= FEW)
