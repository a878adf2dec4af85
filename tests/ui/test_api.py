"""Every action of the page as an endpoint: asked with gradio_client, as docs/drive.md shows it, and over MCP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from bridge.loop import Loop
from tests.conftest import serving
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from tests.ui.fake_page import FakeDreamer
from ui.answers import pose_by
from ui.api import ENDPOINTS
from ui.live import LiveDreamer
from world.model import WorldModel


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A tiny world, really dreamt; the brain knows keywords."""
    model = WorldModel.load(write_tiny_world(tmp_path_factory.mktemp("world")))
    dreamer = LiveDreamer(model, Loop(FakeDirector()), dream_size=1000, clips=tmp_path_factory.mktemp("clips"), tabs=8)
    with serving(dreamer) as url:
        yield url
    dreamer.close()


@pytest.fixture(scope="module")
def client(real: str) -> Client:
    return Client(real, verbose=False)


@pytest.fixture
def token(client: Client) -> Iterator[str]:
    token = client.predict(3, "", api_name="/open_dream")["token"]
    yield token
    client.predict(token, api_name="/close_dream")


@pytest.mark.slow
def test_every_action_is_documented(client: Client) -> None:
    told = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    own = {f"/{call.__name__}" for call in ENDPOINTS}
    assert own <= set(told) and not {name for name in told if name.endswith("_1")}
    for name in own:
        assert told[name]["description"], name
        assert all(parameter["label"] for parameter in told[name]["parameters"]), name


@pytest.mark.slow
def test_a_program_drives_a_dream(client: Client, token: str, real: str) -> None:
    seen = client.predict(token, api_name="/look")
    assert seen["frame"] == 0 and seen["paused"]
    assert Image.open(io.BytesIO(base64.b64decode(seen["picture"]))).format == "JPEG"
    said = client.predict(token, "turn left, then make it rain", api_name="/say")
    assert [step["line"] for step in said["plan"]] == [] or said["plan"][0]["line"] == "left"
    on = client.predict(token, 12, ["up"], api_name="/advance")
    assert on["frame"] == 12 and on["paused"] and [step["line"] for step in on["plan"]] == ["left", "rain(2)"]
    assert len(client.predict(token, api_name="/past")) == 13
    assert base64.b64decode(client.predict(token, 5, api_name="/past_picture"))[:2] == b"\xff\xd8"
    for what in ("clip", "drive", "dream"):
        kept = client.predict(token, what, api_name="/save")
        data = httpx.get(f"{real}/{kept['file']}").content
        assert data[4:8] == b"ftyp" or data.startswith(b"lucidrive drive")
    assert [kept["kind"] for kept in client.predict(token, api_name="/saved")] == ["clip", "drive", "dream"]
    again = client.predict(token, base64.b64encode(data).decode(), api_name="/load_dream")
    assert again["frame"] == 12


@pytest.mark.slow
def test_a_program_compares_futures(client: Client, token: str) -> None:
    client.predict(token, 10, api_name="/advance")
    parted = client.predict(token, 2, 6, api_name="/fork")
    assert parted["futures"] == 2 and parted["frame"] == 6
    client.predict(token, "stop", 2, api_name="/plan")
    client.predict(token, 8, api_name="/advance")
    first, second = (client.predict(token, branch, False, api_name="/look") for branch in (1, 2))
    assert first["frame"] == second["frame"] == 14
    assert second["commanded"]["speed"] < first["commanded"]["speed"]
    kept = client.predict(token, 2, api_name="/keep_future")
    assert kept["frame"] == 14 and kept["futures"] == 0
    assert kept["commanded"]["speed"] == second["commanded"]["speed"]
    assert client.predict(token, api_name="/past")[-1]["frame"] == 14


