"""Traffic with weights that nobody trained, and traffic of one mind: tests ask what is done with logits, not how good they are."""

from __future__ import annotations

import numpy as np

from world.dynamics.traffic import Traffic
from world.dynamics.traffic_net import PERSON, VEHICLE, Network, Size, network_of, shapes
from world.scene.motion_tokens import ACCELERATIONS, KEEP, ON, PACES


def network(size: Size, seed: int) -> Network:
    random = np.random.default_rng(seed)
    made = {}
    for name, shape in shapes(size).items():
        value = random.normal(size=shape)
        if name.startswith("norm"):
            value *= 0.1
            value[..., 0, :] += 1.0
        elif len(shape) > 1 and not name.endswith("bias"):
            value /= np.sqrt(shape[-2])
        made[name] = value.astype(np.float32)
    return network_of(made, size)


def constant(size: Size, first: int, second: int) -> Network:
    """Says the same two tokens whatever it is told."""
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes(size).items()}
    tensors["tokens_bias"][first] = 100.0
    tensors["tokens_bias"][size.first + second] = 100.0
    return network_of(tensors, size)


def random_traffic(guard: bool = True) -> Traffic:
    return Traffic(network(VEHICLE, 1), network(PERSON, 2), guard=guard)


def headlong(guard: bool) -> Traffic:
    """Everybody goes as fast as it can, straight on."""
    fastest = len(ACCELERATIONS) - 1
    return Traffic(constant(VEHICLE, fastest, KEEP), constant(PERSON, len(PACES) - 5, ON), guard=guard)


def standing() -> Traffic:
    """Everybody stops."""
    return Traffic(constant(VEHICLE, len(ACCELERATIONS), KEEP), constant(PERSON, 0, ON))
