"""Maps a person's keys to the actions of a world without a car, which has no wheel, plan or driver."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.errors import SessionError
from world.controls import NULL, Control
from world.inputs import Inputs

KEYS = ("left", "right", "up", "down")
Bindings = Mapping[str, tuple[str, float]]  # key -> the input it sets, and to what


class Keyboard:
    """Pressed keys set their inputs, all others are at rest; of several choices the first in the order of KEYS counts."""

    def __init__(self, inputs: Inputs, bindings: Bindings | None = None) -> None:
        self.inputs = inputs
        self.bindings = default_bindings(inputs) if bindings is None else bindings

    def control(self, keys: frozenset[str]) -> Control:
        """The control of the pressed keys, which has nothing but their action."""
        return Control(float("nan"), float("nan"), NULL, NULL, NULL, NULL, NULL, NULL, self.action(keys))

    def action(self, keys: frozenset[str]) -> tuple[float, ...]:
        """A value for each of the world's inputs."""
        action = list(self.inputs.rest)
        for key in KEYS:
            if key in keys and key in self.bindings:
                name, value = self.bindings[key]
                if self.inputs.one_hot:
                    return tuple(float(name == one) for one in self.inputs.names)
                action[self.inputs.names.index(name)] = value
        return tuple(action)


def default_bindings(inputs: Inputs) -> dict[str, tuple[str, float]]:
    """The default bindings of a world's inputs.

    Choices: those named as the keys, else the second to the fifth. Numbers: left and right are the bounds of the first, up the
    upper bound of the second, down its lower bound, or where that is its rest the upper bound of the third.
    """
    names = inputs.names
    if inputs.one_hot:
        called = {name.lower(): name for name in names}
        choices = {key: called[key] for key in KEYS if key in called} or dict(zip(KEYS, names[1:], strict=False))
        return {key: (name, 1.0) for key, name in choices.items()}
    keys = {"left": (names[0], inputs.low[0]), "right": (names[0], inputs.high[0])}
    if len(names) > 1:
        keys["up"] = (names[1], inputs.high[1])
        if inputs.low[1] < inputs.rest[1]:
            keys["down"] = (names[1], inputs.low[1])
        elif len(names) > 2:
            keys["down"] = (names[2], inputs.high[2])
    return keys


def parse_keys(text: str, inputs: Inputs) -> dict[str, tuple[str, float]]:
    """Bindings written as `left=steer:-1,right=steer:1,up=gas` (without a value: the upper bound). SessionError for anything else."""
    bindings = {}
    for part in text.split(","):
        key, equals, target = part.strip().partition("=")
        name, colon, value = target.partition(":")
        if key not in KEYS or not equals or name not in inputs.names:
            raise SessionError(
                f"'{part.strip()}' binds no key; write KEY=NAME or KEY=NAME:VALUE with a KEY of {', '.join(KEYS)} and a "
                f"NAME of {', '.join(inputs.names)}."
            )
        axis = inputs.names.index(name)
        try:
            number = float(value) if colon else inputs.high[axis]
        except ValueError as error:
            raise SessionError(f"'{part.strip()}' sets {name} to '{value}', which is no number; mend it.") from error
        if not inputs.low[axis] <= number <= inputs.high[axis]:
            raise SessionError(f"{name} goes from {inputs.low[axis]:g} to {inputs.high[axis]:g}, not to {number:g}.")
        bindings[key] = name, number
    return bindings
