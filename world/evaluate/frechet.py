"""The Frechet distance between two sets of pictures, by the features that the judge sees in them."""

from __future__ import annotations

import numpy as np

from world.errors import DataError


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features [N, D] each (FID, arXiv 1706.08500, section 3)."""
    if min(len(first), len(second)) < 2:
        raise DataError("A Frechet distance needs at least two frames on either side; ask for more dreams.")
    first, second = first.astype(np.float64), second.astype(np.float64)
    means = first.mean(0) - second.mean(0)
    one, two = (np.atleast_2d(np.cov(part, rowvar=False)) for part in (first, second))
    root = _root(one)
    mixed = np.linalg.eigvalsh(root @ two @ root).clip(0)  # the eigenvalues of C1 C2
    return float(means @ means + np.trace(one) + np.trace(two) - 2 * np.sqrt(mixed).sum())


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix that is not negative."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
