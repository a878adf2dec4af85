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


def test_it_speaks_chinese(browser: Browser, page: str) -> None:
    with open_page(browser, page) as tab:
        tab.get_by_role("tab", name="Clips").click()
        tab.locator("[data-language]").click()
        tab.get_by_label("片段要呈現什麼").fill("rain(9);left")
        tab.get_by_text("用情境矩陣").click()
        tab.get_by_label("行人穿越").check()
        expect(tab.locator("#lr-covers")).to_contain_text("2 個片段", timeout=30_000)
        tab.locator("#lr-order-said").click()
        expect(tab.locator("#lr-orders")).to_contain_text("失敗", timeout=30_000)  # drawn anew, and still Chinese
        left = [text for text in tab.locator(".lr-form label, .lr-form button").all_inner_texts() if text.isascii()]
        assert [text for text in left if any(each.isalpha() for each in text)] == []
        keep(tab, "clips-chinese")
        tab.locator("[data-language]").click()
        expect(tab.locator("#lr-covers")).to_contain_text("2 clips")
        expect(tab.get_by_label("What the clips are to show")).to_have_value("rain(9);left")


def test_cards_have_a_chinese_title_and_stay_english_within(browser: Browser, page: str) -> None:
    with open_page(browser, page) as tab:
        tab.get_by_role("tab", name="About").click()
        card = tab.locator(".card").nth(1)
        tab.locator("[data-language]").click()
        expect(card.locator("> button")).to_contain_text("語言模型:說明卡", timeout=5_000)
        card.locator("> button").click()
        expect(card).to_contain_text("keyword rules", timeout=5_000)
