"""What a running page tells whoever watches it."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from bridge.loop import Loop, percentile
from tests.conftest import serving, wait_until
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from tests.ui.fake_page import FakeDreamer
from tests.world.test_own_world import OWN
from ui.live import LiveDreamer
from world.errors import DataError
from world.model import WorldModel


def read(url: str) -> dict[str, float]:
    text = httpx.get(f"{url}/metrics").text
    return {one.name: one.samples[0].value for one in text_string_to_metric_families(text)}


@pytest.mark.slow
def test_a_real_dreamer_says_that_it_lives_and_how_it_keeps_time(tmp_path: Path) -> None:
    model = WorldModel.load(write_tiny_world(tmp_path / "world"))
    dreamer = LiveDreamer(model, Loop(FakeDirector()), dream_size=1000)
    with serving(dreamer) as url:
        assert httpx.get(f"{url}/health/live").status_code == 200
        assert httpx.get(f"{url}/health/ready").text == "ready\n"
        before = read(url)
        assert before["lucidrive_tabs"] == 0 and math.isnan(before["lucidrive_gap_p50_seconds"])
        drive = dreamer.open(lambda: None)
        drive.say("left")
        wait_until(lambda: drive.view().plan and read(url)["lucidrive_frames"] > 5, 20)
        now = read(url)
        assert now["lucidrive_tabs"] == 1 and now["lucidrive_memory_lent_bytes"] == 1000
        assert 0.05 < now["lucidrive_gap_p50_seconds"] <= now["lucidrive_gap_p99_seconds"]
        assert now["lucidrive_sentence_p50_seconds"] > 0
        drive.close()
        model.dynamics.residual.weight.data.fill_(math.nan)
        answer = httpx.get(f"{url}/health/ready")
        assert answer.status_code == 503 and "fell apart" in answer.text
        dreamer.close()
        answer = httpx.get(f"{url}/health/live")
        assert answer.status_code == 503 and "start lucidrive again" in answer.text


def test_what_keeps_it_from_dreaming_is_a_sentence(tmp_path: Path) -> None:
    dreamer = FakeDreamer(tmp_path)
    dreamer.ill = DataError("The weights are gone; get them back.")
    with serving(dreamer) as url:
        answer = httpx.get(f"{url}/health/ready")
        assert (answer.status_code, answer.text) == (503, "The weights are gone; get them back.\n")


@pytest.mark.parametrize(("share", "found"), [(0.0, 1), (0.5, 3), (0.99, 4), (1.0, 4)])
def test_a_percentile_is_one_of_the_numbers(share: float, found: int) -> None:
    assert percentile([1, 2, 3, 4], share) == found
    assert math.isnan(percentile([], share))


@pytest.mark.slow
def test_asked_to_end_it_ends_in_good_order(tmp_path: Path) -> None:
    folder = write_tiny_world(tmp_path / "own", config=OWN)
    command = [sys.executable, "-m", "ui.cli", "ui", "--world", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as page:
        try:
            assert page.stdout is not None
            line = next(line for line in page.stdout if "http://" in line)
            url = line[line.index("http://") :].split()[0]
            with connect(f"{url.replace('http', 'ws')}/dream", origin=url) as socket:  # type: ignore[arg-type]
                assert socket.recv(timeout=20)
                page.send_signal(signal.SIGTERM)
                assert page.wait(timeout=30) == 0, page.stdout.read()
        finally:
            page.kill()
