"""A person's keys as the actions of a world in which no car is driven: there is no wheel, no plan and no driver."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.errors import SessionError
from world.controls import NULL, Control
from world.inputs import Inputs

KEYS = ("left", "right", "up", "down")
Bindings = Mapping[str, tuple[str, float]]  # key -> the input it sets, and to what


class Keyboard:
    """Held keys set their inputs, the rest is at rest. Of several choices the first key's is taken, in the order of KEYS."""

    def __init__(self, inputs: Inputs, bindings: Bindings | None = None) -> None:
        self.inputs = inputs
        self.bindings = usual(inputs) if bindings is None else bindings

    def control(self, held: frozenset[str]) -> Control:
        """What these keys ask for; nothing else is said to such a world."""
        return Control(float("nan"), float("nan"), NULL, NULL, NULL, NULL, NULL, NULL, self.action(held))

    def action(self, held: frozenset[str]) -> tuple[float, ...]:
        action = list(self.inputs.rest)
        for key in KEYS:
            if key in held and key in self.bindings:
                name, value = self.bindings[key]
                if self.inputs.one_hot:
                    return tuple(float(name == one) for one in self.inputs.names)
                action[self.inputs.names.index(name)] = value
        return tuple(action)


def usual(inputs: Inputs) -> dict[str, tuple[str, float]]:
    """The keys where nobody says otherwise.

    Choices: those that are called as the keys are, else the second to the fifth. Numbers: left and right are the first
    one's bounds, up the second one's upper bound, down its lower one, or the third one's upper where that is at rest.
    """
    names = inputs.names
    if inputs.one_hot:
        called = {name.lower(): name for name in names}
        found = {key: called[key] for key in KEYS if key in called} or dict(zip(KEYS, names[1:], strict=False))
        return {key: (name, 1.0) for key, name in found.items()}
    keys = {"left": (names[0], inputs.low[0]), "right": (names[0], inputs.high[0])}
    if len(names) > 1:
        keys["up"] = (names[1], inputs.high[1])
        if inputs.low[1] < inputs.rest[1]:
            keys["down"] = (names[1], inputs.low[1])
        elif len(names) > 2:
            keys["down"] = (names[2], inputs.high[2])
    return keys


def parse_keys(text: str, inputs: Inputs) -> dict[str, tuple[str, float]]:
    """`left=steer:-1,right=steer:1,up=gas` (without a value: the upper bound); SessionError for anything else."""
    found = {}
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
        found[key] = name, number
    return found
