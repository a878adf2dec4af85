"""The bench's clocks and its page without a screen, on a tiny world and a socket of a few messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bridge import bench
from bridge.bench import dream, env, labels, long
from bridge.bench.brain import bench_brain
from bridge.bench.page import BenchError, Page, gaps
from tests.bridge.factory.tiny_factory import tiny_request
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from world.dream import load_world
from world.scene_world import SceneWorld

pytestmark = pytest.mark.slow


def test_gaps_are_counted_within_a_row_of_arrivals_only() -> None:
    result = gaps([[0.0, 0.1, 0.2, 0.3], [9.0, 9.1, 9.3]])
    assert result is not None
    assert result.frames == 5
    assert result.gap_p50 == pytest.approx(100)
    assert result.gap_max == pytest.approx(200)
    assert result.fps_median == pytest.approx(10)
    assert gaps([[1.0, 2.0]]) is None


class FakeSocket:
    """A page's socket: three pictures before a sentence; then it thinks, over two more."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.queue: list[str | bytes] = [bytes([i, 0, 0, 0]) + b"rest" for i in range(3)]

    def recv(self, timeout: float) -> str | bytes:
        if not self.queue:
            raise TimeoutError
        return self.queue.pop(0)

    def send(self, text: str) -> None:
        fields = json.loads(text)
        self.sent.append(fields)
        if fields["type"] == "say":
            states = [json.dumps({"type": "state", "thinking": on}) for on in (True, False)]
            self.queue += [states[0], b"\x03\0\0\0", b"\x04\0\0\0", states[1]]


def test_the_bench_receives_as_a_page_does() -> None:
    socket = FakeSocket()
    page = Page(socket)
    assert len(page.watch(0.05)[0]) == 3
    assert [fields["index"] for fields in socket.sent] == [0, 1, 2]
    rows, count = page.talk(0.01)
    assert count == 1
    assert len(rows[0]) == 3  # the last picture before, and two while it thought
    assert not page.thinking


def test_the_bench_says_why_a_dream_did_not_begin() -> None:
    socket = FakeSocket()
    socket.queue = [json.dumps({"type": "note", "kind": "error", "text": "There is no room."})]
    with pytest.raises(BenchError, match="There is no room"):
        Page(socket).watch(0.2)


@pytest.mark.parametrize("latent", [False, True])
def test_the_bench_measures_dreams_of_both_families(tmp_path: Path, latent: bool) -> None:
    model = load_world(write_tiny_world(tmp_path / "world") if latent else None)
    assert dream.bench_dial(model, 1, frames=3) > 0
    result = dream.bench_sessions(model, 1, (1, 2), repeats=2)
    assert set(result["1"]) == set(result["2"]) == {"alone", "batched"}
    assert all(milliseconds > 0 for part in result.values() for milliseconds in part.values())
    if isinstance(model, SceneWorld):
        parts = dream.bench_scene(model, (1,), repeats=3)
        assert set(parts) == {
            "driver",
            "step",
            *(f"{part} 108x192" for part in ("G-buffer", "shading", "painting", "air")),
        }


def test_environments_without_pictures_are_measured_in_dreamt_places() -> None:
    result = env.bench_traffic("rules", 2, steps=3, warm=1)
    assert result["dreams"] == 2 and result["agents"] > 5
    assert result["longest_ms"] / 1000 >= 2 / result["steps_a_second"] > 0 and result["cpu_ms"] > 0
    rows = env.table({"rules": result | {"agents": 41.4, "steps_a_second": 2100.4, "cores": 2}})
    assert rows[0] == (
        "2 Dream-v0 as one, no pictures, traffic by rules",
        "2,100 steps/s with 41 agents in a dream, 2 cores",
    )


def test_a_long_dream_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "WARMUP", 4)
    monkeypatch.setattr(long, "WINDOW", 3)
    sizes = iter([100, 150])
    monkeypatch.setattr(long.machine, "resident", lambda: next(sizes))
    result = long.long_run(load_world(write_tiny_world(tmp_path)), 9, 1)
    assert (result["frames"], result["rss_growth"]) == (9, 50)
    assert result["p99_ratio"] == pytest.approx(result["p99_last_ms"] / result["p99_first_ms"])
    assert dict(long.table(result))["memory grown after 4 frames"] == "0.0 MiB"


RESULT = {
    "machine": {"cores": 2, "cpu": "some CPU", "torch": "2.13", "load_average": 0.1},
    "threads": 2,
    "quality": 2,
    "scene": True,
    "dream_fps_by_dial": {"1": 30.0, "2": 20.0, "4": 12.0, "8": 7.0},
    "parts_ms": {"step": 0.3, "shading 144x256": 4.0},
    "tick_ms_by_sessions": {"1": {"alone": 40.0, "batched": 41.0}, "8": {"alone": 330.0, "batched": 200.0}},
    "loop": {"first_frame": 4.0, "idle": None, "thinking": None, "peak_rss": 2**30},
    "brain_seconds": {"one_step": 0.1, "three_steps": 0.3},
}


def test_measurements_become_a_table_and_a_picture(tmp_path: Path) -> None:
    rows = dict(bench.table(RESULT))
    assert rows["a tick of 8 dreams"] == "200 ms as one batch, 330 ms one after another"
    assert rows["dream alone, 144x256"] == "20.0 frames/s"
    assert rows["memory of the page's process, at most"] == "1,024 MiB"
    pytest.importorskip("matplotlib")
    from bridge.bench.picture import check, draw

    path = tmp_path / "bench.png"
    check(path)
    draw(RESULT, path)
    with Image.open(path) as image:
        assert image.format == "PNG" and image.width > 500
    assert list(tmp_path.iterdir()) == [path]
    for bad in (tmp_path / "bench.svg", tmp_path / "nowhere" / "bench.png"):
        with pytest.raises(BenchError, match="No picture can be drawn"):
            check(bad)


def test_the_bench_measures_the_brain_by_steps() -> None:
    result = bench_brain(FakeDirector())
    assert result["one_step"] == pytest.approx(0.02)
    assert set(result) == {"one_step", "one_step_tokens", "three_steps", "three_steps_tokens"}


def test_labels_of_clips_are_held_against_each_other_and_timed() -> None:
    request = tiny_request(lines="follow", seeds=1)
    result = labels.consistent(request, lambda fraction, text: None)
    assert len(result) == len(labels.WORDS) + 1 and all(one.met for one in result)  # in one kind of weather
    assert all(one.numbers["cases"] > 10 for one in result[:-1])
    (timed,) = labels.surround(request, lambda fraction, text: None)
    assert timed.numbers["pictures_a_second"] == pytest.approx(6 * timed.numbers["moments_a_second"])
