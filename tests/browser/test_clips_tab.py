"""The Clips tab in a browser: an order is placed, its turn comes, what is wrong with it is said; films move with their maps and bear labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import keep, open_page
from tests.conftest import serving
from tests.ui.fake_page import FakeDreamer

pytestmark = pytest.mark.browser
PATIENCE = 300_000  # ms, for clips to be made


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[str]:
    """A page of its own, on which nothing is ordered."""
    with serving(FakeDreamer(tmp_path)) as url:
        yield url


def test_an_empty_tab_makes_an_example_whose_films_have_maps_labels_and_filters(browser: Browser, empty: str) -> None:
    with open_page(browser, empty) as tab:
        tab.get_by_role("tab", name="Clips").click()
        expect(tab.locator("#lr-welcome")).to_contain_text("A person steps out", timeout=30_000)
        expect(tab.locator("#lr-orders")).to_contain_text("Nothing is ordered yet.")
        keep(tab, "clips-empty")
        tab.click("[data-example=cutting]")
        expect(tab.locator("#lr-orders .state")).to_have_text("making", timeout=30_000)
        expect(tab.locator("#lr-welcome")).to_be_hidden()
        expect(tab.locator("#lr-orders .state")).to_have_text("done", timeout=PATIENCE)
        clips = tab.locator(".lr-clip")
        expect(clips).to_have_count(
            tab.evaluate("fetch('factory/1/order.json').then((a) => a.json()).then((o) => o.clips.length)")
        )
        clip = tab.locator(".lr-clip[data-outcome=accepted]").first
        clip.scroll_into_view_if_needed()
        expect(clip.locator(".course")).to_have_attribute("data-ready", "", timeout=PATIENCE)

        clip.get_by_label("Moment of the drive").fill("1.2")
        expect(clip).to_have_attribute("data-frame", "12")
        clip.get_by_label("Play", exact=True).click()
        expect(clip).not_to_have_attribute("data-frame", "12")
        clip.get_by_label("Play", exact=True).click()
        clip.get_by_role("button", name="Boxes").click()
        expect(clip.locator(".making")).to_contain_text("abels", timeout=10_000)  # it is said that they are being made
        expect(clip.locator(".making")).to_have_text("", timeout=PATIENCE)
        clip.get_by_label("Moment of the drive").fill("4.5")
        expect(clip).to_have_attribute("data-frame", "45")
        for layer, told in (("Instances", "Everybody has a colour"), ("Classes", "sidewalk"), ("Depth", "200 m")):
            clip.get_by_role("button", name=layer).click()
            expect(clip.locator(".legend-of")).to_contain_text(told)
            expect(clip.locator("video")).to_have_js_property("readyState", 4)
            expect(clip).to_have_attribute("data-frame", "45")  # the same moment
            keep(tab, f"clips-{layer.lower()}")
        clip.get_by_role("button", name="Depth").click()
        assert ".depth." not in clip.locator("video").evaluate("(video) => video.src")

        tab.locator("[data-filter=outcome]").select_option("accepted")
        expect(tab.locator(".count")).to_contain_text(f"of {clips.count()} clips")
        assert tab.locator(".lr-clip[data-outcome=rejected]:visible").count() == 0
        tab.get_by_label("Format", exact=True).select_option("kitti")
        expect(tab.locator("#lr-export")).to_be_disabled()
        expect(tab.locator(".datasets .why")).to_contain_text("choose a level pair")


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
