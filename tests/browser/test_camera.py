"""A camera that is not on the car: while a scene stands still one looks around in it, and going on is the car's view again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import keep, open_page, pixels
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
PATIENCE = 60  # s


@pytest.fixture
def drive(browser: Browser, url: str) -> Iterator[Page]:
    with open_page(browser, url) as tab:
        tab.wait_for_selector("#lr-streets[data-version]", timeout=PATIENCE * 1000)
        assert tab.is_hidden("#lr-look-hint")
        tab.keyboard.press("p")
        tab.wait_for_selector("#lr-look-hint:has-text('drag to look around')", timeout=PATIENCE * 1000)
        tab.wait_for_timeout(1000)  # the frame that was under way, and where the car is
        yield tab


def changed(tab: Page, before: np.ndarray) -> np.ndarray:
    """What is shown once it is something else, and no longer changes."""
    wait_until(lambda: np.abs(pixels(tab) - before).mean() > 4, PATIENCE)
    shown = [before, pixels(tab)]
    while np.abs(shown[-1] - shown[-2]).max() > 0:
        tab.wait_for_timeout(1500)
        shown.append(pixels(tab))
    return shown[-1]


def drag(tab: Page, dx: int, dy: int) -> None:
    box = tab.locator("#lr-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + dx, y + dy, steps=6)
    tab.mouse.up()


def test_one_drags_goes_back_and_goes_on(drive: Page) -> None:
    cars = pixels(drive)
    drag(drive, 260, 20)
    aside = changed(drive, cars)
    keep(drive, "camera-dragged")
    drive.keyboard.press("Escape")
    wait_until(lambda: np.abs(pixels(drive) - cars).max() == 0, PATIENCE)
    assert drive.is_hidden("#lr-eyes")
    drag(drive, 260, 20)
    assert np.abs(changed(drive, cars) - aside).mean() < 2
    drive.click("#lr-eyes")
    wait_until(lambda: np.abs(pixels(drive) - cars).max() == 0, PATIENCE)
    drag(drive, -260, 0)
    changed(drive, cars)
    drive.keyboard.press("p")
    drive.wait_for_selector("#lr-look-hint", state="hidden", timeout=PATIENCE * 1000)
    wait_until(lambda: np.abs(pixels(drive) - cars).mean() < 25, PATIENCE)
    assert drive.is_hidden("#lr-eyes")


def test_a_click_on_the_map_looks_there_and_another_elsewhere(drive: Page) -> None:
    cars = pixels(drive)
    streets = drive.locator("#lr-streets")
    box = streets.bounding_box()
    assert box is not None
    streets.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    here = changed(drive, cars)
    keep(drive, "camera-map")
    streets.click(position={"x": 0.8 * box["width"], "y": 0.2 * box["height"]})
    changed(drive, here)
    keep(drive, "camera-map-elsewhere")


def test_keys_and_the_wheel_move_it_and_drive_nothing(drive: Page) -> None:
    seen = pixels(drive)
    drive.focus("#lr-canvas")
    for key in ("ArrowLeft", "w"):
        drive.keyboard.down(key)
        drive.wait_for_timeout(700)
        assert drive.locator("#lr-keys .held").count() == 0
        drive.keyboard.up(key)
        seen = changed(drive, seen)
    drive.keyboard.press("-")
    drive.mouse.move(400, 300)
    drive.mouse.wheel(0, 400)
    changed(drive, seen)
    keep(drive, "camera-keys")


def test_a_finger_turns_it_and_two_go_closer(drive: Page) -> None:
    cars = pixels(drive)
    canvas = drive.locator("#lr-canvas")

    def touch(kind: str, finger: int, x: int, y: int) -> None:
        canvas.dispatch_event(kind, {"pointerId": finger, "pointerType": "touch", "clientX": x, "clientY": y})

    drive.evaluate("Element.prototype.setPointerCapture = () => {}")  # made-up pointers cannot be captured
    touch("pointerdown", 5, 500, 300)
    touch("pointermove", 5, 300, 300)
    turned = changed(drive, cars)
    touch("pointerdown", 6, 500, 300)
    touch("pointermove", 6, 900, 300)
    changed(drive, turned)
