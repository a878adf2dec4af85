"""The page's socket: what it says, what it refuses, and that nothing a page sends can hurt a dream."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.conftest import serving, wait_until
from tests.ui.fake_page import FakeDreamer
from tests.ui.tabs import tab
from tests.ui.test_messages import BAD
from ui import messages
from ui.app import ServeError, bind, serve
from ui.origin import host_allowed, origin_allowed
from world.render.camera import HIGHEST, Pose, Rig


def test_a_tab_is_greeted_then_sees_the_dream(page: str) -> None:
    with tab(page) as mine:
        hello = mine.next("hello")
        assert hello["scenes"] == ["avenue", "old_town"] and len(hello["token"]) >= 16 and hello["pictures"]
        first, second = mine.next("picture"), mine.next("picture")
    assert messages.HEADER.unpack_from(second)[0] > messages.HEADER.unpack_from(first)[0]
    image = Image.open(io.BytesIO(second[messages.HEADER.size :]))
    assert image.format == "JPEG" and image.size == (128, 72)


def test_a_sentence_becomes_a_plan_in_the_state(page: str) -> None:
    with tab(page) as mine:
        mine.send(type="say", text="turn left, then make it rain")
        while len((state := mine.next("state"))["plan"]) != 2:
            pass
        assert [chip["line"] for chip in state["plan"]] == ["left", "rain(2)"]
        assert {chip["state"] for chip in state["plan"]} <= {"pending", "running", "done", "timed_out", "cancelled"}


def test_a_refusal_is_a_sentence(page: str) -> None:
    with tab(page) as mine:
        mine.send(type="say", text="fly to the moon")
        assert mine.next("note")["kind"] == "refusal"


def test_newest_picture_wins(page: str) -> None:
    """A page that gives no receipts is sent two pictures and then none; then it gets the newest, not the next."""
    with tab(page) as mine:
        mine.next("hello")
        seen = [messages.HEADER.unpack_from(mine.next("picture", receipts=False))[0] for _ in range(2)]
        with pytest.raises(TimeoutError):
            mine.next("picture", seconds=1.0, receipts=False)
        mine.send(type="seen", index=seen[-1])
        assert messages.HEADER.unpack_from(mine.next("picture"))[0] >= seen[-1] + 8


def test_keys_drive_and_are_let_go(page: str, fake_dreamer: FakeDreamer) -> None:
    with tab(page) as mine:
        mine.send(type="press", keys=["left", "up"])
        while not messages.HEADER.unpack_from(mine.next("picture"))[5] & messages.BY_KEYS:
            pass
        drive = fake_dreamer.drives[-1]
        assert drive.held == {"left", "up"}
        wait_until(lambda: not drive.held, 4)  # this page has gone silent: a held key is let go
        mine.send(type="press", keys=["right"])
        wait_until(lambda: drive.held)
    wait_until(lambda: not drive.held)  # the page is gone


def test_a_key_flood_does_no_harm(page: str, fake_dreamer: FakeDreamer) -> None:
    with tab(page) as mine:
        mine.next("hello")
        drive = fake_dreamer.drives[-1]
        for turn in range(5_000):
            mine.send(type="press", keys=["left"] if turn % 2 else ["right", "up"])
        mine.send(type="press", keys=[])
        wait_until(lambda: not drive.held and drive.calls[-1] == ("press", ()), 15)
        before = drive.dream.index
        wait_until(lambda: drive.dream.index >= before + 5, 3)
        mine.send(type="say", text="make it rain")
        while not mine.next("state")["plan"]:
            pass


def test_a_flood_of_orders_is_cut_short_and_said(page: str, fake_dreamer: FakeDreamer) -> None:
    with tab(page) as mine:
        mine.next("hello")
        drive = fake_dreamer.drives[-1]
        for _ in range(500):
            mine.send(type="plan", line="rain(2)")
        assert "too much at once" in mine.next("note")["text"]
        mine.send(type="press", keys=["up"])
        wait_until(lambda: drive.held == {"up"})
        assert sum(call[0] == "plan" for call in drive.calls) < 200
        assert mine.next("picture")


def test_of_many_poses_the_newest_is_drawn(
    page: str, fake_dreamer: FakeDreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeDreamer, "camera", Rig())
    with tab(page) as mine:
        assert mine.next("hello")["camera"]["highest"] == HIGHEST
        for number in range(1000):
            mine.send(type="look_around", x=0, y=0, z=1 + number / 10, yaw=0, pitch=0)
        drive, flags, seen = fake_dreamer.drives[-1], 0, b""
        wait_until(lambda: ("look_around", Pose(0, 0, 100.9, 0, 0)) in drive.calls)
        while not flags & messages.ELSEWHERE or np.asarray(Image.open(io.BytesIO(seen))).mean((0, 1))[0] < 190:
            picture = mine.next("picture")
            flags, seen = messages.HEADER.unpack_from(picture)[5], picture[messages.HEADER.size :]
        assert sum(call[0] == "look_around" for call in drive.calls) < 500


def test_the_cameras_round_the_car_are_drawn_when_asked_for_and_only_then(
    page: str, fake_dreamer: FakeDreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeDreamer, "camera", Rig())
    with tab(page) as mine:
        mine.next("hello")
        drive, flags, seen = fake_dreamer.drives[-1], 0, b""
        for _ in range(5):
            flags |= messages.HEADER.unpack_from(mine.next("picture"))[5]
        assert not flags & messages.AROUND and ("surround",) not in drive.calls
        mine.send(type="surround")
        while not flags & messages.AROUND:
            picture = mine.next("picture")
            flags, seen = messages.HEADER.unpack_from(picture)[5], picture[messages.HEADER.size :]
        assert Image.open(io.BytesIO(seen)).size == (96, 36)
        assert drive.calls.count(("surround",)) == 1


def test_a_world_without_another_camera_says_so(page: str) -> None:
    with tab(page) as mine:
        assert mine.next("hello")["camera"] is None
        mine.send(type="look_around", x=0, y=0, z=2, yaw=0, pitch=0)
        assert "one camera" in mine.next("note")["text"]
        assert mine.next("picture")


@pytest.mark.parametrize("text", ["", " \0\x07\ud800 ", "x" * 5_000])
def test_a_text_that_cannot_be_read_is_one_sentence(page: str, text: str) -> None:
    with tab(page) as mine:
        mine.send(type="say", text=text)
        note = mine.next("note")
        assert note["kind"] == "error" and note["text"].endswith(".") and "\n" not in note["text"]


def test_bad_messages_get_a_sentence_and_the_dream_goes_on(page: str) -> None:
    with tab(page) as mine:
        mine.next("hello")
        for text in BAD[:10]:
            mine.socket.send(text)
            assert mine.next("note")["kind"] == "error"
        mine.socket.send(b"\x00\xff")
        assert mine.next("note")["kind"] == "error"
        mine.send(type="plan", line="rain(2")
        assert "plan language" in mine.next("note")["text"]
        assert mine.next("picture")


def test_markup_stays_text(page: str, fake_dreamer: FakeDreamer) -> None:
    with tab(page) as mine:
        mine.send(type="say", text="<img src=x onerror=alert(1)>")
        mine.next("note")
        assert fake_dreamer.drives[-1].calls[-1] == ("say", "<img src=x onerror=alert(1)>")


def test_a_giant_message_closes_that_socket_alone(page: str) -> None:
    with tab(page) as mine, tab(page) as other:
        mine.next("hello")
        with pytest.raises(ConnectionClosed):
            mine.socket.send("x" * 1_000_000)
            for _ in range(100):
                mine.next("picture", seconds=2)
        assert other.next("picture")


def test_a_tab_that_comes_back_finds_its_dream(page: str, fake_dreamer: FakeDreamer) -> None:
    with tab(page) as mine:
        token = mine.next("hello")["token"]
        index = messages.HEADER.unpack_from(mine.next("picture"))[0]
        drive = fake_dreamer.drives[-1]
    with tab(page, f"/dream?resume={token}") as mine:
        assert mine.next("hello")["token"] == token
        assert messages.HEADER.unpack_from(mine.next("picture"))[0] >= index
    wait_until(lambda: ("close",) in drive.calls, 5)
    with tab(page, f"/dream?resume={token}") as mine:
        assert mine.next("hello")["token"] != token


def test_a_dream_stands_still_while_its_tab_is_away(fake_dreamer: FakeDreamer) -> None:
    with serving(fake_dreamer, grace=60) as page:
        with tab(page) as mine:
            token, drive = mine.next("hello")["token"], fake_dreamer.drives[-1]
            mine.next("picture")
        wait_until(lambda: not drive.watched)
        time.sleep(0.3)  # the tick that was under way
        left = drive.frame.index
        time.sleep(0.5)
        assert drive.frame.index == left
        with tab(page, f"/dream?resume={token}"):
            wait_until(lambda: drive.frame.index > left)


def test_reset_pause_and_step(page: str, fake_dreamer: FakeDreamer) -> None:
    with tab(page) as mine:
        mine.next("hello")
        mine.send(type="begin", seed=7, scene="avenue")
        wait_until(lambda: fake_dreamer.drives[-1].calls[-1] == (("begin", 7, "avenue")))
        mine.send(type="pause", on=True)
        while not mine.next("state")["paused"]:
            pass
        with suppress(TimeoutError):
            while True:
                mine.next("picture", seconds=0.6)
        stood = fake_dreamer.drives[-1].frame.index
        mine.send(type="step_once")
        assert messages.HEADER.unpack_from(mine.next("picture"))[0] == stood + 1


def test_a_saved_clip_can_be_fetched_and_nothing_else(page: str) -> None:
    with tab(page) as mine:
        mine.send(type="save_clip")
        clip = mine.next("kept")
        assert (clip["kind"], httpx.get(f"{page}/clips/{clip['file'].split('/')[1]}").json()) == (
            "clip",
            [clip_only(clip)],
        )
        answer = httpx.get(f"{page}/{clip['file']}")
        assert answer.content == b"not really a video" and "attachment" in answer.headers["content-disposition"]
        assert httpx.get(f"{page}/{clip['labels']}").json() == {}
        token = clip["file"].split("/")[1]
        for path in (f"{token}/other.mp4", f"{token}/..%2F..%2Fetc%2Fpasswd", "nobody/drive.mp4"):
            assert httpx.get(f"{page}/clips/{path}").status_code == 404


def clip_only(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "type"}


def test_a_drive_is_saved_and_gone_on_with(page: str, fake_dreamer: FakeDreamer) -> None:
    with tab(page) as mine:
        token = mine.next("hello")["token"]
        mine.send(type="save_dream")
        kept = mine.next("kept")
        data = httpx.get(f"{page}/{kept['file']}").content
        assert data == b"a drive"
        assert httpx.post(f"{page}/drives/{token}", content=data).status_code == 204
        assert fake_dreamer.drives[-1].calls[-1] == ("load_dream",)
        for wrong, said in ((b"no drive", "no saved drive"), (b"x" * 2000, "larger than any")):
            answer = httpx.post(f"{page}/drives/{token}", content=wrong)
            assert answer.status_code == 400 and said in answer.text
        assert httpx.post(f"{page}/drives/nobody", content=data).status_code == 404
        assert mine.next("picture")


def test_a_page_is_told_how_it_runs_and_when_others_take_its_memory(
    page: str, fake_dreamer: FakeDreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.stream.MEASURES_SECONDS", 0.0)
    with tab(page) as mine:
        told = mine.next("measures")
        assert (told["memory_lent"], told["gap_p50"]) == (100, None)
        monkeypatch.setattr(fake_dreamer, "overrun", 5 * 2**20)
        note = mine.next("note")
        assert note["kind"] == "error" and "Other programs have taken 5 MiB" in note["text"]


@pytest.mark.parametrize(
    "origin", ["https://example.com", "http://127.0.0.1:1", "null", "http://localhost.example.com"]
)
def test_another_origin_is_refused(page: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refusal, tab(page, origin=origin):
        pass
    assert refusal.value.response.status_code == 403


def test_no_origin_and_other_hosts_are_refused(page: str) -> None:
    with pytest.raises(InvalidStatus), connect(page.replace("http", "ws") + "/dream"):
        pass
    answer = httpx.get(page, headers={"host": "evil.example:7860"})
    assert answer.status_code == 403 and "127.0.0.1" in answer.text
    assert httpx.get(page).status_code == 200


def test_hosts_and_origins() -> None:
    assert all(map(host_allowed, ["localhost", "127.0.0.1:7860", "[::1]:80", "127.8.8.8", "LOCALHOST:1"]))
    assert not any(map(host_allowed, [None, "", "example.com", "0.0.0.0", "127.0.0.1.nip.io", "[::1", "localhost:x"]))
    assert origin_allowed("http://localhost:8080", "localhost:8080")
    assert not origin_allowed("http://localhost:8080", "127.0.0.1:8080")
    assert not origin_allowed("file://localhost", "localhost")


def test_too_many_tabs_is_a_sentence(tmp_path: Path) -> None:
    with serving(FakeDreamer(tmp_path, most=1)) as page, tab(page) as mine:
        assert mine.next("picture")
        with tab(page) as other:
            assert "close one" in other.next("note")["text"]
            with pytest.raises(ConnectionClosed):
                other.next("hello")


def test_only_this_machine_and_a_free_port(page: str, fake_dreamer: FakeDreamer) -> None:
    for host in ("0.0.0.0", "192.168.1.5", "example.com"):
        with pytest.raises(ServeError, match=r"this machine only.* --auth"):
            serve(fake_dreamer, host)
    port = int(page.rsplit(":", 1)[1])
    with pytest.raises(ServeError, match=rf"Port {port} .* choose another with --port"):
        bind("127.0.0.1", port)
    with pytest.raises(ServeError, match="0 to 65535"):
        bind("127.0.0.1", 99_999)
