"""10,000 messages at a real dream, 10,000 paths at the whole app: no crash, and nothing that is not public."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.loop import Loop
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from tests.ui.asgi import Answer, ask
from tests.ui.fake_page import FakeDreamer
from ui.app import create_app
from ui.client_sessions import ClientSessions
from ui.live import LiveDreamer
from ui.stream import Stream
from world.model import WorldModel

MESSAGES = PATHS = 10_000
SECRET = b"another session's secret"
KINDS = [
    "say",
    "plan",
    "choose",
    "wrong",
    "press",
    "pause",
    "step_once",
    "set_quality",
    "begin",
    "fork",
    "keep_future",
    "drop_futures",
    "save_clip",
    "save_drive",
    "save_dream",
    "seen",
    "shutdown",
]
FIELDS = [
    "text",
    "line",
    "branch",
    "keys",
    "on",
    "quality",
    "seed",
    "scene",
    "where",
    "weather",
    "time",
    "index",
    "count",
    "type",
    "token",
    "path",
]
LINES = (
    "left",
    "rain(2)",
    "ped_cross(left,3)@+5",
    "stop;go@+2",
    "speed(60)~9",
    "rain(2",
    "refuse(offtopic)",
    "x" * 300,
)
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 4, 7, 8, 10**30, 1.5, float("inf"), "", "left", "../../etc/passwd", "\x00", "\ud800", "<script>alert(1)</script>",
    "路" * 500, [], {}, ["up"], ["up", "down", "left", "right"], ["up"] * 500, {"a": {"b": []}}, "street", "make it rain", "turn",
)  # fmt: skip


def messages(dice: random.Random) -> Iterator[str | bytes]:
    for _ in range(MESSAGES):
        way = dice.random()
        if way < 0.05:
            yield dice.randbytes(dice.randrange(60))
        elif way < 0.15:
            yield "".join(map(chr, (dice.randrange(0x2FFF) for _ in range(dice.randrange(80)))))
        else:
            fields: dict[str, Any] = {"type": dice.choice(KINDS) if way < 0.95 else dice.choice(ODD)}
            for name in dice.sample(FIELDS, dice.randrange(4)):
                fields[name] = dice.choice(LINES) if name == "line" and dice.random() < 0.7 else dice.choice(ODD)
            text = json.dumps(fields)
            yield text[: dice.randrange(len(text))] if dice.random() < 0.05 else text


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What went wrong in the page, the loop or the server; threads of other tests may still be saying something."""
    ours = ("ui", "bridge.loop", "bridge.recording.recorder", "asyncio", "uvicorn", "gradio", "starlette", "fastapi")
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR and one.name.startswith(ours)]


class Socket:
    """Gives messages as a browser would, and takes what is sent."""

    def __init__(self, messages: Iterator[str | bytes]) -> None:
        self.messages, self.taken, self.query_params = messages, 0, dict[str, str]()

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        for message in self.messages:
            self.taken += 1
            if self.taken % 500 == 0:
                await asyncio.sleep(0.05)
            return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}
        return {"type": "websocket.disconnect"}


@pytest.mark.slow
def test_no_message_hurts_a_dream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the limit of messages lifted, so that all of them arrive."""
    monkeypatch.setattr("ui.stream.RATE", 1e9)
    monkeypatch.setattr("ui.stream.BURST", 1e9)
    model = WorldModel.load(write_tiny_world(tmp_path / "world"))
    dreamer = LiveDreamer(model, Loop(FakeDirector()), dream_size=1000, clips=tmp_path / "clips", tabs=8)

    async def drive() -> tuple[int, int]:
        clients = ClientSessions(dreamer)
        client = await clients.call()
        socket = Socket(messages(random.Random(7)))
        stream = Stream(client, dreamer, socket)  # type: ignore[arg-type]
        await stream.receive()
        while stream.works:
            await asyncio.sleep(0.05)
        client.drive.keep_future(0)
        client.drive.pause(False)
        before = client.drive.view().frame
        while client.drive.view().frame is before:
            await asyncio.sleep(0.05)
        await clients.close()
        return socket.taken, len(stream.news)

    with caplog.at_level(logging.WARNING):
        taken, told = asyncio.run(asyncio.wait_for(drive(), 240))
    dreamer.close()
    assert taken == MESSAGES and told > 0
    assert faults(caplog) == []
    assert not (tmp_path / "etc").exists()


PARTS = (
    "/", "/page", "/clips", "/drives", "/scenes", "/gradio_api", "/gradio_api/file=", "/gradio_api/call", "/gradio_api/queue/data", "/config", "/assets", "/static",
    "/..", "/.", "//", "/%2e%2e", "/%2E%2E/", "/..%2f", "/%252e%252e", "/..\\", "/%5c..", "/\x00", "/%00", "/~", "/C:", "/\\\\server\\share", "/etc/passwd", "/proc/self/environ",
    "/pyproject.toml", "/README.md", "/.git/config", "/ui/app.py", "/clips/.drives", "/TOKEN/drive.mp4", "/TOKEN/../other/secret.mp4", "/TOKEN", "/past.json", "/frames/0.jpg",
    "/frames/-1.jpg", "/frames/99999999999999999999.jpg", "/avenue.jpg", "/drive.js", "/../app.py", "?path=/etc/passwd", "?url=http://169.254.169.254/", "#x", ";a=b", "/%", "/%ZZ",
    "/＿", "/é", "/" + "a" * 3000, "/memory.json", "/metrics", "/login", "/monitoring", "/proxy=http://127.0.0.1:1/", "/component_server", "/mcp/", "/upload",
    "/call/say/" + "0" * 32,
)  # fmt: skip


def paths(dice: random.Random, token: str) -> Iterator[tuple[str, bytes]]:
    for _ in range(PATHS):
        made = (
            "".join(dice.choice(PARTS) for _ in range(dice.randrange(1, 5)))
            .replace("TOKEN", token)
            .encode("utf-8", "replace")
        )
        if dice.random() < 0.2:
            broken = bytearray(made)
            for _ in range(dice.randrange(1, 4)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            made = bytes(broken)
        yield dice.choice(("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "x")), made


@pytest.mark.slow
def test_no_path_leads_anywhere_it_should_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    dreamer = FakeDreamer(clips)
    app = create_app(dreamer)
    (tmp_path / "secret.mp4").write_bytes(SECRET)
    (clips / "secret.mp4").write_bytes(SECRET)

    async def all_of_them() -> list[tuple[bytes, Answer]]:
        dice, found = random.Random(11), []
        for number, (method, path) in enumerate(paths(dice, "x" * 22)):
            client = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"  # each its own, or the limits would answer
            found.append((path, await ask(app, path, method, client=client)))
        return found

    with caplog.at_level(logging.ERROR):
        answers = asyncio.run(all_of_them())
    assert len(answers) == PATHS
    wrong = [
        (path, answer.status) for path, answer in answers if answer.status not in (200, 307, 403, 404, 405, 422, 503)
    ]
    assert wrong == []
    inside = (SECRET, b"root:x", b"[build-system]", b"from __future__", b"[remote", b"PATH=")
    assert [path for path, answer in answers if any(one in answer.body for one in inside)] == []
    assert 20 < sum(answer.status == 200 for _, answer in answers) < PATHS / 4
    assert faults(caplog) == []
