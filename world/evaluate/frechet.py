"""How far drawn pictures are from the path tracer's, by what the judge makes of them.

Fréchet's distance of Gaussians over the judge's features.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from world.errors import DataError
from world.judge import Judge
from world.metrics import frechet_distance
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
    apart = frechet_distance(own[first], own[second])
    crossed = 0.5 * (frechet_distance(features[first], own[second]) + frechet_distance(features[second], own[first]))
    return {"ratio": crossed / max(apart, 1e-12), "drawn": crossed, "traced": apart, "films": len(paths)}
