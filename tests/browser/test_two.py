"""Two people in one dream: the second page is invited by a link, drives a car of its own, and each sees the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from bridge.loop import Loop
from tests.browser.conftest import keep, open_page, pixels
from tests.conftest import serving, wait_until
from tests.fakes import FakeDirector
from ui.live import LiveDreamer
from world.scene_world import SceneWorld

pytestmark = pytest.mark.browser
COPIED = "navigator.clipboard.writeText = (text) => ((window.copied = text), Promise.resolve());"


@pytest.fixture(scope="module")
def dreamer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDreamer]:
    world = SceneWorld(["town-21"], painter=None)
    dreamer = LiveDreamer(world, Loop(FakeDirector()), clips=tmp_path_factory.mktemp("clips"), quality=2, tabs=3)
    dreamer.check()
    yield dreamer
    dreamer.close()


@pytest.fixture(scope="module")
def url(dreamer: LiveDreamer) -> Iterator[str]:
    with serving(dreamer, grace=600) as address:
        yield address


def invitation(host: Page) -> str:
    host.click("#lr-tab-begin")
    host.click("#lr-invite")
    host.wait_for_function("window.copied")
    host.click("#lr-tab-direct")
    return str(host.evaluate("window.copied"))


def index(tab: Page) -> int:
    return int(tab.get_attribute("#lr-canvas", "data-index") or -1)


def test_two_pages_drive_in_one_dream_and_see_each_other(browser: Browser, url: str, dreamer: LiveDreamer) -> None:
    with open_page(browser, url, COPIED) as host:
        link = invitation(host)
        assert link.startswith(f"{url}/#join=")
        with open_page(browser, link) as guest:
            assert "#" not in guest.url
            assert not guest.is_visible("#lr-tab-begin") and not guest.is_visible("#lr-fork")
            for tab in (host, guest):
                tab.wait_for_function("document.querySelector('#lr-streets').dataset.other", timeout=60_000)
            guest.keyboard.down("s")
            guest.wait_for_function("document.querySelector('#lr-speed').textContent === '0'", timeout=60_000)
            assert "by-keys" not in (host.get_attribute("#lucidrive", "class") or "")
            guest.keyboard.up("s")
            guest.fill("#lr-text", "rain")
            guest.press("#lr-text", "Enter")
            for tab in (host, guest):
                tab.wait_for_function("document.querySelector('#lr-weather').textContent === 'rain'", timeout=60_000)
            keep(host, "two-host")
            keep(guest, "two-guest")
            assert np.abs(pixels(host) - pixels(guest)).mean() > 1.0
            guest.click("#lr-pause")
            host.wait_for_selector("#lr-paused:visible")
            host.wait_for_function("document.querySelector('#lr-note').textContent.includes('guest paused')")
            stood = index(host)
            host.click("#lr-pause")
            wait_until(lambda: index(host) > stood and index(guest) > stood, 60)
            with browser.new_page() as third:
                third.goto(link)
                third.wait_for_function("document.querySelector('#lr-veil')?.textContent.includes('one seat')")
        host.wait_for_function("document.querySelector('#lr-note').textContent.includes('guest has left')")


def test_a_link_that_is_over_says_so_and_a_reload_begins_a_dream_of_ones_own(browser: Browser, url: str) -> None:
    tab = browser.new_page()
    tab.goto(f"{url}/#join=nothing")
    tab.wait_for_function(
        "document.querySelector('#lr-veil')?.textContent.includes('reload the page to begin a dream of your own')"
    )
    keep(tab, "two-over")
    tab.reload()
    tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=60_000)
    tab.close()
