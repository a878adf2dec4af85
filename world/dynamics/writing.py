"""Incremental decoding of a prefix language model: a token of each sequence at a time, in loops that release the interpreter's lock.

With small batches of small layers torch's overhead between operators dominates. Here every sum has a fixed order per sequence, so that a
sequence does not depend on the others in its batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from world.dynamics.prefix_lm import PrefixLM

ROOM = 48  # tokens of initial capacity, and of each enlargement
EPS = float(np.finfo(np.float32).eps)  # of RMS norms, as torch's


class Weights(NamedTuple):
    """A network's weights, float32; matrices are [in, out], layers come first."""

    tokens: np.ndarray  # [V, D]
    places: np.ndarray  # [length, D]
    norm_attention: np.ndarray  # [layers, D]
    qkv: np.ndarray  # [layers, D, 3 D]
    q_norm: np.ndarray  # [layers, D / H]
    k_norm: np.ndarray
    out: np.ndarray  # [layers, D, D]
    norm_mlp: np.ndarray
    up: np.ndarray  # [layers, D, 2 hidden]
    down: np.ndarray  # [layers, hidden, D]
    norm: np.ndarray  # [D]
    logits: np.ndarray  # [D, V]
    bias: np.ndarray  # [V]


def weights_of(model: PrefixLM) -> Weights:
    """The weights of a network that is no longer trained; cached on it."""
    weights: Weights | None = model.__dict__.get("_numbers")
    if weights is None:
        weights = model.__dict__["_numbers"] = _read(model)
    return weights


def _read(model: PrefixLM) -> Weights:
    blocks = list(model.blocks)

    def all_of(name: str) -> np.ndarray:
        parts = [block.get_parameter(name) for block in blocks]
        return np.stack([_numbers(part.T if part.ndim == 2 else part) for part in parts])

    return Weights(
        _numbers(model.token.weight), _numbers(model.place.weight), all_of("norm_attention.weight"), all_of("qkv.weight"),
        all_of("q_norm.weight"), all_of("k_norm.weight"), all_of("out.weight"), all_of("norm_mlp.weight"),
        all_of("mlp.up.weight"), all_of("mlp.down.weight"), _numbers(model.norm.get_parameter("weight")),
        _numbers(model.logits.weight.T), _numbers(model.logits.bias),
    )  # fmt: skip


