"""How far apart samples are, on samples of which one knows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from world.metrics import correlation, frechet_distance, jensen_shannon


def test_divergence_is_between_equal_and_apart() -> None:
    edges = np.arange(0.5, 7.0)
    assert jensen_shannon([1, 2, 3], [1, 2, 3], edges) == pytest.approx(0.0)
    assert jensen_shannon([1, 1], [4, 4], edges) == pytest.approx(1.0)
    assert 0 < jensen_shannon([1, 1, 4], [1, 4, 4], edges) < 1
    assert jensen_shannon([6.0], [99.0], edges) == pytest.approx(0.0)  # beyond the edges counts in the outermost
    assert math.isnan(jensen_shannon([], [1], edges))


def test_correlation_of_what_never_changes_is_none() -> None:
    one = np.array([1.0, 2.0, 4.0])
    assert correlation(one, 3 * one + 1) == pytest.approx(1.0)
    assert correlation(one, -one) == pytest.approx(-1.0)
    assert correlation(one, np.ones(3)) == 0.0


def test_the_distance_is_that_of_gaussians() -> None:
    random = np.random.default_rng(0)
    one = random.normal(size=(4000, 3))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, one + np.array([2.0, 0.0, 0.0])) == pytest.approx(4.0)
    assert frechet_distance(one, 3 * one) == pytest.approx(4 * one.var(0, ddof=1).sum() + 4 * (one.mean(0) ** 2).sum())
    other = random.normal(size=(4000, 3)) @ random.normal(size=(3, 3))
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))
