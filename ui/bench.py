"""The page as a person has it: `lucidrive ui` in a process of its own, a real Chromium, the real world and brain."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.bench.page import BenchError, page_server
from bridge.doctor import look_at_machine
from world.telling import Report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MIB = 2**20
TABS, PRESSES, WARM = 4, 15, 75.0  # s: longer than the minute of pictures that a drive keeps
AIMS = {  # of scene worlds, at the dial's second step
    "pictures_per_second": (">= 20", lambda value: value >= 19.9),
    "gap_p99_ms": ("<= 90", lambda value: value <= 90),
    "key_to_picture_ms": ("<= 250", lambda value: value <= 250),
    "usable_seconds": ("<= 2", lambda value: value <= 2),
    "heap_growth_mib": ("<= 30", lambda value: value <= 30),
    "rss_growth_mib": ("<= 30", lambda value: value <= 30),
    "frozen_tabs": ("0", lambda value: value == 0),
}
# When a picture was first shown after the load began, and when every one since.
WATCH = """window.lucidriveShown = [];
const look = () => {
  const canvas = document.querySelector('#lr-canvas');
  if (!canvas) return requestAnimationFrame(look);
  new MutationObserver(() => window.lucidriveShown.push(performance.now()))
    .observe(canvas, {attributes: true, attributeFilter: ['data-index', 'data-between']});
  if (canvas.dataset.index) window.lucidriveShown.push(performance.now());
};
look();"""


@dataclass(frozen=True, slots=True)
class PageTimings:
    """usable_seconds: from the navigation to the first picture on a page that takes input; growth: between a warmed-up page and
    the end of the drive, the browser's heap after a collection; frozen_tabs: of four those without a picture in a second.
    """

    minutes: float
    usable_seconds: float
    pictures_per_second: float
    gap_p99_ms: float
    key_to_picture_ms: float
    key_to_picture_p90_ms: float
    heap_growth_mib: float
    rss_growth_mib: float
    tabs_pictures_per_second: tuple[float, ...]
    frozen_tabs: int
    requests_elsewhere: int
    machine: dict[str, Any]


def run(world: Path | None, quality: int, minutes: float, report: Report) -> PageTimings:
    """All measurements. BenchError where there is no browser, or the page does not come up."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise BenchError("This wants a browser's driver: pip install playwright.") from error
    machine = asdict(look_at_machine()) | {"load_average": os.getloadavg()[0]}
    report(0.02, "waking the page")
    with page_server(world, quality, TABS) as (address, process), sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
            with browser:
                return _measure(browser, address, process, minutes, machine, report)
        except Error as error:
            raise BenchError(f"The browser gave up ({str(error).splitlines()[0]}); try again.") from error


