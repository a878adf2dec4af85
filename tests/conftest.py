"""Shared fixtures: a page served on a free port of this machine, with a fake dream behind it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:  # the server takes seconds to import, in every process of a run
    from tests.ui.fake_page import FakeDreamer
    from ui.drive import Dreamer
    from ui.origin import Public


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gpu: needs a CUDA device")
    hypothesis.settings.register_profile("untimed", deadline=None)  # a first call compiles, and machines are shared
    hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with many slow tests go first, so that no process is left alone with one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@contextmanager
def serving(
    dreamer: Dreamer,
    grace: float = 0.5,
    *,
    auth: str | None = None,
    mcp: bool = False,
    port: int = 0,
    public: Public | None = None,
) -> Iterator[str]:
    """The page's address while it is served from a thread."""
    import uvicorn

    from ui.app import address, bind, create_app
    from ui.stream import MAX_MESSAGE

    listening = bind("127.0.0.1", port)
    app = create_app(dreamer, grace, auth=auth, mcp=mcp, public=public)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", ws_max_size=MAX_MESSAGE, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, 30)
        yield address(listening)
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def wait_until(true: Callable[[], object], seconds: float = 5.0) -> None:
    """Returns as soon as `true()` is; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def fake_dreamer(tmp_path_factory: pytest.TempPathFactory) -> FakeDreamer:
    from tests.ui.fake_page import FakeDreamer

    clips: Path = tmp_path_factory.mktemp("clips")
    return FakeDreamer(clips, most=100)


@pytest.fixture(scope="module")
def page(fake_dreamer: FakeDreamer) -> Iterator[str]:
    with serving(fake_dreamer) as url:
        yield url
