"""The studio in a headless Chromium: looking back, futures, beginnings, keeping, languages, sizes, access, and nothing asked of elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from tests.browser.conftest import keep, open_page, pixels
from tests.conftest import serving, wait_until
from tests.ui.fake_page import FakeDreamer
from world.controls import Weather

pytestmark = pytest.mark.browser
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def tab(browser: Browser, page: str) -> Iterator[Page]:
    with open_page(browser, page) as tab:
        yield tab


def index(tab: Page, canvas: str = "#lr-canvas") -> int:
    return int(tab.get_attribute(canvas, "data-index") or -1)


def scrub(tab: Page, to: int) -> None:
    tab.locator("#lr-scrub").evaluate(
        "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input', {bubbles: true})); }", to
    )


def test_one_looks_back_while_the_dream_goes_on(tab: Page, fake_dreamer: FakeDreamer) -> None:
    wait_until(lambda: index(tab) >= 15, 10)
    scrub(tab, 3)
    tab.wait_for_selector("#lr-past:has-text('−')", timeout=5_000)
    shown = np.asarray(Image.open(io.BytesIO(fake_dreamer.drives[-1].picture(3))).resize((64, 36)), np.float32)
    wait_until(lambda: np.abs(pixels(tab) - shown).mean() < 8, 5)
    still, before = pixels(tab), index(tab)
    wait_until(lambda: index(tab) > before + 3, 5)
    assert np.abs(pixels(tab) - still).max() == 0
    tab.keyboard.press("Escape")
    tab.wait_for_selector("#lr-past", state="hidden", timeout=5_000)
    wait_until(lambda: np.abs(pixels(tab) - still).max() > 0, 5)


def test_futures_side_by_side_each_with_its_sentence_and_one_is_kept(tab: Page, fake_dreamer: FakeDreamer) -> None:
    drive = fake_dreamer.drives[-1]
    wait_until(lambda: index(tab) >= 10, 10)
    scrub(tab, 5)
    tab.select_option("#lr-count", "3")
    tab.click("#lr-fork")
    futures = tab.locator(".future")
    futures.nth(2).wait_for(timeout=5_000)
    assert ("fork", 5, 3) in drive.calls and tab.locator("#lr-screen").is_hidden()
    assert tab.evaluate("document.activeElement === document.querySelector('.future input')")
    futures.nth(1).locator("input").fill("make it rain")
    tab.keyboard.press("Enter")
    futures.nth(1).locator(".chip:has-text('rain')").wait_for(timeout=5_000)
    tab.focus(".future[data-branch='3'] input")
    tab.keyboard.press("Tab")
    tab.click("#lr-skies [data-name=night]")  # goes to the future that was chosen last
    wait_until(lambda: drive.branches[2].control.time == 3)
    tab.click("#lr-run")
    wait_until(lambda: index(tab, ".future[data-branch='3'] canvas") >= 15, 10)
    places = [index(tab, f".future[data-branch='{branch}'] canvas") for branch in (1, 2, 3)]
    assert max(places) - min(places) <= 1
    assert "km/h" in (tab.text_content(".apart figcaption >> nth=0") or "")
    keep(tab, "futures")
    tab.click(".future[data-branch='2'] header button")
    tab.wait_for_selector(".future", state="detached", timeout=5_000)
    assert ("keep_future", 2) in drive.calls and drive.control.weather == Weather.RAIN_2
    assert tab.locator("#lr-screen").is_visible()
    tab.keyboard.press("b")
    tab.wait_for_selector(".future", timeout=5_000)
    tab.click("#lr-drop")
    tab.wait_for_selector(".future", state="detached", timeout=5_000)


def test_every_beginning(browser: Browser, page: str, fake_dreamer: FakeDreamer, tmp_path: Path) -> None:
    with open_page(browser, page, refused=True) as tab:
        every_beginning(tab, fake_dreamer, tmp_path)


def every_beginning(tab: Page, fake_dreamer: FakeDreamer, tmp_path: Path) -> None:
    calls = fake_dreamer.drives[-1].calls
    tab.click("#lr-tab-begin")
    picture = tab.locator("#lr-gallery [data-scene=avenue] img")
    wait_until(lambda: picture.evaluate("image => image.naturalWidth") == 128)
    keep(tab, "begin")
    tab.click("#lr-gallery [data-scene=old_town]")
    wait_until(lambda: ("begin", 0, "old_town") in calls)
    tab.select_option("#lr-begin-weather", "snow_3")
    tab.select_option("#lr-begin-time", "night")
    tab.click("#lr-conditions button")
    tab.wait_for_selector("#lr-time:has-text('night')", timeout=5_000)
    file = tmp_path / "mine.png"
    Image.new("RGB", (320, 180), (200, 60, 60)).save(file)
    with tab.expect_file_chooser() as chooser:
        tab.click("#lr-upload")
    chooser.value.set_files(file)
    tab.wait_for_selector("#lr-note:has-text('begins in mine.png')", timeout=5_000)
    assert ("pictures", (1, 288, 512, 3)) in calls
    file.write_bytes(b"GIF89a")
    with tab.expect_file_chooser() as chooser:
        tab.click("#lr-upload")
    chooser.value.set_files(file)
    tab.wait_for_selector("#lr-note.error:has-text('none of these')", timeout=5_000)


def test_a_sentence_says_where_and_its_link_and_r_begin_there_again(
    browser: Browser, page: str, fake_dreamer: FakeDreamer
) -> None:
    fake_dreamer.scene_world = True
    with open_page(browser, f"{page}/#seed=5&where=a+suburb+at+dusk") as tab:
        drive = fake_dreamer.drives[-1]
        wait_until(lambda: drive.view().where == "a suburb at dusk" and drive.seed == 5)
        tab.click("#lr-tab-begin")
        wait_until(lambda: tab.input_value("#lr-where") == "a suburb at dusk")
        tab.fill("#lr-where", "dense old town, narrow streets, grid, in the rain, at night")
        keep(tab, "where")
        tab.press("#lr-where", "Enter")
        wait_until(lambda: drive.view().where.startswith("dense old town"))
        tab.locator("#lr-where").blur()
        tab.wait_for_selector(
            "#lr-where-form[data-begun^=dense]", state="attached", timeout=5_000
        )  # R is of what the page knows
        begun = drive.calls.count(("begin", 5, None))
        tab.keyboard.press("r")
        wait_until(lambda: drive.calls.count(("begin", 5, None)) > begun and drive.view().where.startswith("dense"))
        tab.fill("#lr-where", "a suburb with flamingos")
        tab.click("#lr-where-form button")
        tab.wait_for_selector("#lr-note.error:has-text('flamingos')", timeout=5_000)
        tab.click("[data-language]")
        tab.wait_for_selector("#lr-where[placeholder^='郊區']", timeout=5_000)
        keep(tab, "where-zh")
        assert drive.view().where.startswith("dense")


def test_a_link_gives_the_same_beginning(browser: Browser, page: str, fake_dreamer: FakeDreamer) -> None:
    with open_page(browser, f"{page}/#seed=77&scene=avenue") as tab:
        wait_until(lambda: ("begin", 77, "avenue") in fake_dreamer.drives[-1].calls)
        assert tab.url == f"{page}/"
        tab.click("#lr-tab-begin")
        tab.click("#lr-share")
        tab.wait_for_selector("#lr-note:not(:empty)", timeout=5_000)


def test_what_is_kept_is_listed_played_and_this_tabs_alone(browser: Browser, tab: Page, page: str) -> None:
    tab.click("#lr-tab-keep")
    for button in ("#lr-save", "#lr-save-all", "#lr-keep"):
        before = tab.locator("#lr-kept li").count()
        tab.click(button)
        wait_until(lambda before=before: tab.locator("#lr-kept li").count() == before + 1)  # type: ignore[misc]
    file = tab.get_attribute("#lr-kept li:last-child a", "href") or ""
    assert tab.request.get(f"{page}/{file}").body() == b"not really a video"
    keep(tab, "keep")
    with open_page(browser, page) as other:
        other.click("#lr-tab-keep")
        assert other.locator("#lr-kept li").count() == 0 and other.locator("#lr-none").is_visible()


def test_two_tabs_dream_apart(browser: Browser, tab: Page, page: str, fake_dreamer: FakeDreamer) -> None:
    with open_page(browser, page) as other:
        other.fill("#lr-text", "make it night")
        other.keyboard.press("Enter")
        other.wait_for_selector("#lr-time:has-text('night')", timeout=5_000)
        assert tab.text_content("#lr-time") == "day"
        assert fake_dreamer.drives[-2].control.time == 1


SOCKETS = """window.sockets = [];
window.WebSocket = class extends WebSocket { constructor(...args) { super(...args); window.sockets.push(this); } };"""


def test_a_dropped_socket_goes_on_where_it_was(browser: Browser, page: str, fake_dreamer: FakeDreamer) -> None:
    with open_page(browser, page, SOCKETS) as tab:
        drives = len(fake_dreamer.drives)
        tab.fill("#lr-text", "make it night")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#lr-time:has-text('night')", timeout=5_000)
        before = index(tab)
        tab.evaluate("window.sockets.at(-1).close()")
        tab.wait_for_selector('#lucidrive[data-state="connecting"]', timeout=5_000)
        assert "trying again" in (tab.text_content("#lr-veil") or "")
        tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=10_000)
        wait_until(lambda: index(tab) > before + 3, 10)
        assert len(fake_dreamer.drives) == drives and tab.text_content("#lr-time") == "night"
        assert tab.evaluate("window.sockets.length") == 2


def test_chinese_everywhere_and_remembered(tab: Page) -> None:
    tab.click("[data-language]")
    assert tab.get_attribute("html", "lang") == "zh-Hant"
    assert tab.locator("#lr-events [data-name=cyclist]").inner_text() == "自行車"
    assert tab.locator("role=tab[name='記憶體']").is_visible()
    tab.fill("#lr-text", "turn left, rain")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#lr-plan .chip:has-text('左轉')", timeout=5_000)
    tab.fill("#lr-text", "fly")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#lr-note:has-text('夢不出來')", timeout=5_000)
    english = tab.evaluate(
        """() => [...document.querySelectorAll('#lucidrive *, .masthead *')]
          .filter((e) => e.offsetParent && !e.closest('svg, kbd, [lang=en], #lr-scene, .name') && !e.children.length)
          .map((e) => e.textContent.trim())
          .filter((text) => /[a-z]{3,}/.test(text) && !/^[\\d.]+ fps$/.test(text))"""
    )
    assert english == []
    keep(tab, "chinese")
    tab.reload()
    tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=20_000)
    assert tab.locator("#lr-events [data-name=cyclist]").inner_text() == "自行車"


def test_the_sentence_box_remembers_and_suggests(tab: Page) -> None:
    tab.fill("#lr-text", "turn left now")
    tab.keyboard.press("Enter")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_selector("#lr-suggest li:has-text('turn left now')", timeout=5_000)
    assert tab.input_value("#lr-text") == "turn left now"
    assert tab.get_attribute("#lr-text", "aria-activedescendant") == "lr-idea-0"
    tab.keyboard.press("Escape")
    assert tab.locator("#lr-suggest").is_hidden()


def test_questions_are_answered_by_a_press(tab: Page, fake_dreamer: FakeDreamer) -> None:
    calls = fake_dreamer.drives[-1].calls
    tab.fill("#lr-text", "left or so")
    tab.keyboard.press("Enter")
    tab.click("#lr-wrong")
    tab.click("#lr-note .choice >> text=turn right")
    wait_until(lambda: ("choose", "right") in calls)
    assert ("wrong",) in calls


def test_the_dial_of_quality_and_keys_of_the_page(tab: Page, fake_dreamer: FakeDreamer) -> None:
    drive = fake_dreamer.drives[-1]
    tab.click("#lr-quality [data-value='8']")
    wait_until(lambda: ("set_quality", 8) in drive.calls)
    tab.wait_for_selector("#lr-quality [data-value='8'][aria-pressed=true]", timeout=5_000)
    tab.focus("#lr-canvas") if tab.get_attribute("#lr-canvas", "tabindex") else tab.evaluate(
        "document.activeElement.blur()"
    )
    tab.keyboard.press("p")
    tab.wait_for_selector("#lr-paused", timeout=5_000)
    tab.keyboard.press("p")
    tab.wait_for_selector("#lr-paused", state="hidden", timeout=5_000)
    tab.keyboard.down("Space")
    wait_until(lambda: drive.held == {"down"})
    assert "held" in (tab.get_attribute("#lr-keys [data-key=down]", "class") or "")
    tab.keyboard.up("Space")
    wait_until(lambda: not drive.held)
    resets = sum(call[0] == "begin" for call in drive.calls)
    tab.keyboard.press("r")
    wait_until(lambda: sum(call[0] == "begin" for call in drive.calls) == resets + 1)


def test_a_gamepad_steers(browser: Browser, page: str, fake_dreamer: FakeDreamer) -> None:
    context = browser.new_context()
    context.add_init_script(
        """window.stick = [0, 0];
        navigator.getGamepads = () => [{axes: window.stick, buttons: Array.from({length: 17}, () => ({value: 0}))}];"""
    )
    tab = context.new_page()
    tab.goto(page)
    tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=20_000)
    tab.evaluate("window.stick = [-0.9, 0]")
    wait_until(lambda: fake_dreamer.drives[-1].held == {"left"})
    tab.evaluate("window.stick = [0, 0]")
    wait_until(lambda: not fake_dreamer.drives[-1].held)
    context.close()


def test_the_memory_is_shown_live(tab: Page) -> None:
    tab.click("role=tab[name=Memory]")
    tab.wait_for_selector("#lr-bar i[data-kind='0']", timeout=5_000)
    assert "the world 600 MiB" in (tab.get_attribute("#lr-bar", "aria-label") or "")
    assert tab.locator("#lr-ladder li").count() == 3 and "900 MiB" in tab.locator("#lr-held").inner_text()
    keep(tab, "memory")


@pytest.mark.parametrize(("theme", "language"), [("dark", "en"), ("light", "zh")])
def test_no_serious_violation_of_access(browser: Browser, page: str, theme: str, language: str) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_init_script(
        f"localStorage.setItem('lucidrive-theme', '{theme}'); localStorage.setItem('lucidrive-language', '{language}')"
    )
    tab = context.new_page()
    tab.goto(page)
    tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=20_000)
    found: dict[str, list[str]] = {}
    tab.fill("#lr-text", "turn left, then make it rain")
    tab.keyboard.press("Enter")
    for show in (
        "#lr-tab-begin",
        "#lr-tab-keep",
        "#lr-tab-direct",
        "#lr-fork",
        "#lr-drop",
        "[data-tab-id=clips]",
        "[data-tab-id=memory]",
        "[data-tab-id=about]",
    ):
        tab.click(show)
        tab.wait_for_timeout(500)
        for violation in Axe().run(tab).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                found[f"{show} {violation['id']}"] = [node["html"][:160] for node in violation["nodes"][:4]]
    context.close()
    assert found == {}


def test_the_keyboard_reaches_everything_in_order(tab: Page) -> None:
    tab.keyboard.press("Tab")
    order: list[str] = []
    for _ in range(70):
        order.append(
            tab.evaluate(
                "document.activeElement.id || document.activeElement.dataset?.name || document.activeElement.dataset?.tabId || ''"
            )
        )
        tab.keyboard.press("Tab")
    for earlier, later in (
        ("drive", "lr-text"),
        ("lr-text", "lr-scrub"),
        ("lr-scrub", "lr-fork"),
        ("lr-fork", "lr-tab-direct"),
        ("ped_cross", "clear"),
        ("clear", "left"),
        ("left", "lr-pause"),
    ):
        assert order.index(earlier) < order.index(later), (earlier, later, order)


def test_on_a_phone_nothing_is_cut_off_and_thumbs_drive(browser: Browser, page: str, fake_dreamer: FakeDreamer) -> None:
    context = browser.new_context(**PHONE)
    tab = context.new_page()
    tab.goto(page)
    tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=20_000)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    thumb = tab.locator("#lr-thumbs [data-key=left]")
    assert thumb.is_visible() and thumb.bounding_box()["width"] >= 44  # type: ignore[index]
    thumb.dispatch_event("pointerdown", {"pointerId": 1, "isPrimary": True})
    wait_until(lambda: fake_dreamer.drives[-1].held == {"left"})
    thumb.dispatch_event("pointerup", {"pointerId": 1, "isPrimary": True})
    wait_until(lambda: not fake_dreamer.drives[-1].held)
    keep(tab, "phone")
    context.close()


def test_it_fits_a_laptop_without_scrolling(tab: Page) -> None:
    assert tab.evaluate("document.documentElement.scrollHeight") <= 768
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1366


def test_without_its_server_it_says_so_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context()
    tab = context.new_page()
    with serving(FakeDreamer(tmp_path, most=5)) as url:
        tab.goto(url)
        tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=20_000)
    tab.wait_for_selector('#lucidrive[data-state="connecting"]', timeout=10_000)
    assert "trying again" in (tab.text_content("#lr-veil") or "")
    tab.click("#lr-step")
    tab.wait_for_selector("#lr-note.error:has-text('not connected')", timeout=5_000)
    with serving(FakeDreamer(tmp_path, most=5), port=int(url.rsplit(":", 1)[1])):
        tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=20_000)
        wait_until(lambda: index(tab) > 3, 10)
        context.close()


def test_with_no_network_at_all_everything_is_there(browser: Browser, page: str) -> None:
    context = browser.new_context()
    left: list[str] = []

    def judge(route: Route) -> None:
        if route.request.url.startswith((page, "data:", "blob:")):
            route.continue_()
        else:
            left.append(route.request.url)
            route.abort()

    context.route("**/*", judge)
    tab = context.new_page()
    tab.goto(page)
    tab.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=20_000)
    for show in (
        "[data-tab-id=memory]",
        "[data-tab-id=about]",
        "[data-tab-id=drive]",
        "#lr-tab-begin",
        "#lr-tab-keep",
        "[data-language]",
    ):
        tab.click(show)
        tab.wait_for_timeout(200)
    context.close()
    assert left == []
