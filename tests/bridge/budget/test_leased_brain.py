"""A language model that dies, cannot be loaded, or sleeps: keys go on, people are told, and it comes back."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from brain.vllm_client import BrainServerError, VllmDirector
from bridge.bench.faults.counted_device import CountedDevice
from bridge.bench.faults.ooms import SETUP
from bridge.budget.leased_brain import LeasedBrain
from bridge.budget.ledger import Ledger
from bridge.budget.plan import brain_bytes
from bridge.budget.rescue import Rescue
from bridge.budget.sizes import GIB
from bridge.loop import Loop
from bridge.session import Session
from tests.brain.tiny_brain import tiny_tokenizer
from tests.conftest import wait_until
from tests.fakes import FakeDirector, FakeDream
from tests.tiny_world import write_tiny_world
from ui import live
from ui.live import LiveDreamer

LATER = 1e9


class Server:
    """A language model's server, as far as sleeping and waking go; `lost`: it wakes another one than fell asleep."""

    def __init__(self) -> None:
        self.asleep, self.lost, self.asked = False, False, list[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(self.path)
                outer.asleep = self.path.startswith("/sleep") or (outer.asleep and self.path != "/wake_up")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def die(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Served(FakeDirector):
    """A brain behind such a server."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def sleep(self) -> None:
        self._post("/sleep?level=1")

    def wake(self) -> None:
        self._post("/wake_up")

    def think(self, text: str, context: object) -> Generator[object, None, Any]:
        self._post("/v1/completions")
        assert not self.server.asleep
        return (yield from super().think("stop" if self.server.lost else text, context))

    def _post(self, path: str) -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(self.server.url + path, method="POST"), timeout=5)
        except (urllib.error.URLError, ConnectionError) as error:
            raise BrainServerError(f"{self.server.url} does not answer") from error


class Drive:
    """One dream and a brain on a fake device."""

    def __init__(self, load: Callable[[], object]) -> None:
        self.device = CountedDevice(32 * GIB)
        self.ledger = Ledger(self.device)
        self.brain = LeasedBrain(SETUP, self.ledger, lambda _: cast(Any, load()), self.tell, wait=0.02)
        self.loop = Loop(self.brain, rescue=Rescue(self.device, self.brain.down))
        self.session = Session(cast(Any, lambda seed: FakeDream(seed=seed)), 1)
        self.loop.add(self.session)
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)

    def tick(self, until: Callable[[], object] = lambda: True) -> None:
        """At least one tick; each dreams a frame, whatever the brain does."""
        end = time.monotonic() + 20
        while True:
            before = self.session.frame.index
            self.loop.tick(time.perf_counter() + 0.02)
            assert self.session.frame.index == before + 1
            self.told += [note.text for note in self.session.notes()]
            if until():
                return
            assert time.monotonic() < end

    @property
    def plan(self) -> list[str]:
        return [step.line for step in self.session.snapshot().steps]

    @property
    def lent(self) -> int:
        return self.ledger.reserved


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    yield server
    server.die()


class Dying(FakeDirector):
    """Breaks in the middle of its first sentence."""

    died = 0

    def think(self, text: str, context: object) -> Generator[object, None, Any]:
        yield
        if Dying.died < 1:
            Dying.died += 1
            raise BrokenPipeError("the process is gone")
        return (yield from super().think(text, context))


def test_a_brain_that_dies_is_started_again_and_reads_the_sentence_anew() -> None:
    Dying.died, loads = 0, list[int]()
    drive = Drive(lambda: loads.append(1) or Dying())
    drive.session.say("left")
    drive.tick(lambda: drive.plan == ["left"])
    assert len(loads) == 2 and drive.lent == brain_bytes(SETUP)
    assert any("being started again; keys and buttons go on" in text for text in drive.told)


def test_one_that_always_fails_is_told_of_and_the_drive_goes_on() -> None:
    class Broken(FakeDirector):
        def think(self, text: str, context: object) -> Generator[object, None, Any]:
            yield
            raise RuntimeError("weights are gone")

    drive = Drive(Broken)
    drive.session.say("left")
    drive.tick(lambda: not drive.session.snapshot().thinking)
    assert any("failed (RuntimeError)" in text for text in drive.told)
    drive.session.plan("rain(2)")
    drive.tick(lambda: drive.plan == ["rain(2)"])


def test_a_server_that_is_gone_is_tried_again_until_it_is_back() -> None:
    servers: list[Server] = []
    tries: list[int] = []

    def load() -> Served:
        tries.append(1)
        if not servers:
            raise ConnectionRefusedError("nobody listens")
        return Served(servers[-1])

    drive = Drive(load)
    drive.session.say("left")
    drive.tick(lambda: not drive.session.snapshot().thinking)
    assert drive.plan == [] and drive.told
    drive.tick(lambda: len(tries) > 2)
    with serving() as server:
        servers.append(server)
        drive.tick(lambda: "The language model is back." in drive.told)
        drive.session.say("left")
        drive.tick(lambda: drive.plan == ["left"])
        with serving() as other:
            servers.append(other)
            server.die()
            drive.session.say("night")
            drive.tick(lambda: "night" in drive.plan)
    assert any("being started again" in text for text in drive.told)
    drive.brain.close()


def test_memory_that_runs_out_puts_it_to_sleep_and_a_sentence_wakes_it() -> None:
    with serving() as server:
        drive = Drive(lambda: Served(server))
        wait_until(lambda: drive.brain.awake)
        assert drive.brain.down() == "it sleeps until the next sentence"
        assert server.asleep and drive.lent == 0 and drive.brain.setup == SETUP
        drive.session.say("left")
        drive.tick(lambda: drive.plan == ["left"])
        assert not server.asleep and drive.lent == brain_bytes(SETUP)
        assert server.asked[-3:] == [
            "/wake_up",
            "/v1/completions",
            "/v1/completions",
        ]  # the golden prompt before the person's
        drive.brain.down()
        assert "KV cache" in (drive.brain.down() or "")  # asleep already: the next rung
        drive.brain.close()


def test_one_that_wakes_as_another_is_started_again_before_it_reads() -> None:
    loads: list[int] = []
    with serving() as server:

        def load() -> Served:
            loads.append(1)
            if len(loads) == 3:
                server.lost = False  # somebody has started it anew
            return Served(server)

        drive = Drive(load)
        wait_until(lambda: drive.brain.awake)
        drive.brain.down()
        server.lost = True
        server.asleep = False
        drive.session.say("left")
        drive.tick(lambda: not drive.session.snapshot().thinking)
        assert drive.plan == [] and any("start its server anew" in text for text in drive.told)
        drive.tick(lambda: drive.brain.awake)
        drive.session.say("left")
        drive.tick(lambda: drive.plan == ["left"])
        assert len(loads) == 3
        assert any("did not wake as it fell asleep" in text for text in drive.told)
        assert "The language model is back." in drive.told
        drive.brain.close()


def test_where_there_is_no_room_to_wake_it_sleeps_on() -> None:
    with serving() as server:
        drive = Drive(lambda: Served(server))
        wait_until(lambda: drive.brain.awake)
        drive.brain.down()
        drive.device.tenant = 31 * GIB
        drive.session.say("left")
        drive.tick(lambda: not drive.session.snapshot().thinking)
        assert drive.plan == [] and any("no room for the language model" in text for text in drive.told)
        drive.device.tenant = 0
        drive.session.say("left")
        drive.tick(lambda: drive.plan == ["left"])
        drive.brain.close()


def test_a_page_whose_brain_is_a_server_that_is_not_there_goes_on_by_buttons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(url: str, name: str) -> VllmDirector:
        return VllmDirector(tiny_tokenizer(), url, name)

    monkeypatch.setattr(live, "served_brain", nobody)
    with serving() as server:
        url = server.url
    dreamer = LiveDreamer.load(write_tiny_world(tmp_path / "world"), clips=tmp_path, brain_url=url)
    drive = dreamer.open(lambda: None)
    sentences: list[str] = []
    drive.say("left")
    wait_until(
        lambda: sentences.extend(note.text for note in drive.notes()) or any(url in text for text in sentences), 20
    )
    assert any("does not answer" in text for text in sentences)
    drive.plan("rain(2)")
    wait_until(lambda: [chip.line for chip in drive.view().plan] == ["rain(2)"], 20)
    dreamer.close()
