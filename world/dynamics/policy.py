"""The learnt driver's network: a set of road users, a set of crossing ones, the own car; its output is added to a simple base.

Sets as in Zaheer et al. 2017, arXiv 1703.06114, with the largest instead of the sum. The forward pass is plain float32 loops
for one car at a time, so that an action is the same to the last bit alone, in a batch and with any number of threads.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from safetensors import SafetensorError
from safetensors.numpy import load_file

from world.dynamics.observe import CROSSER, OWN, USER
from world.errors import WeightsError

FOLDER = Path(__file__).parent.parent / "weights" / "driver"
FORMAT = 2
ITEM, HIDDEN = 40, 128  # widths of the sets' layers and of the trunk's
SHAPES = {
    "user_1": (USER, ITEM),
    "user_2": (ITEM, ITEM),
    "crosser_1": (CROSSER, ITEM),
    "crosser_2": (ITEM, ITEM),
    "trunk_1": (OWN + 2 * ITEM, HIDDEN),
    "trunk_2": (HIDDEN, HIDDEN),
    "action": (HIDDEN, 2),
}


class Policy(NamedTuple):
    """float32 weights, a matrix [inputs, outputs] and a bias [outputs] a layer."""

    user_1: np.ndarray
    user_1_bias: np.ndarray
    user_2: np.ndarray
    user_2_bias: np.ndarray
    crosser_1: np.ndarray
    crosser_1_bias: np.ndarray
    crosser_2: np.ndarray
    crosser_2_bias: np.ndarray
    trunk_1: np.ndarray
    trunk_1_bias: np.ndarray
    trunk_2: np.ndarray
    trunk_2_bias: np.ndarray
    action: np.ndarray
    action_bias: np.ndarray


def policy_of(tensors: dict[str, np.ndarray]) -> Policy:
    """A policy of arrays by name. WeightsError where one is missing or of another shape."""
    arrays = {}
    for name, shape in SHAPES.items():
        for key, form in ((name, shape), (f"{name}_bias", shape[1:])):
            if key not in tensors or tensors[key].shape != form:
                raise WeightsError(f"The driver's weights have no {key} {form}; install lucidrive again.")
            array = np.ascontiguousarray(tensors[key], np.float32)
            array.flags.writeable = False
            arrays[key] = array
    return Policy(**arrays)


@lru_cache(maxsize=4)
def load_policy(folder: Path = FOLDER) -> Policy:
    """`read_policy`, cached. WeightsError likewise."""
    return read_policy(folder)


def read_policy(folder: Path) -> Policy:
    """The policy in a folder. WeightsError where a file is missing, damaged or of another format."""
    try:
        config = json.loads((folder / "config.json").read_text())
        data = (folder / "driver.safetensors").read_bytes()
        if config["format"] != FORMAT or hashlib.sha256(data).hexdigest() != config["files"]["driver.safetensors"]:
            raise ValueError("another format or checksum")
        return policy_of(load_file(folder / "driver.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsError(f"{folder} holds no driver ({error}); train one or install lucidrive again.") from error


@njit(cache=True)
def _layer(x, weights, bias, rectify, out):
    for j in range(len(bias)):
        out[j] = bias[j]
    for i in range(len(x)):
        value = x[i]
        if value != 0.0:
            for j in range(len(bias)):
                out[j] += value * weights[i, j]
    if rectify:
        for j in range(len(bias)):
            out[j] = max(out[j], np.float32(0.0))


@njit(cache=True)
def _largest(rows, count, first, first_bias, second, second_bias, out):
    """The largest of each output over all rows through two layers; 0 without rows."""
    hidden, item = np.empty(ITEM, np.float32), np.empty(ITEM, np.float32)
    out[:] = 0.0
    for n in range(count):
        _layer(rows[n], first, first_bias, True, hidden)
        _layer(hidden, second, second_bias, True, item)
        for j in range(ITEM):
            out[j] = max(out[j], item[j])


@njit(cache=True)
def residual(policy, own, users, count, crossers, crossing, out):
    """Fills out float32 [2]: the residuals of the base's steer and accel."""
    x, y, z = np.empty(OWN + 2 * ITEM, np.float32), np.empty(HIDDEN, np.float32), np.empty(HIDDEN, np.float32)
    x[:OWN] = own
    _largest(users, count, policy.user_1, policy.user_1_bias, policy.user_2, policy.user_2_bias, x[OWN : OWN + ITEM])
    _largest(
        crossers, crossing, policy.crosser_1, policy.crosser_1_bias, policy.crosser_2, policy.crosser_2_bias,
        x[OWN + ITEM :],
    )  # fmt: skip
    _layer(x, policy.trunk_1, policy.trunk_1_bias, True, y)
    _layer(y, policy.trunk_2, policy.trunk_2_bias, True, z)
    _layer(z, policy.action, policy.action_bias, False, out)
