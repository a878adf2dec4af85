"""The whole page in a headless Chromium: a sentence is typed, its plan shown, and the picture obeys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import keep, open_page, pixels
from tests.conftest import wait_until
from tests.ui.fake_page import FakeDreamer
from world.events import event_rows

pytestmark = pytest.mark.browser


@pytest.fixture
def drive(browser: Browser, page: str) -> Iterator[Page]:
    with open_page(browser, page) as tab:
        yield tab


def test_a_typed_sentence_becomes_a_plan_and_changes_the_picture(drive: Page) -> None:
    before = pixels(drive).mean()
    drive.fill("#lr-text", "Turn left, then make it night and let it rain")
    drive.keyboard.press("Enter")
    chips = drive.locator("#lr-plan .chip")
    chips.nth(2).wait_for(timeout=10_000)
    assert drive.locator("#lr-plan .chip > span").all_inner_texts() == ["turn left", "rain", "night"]
    drive.wait_for_selector("#lr-plan .chip.done", timeout=10_000)
    assert drive.get_attribute("#lr-plan .chip >> nth=0", "aria-label") == "turn left: done"
    wait_until(lambda: pixels(drive).mean() < 0.7 * before)
    assert drive.text_content("#lr-command") == "left at the junction"
    assert drive.text_content("#lr-weather") == "rain" and drive.text_content("#lr-time") == "night"
    assert drive.input_value("#lr-text") == ""
    keep(drive, "page")


def test_keys_steer_unless_one_types(drive: Page, fake_dreamer: FakeDreamer) -> None:
    held = fake_dreamer.drives[-1]
    drive.focus("#lr-text")
    drive.keyboard.type("wasd")
    assert drive.input_value("#lr-text") == "wasd" and not held.held
    drive.keyboard.press("Escape")
    tilt = held.dream.heading
    drive.keyboard.down("ArrowLeft")
    drive.wait_for_selector("#lucidrive.by-keys", timeout=5_000)
    before = pixels(drive)
    wait_until(lambda: held.dream.heading > tilt + 0.3)
    assert np.abs(pixels(drive) - before).mean() > 1
    assert drive.text_content("#lr-driver") == "you drive"
    keep(drive, "keys")
    drive.evaluate("window.dispatchEvent(new Event('blur'))")
    wait_until(lambda: not held.held)
    drive.keyboard.up("ArrowLeft")


def test_every_event_has_its_button_with_a_drawing_in_both_languages(drive: Page) -> None:
    buttons = drive.locator("#lr-events button")
    assert buttons.evaluate_all("all => all.map(one => one.dataset.name)") == [row.event for row in event_rows()]
    assert buttons.all_inner_texts() == [row.label for row in event_rows()]
    for row in event_rows():
        assert drive.locator(f"#i-{row.event} > *").count() > 0
    drive.click("[data-language]")
    assert buttons.all_inner_texts() == [row.label_zh for row in event_rows()]


def test_buttons_pause_step_reset_and_save(drive: Page, fake_dreamer: FakeDreamer) -> None:
    calls = fake_dreamer.drives[-1].calls
    drive.click("text=from left")
    drive.click("text=strong")
    drive.click("#lr-events [data-name=ped_cross]")
    drive.click("#lr-events [data-name=hard_brake]")
    drive.click("#lr-skies [data-name=fog]")
    drive.click("#lr-drives [data-name=lane_left]")
    wanted = ["ped_cross(left,3)", "hard_brake(3)", "fog(3)", "lane_left"]
    wait_until(lambda: [call[1] for call in calls if call[0] == "plan"] == wanted)

    drive.click("#lr-pause")
    drive.wait_for_selector("#lr-paused", timeout=5_000)
    index = drive.get_attribute("#lr-canvas", "data-index")
    drive.keyboard.press(".")
    drive.wait_for_selector(f'#lr-canvas:not([data-index="{index}"])', timeout=5_000)

    drive.click("#lr-tab-begin")
    drive.fill("#lr-seed", "7")
    drive.select_option("#lr-scene", "old_town")
    drive.click("#lr-reset button")
    wait_until(lambda: ("begin", 7, "old_town") in calls)

    drive.click("#lr-tab-keep")
    drive.click("#lr-save")
    link = drive.wait_for_selector("#lr-clip a >> nth=0", timeout=5_000)
    with drive.expect_download() as download:
        link.click()
    assert download.value.path().read_bytes() == b"not really a video"


def test_a_drive_is_saved_and_loaded_and_the_page_says_how_it_runs(drive: Page, fake_dreamer: FakeDreamer) -> None:
    drive.click("#lr-tab-keep")
    drive.click("#lr-keep")
    link = drive.wait_for_selector("#lr-clip a", timeout=5_000)
    with drive.expect_download() as download:
        link.click()
    drive.click("#lr-tab-begin")
    with drive.expect_file_chooser() as chooser:
        drive.click("#lr-load")
    chooser.value.set_files(download.value.path())
    wait_until(lambda: ("load_dream",) in fake_dreamer.drives[-1].calls)
    drive.wait_for_selector("text=It goes on where", timeout=5_000)
    drive.wait_for_selector("#lr-meter:has-text('gap between pictures')", timeout=10_000)
    keep(drive, "saved")


def test_a_refusal_and_markup_are_shown_as_text(drive: Page) -> None:
    drive.fill("#lr-text", "<img src=x onerror=document.title='hurt'> fly")
    drive.keyboard.press("Enter")
    note = drive.wait_for_selector("#lr-note.refusal", timeout=5_000)
    assert "make it rain" in (note.text_content() or "")
    assert drive.title() == "lucidrive"
    drive.fill("#lr-text", "   ")
    drive.keyboard.press("Enter")
    drive.wait_for_selector("#lr-note.error", timeout=5_000)


def test_light_colours_and_the_other_tab(drive: Page) -> None:
    drive.click("[data-toggle-theme]")
    assert drive.get_attribute("html", "data-theme") == "light"
    keep(drive, "light")
    drive.click("role=tab[name=About]")
    drive.wait_for_selector("text=Read it with care", timeout=5_000)
    drive.click("role=tab[name=Drive]")
    index = int(drive.get_attribute("#lr-canvas", "data-index") or 0)
    drive.wait_for_function(f"Number(document.querySelector('#lr-canvas').dataset.index) > {index + 3}", timeout=5_000)
