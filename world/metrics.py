"""Comparison of two samples: Jensen-Shannon divergence, Pearson correlation, Fréchet distance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def jensen_shannon(one: Sequence[float], other: Sequence[float], edges: np.ndarray) -> float:
    """The divergence in bits of two samples, in bins with edges [N + 1]: 0 equal, 1 disjoint; values beyond count in the outermost bins.
    NaN where a sample is empty."""
    p, q = (
        np.histogram(np.clip(values, edges[0], edges[-1] - 1e-9), edges)[0].astype(float) for values in (one, other)
    )
    if not p.sum() or not q.sum():
        return math.nan
    p, q = p / p.sum(), q / q.sum()
    return _entropy(0.5 * (p + q)) - 0.5 * (_entropy(p) + _entropy(q))


def _entropy(p: np.ndarray) -> float:
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; 0 where a sample is constant."""
    if len(first) < 2 or first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The distance between Gaussians fitted to two sets of features float [N, D] (Heusel et al. 2017, arXiv 1706.08500, equation 6)."""
    means = [one.astype(np.float64).mean(0) for one in (first, second)]
    spreads = [np.cov(one.astype(np.float64), rowvar=False) for one in (first, second)]
    root = _root(spreads[0])
    shared = np.trace(_root(root @ spreads[1] @ root))
    return float(((means[0] - means[1]) ** 2).sum() + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix without negative eigenvalues, up to rounding."""
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T)
