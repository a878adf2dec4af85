"""A tab that is closed and opened again, copied, or typed into before its dream is ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.conftest import serving, wait_until
from tests.ui.fake_page import FakeDreamer, FakeDrive

pytestmark = pytest.mark.browser
DREAMING = '#lucidrive[data-state="dreaming"]'


class Slow(FakeDreamer):
    """Its dreams take three seconds to begin."""

    def _begin(self, host: FakeDrive | None, changed: Callable[[], None]) -> FakeDrive:
        time.sleep(3)
        return super()._begin(host, changed)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def opened(context: BrowserContext, url: str) -> Page:
    tab = context.new_page()
    tab.goto(url)
    tab.wait_for_selector(DREAMING, timeout=20_000)
    return tab


def test_a_page_opened_again_has_its_dream_at_once(context: BrowserContext, tmp_path: Path) -> None:
    dreamer = FakeDreamer(tmp_path, most=1)
    with serving(dreamer, grace=600) as url:
        tab = opened(context, url)
        tab.fill("#lr-text", "make it rain")
        tab.press("#lr-text", "Enter")
        wait_until(lambda: ("say", "make it rain") in dreamer.drives[0].calls)
        tab.close()
        again = opened(context, url)
        again.reload()
        again.wait_for_selector(DREAMING, timeout=20_000)
        assert again.text_content("#lr-note") == ""
        wait_until(lambda: again.text_content("#lr-weather") == "rain")
        assert len(dreamer.drives) == 1


def test_a_second_tab_dreams_for_itself(context: BrowserContext, tmp_path: Path) -> None:
    dreamer = FakeDreamer(tmp_path, most=2)
    with serving(dreamer, grace=600) as url:
        tab = opened(context, url)
        with context.expect_page() as copied:  # a window that it opens begins with a copy of its session's storage
            tab.evaluate("() => { window.open(location.href, '_blank'); }")
        copied.value.wait_for_selector(DREAMING, timeout=20_000)
        assert len(dreamer.drives) == 2 and all(drive.watched for drive in dreamer.drives)


def test_what_is_typed_before_the_dream_is_ready_is_read_when_it_is(context: BrowserContext, tmp_path: Path) -> None:
    dreamer = Slow(tmp_path, most=1)
    with serving(dreamer, grace=600) as url:
        tab = context.new_page()
        tab.goto(url)
        tab.wait_for_selector("#lr-text", timeout=20_000)
        tab.fill("#lr-text", "turn left")
        tab.press("#lr-text", "Enter")
        early = not dreamer.drives
        tab.wait_for_selector(DREAMING, timeout=20_000)
        assert early, "the dream was ready before anything was typed"
        wait_until(lambda: ("say", "turn left") in dreamer.drives[0].calls)
        assert tab.input_value("#lr-text") == ""
