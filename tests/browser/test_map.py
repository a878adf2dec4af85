"""The small map on the picture of a scene: it draws the town, is switched off and on, and stays as it was left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import keep, open_page
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
COLOURS = """() => {
  const canvas = document.querySelector("#lr-streets");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = new Set();
  for (let k = 0; k < data.length; k += 4) if (data[k + 3] === 255) found.add([data[k], data[k + 1], data[k + 2]].join());
  return [...found];
}"""
ROAD = {"dark": "74,81,93", "light": "255,255,255"}


@pytest.fixture
def drive(browser: Browser, url: str) -> Iterator[Page]:
    with open_page(browser, url) as tab:
        tab.wait_for_selector("#lr-streets[data-version]", timeout=60_000)
        yield tab


def test_the_map_shows_the_streets_in_either_colours_and_is_switched(drive: Page) -> None:
    assert ROAD["dark"] in drive.evaluate(COLOURS)
    keep(drive, "map")
    drive.click("[data-toggle-theme]")
    wait_until(lambda: ROAD["light"] in drive.evaluate(COLOURS))
    keep(drive, "map-light")
    drive.keyboard.press("m")
    drive.wait_for_selector("#lr-streets", state="hidden")
    assert drive.get_attribute("#lr-map", "aria-pressed") == "false"
    drive.reload()
    drive.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=60_000)
    assert not drive.is_visible("#lr-streets")
    drive.click("#lr-map")
    drive.wait_for_selector("#lr-streets[data-version]", timeout=60_000)
