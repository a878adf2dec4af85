"""The Clips tab in a browser: an order is placed, its turn comes, and what is wrong with it is said."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import keep, open_page

pytestmark = pytest.mark.browser


def test_an_order_is_placed_and_answered(browser: Browser, page: str) -> None:
    with open_page(browser, page) as tab:
        tab.get_by_role("tab", name="Clips").click()
        tab.get_by_label("What the clips are to show").fill("rain(9);left")
        tab.locator("#lr-order-said").click()
        orders = tab.locator("#lr-orders")
        expect(orders).to_contain_text("failed", timeout=30_000)
        expect(orders).to_contain_text("one level: 1, 2 or 3")
        tab.get_by_text("As a matrix of scenarios").click()
        tab.get_by_label("animal").check()
        tab.get_by_label("night", exact=True).check()
        expect(tab.locator("#lr-covers")).to_contain_text("2 clips", timeout=30_000)
        keep(tab, "clips")
