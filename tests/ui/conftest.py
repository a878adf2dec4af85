"""Fixtures of the page's tests: the app without a server, and a machine with room for few dreams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import serving

if TYPE_CHECKING:
    from tests.ui.fake_page import FakeDreamer


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The whole app, asked by `tests.ui.asgi`."""
    from tests.ui.fake_page import FakeDreamer
    from ui.app import create_app

    return create_app(FakeDreamer(tmp_path_factory.mktemp("clips"), most=1000))


@pytest.fixture
def room() -> int:
    """How many dreams the machine has room for; a module says otherwise by a fixture of its own."""
    return 1


@pytest.fixture
def few(tmp_path: Path, room: int) -> FakeDreamer:
    from tests.ui.fake_page import FakeDreamer

    return FakeDreamer(tmp_path, most=room)


@pytest.fixture
def small_page(few: FakeDreamer) -> Iterator[str]:
    """A page over `few`, where a tab that left may come back for long."""
    with serving(few, grace=600) as page:
        yield page
