"""Six cameras round the car: asked for on request, again while the dream goes on, and not where it stands."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import keep, open_page
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
PATIENCE = 60  # s
ASKED = """(() => {
  window.asked = 0;
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (String(data).includes('"surround"')) window.asked += 1;
    return send.call(this, data);
  };
})()"""


def test_it_is_asked_for_on_request_and_where_something_changes(browser: Browser, url: str) -> None:
    with open_page(browser, url, ASKED) as tab:
        tab.wait_for_timeout(2500)
        assert tab.evaluate("asked") == 0 and tab.is_hidden("#lr-surround")
        tab.keyboard.press("v")
        tab.wait_for_selector("#lr-surround[data-index]", timeout=PATIENCE * 1000)
        first = tab.get_attribute("#lr-surround", "data-index")
        wait_until(lambda: tab.get_attribute("#lr-surround", "data-index") != first, PATIENCE)
        keep(tab, "surround")
        tab.keyboard.press("p")
        tab.wait_for_selector("#lr-paused", timeout=PATIENCE * 1000)
        standing = "document.querySelector('#lr-surround').dataset.index === document.querySelector('#lr-canvas').dataset.index"
        wait_until(lambda: tab.evaluate(standing), PATIENCE)
        tab.wait_for_timeout(1500)
        asked = tab.evaluate("asked")
        tab.wait_for_timeout(2500)
        assert tab.evaluate("asked") == asked
        tab.click("#lr-around")
        assert tab.is_hidden("#lr-surround")
