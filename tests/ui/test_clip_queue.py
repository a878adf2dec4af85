"""The clip factory behind the page: the queue, what may be fetched of it, and the tab itself."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bridge.errors import SessionError
from bridge.factory.matrix import recipe
from bridge.factory.orders import ClipSpec, Order
from bridge.factory.pool import LocalWorker, Stopped, Workers
from tests.conftest import wait_until
from ui.clip_exports import packed
from ui.clip_queue import MOST_WAITING, ClipQueue, captions
from ui.clip_routes import serve_clips
from ui.clips_tab import _covers
from ui.gallery import Gallery
from ui.paths import served

pytestmark = pytest.mark.slow

PATIENCE = 240  # s: a machine may be busy with other things


class Patient(LocalWorker):
    """A worker that may be called off, and waits for `gate`."""

    def __init__(self, order: Order, stop: threading.Event, gate: threading.Event) -> None:
        super().__init__(order.request)
        self.stop, self.gate = stop, gate

    def collect(self) -> Any:
        while not self.gate.wait(0.02):
            if self.stop.is_set():
                raise Stopped("called off")
        return super().collect()


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.fixture
def queue(tmp_path: Path, gate: threading.Event) -> Iterator[ClipQueue]:
    def workers(order: Order, stop: threading.Event) -> Workers:
        return Patient(order, stop, gate)

    queue = ClipQueue(tmp_path / "factory", None, workers=workers)
    yield queue
    gate.set()
    queue.close()


def spec(line: str, number: int = 2) -> ClipSpec:
    return ClipSpec(line, number=number, seconds=1.5, retries=0)


def state(queue: ClipQueue, number: int) -> str:
    return next(job.state for job in queue.jobs() if job.number == number)


def test_orders_are_made_one_after_another(queue: ClipQueue, gate: threading.Event) -> None:
    gate.set()
    first, second = queue.order(spec("follow"), "follow"), queue.order(spec("rain(2)@junction"), "<b>rain</b>")
    wait_until(lambda: state(queue, second.number) == "done", PATIENCE)
    assert state(queue, first.number) == "done"
    assert [clip.line for clip in queue.clips(1, True)] == ["follow"] * 2
    assert queue.clips(1, False) == []
    rejected = queue.clips(2, False)
    assert len(rejected) == 2
    assert "2 of 2 clips" in next(job.told for job in queue.jobs() if job.number == 1)


def test_an_order_can_be_called_off(queue: ClipQueue, gate: threading.Event) -> None:
    queue.order(spec("follow"), "one")
    queue.order(spec("follow"), "two")
    wait_until(lambda: state(queue, 1) == "making", PATIENCE)
    queue.cancel(2)
    assert state(queue, 2) == "cancelled"
    wait_until(lambda: queue.jobs()[-1].out is not None, PATIENCE)
    queue.cancel(1)
    wait_until(lambda: state(queue, 1) == "cancelled", PATIENCE)
    with pytest.raises(SessionError, match="not under way"):
        queue.cancel(1)
    gate.set()
    queue.order(spec("follow", 1), "three")
    wait_until(lambda: state(queue, 3) == "done", PATIENCE)


def test_what_is_wrong_with_an_order_is_a_sentence_and_ends_no_queue(queue: ClipQueue, gate: threading.Event) -> None:
    gate.set()
    queue.order(spec("rain(9)"), "rain(9)")
    queue.order(ClipSpec("follow", seconds=500), "long")
    wait_until(lambda: state(queue, 2) == "failed", PATIENCE)
    told = {job.number: job.told for job in queue.jobs()}
    assert "level" in told[1]
    assert "lasts 1.5 to 60" in told[2]
    with pytest.raises(SessionError, match=f"{MOST_WAITING} orders are waiting"):
        gate.clear()
        for _ in range(MOST_WAITING + 3):
            queue.order(spec("follow"), "more")


def test_only_an_orders_own_clips_are_served(queue: ClipQueue, gate: threading.Event, tmp_path: Path) -> None:
    gate.set()
    queue.order(spec("follow", 1), "follow")
    wait_until(lambda: state(queue, 1) == "done", PATIENCE)
    (tmp_path / "secret.json").write_text("{}")
    out = queue.jobs()[0].out
    assert out is not None
    stem = queue.clips(1, True)[0].stem
    linked = out / "clips" / f"{'0' * 16}-0.json"
    linked.symlink_to(tmp_path / "secret.json")
    app = FastAPI()
    serve_clips(app, Gallery(queue))
    client = TestClient(app)
    assert client.get(f"/factory/1/{stem}.mp4").headers["content-type"] == "video/mp4"
    assert client.get(f"/factory/1/{stem}.json").json()["synthetic"] is True
    assert client.get(f"/factory/1/{stem}.vtt").text.startswith("WEBVTT")
    for name in (
        linked.name, "run.json", "..%2Frun.json", "%2e%2e/run.json", "..%2f..%2fsecret.json", f"{stem}.txt", f"{'1' * 16}-0.mp4",
    ):  # fmt: skip
        assert client.get(f"/factory/1/{name}").status_code == 404, name
    assert client.get(f"/factory/2/{stem}.mp4").status_code == 404
    assert client.get("/factory/2/all.zip").status_code == 404
    linked.unlink()
    with zipfile.ZipFile(io.BytesIO(client.get("/factory/1/all.zip").content)) as pack:
        assert f"{out.name}/clips/{stem}.mp4" in pack.namelist()
        assert not any(name.endswith(".lock") for name in pack.namelist())
    assert served("GET", f"/factory/1/{stem}.mp4")
    assert served("GET", "/factory/12/all.zip")
    assert not served("GET", "/factory/x/all.zip")
    assert not served("POST", "/factory/1/all.zip")


def test_a_zip_has_nothing_hidden_and_no_links(tmp_path: Path) -> None:
    for name in ("clips/a.mp4", ".page/a.map.json", "clips/.lock"):
        (tmp_path / "order" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "order" / name).write_text(name)
    (tmp_path / "order" / "b.mp4").symlink_to(tmp_path / "order" / "clips" / "a.mp4")
    packed((tmp_path / "order").rglob("*"), tmp_path, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as pack:
        assert pack.namelist() == ["order/clips/a.mp4"]


def test_captions_tell_commanded_and_seen_apart(queue: ClipQueue, gate: threading.Event) -> None:
    gate.set()
    queue.order(spec("rain(2);slower@+0.5", 1), "rain")
    wait_until(lambda: state(queue, 1) == "done", PATIENCE)
    clip = [*queue.clips(1, True), *queue.clips(1, False)][0]
    text = captions(json.loads(clip.video.with_suffix(".json").read_bytes()))
    assert "told: rain(2)" in text
    assert "there: rain_2, day" in text
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "--> 00:00:01.500" in text


def test_a_matrix_by_checkboxes() -> None:
    covers = _covers(["animal", "debris"], ["left"], [], ["rain(2)"], ["day", "night"], [], 2, 40)
    assert "<p>8 clips</p>" in covers
    assert "animal 4" in covers
    assert "empty" in _covers([], [], [], [], [], [], 2, 40)
    assert recipe({"events": ["animal"], "seeds": 2}, "x").matrix.product == 1


def test_a_closed_shop_leaves_nobody_behind(tmp_path: Path) -> None:
    queue = ClipQueue(tmp_path, None)
    queue.order(spec("follow", 1), "follow")
    time.sleep(0.05)
    queue.close()
    assert queue._thread is not None
    assert not queue._thread.is_alive()
