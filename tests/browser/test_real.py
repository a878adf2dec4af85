"""The same page on the real parts: the trained world and the language model with its LoRA. Nothing is faked here.

That the plan reaches the dream and the picture moves on is seen here; how well night looks like night is not this test's
to say: `lucidrive evaluate world` measures it.
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
from world.files import EMBEDDED

PATIENCE = 180  # seconds: a busy machine is slow, and that is not what this test is about

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    missing = [str(path) for path in (EMBEDDED / "config.json", ADAPTER / "adapter_config.json") if not path.exists()]
    if missing:
        pytest.skip(f"no weights here: {', '.join(missing)}")
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
