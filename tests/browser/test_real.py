"""The same page on the real parts: the scene world and the language model with its LoRA. Nothing is faked here.

That the plan reaches the dream and the picture moves on is seen here; how well night looks like night is not this test's to say.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from brain.files import ADAPTER
from tests.browser.conftest import keep, open_page, pixels
from tests.conftest import serving, wait_until
from ui.live import LiveDreamer

PATIENCE = 180  # seconds: a busy machine is slow, and that is not what this test is about

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not (ADAPTER / "adapter_config.json").exists():
        pytest.skip(f"no weights here: {ADAPTER}")
    dreamer = LiveDreamer.load(clips=tmp_path_factory.mktemp("clips"))
    with serving(dreamer) as url:
        yield url
    dreamer.close()


def test_a_typed_sentence_drives_the_real_dream(browser: Browser, real: str) -> None:
    with open_page(browser, real) as tab:
        day = pixels(tab)
        tab.fill("#lr-text", "make it night")
        tab.keyboard.press("Enter")
        chip = tab.wait_for_selector(
            "#lr-plan .chip", timeout=PATIENCE * 1000
        )  # the language model may still be loading
        assert chip is not None and chip.inner_text().strip() == "night"
        tab.wait_for_selector("#lr-time:has-text('night')", timeout=PATIENCE * 1000)
        wait_until(lambda: np.abs(pixels(tab) - day).mean() > 5, PATIENCE)
        keep(tab, "real-night")

        tab.fill("#lr-text", "turn left, then make it rain")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#lr-plan .chip:has-text('turn left')", timeout=PATIENCE * 1000)
        assert tab.locator("#lr-plan .chip:has-text('rain')").count() == 1
        tab.wait_for_selector("#lr-command:has-text('left at the junction')", timeout=PATIENCE * 1000)
        keep(tab, "real-plan")

        tab.keyboard.press("Escape")
        before = pixels(tab)
        tab.keyboard.down("d")
        tab.wait_for_selector("#lucidrive.by-keys", timeout=PATIENCE * 1000)
        wait_until(lambda: np.abs(pixels(tab) - before).mean() > 3, PATIENCE)
        keep(tab, "real-keys")
        tab.keyboard.up("d")
        tab.wait_for_selector("#lucidrive:not(.by-keys)", timeout=PATIENCE * 1000)


def test_a_real_drive_is_branched_kept_saved_and_replayed(browser: Browser, real: str) -> None:
    def index(canvas: str) -> int:
        return int(tab.get_attribute(canvas, "data-index") or -1)

    with open_page(browser, real) as tab:
        tab.set_default_timeout(PATIENCE * 1000)
        wait_until(lambda: index("#lr-canvas") >= 20, PATIENCE)
        tab.locator("#lr-scrub").evaluate(
            "slider => { slider.value = 8; slider.dispatchEvent(new Event('input', {bubbles: true})); }"
        )
        tab.wait_for_selector("#lr-past:has-text('−')")
        tab.click("#lr-fork")
        second = tab.locator(".future[data-branch='2'] input")
        second.fill("stop")
        second.press("Enter")
        tab.wait_for_selector(".future[data-branch='2'] .chip:has-text('stop')")
        tab.click("#lr-run")
        wait_until(lambda: index(".future[data-branch='2'] canvas") >= 40, PATIENCE)
        tab.click("#lr-run")
        tab.wait_for_selector(".apart figcaption:has-text('furthest apart')")
        keep(tab, "real-futures")
        tab.click(".future[data-branch='2'] header button")
        tab.wait_for_selector(".future", state="detached")
        wait_until(lambda: int(tab.text_content("#lr-speed") or 99) < 15, PATIENCE)  # of the picture that is drawn next
        tab.click("#lr-tab-keep")
        tab.click("#lr-save-all")
        tab.click("#lr-kept li button")
        tab.wait_for_function("document.querySelector('#lr-player').currentTime > 0.3")
        seconds = tab.evaluate("document.querySelector('#lr-player').duration")
        assert seconds > 4
        keep(tab, "real-replay")