def _numbers(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().cpu().numpy()
    return np.array(array, np.float32, order="C")


class Writing:
    """B sequences. count: tokens of each so far; a lower value rewinds."""

    def __init__(self, model: PrefixLM, rows: np.ndarray, there: np.ndarray, conditions: np.ndarray) -> None:
        """rows float32 [B, R, features], there bool [B, R], conditions int [B, C]."""
        self.count, self._weights = 0, weights_of(model)
        with torch.inference_mode():
            past, valid = model.begin(*(torch.from_numpy(one) for one in (rows, there, conditions)))
        batch, heads, self._prefix, width = past[0][0].shape
        size = (len(past), batch, heads, width, self._prefix + ROOM)
        self._valid = valid.numpy()
        self._keys, self._values = np.empty(size, np.float32), np.empty((*size[:3], size[4], width), np.float32)
        for layer, (keys, values) in enumerate(past):
            self._keys[layer, ..., : self._prefix] = keys.transpose(2, 3).numpy()
            self._values[layer, ..., : self._prefix, :] = values.numpy()

    def next(
        self, tokens: np.ndarray, active: np.ndarray | None = None, among: Sequence[np.ndarray] | None = None
    ) -> np.ndarray:
        """Logits float32 [B, V] after one more token int64 [B] of each.

        active: bool [B], unfinished sequences (default: all); among: int [N] for each, ascending, the tokens whose logits are needed
        (default: all; a single one needs no logits). Most other logits are 0.
        """
        active = np.ones(len(tokens), bool) if active is None else active
        spans, end = np.zeros((len(tokens), 2), np.int64), len(self._weights.bias) - 1
        spans[:, 1] = end
        if among is not None:
            spans[:] = [(one[0], one[-1 if one[-1] < end else -2] + 1) if len(one) > 1 else (0, 0) for one in among]
        if self._prefix + self.count == self._keys.shape[-1]:
            more = [(0, 0)] * 3
            self._keys = np.pad(self._keys, [*more, (0, 0), (0, ROOM)])
            self._values = np.pad(self._values, [*more, (0, ROOM), (0, 0)])
        logits: np.ndarray = _next(
            self._weights, self._keys, self._values, self._valid, self._prefix, self.count, tokens, active, spans
        )
        self.count += 1
        return logits


def drawn(logits: np.ndarray, among: np.ndarray, heat: float, share: float) -> int:
    """Samples one of the tokens `among` int [N] by the softmax of their logits [V] at temperature `heat`. share: a random number in [0, 1)."""
    return int(among[_drawn(logits, among, heat, share)])


@njit(cache=True, nogil=True)
def _drawn(logits, among, heat, share):
    chances = np.empty(len(among))
    for k, token in enumerate(among):
        chances[k] = logits[token] / heat
    most, whole = chances.max(), 0.0
    for k in range(len(among)):
        whole += math.exp(chances[k] - most)
        chances[k] = whole
    return min(np.searchsorted(chances, share * whole, side="right"), len(among) - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _next(weights, keys, values, valid, prefix, count, tokens, active, spans):  # noqa: C901 (a compiled loop)
    layers, batch, heads, width, _ = keys.shape
    full, hidden, end = heads * width, weights.down.shape[1], len(weights.bias) - 1
    logits = np.zeros((batch, len(weights.bias)), np.float32)
    which, ending = np.flatnonzero(active), np.flatnonzero(active & (spans[:, 1] > spans[:, 0]))
    x, y, some = np.empty(full, np.float32), np.empty(full, np.float32), np.empty(prefix + count + 1, np.float32)
    xs, ys = np.empty((batch, full), np.float32), np.empty((batch, full), np.float32)
    more = np.empty((batch, full), np.float32)
    qkv, both = np.empty((batch, 3 * full), np.float32), np.empty((batch, 2 * hidden), np.float32)
    gated, powers = np.empty((batch, hidden), np.float32), np.empty(max(hidden, len(some)), np.int32)
    for b in which:
        xs[b] = weights.tokens[tokens[b]] + weights.places[count]
    for layer in range(layers):
        for b in which:
            _normed(xs[b], weights.norm_attention[layer], ys[b])
        _times(ys, weights.qkv[layer], qkv, which)
        for b in which:
            for h in range(heads):
                first = h * width
                key = qkv[b, full + first : full + first + width]
                _normed(key, weights.k_norm[layer], y[:width])
                keys[layer, b, h, :, prefix + count] = y[:width]
                values[layer, b, h, prefix + count] = qkv[b, 2 * full + first : 2 * full + first + width]
        if layer == layers - 1:
            which = ending  # the others' next token is certain; they need only keys and values
        for b in which:
            for h in range(heads):
                first = h * width
                _normed(qkv[b, first : first + width], weights.q_norm[layer], x[:width])
                _attended(
                    x[:width],
                    keys[layer, b, h],
                    values[layer, b, h],
                    valid[b],
                    prefix,
                    some,
                    powers,
                    ys[b, first : first + width],
                )
        _times(ys, weights.out[layer], more, which)
        for b in which:
            for k in range(full):
                xs[b, k] += more[b, k]
            _normed(xs[b], weights.norm_mlp[layer], ys[b])
        _times(ys, weights.up[layer], both, which)
        for b in which:
            for k in range(hidden):
                gated[b, k] = -both[b, k]
            _exp(gated[b], powers)
            for k in range(hidden):
                gated[b, k] = both[b, k] / (np.float32(1) + gated[b, k]) * both[b, hidden + k]
        _times(gated, weights.down[layer], more, which)
        for b in which:
            for k in range(full):
                xs[b, k] += more[b, k]
    for b in which:
        _normed(xs[b], weights.norm, ys[b])
        for first, last in ((spans[b, 0], spans[b, 1]), (end, end + 1)):  # the last token ends a sequence
            _times(ys, weights.logits[:, first:last], logits[:, first:last], which[which == b])
            for k in range(first, last):
                logits[b, k] += weights.bias[k]
    return logits


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _attended(query, keys, values, valid, prefix, scores, powers, out):
    """Attention of a query [width] over keys [width, N] and values [N, width]: the first len(scores), of the prefix only valid ones."""
    width, count = len(query), len(scores)
    scale = np.float32(1.0 / math.sqrt(width))
    for n in range(count):
        scores[n] = 0.0
    for d in range(width):
        one = query[d] * scale
        row = keys[d]
        for n in range(count):
            scores[n] += one * row[n]
    most = np.float32(-np.inf)
    for n in range(count):
        if n >= prefix or valid[n]:
            most = max(most, scores[n])
    for n in range(count):
        scores[n] -= most
    _exp(scores, powers)
    whole = np.float32(0)
    for d in range(width):
        out[d] = 0.0
    for n in range(count):
        if n < prefix and not valid[n]:
            continue
        share = scores[n]
        whole += share
        row = values[n]
        for d in range(width):
            out[d] += share * row[d]
    for d in range(width):
        out[d] /= whole


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _exp(x, powers):
    """e to the power of each x float32 [N], in its place, to 5e-6 of it; powers int32 [N at least] is overwritten. A power of two, and a polynomial."""
    count = len(x)
    for k in range(count):
        t = min(np.float32(126), max(np.float32(-126), x[k] * np.float32(1.4426950408889634)))
        whole = np.floor(t)
        t = (t - whole) * np.float32(0.6931471805599453)
        powers[k] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        high = (
            t
            * t
            * t
            * (
                np.float32(1 / 6)
                + t
                * (
                    np.float32(1 / 24)
                    + t * (np.float32(1 / 120) + t * (np.float32(1 / 720) + t * np.float32(1 / 5040)))
                )
            )
        )
        x[k] = np.float32(1) + t + np.float32(0.5) * t * t + high
    twos = powers[:count].view(np.float32)
    for k in range(count):
        x[k] *= twos[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _normed(x, scale, out):
    """Root mean square normalisation (Zhang and Sennrich 2019, arXiv 1910.07467)."""
    whole = np.float32(0)
    for k in range(len(x)):
        whole += x[k] * x[k]
    by = np.float32(1.0 / math.sqrt(whole / len(x) + EPS))
    for k in range(len(x)):
        out[k] = x[k] * by * scale[k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _times(x, matrix, out, which):
    """out [B, M] = x [B, N] @ matrix [N, M], in the rows `which`: four rows of the matrix for four of those at a time; N is a multiple of 4."""
    n, m = matrix.shape
    for b in which:
        row = out[b]
        for k in range(m):
            row[k] = 0.0
    fours = len(which) - len(which) % 4
    for i in range(0, n, 4):
        w0, w1, w2, w3 = matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]
        for j in range(0, fours, 4):
            a, b, c, d = which[j], which[j + 1], which[j + 2], which[j + 3]
            a0, a1, a2, a3 = x[a, i], x[a, i + 1], x[a, i + 2], x[a, i + 3]
            b0, b1, b2, b3 = x[b, i], x[b, i + 1], x[b, i + 2], x[b, i + 3]
            c0, c1, c2, c3 = x[c, i], x[c, i + 1], x[c, i + 2], x[c, i + 3]
            d0, d1, d2, d3 = x[d, i], x[d, i + 1], x[d, i + 2], x[d, i + 3]
            out_a, out_b, out_c, out_d = out[a], out[b], out[c], out[d]
            for k in range(m):
                e0, e1, e2, e3 = w0[k], w1[k], w2[k], w3[k]
                out_a[k] += (a0 * e0 + a1 * e1) + (a2 * e2 + a3 * e3)
                out_b[k] += (b0 * e0 + b1 * e1) + (b2 * e2 + b3 * e3)
                out_c[k] += (c0 * e0 + c1 * e1) + (c2 * e2 + c3 * e3)
                out_d[k] += (d0 * e0 + d1 * e1) + (d2 * e2 + d3 * e3)
        for j in range(fours, len(which)):
            a = which[j]
            a0, a1, a2, a3 = x[a, i], x[a, i + 1], x[a, i + 2], x[a, i + 3]
            out_a = out[a]
            for k in range(m):
                out_a[k] += (a0 * w0[k] + a1 * w1[k]) + (a2 * w2[k] + a3 * w3[k])
