"""A dataset's figures are those of its rows and pictures, of each episode and of the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from world.data import Episode, EpisodeWriter, assemble
from world.data.schema import IMAGE
from world.data.stats import QUANTILES, picture_summary, shades, summary

FIGURES = {"min", "max", "mean", "std", "count", *QUANTILES}


def test_figures_of_rows() -> None:
    rows = np.random.default_rng(3).normal(size=(500, 2))
    told = summary(rows)
    assert set(told) == FIGURES and told["count"] == [500]
    np.testing.assert_allclose(told["q10"], np.sort(rows, axis=0)[50], atol=0.02)
    np.testing.assert_allclose(told["std"], rows.std(0))


def test_figures_of_pictures() -> None:
    images = np.random.default_rng(3).integers(10, 200, (4, 24, 32, 3), np.uint8)
    images[..., 2] //= 2
    told = picture_summary(shades(images), 4)
    assert set(told) == FIGURES and told["count"] == [4] and np.shape(told["q01"]) == (3, 1, 1)
    flat = images.reshape(-1, 3) / 255
    for name, value in (("min", flat.min(0)), ("max", flat.max(0)), ("mean", flat.mean(0)), ("std", flat.std(0))):
        np.testing.assert_allclose(np.ravel(told[name]), value, atol=1e-9)
    for name, share in QUANTILES.items():
        np.testing.assert_allclose(np.ravel(told[name]), np.quantile(flat, share, axis=0), atol=1.5 / 255)


@pytest.mark.parametrize("fps", [10, 10.0, 12.5])
def test_a_dataset_tells_what_trainers_scale_by(fps: float, tmp_path: Path) -> None:
    shards = []
    for number in range(2):
        shards.append(tmp_path / f"shard-{number}")
        with EpisodeWriter(shards[-1], fps) as writer:
            for shade in (40, 200):
                images = np.full((6, 48, 64, 3), shade, np.uint8)
                writer.append(Episode(images, {"action": np.full((6, 2), shade / 255 - number / 10)}, "drive"))
    entries = json.loads((shards[1] / "episodes.json").read_text())
    for entry in entries["episodes"]:
        del entry["shades"]  # as older shards are: it is counted anew
    (shards[1] / "episodes.json").write_text(json.dumps(entries))
    root = assemble(tmp_path / "set", shards)
    stats = json.loads((root / "meta/stats.json").read_text())
    assert set(stats[IMAGE]) == set(stats["action"]) == set(stats["timestamp"]) == FIGURES
    np.testing.assert_allclose(np.ravel(stats[IMAGE]["mean"]), 120 / 255, atol=0.01)
    np.testing.assert_allclose(stats["action"]["min"], 40 / 255 - 0.1, atol=1e-6)
    assert stats[IMAGE]["count"] == stats["action"]["count"] == [24]
    rows = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    np.testing.assert_allclose(
        [np.ravel(row[f"stats/{IMAGE}/q50"]) for row in rows], [[x / 255] * 3 for x in (40, 200) * 2], atol=0.01
    )
    np.testing.assert_allclose(
        [row["stats/action/q99"][0] for row in rows], [40 / 255, 200 / 255, 40 / 255 - 0.1, 200 / 255 - 0.1], atol=1e-6
    )
    assert {tuple(row["stats/action/count"]) for row in rows} == {(6,)}
    told = (root / "meta/info.json").read_text()
    assert json.loads(told)["fps"] == fps and (f'"fps": {fps:g},' in told)