def chromium() -> str:
    """Path of this machine's Chromium. BenchError where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise BenchError(f"There is no browser here: install one of {', '.join(names)}.")
    return path


def _measure(
    browser: Browser,
    address: str,
    process: subprocess.Popen[str],
    minutes: float,
    machine: dict[str, Any],
    report: Report,
) -> PageTimings:
    elsewhere: list[str] = []
    _open(browser, address, elsewhere).close()  # the first page of a process also pays for what is imported late
    page = _open(browser, address, elsewhere)
    usable = page.evaluate("window.lucidriveShown[0]") / 1000
    report(0.1, "waking the brain")
    _brain_awake(page)
    page.wait_for_timeout(WARM * 1000)
    report(0.2, "keys")
    latencies = [_press(page) for _ in range(PRESSES)]
    report(0.3, f"a drive of {minutes:g} minutes")
    heap, rss = _heap(page), resident(process.pid)
    page.evaluate("window.lucidriveShown.length = 0")
    began, times = time.perf_counter(), list[float]()
    while (spent := time.perf_counter() - began) < 60 * minutes:
        page.wait_for_timeout(min(10_000, 1000 * (60 * minutes - spent)))
        times += page.evaluate("window.lucidriveShown.splice(0)")
        report(0.3 + 0.5 * min(1.0, spent / (60 * minutes)), "driving")
    heap, rss = _heap(page) - heap, resident(process.pid) - rss
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    report(0.85, f"{TABS} tabs at once")
    tabs, frozen = _tabs(browser, page, address, elsewhere)
    latencies.sort()
    return PageTimings(
        minutes,
        round(usable, 2),
        round(1000 * len(gaps) / (times[-1] - times[0]), 2) if len(gaps) > 1 else 0.0,
        round(gaps[int(0.99 * len(gaps))], 1) if gaps else 0.0,
        round(statistics.median(latencies), 1),
        round(latencies[int(0.9 * len(latencies))], 1),
        round(heap / MIB, 2),
        round(rss / MIB, 2),
        tabs,
        frozen,
        len(elsewhere),
        machine,
    )


def _open(browser: Browser, address: str, elsewhere: list[str]) -> Page:
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    page.add_init_script(WATCH)
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else elsewhere.append(request.url))
    page.goto(address, wait_until="commit")
    page.wait_for_selector('#lucidrive[data-state="dreaming"]', timeout=120_000)
    page.wait_for_function("window.lucidriveShown.length > 0 && !document.querySelector('#lr-text').disabled")
    return page


def _brain_awake(page: Page) -> None:
    page.fill("#lr-text", "follow the road")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lr-plan .chip", timeout=300_000)
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")


def _press(page: Page) -> float:
    """Milliseconds from a key to the first picture that it led to, as the page itself measures it."""
    page.evaluate("delete document.querySelector('#lucidrive').dataset.latency")
    page.keyboard.down("a")
    page.wait_for_selector("#lucidrive[data-latency]", timeout=20_000)
    page.keyboard.up("a")
    page.wait_for_selector("#lucidrive:not(.by-keys)", timeout=20_000)
    page.wait_for_timeout(337)  # no multiple of a tick, so that presses fall anywhere in one
    return float(page.get_attribute("#lucidrive", "data-latency") or "nan")


def _heap(page: Page) -> float:
    """Bytes of the page's JavaScript heap after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    used = float(session.send("Runtime.getHeapUsage")["usedSize"])
    session.detach()
    return used


def _tabs(browser: Browser, first: Page, address: str, elsewhere: list[str]) -> tuple[tuple[float, ...], int]:
    """Pictures a second in each of four tabs, and how many of them had a whole second without one."""
    pages = [first, *(_open(browser, address, elsewhere) for _ in range(TABS - 1))]
    first.wait_for_timeout(3000)
    seconds = 10.0
    for page in pages:
        page.evaluate("window.lucidriveShown.length = 0")
    first.wait_for_timeout(seconds * 1000)
    times = [page.evaluate("window.lucidriveShown") for page in pages]
    rates = tuple(round((len(each) - 1) / (each[-1] - each[0]) * 1000, 2) if len(each) > 2 else 0.0 for each in times)
    frozen = sum(len(each) < 3 or max(later - earlier for earlier, later in pairwise(each)) > 1000 for each in times)
    return rates, frozen


def resident(pid: int) -> int:
    """Bytes of another process in RAM; 0 where the system does not say."""
    path = Path(f"/proc/{pid}/status")
    match = re.search(r"VmRSS:\s+(\d+) kB", path.read_text()) if path.exists() else None
    return int(match.group(1)) * 1024 if match else 0


def table(timings: PageTimings) -> list[tuple[str, str, str]]:
    """Rows of what was measured, its value, and the aim."""
    values = asdict(timings)
    words = {
        "usable_seconds": "page usable after load, s",
        "pictures_per_second": "pictures shown a second",
        "gap_p99_ms": "gap between pictures, 99th percentile, ms",
        "key_to_picture_ms": "key to changed picture, median, ms",
        "key_to_picture_p90_ms": "the same, 90th percentile, ms",
        "heap_growth_mib": f"growth of the browser's heap in {timings.minutes:g} minutes, MiB",
        "rss_growth_mib": f"growth of the server's resident memory in {timings.minutes:g} minutes, MiB",
        "tabs_pictures_per_second": f"pictures a second in {TABS} tabs at once",
        "frozen_tabs": "tabs of those that froze",
        "requests_elsewhere": "requests that left the machine",
    }
    rows = []
    for name, what in words.items():
        value = values[name]
        said = ", ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else f"{value:g}"
        rows.append((what, said, AIMS[name][0] if name in AIMS else ""))
    return rows


def met(timings: PageTimings) -> bool:
    """Whether every aim is met."""
    values = asdict(timings)
    return all(judge(values[name]) for name, (_, judge) in AIMS.items())