@pytest.mark.slow
def test_a_program_begins_where_it_likes(client: Client, token: str) -> None:
    night = client.predict(token, 5, "", "rain_3", "night", api_name="/begin")
    assert (night["weather_name"], night["time_name"], night["seed"]) == ("rain", "night", 5)
    picture = io.BytesIO()
    Image.fromarray(np.full((90, 160, 3), 120, np.uint8)).save(picture, "PNG")
    file = base64.b64encode(picture.getvalue()).decode()
    assert client.predict(token, file, 1, 20.0, api_name="/begin_in_picture")["frame"] == 0
    client.predict(token, 4, api_name="/set_quality")
    assert client.predict(token, 1, api_name="/advance")["quality"] == 4
    memory = client.predict(api_name="/memory")
    assert memory["capacity"] > memory["room"] >= 0 and memory["held"][0]["owner"] == "a dream"


def test_a_camera_stands_where_a_program_says_beside_the_car() -> None:
    pose = pose_by((100, -50, 157), 2.0, 1.0, 5.0, 90.0, -30.0)  # it heads north
    assert (pose.x, pose.y, pose.z) == pytest.approx((9.0, -3.0, 5.0), abs=0.01)
    assert math.degrees(pose.yaw) == pytest.approx(180.0, abs=0.1) and math.degrees(pose.pitch) == pytest.approx(-30.0)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("/look", ("nobody",), "no such dream"),
        ("/open_dream", (-1,), "whole number"),
        ("/open_dream", (0, "moon"), "moon"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(client: Client, name: str, arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(*arguments, api_name=name)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("/look_around", (), "one camera"),
        ("/surround", (), "one camera"),
        ("/look_around", (0.0, 0.0, 121.0), "0.5 to 120 m"),
        ("/say", ("",), "nothing to read"),
        ("/say", ("left", 3), "no such future"),
        ("/plan", ("rain(9)",), r"rain"),
        ("/advance", (0,), "1 to 300"),
        ("/advance", (1, ["x"]), "no key 'x'"),
        ("/begin", (0, "", "hail"), "no 'hail'"),
        ("/begin_in_picture", ("!!",), "base64"),
        ("/begin_in_picture", (base64.b64encode(b"GIF89a").decode(),), "none of these"),
        ("/fork", (9,), "2 to 4"),
        ("/fork", (2, 999), "not part of this drive"),
        ("/keep_future", (3,), "no such future"),
        ("/past_picture", (999,), "not part of this drive"),
        ("/save", ("everything",), "Save a clip"),
        ("/load_dream", (base64.b64encode(b"no dream").decode(),), "no saved drive"),
        ("/set_quality", (3,), "The dial has"),
    ],
)
def test_what_a_dream_cannot_do_is_a_sentence(
    client: Client, token: str, name: str, arguments: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(token, *arguments, api_name=name)


def test_agents_drive_over_mcp(tmp_path: Path) -> None:
    mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
    from mcp.client.streamable_http import streamablehttp_client

    async def drive(url: str) -> tuple[set[str], str]:
        async with (
            streamablehttp_client(f"{url}/gradio_api/mcp/") as (reading, writing, _),
            mcp.ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            name = next(name for name in tools if name.endswith("scenes"))
            answer = await session.call_tool(name, {})
            return {name for name in tools if tools[name].description}, answer.content[0].text

    with serving(FakeDreamer(tmp_path), mcp=True) as url:
        tools, scenes = asyncio.run(drive(url))
    assert all(any(tool.endswith(call.__name__) for tool in tools) for call in ENDPOINTS)
    assert "avenue" in scenes


def test_without_being_asked_it_is_no_mcp_server(real: str) -> None:
    assert httpx.post(f"{real}/gradio_api/mcp/", json={}).status_code == 404


@pytest.mark.slow
def test_the_example_of_the_docs_runs(real: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "drive.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    code = code.replace("http://127.0.0.1:7860", real).replace("town-21", "street")  # the tiny world's own scene
    exec(compile(code, "docs/drive.md", "exec"), {})  # it is ours
    first, second, saved = (json.loads(line.replace("'", '"')) for line in capsys.readouterr().out.splitlines()[-3:])
    assert second["speed"] < first["speed"]
    assert saved["kind"] == "drive" and saved["seconds"] == 5.1
