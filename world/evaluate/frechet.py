"""Distance of rendered from path-traced pictures in the judge's features: the Fréchet distance of Gaussians."""

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
    """The distance of rendered from traced pictures over that among traced ones, as `ratio`, and both distances.

    The states of path-traced films are rendered; each half of the films is compared with the other half as traced.
    DataError for fewer than LEAST films.
    """
    paths = sorted(films.glob("[0-9]*.npz"))
    if len(paths) < LEAST:
        raise DataError(
            f"{films} holds {len(paths)} films, too few to compare; make more with `lucidrive collect --films`."
        )
    traced_films, drawn_films = [], []
    for path in paths:
        film = read_film(path)
        traced_films.append(film.pictures)
        drawn_films.append(np.stack([draw(state) for state in film.states]))
    features, own = judge.watch(drawn_films).features, judge.watch(traced_films).features
    order = np.random.default_rng(seed).permutation(len(paths))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    apart = frechet_distance(own[first], own[second])
    distance = 0.5 * (frechet_distance(features[first], own[second]) + frechet_distance(features[second], own[first]))
    return {"ratio": distance / max(apart, 1e-12), "drawn": distance, "traced": apart, "films": len(paths)}
