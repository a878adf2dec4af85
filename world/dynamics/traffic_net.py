"""The traffic's network: a road user attends to others near it and outputs logits of motion tokens.

Attention: Vaswani et al. 2017, arXiv 1706.03762; pre-norm layers: Xiong et al. 2020, arXiv 2002.04745. One architecture, two sets of
weights: vehicles, people. The forward pass is float32 loops with a fixed order of summation per row, so that a decision is the same to
the last bit alone, in a batch, and in another process.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from safetensors import SafetensorError
from safetensors.numpy import load_file

from world.errors import WeightsError
from world.scene.motion_tokens import VOCABULARY

WIDTH, ITEM, HEADS, FEED, LAYERS = 160, 80, 4, 512, 2
FORMAT = 1
EPSILON = 1e-5  # of the norms
_HEAD, _ROWS = WIDTH // HEADS, 4


class Size(NamedTuple):
    """Sizes of a network: features of the own road user, features of one near it, most of these, tokens of both kinds."""

    own: int
    near: int
    most: int
    first: int
    second: int


VEHICLE = Size(98, 33, 10, VOCABULARY["acceleration"], VOCABULARY["across"])
PERSON = Size(43, 20, 10, VOCABULARY["pace"], VOCABULARY["way"])
SIZES: Mapping[str, Size] = {"vehicles": VEHICLE, "people": PERSON}


class Network(NamedTuple):
    """float32 weights; matrices are [inputs, outputs], layers are stacked. Norms: scale and shift."""

    own_1: np.ndarray
    own_1_bias: np.ndarray
    own_2: np.ndarray
    own_2_bias: np.ndarray
    near_1: np.ndarray
    near_1_bias: np.ndarray
    near_2: np.ndarray
    near_2_bias: np.ndarray
    nobody: np.ndarray
    norm_1: np.ndarray
    query: np.ndarray
    query_bias: np.ndarray
    key: np.ndarray
    key_bias: np.ndarray
    value: np.ndarray
    value_bias: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray
    norm_2: np.ndarray
    feed_1: np.ndarray
    feed_1_bias: np.ndarray
    feed_2: np.ndarray
    feed_2_bias: np.ndarray
    norm: np.ndarray
    tokens: np.ndarray
    tokens_bias: np.ndarray


def shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """The shape of every field of `Network`."""
    matrices = {
        "own_1": (size.own, WIDTH),
        "own_2": (WIDTH, WIDTH),
        "near_1": (size.near, ITEM),
        "near_2": (ITEM, ITEM),
        "query": (LAYERS, WIDTH, WIDTH),
        "key": (LAYERS, ITEM, WIDTH),
        "value": (LAYERS, ITEM, WIDTH),
        "out": (LAYERS, WIDTH, WIDTH),
        "feed_1": (LAYERS, WIDTH, FEED),
        "feed_2": (LAYERS, FEED, WIDTH),
        "tokens": (WIDTH, size.first + size.second),
    }
    out: dict[str, tuple[int, ...]] = {
        "nobody": (ITEM,),
        "norm_1": (LAYERS, 2, WIDTH),
        "norm_2": (LAYERS, 2, WIDTH),
        "norm": (2, WIDTH),
    }
    for name, shape in matrices.items():
        out[name], out[f"{name}_bias"] = shape, (*shape[:-2], shape[-1])
    return out


def network_of(tensors: Mapping[str, np.ndarray], size: Size) -> Network:
    """A network of arrays by name. WeightsError where one is missing or of another shape."""
    arrays = {}
    for name, shape in shapes(size).items():
        if name not in tensors or tensors[name].shape != shape:
            raise WeightsError(f"The traffic's weights have no {name} {shape}; train them again.")
        array = np.ascontiguousarray(tensors[name], np.float32)
        array.flags.writeable = False
        arrays[name] = array
    return Network(**arrays)


def read_networks(folder: Path) -> tuple[dict[str, Network], str]:
    """The two networks of a folder, and the sha256 of both. WeightsError where they are missing, damaged or of another format."""
    try:
        config = json.loads((folder / "config.json").read_text())
        if config["format"] != FORMAT:
            raise ValueError("another format")
        networks = {}
        for name, size in SIZES.items():
            path = folder / f"{name}.safetensors"
            if hashlib.sha256(path.read_bytes()).hexdigest() != config["files"][path.name]:
                raise ValueError("another checksum")
            networks[name] = network_of(load_file(path), size)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsError(f"{folder} holds no traffic ({error}); train it: lucidrive train traffic.") from error
    return networks, hashlib.sha256(json.dumps(config["files"], sort_keys=True).encode()).hexdigest()


@njit(cache=True)
def _affine(x, weights, bias, rectify, out):
    """out [N, O] = x [N, I] @ weights + bias, summed from the first input to the last for any N."""
    rows, inputs = x.shape
    outputs, whole = len(bias), inputs - inputs % 4
    for first in range(0, rows, _ROWS):
        last = min(rows, first + _ROWS)
        for r in range(first, last):
            for j in range(outputs):
                out[r, j] = bias[j]
        for i in range(0, whole, 4):  # four at a time, added one after the other
            for r in range(first, last):
                a, b, c, d = x[r, i], x[r, i + 1], x[r, i + 2], x[r, i + 3]
                for j in range(outputs):
                    so_far = out[r, j] + a * weights[i, j]
                    so_far = so_far + b * weights[i + 1, j]
                    so_far = so_far + c * weights[i + 2, j]
                    out[r, j] = so_far + d * weights[i + 3, j]
        for i in range(whole, inputs):
            for r in range(first, last):
                value = x[r, i]
                for j in range(outputs):
                    out[r, j] += value * weights[i, j]
        if rectify:
            for r in range(first, last):
                for j in range(outputs):
                    out[r, j] = max(out[r, j], np.float32(0.0))


@njit(cache=True)
def _normed(x, scale, shift, out):
    """Layer norm of every row."""
    width = x.shape[1]
    for r in range(len(x)):
        mean, square = np.float32(0.0), np.float32(0.0)
        for j in range(width):
            mean += x[r, j]
        mean /= np.float32(width)
        for j in range(width):
            square += (x[r, j] - mean) * (x[r, j] - mean)
        share = np.float32(1.0) / np.float32(math.sqrt(square / np.float32(width) + np.float32(EPSILON)))
        for j in range(width):
            out[r, j] = (x[r, j] - mean) * share * scale[j] + shift[j]


@njit(cache=True)
def _attend(query, keys, values, counts, out):
    """Every row attends to its items; keys and values [sum of counts + 1, WIDTH], row by row, the last for `nobody`."""
    weights, first = np.empty(counts.max() + 1, np.float32), 0
    nobody = len(keys) - 1
    scale = np.float32(1.0 / math.sqrt(_HEAD))
    for r in range(len(query)):
        count = counts[r]
        for head in range(HEADS):
            low = head * _HEAD
            largest = np.float32(-1e30)
            for n in range(count + 1):
                row = first + n if n < count else nobody
                score = np.float32(0.0)
                for j in range(low, low + _HEAD):
                    score += query[r, j] * keys[row, j]
                weights[n] = score * scale
                largest = max(largest, weights[n])
            total = np.float32(0.0)
            for n in range(count + 1):
                weights[n] = np.float32(math.exp(weights[n] - largest))
                total += weights[n]
            for j in range(low, low + _HEAD):
                out[r, j] = np.float32(0.0)
            for n in range(count + 1):
                row = first + n if n < count else nobody
                share = weights[n] / total
                for j in range(low, low + _HEAD):
                    out[r, j] += share * values[row, j]
        first += count


@njit(cache=True)
def _packed(near, counts, there):
    """All valid rows of `near`, concatenated [sum of counts, NEAR]."""
    out, k = np.empty((there, near.shape[2]), np.float32), 0
    for r in range(len(near)):
        for n in range(counts[r]):
            out[k] = near[r, n]
            k += 1
    return out


@njit(cache=True, nogil=True)
def forward(w, own, near, counts):
    """Logits float32 [N, first + second tokens]. own [N, OWN], near [N, most, NEAR], counts [N]: valid rows of near."""
    rows, there = len(near), int(counts.sum())
    x, y = np.empty((rows, WIDTH), np.float32), np.empty((rows, WIDTH), np.float32)
    z = np.empty((rows, WIDTH), np.float32)
    _affine(own, w.own_1, w.own_1_bias, True, y)
    _affine(y, w.own_2, w.own_2_bias, False, x)
    hidden, items = np.empty((there, ITEM), np.float32), np.empty((there + 1, ITEM), np.float32)
    _affine(_packed(near, counts, there), w.near_1, w.near_1_bias, True, hidden)
    _affine(hidden, w.near_2, w.near_2_bias, False, items[:there])
    items[there] = w.nobody
    keys, values = np.empty((len(items), WIDTH), np.float32), np.empty((len(items), WIDTH), np.float32)
    feed = np.empty((rows, FEED), np.float32)
    for layer in range(LAYERS):
        _normed(x, w.norm_1[layer, 0], w.norm_1[layer, 1], y)
        _affine(y, w.query[layer], w.query_bias[layer], False, z)
        _affine(items, w.key[layer], w.key_bias[layer], False, keys)
        _affine(items, w.value[layer], w.value_bias[layer], False, values)
        _attend(z, keys, values, counts, y)
        _affine(y, w.out[layer], w.out_bias[layer], False, z)
        x += z
        _normed(x, w.norm_2[layer, 0], w.norm_2[layer, 1], y)
        _affine(y, w.feed_1[layer], w.feed_1_bias[layer], True, feed)
        _affine(feed, w.feed_2[layer], w.feed_2_bias[layer], False, z)
        x += z
    _normed(x, w.norm[0], w.norm[1], y)
    logits = np.empty((rows, len(w.tokens_bias)), np.float32)
    _affine(y, w.tokens, w.tokens_bias, False, logits)
    return logits


@njit(cache=True)
def sample(logits, first, count, allowed, share, draw):
    """Samples an allowed token of logits[first : first + count] from the likeliest that make up `share`, by draw in [0, 1).

    Nucleus sampling: Holtzman et al. 2020, arXiv 1904.09751.
    """
    order = np.empty(count, np.int64)
    chance = np.zeros(count)
    largest = -1e30
    for k in range(count):
        order[k] = k
        if allowed[k]:
            largest = max(largest, logits[first + k])
    total = 0.0
    for k in range(count):
        if allowed[k]:
            chance[k] = math.exp(logits[first + k] - largest)
            total += chance[k]
    for k in range(1, count):  # the likeliest first
        at, here = k, order[k]
        while at > 0 and chance[order[at - 1]] < chance[here]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = here
    nucleus, number = 0.0, 0
    while number < count and nucleus < share * total:
        nucleus += chance[order[number]]
        number += 1
    pick, so_far = draw * nucleus, 0.0
    for k in range(number):
        so_far += chance[order[k]]
        if so_far > pick:
            return order[k]
    return order[0]
