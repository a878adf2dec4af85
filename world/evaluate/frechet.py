"""How far drawn pictures are from the path tracer's, by what the judge makes of them.

Fréchet's distance of Gaussians (Heusel et al. 2017, arXiv 1706.08500, equation 6) over the judge's features.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from world.errors import DataError
from world.judge import Judge
from world.scene.state import SceneState
from world.town.films import read_film

LEAST = 8  # films


def frechet(judge: Judge, draw: Callable[[SceneState], np.ndarray], films: Path, seed: int = 0) -> dict[str, float]:
    """The distance of drawn to traced pictures over that of traced to traced ones, as `ratio`, and both distances.

    The states of the path tracer's films are drawn; each half of them is held against the other half as it was traced. DataError
    for fewer than LEAST films.
    """
    paths = sorted(films.glob("[0-9]*.npz"))
    if len(paths) < LEAST:
        raise DataError(
            f"{films} holds {len(paths)} films, too few to compare; make more with `lucidrive collect --films`."
        )
    told, drawn = [], []
    for path in paths:
        film = read_film(path)
        told.append(film.pictures)
        drawn.append(np.stack([draw(state) for state in film.states]))
    features, own = judge.watch(drawn).features, judge.watch(told).features
    order = np.random.default_rng(seed).permutation(len(paths))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    apart = distance(own[first], own[second])
    crossed = 0.5 * (distance(features[first], own[second]) + distance(features[second], own[first]))
    return {"ratio": crossed / max(apart, 1e-12), "drawn": crossed, "traced": apart, "films": len(paths)}


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet's distance of the Gaussians that two sets of features float [N, D] have."""
    means = [one.astype(np.float64).mean(0) for one in (first, second)]
    spreads = [np.cov(one.astype(np.float64), rowvar=False) for one in (first, second)]
    root = _root(spreads[0])
    shared = np.trace(_root(root @ spreads[1] @ root))
    return float(((means[0] - means[1]) ** 2).sum() + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix that has no negative eigenvalues but by rounding."""
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T)
