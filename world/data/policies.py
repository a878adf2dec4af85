"""Who acts while an environment is recorded: chance, smooth chance, or a function of yours, with or without bursts."""

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

MEMORY_SECONDS = 0.7  # of smooth chance
BURST_EVERY, BURST_SECONDS = 3.0, (0.5, 2.0)  # s between bursts of chance, s that one lasts


class EnvPolicy(Protocol):
    """Chooses the next action from what an environment shows."""

    def __call__(self, observation: Any) -> np.ndarray:
        """The action as the dataset has it: one number an input."""
        ...


class Chance:
    """A new action every frame, anywhere within the bounds."""

    def __init__(self, inputs: Inputs, rng: np.random.Generator) -> None:
        self.inputs, self.rng = inputs, rng

    def __call__(self, observation: Any) -> np.ndarray:
        if self.inputs.one_hot:
            return np.eye(len(self.inputs))[self.rng.integers(len(self.inputs))]
        return self.rng.uniform(self.inputs.low, self.inputs.high)


class Smooth(Chance):
    """Numbers wander about rest with a short memory; a choice is kept for a while."""

    def __init__(self, inputs: Inputs, rng: np.random.Generator) -> None:
        super().__init__(inputs, rng)
        self._wander = rng.normal(size=len(inputs))
        self._choice = super().__call__(None)

    def __call__(self, observation: Any) -> np.ndarray:
        keep = math.exp(-1 / (MEMORY_SECONDS * FPS))
        if self.inputs.one_hot:
            if self.rng.random() > keep:
                self._choice = super().__call__(None)
            return self._choice
        self._wander = keep * self._wander + math.sqrt(1 - keep**2) * self.rng.normal(size=len(self.inputs))
        low, high, rest = (np.array(part) for part in (self.inputs.low, self.inputs.high, self.inputs.rest))
        return np.clip(rest + 0.6 * self._wander * np.maximum(high - rest, rest - low), low, high)


class Yours:
    """A function observation -> action, as the environment takes it."""

    def __init__(self, function: Callable[[Any], Any], actions: Actions) -> None:
        self.function, self.actions = function, actions

    def __call__(self, observation: Any) -> np.ndarray:
        return self.actions.flat(self.function(observation))


class Varied:
    """Now and then smooth chance takes over for a while, so that the data also show what lies beside the policy's way."""

    def __init__(self, policy: EnvPolicy, inputs: Inputs, rng: np.random.Generator) -> None:
        self.policy, self.inputs, self.rng = policy, inputs, rng
        self._burst, self._left = Smooth(inputs, rng), 0

    def __call__(self, observation: Any) -> np.ndarray:
        if not self._left and self.rng.random() < 1 / (BURST_EVERY * FPS):
            self._burst, self._left = Smooth(self.inputs, self.rng), round(self.rng.uniform(*BURST_SECONDS) * FPS)
        if self._left:
            self._left -= 1
            return self._burst(observation)
        return self.policy(observation)


def find_policy(name: str, actions: Actions, vary: bool, rng: np.random.Generator) -> EnvPolicy:
    """`random`, `smooth` or MODULE:FUNCTION; DataError where there is none of that name."""
    policy: EnvPolicy
    if name == "random":
        policy = Chance(actions.inputs, rng)
    elif name == "smooth":
        policy = Smooth(actions.inputs, rng)
    else:
        policy = Yours(_function(name), actions)
    return Varied(policy, actions.inputs, rng) if vary else policy


def _function(name: str) -> Callable[[Any], Any]:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise DataError(f"There is no policy '{name}'; take random, smooth, or MODULE:FUNCTION.")
    here = str(Path.cwd())
    sys.path.insert(0, here)  # the module may lie where the command was started
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise DataError(f"The policy {name} cannot be imported ({error}); check its name and folder.") from error
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise DataError(f"{name} is not a function of an observation; name one.")
    return found
