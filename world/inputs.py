"""The numeric inputs from one frame to the next, by name and bounds.

The town's are a car's. Other environments or videos have their own, one per value of an action.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inputs:
    """Named numbers, each with the bounds that are scaled to [-1, 1] for the model.

    `one_hot`: the numbers stand for one choice of several; exactly one of them is 1.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    one_hot: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("names", str), ("low", float), ("high", float)):
            object.__setattr__(self, name, tuple(map(kind, getattr(self, name))))  # lists, where they come from JSON
        if not self.names or not len(self.names) == len(self.low) == len(self.high):
            raise ValueError(f"{len(self.names)} inputs with {len(self.low)} lower and {len(self.high)} upper bounds")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"the same input twice: {', '.join(self.names)}")
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            if not low < high:
                raise ValueError(f"the input '{name}' has bounds {low:g} to {high:g}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def driving(self) -> bool:
        """Whether these are a car's, with known ego motion, so that a driver can be trained."""
        return self == DRIVING

    @property
    def rest(self) -> tuple[float, ...]:
        """The neutral action: the first choice, or each number as near to 0 as its bounds allow."""
        if self.one_hot:
            return (1.0, *[0.0] * (len(self) - 1))
        return tuple(max(low, min(high, 0.0)) for low, high in zip(self.low, self.high, strict=True))


# steer and accel in [-1, 1], speed in m/s (>= 0) and yaw rate in rad/s: the action, then the ego motion it leads to.
DRIVING = Inputs(("steer", "accel", "speed", "yaw_rate"), (-1.0, -1.0, -15.0, -0.8), (1.0, 1.0, 15.0, 0.8))
