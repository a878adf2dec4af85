"""Policies for recording an environment: random, smooth random, or a user's function, with or without bursts."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from world.controls import FPS
from world.data.spaces import Actions
from world.errors import DataError
from world.inputs import Inputs

MEMORY_SECONDS = 0.7  # correlation time of SmoothPolicy
BURST_EVERY, BURST_SECONDS = 3.0, (0.5, 2.0)  # mean s between random bursts, range of their length


class EnvPolicy(Protocol):
    """Chooses the next action from an observation."""

    def __call__(self, observation: Any) -> np.ndarray:
        """The action in the dataset's form: one number per input."""
        ...


class RandomPolicy:
    """A new action every frame, uniform within the bounds."""

    def __init__(self, inputs: Inputs, rng: np.random.Generator) -> None:
        self.inputs, self.rng = inputs, rng

    def __call__(self, observation: Any) -> np.ndarray:
        """A uniform action, or a random choice."""
        if self.inputs.one_hot:
            return np.eye(len(self.inputs))[self.rng.integers(len(self.inputs))]
        return self.rng.uniform(self.inputs.low, self.inputs.high)


class SmoothPolicy(RandomPolicy):
    """Numbers follow an autoregressive process about rest; a choice is held for a while."""

    def __init__(self, inputs: Inputs, rng: np.random.Generator) -> None:
        super().__init__(inputs, rng)
        self._wander = rng.normal(size=len(inputs))
        self._choice = super().__call__(None)

    def __call__(self, observation: Any) -> np.ndarray:
        """The next step of the process, or a new choice with the same correlation time."""
        keep = math.exp(-1 / (MEMORY_SECONDS * FPS))
        if self.inputs.one_hot:
            if self.rng.random() > keep:
                self._choice = super().__call__(None)
            return self._choice
        self._wander = keep * self._wander + math.sqrt(1 - keep**2) * self.rng.normal(size=len(self.inputs))
        low, high, rest = (np.array(part) for part in (self.inputs.low, self.inputs.high, self.inputs.rest))
        return np.clip(rest + 0.6 * self._wander * np.maximum(high - rest, rest - low), low, high)


class FunctionPolicy:
    """A function observation -> action in the environment's own form."""

    def __init__(self, function: Callable[[Any], Any], actions: Actions) -> None:
        self.function, self.actions = function, actions

    def __call__(self, observation: Any) -> np.ndarray:
        """The function's action. DataError where it returns no action of the environment."""
        return self.actions.flat(self.function(observation))


class BurstPolicy:
    """Adds bursts of smooth random actions, so that the data also cover states off the policy's path."""

    def __init__(self, policy: EnvPolicy, inputs: Inputs, rng: np.random.Generator) -> None:
        self.policy, self.inputs, self.rng = policy, inputs, rng
        self._burst, self._remaining = SmoothPolicy(inputs, rng), 0

    def __call__(self, observation: Any) -> np.ndarray:
        """The policy's action, or during a burst a smooth random one."""
        if not self._remaining and self.rng.random() < 1 / (BURST_EVERY * FPS):
            self._burst, self._remaining = (
                SmoothPolicy(self.inputs, self.rng),
                round(self.rng.uniform(*BURST_SECONDS) * FPS),
            )
        if self._remaining:
            self._remaining -= 1
            return self._burst(observation)
        return self.policy(observation)


def find_policy(name: str, actions: Actions, vary: bool, rng: np.random.Generator) -> EnvPolicy:
    """`random`, `smooth` or MODULE:FUNCTION. DataError where there is none of that name."""
    policy: EnvPolicy
    if name == "random":
        policy = RandomPolicy(actions.inputs, rng)
    elif name == "smooth":
        policy = SmoothPolicy(actions.inputs, rng)
    else:
        policy = FunctionPolicy(_function(name), actions)
    return BurstPolicy(policy, actions.inputs, rng) if vary else policy


def _function(name: str) -> Callable[[Any], Any]:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise DataError(f"There is no policy '{name}'; take random, smooth, or MODULE:FUNCTION.")
    here = str(Path.cwd())
    sys.path.insert(0, here)  # the module may lie where the command was started
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise DataError(f"The policy {name} cannot be imported ({error}); check its name and folder.") from error
    finally:
        sys.path.remove(here)
    if not callable(function):
        raise DataError(f"{name} is not a function of an observation; name one.")
    return function
