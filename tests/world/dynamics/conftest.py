"""A network that dreams streets, untrained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world.dynamics.test_streets import network
from world.dynamics.prefix_lm import save


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streets")
    save(folder, "streets", network(0), {})
    return folder
