"""A headless Chromium, the machine's own, and a page opened in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bridge.loop import Loop
from tests.conftest import serving
from tests.fakes import FakeDirector
from ui.live import LiveDreamer
from world.scene_world import SceneWorld

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
PIXELS = """() => {
  const canvas = document.querySelector("#lr-canvas");
  const small = new OffscreenCanvas(64, 36).getContext("2d");
  small.drawImage(canvas, 0, 0, 64, 36);
  return [...small.getImageData(0, 0, 64, 36).data];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no Chromium here: install one of {', '.join(names)} to test the page")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a page that dreams plainly shaded towns."""
    dreamer = LiveDreamer(
        SceneWorld(painter=None), Loop(FakeDirector()), clips=tmp_path_factory.mktemp("clips"), quality=1
    )
    dreamer.check()
    with serving(dreamer) as address:
        yield address
    dreamer.close()


@contextmanager
def open_page(browser: Browser, url: str, script: str = "", refused: bool = False) -> Iterator[Page]:
    """The page, dreaming, after a script of the test's own. Fails if anything was asked of another machine, or the page reported
    an error; refused: but for requests that are to be refused.
    """
    asked: list[str] = []
    faults: list[str] = []
    tab = browser.new_page(viewport={"width": 1366, "height": 768})
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("websocket", lambda socket: asked.append(socket.url))
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    if script:
        tab.add_init_script(script)
    tab.goto(url)
    tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=90_000)
    yield tab
    tab.close()
    base = url.partition("#")[0].rstrip("/")
    own = (base, base.replace("http", "ws"), "data:", "blob:")
    faults = [fault for fault in faults if not (refused and "Failed to load resource" in fault)]
    assert [each for each in asked if not each.startswith(own)] == []
    assert faults == []


def pixels(tab: Page) -> np.ndarray:
    """What the canvas shows: float [36, 64, 3]."""
    return np.asarray(tab.evaluate(PIXELS), np.float32).reshape(36, 64, 4)[..., :3]


def keep(tab: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=SHOTS / f"{name}.png")
