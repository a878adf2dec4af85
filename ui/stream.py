"""A dream for every tab, over a WebSocket: pictures and state go down, sentences, buttons and keys come up.

Newest picture wins: a picture is sent only when the page has received the one before the last, so that a slow page sees
fewer pictures and never old ones. A tab that loses its connection finds its dream again for a while (`GRACE_SECONDS`).
`ui.messages` says what the messages are; `ui.origin` has refused other sites' sockets before they come here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ui import messages, words
from ui.drive import Dreamer, Drive, Note, View
from world.errors import LucidriveError

log = logging.getLogger(__name__)

FAULT = Note("That went wrong inside lucidrive, and the terminal says where; the dream goes on.", "error")
GRACE_SECONDS = 20.0  # how long a dream waits for its tab to come back
KEYS_SECONDS = 2.0  # held keys that are not told again within this are let go (the page tells every 0.5 s)
IN_FLIGHT = 2  # pictures sent and not yet received by the page
LOST_SECONDS = 2.0  # a page that has received nothing for this long is sent one more picture
MEASURES_SECONDS = 2.0  # how often the page is told how it runs
RATE, BURST = 20.0, 40.0  # messages a second besides keys and receipts
MAX_MESSAGE = 64 * 1024  # bytes; the server closes the socket on more


@dataclass(eq=False)
class Visit:
    """A tab and its dream, from the first connection to GRACE_SECONDS after the last."""

    token: str
    drive: Drive
    wake: asyncio.Event
    socket: WebSocket | None = None
    ending: asyncio.TimerHandle | None = None
    clips: dict[str, Path] = field(default_factory=dict)


class Visits:
    """All tabs. Used from the server's event loop alone."""

    def __init__(self, dreamer: Dreamer, grace: float = GRACE_SECONDS) -> None:
        self.dreamer = dreamer
        self.grace = grace
        self.by_token: dict[str, Visit] = {}

    async def enter(self, token: str | None, socket: WebSocket) -> Visit:
        """The visit that `token` names, if its tab is gone; else one with a new dream (LucidriveError if refused)."""
        visit = self.by_token.get(token or "")
        if visit is None or visit.socket is not None:
            visit = await self._begin()
        visit.socket = socket
        if visit.ending is not None:
            visit.ending.cancel()
            visit.ending = None
        return visit

    async def _begin(self) -> Visit:
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def changed() -> None:
            with contextlib.suppress(RuntimeError):  # the server has stopped: nobody is left to tell
                loop.call_soon_threadsafe(wake.set)

        begin = self.dreamer.admit()  # here and not in a thread: who is refused waits for nobody
        drive = await asyncio.to_thread(begin, changed)
        visit = Visit(secrets.token_urlsafe(16), drive, wake)
        self.by_token[visit.token] = visit
        return visit

    def leave(self, visit: Visit) -> None:
        visit.socket = None
        visit.drive.press(frozenset())
        visit.ending = asyncio.get_running_loop().call_later(self.grace, self._end, visit)

    def _end(self, visit: Visit) -> None:
        if self.by_token.pop(visit.token, None) is not None:
            asyncio.get_running_loop().run_in_executor(None, visit.drive.close)

    def clip(self, token: str, name: str) -> Path | None:
        """The file of a clip that this visit saved; its names are kept here and never become paths."""
        visit = self.by_token.get(token)
        return visit.clips.get(name) if visit else None

    async def take_up(self, token: str, chunks: AsyncIterator[bytes]) -> None:
        """Goes on in that tab's drive with a saved one. LucidriveError, KeyError where there is no such tab."""
        drive, data = self.by_token[token].drive, bytearray()
        most = drive.most_bytes
        async for chunk in chunks:
            data += chunk
            if len(data) > most:
                raise messages.MessageError(
                    "That file is larger than any drive of this world; choose one that was saved here."
                )
        await asyncio.to_thread(drive.take_up, bytes(data))

    async def close(self) -> None:
        for visit in list(self.by_token.values()):
            if visit.ending is not None:
                visit.ending.cancel()
            self.by_token.pop(visit.token)
            await asyncio.to_thread(visit.drive.close)


async def serve_dream(visits: Visits, socket: WebSocket) -> None:
    """One WebSocket, from its handshake to its end."""
    await socket.accept()
    try:
        visit = await visits.enter(socket.query_params.get("resume"), socket)
    except LucidriveError as error:
        await socket.send_text(messages.encode_json("note", text=str(error), kind="error"))
        await socket.close(1013, "The dream could not begin.")
        return
    stream = Stream(visit, visits.dreamer, socket)
    tasks = [asyncio.create_task(stream.receive()), asyncio.create_task(stream.send())]
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            with contextlib.suppress(WebSocketDisconnect):
                task.result()
    finally:
        for task in [*tasks, *stream.works]:
            task.cancel()
        visits.leave(visit)
        await asyncio.gather(*tasks, *stream.works, return_exceptions=True)


class Stream:
    """One connection. `receive` acts on messages, `send` is the only one that writes to the socket."""

    def __init__(self, visit: Visit, dreamer: Dreamer, socket: WebSocket) -> None:
        self.visit = visit
        self.drive = visit.drive
        self.dreamer = dreamer
        self.socket = socket
        self.news: deque[str] = deque(maxlen=20)  # JSON to send
        self.works: set[asyncio.Task[None]] = set()  # resets and saves under way
        self.allowance, self.counted = BURST, time.monotonic()
        self.warned = 0.0
        self.keys_until: float | None = None
        self.picture: Any = None  # the frame sent last
        self.flying: deque[int] = deque()  # indices sent and not yet received
        self.sent_at = 0.0
        self.state: str | None = None
        self.measured_at, self.overrun = 0.0, False

    # -- up -----------------------------------------------------------------------------------------------------------

    async def receive(self) -> None:
        while True:
            event = await self.socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            try:
                text = event.get("text")
                if text is None:
                    raise messages.MessageError("The page sent bytes where text was due; reload it.")
                self.act(messages.parse_message(text))
            except LucidriveError as error:
                if self.allowed():
                    self.tell(Note(str(error), "error"))
            except Exception:  # a fault of ours must not end a person's dream; the terminal has the details
                log.exception("a message of the page failed")
                self.tell(FAULT)

    def act(self, message: messages.Message) -> None:
        if isinstance(message, messages.Seen):
            while self.flying and message.index != self.flying[0]:
                self.flying.popleft()  # a receipt for a later picture stands for the earlier ones
            if self.flying:
                self.flying.popleft()
            self.visit.wake.set()
            return
        if isinstance(message, messages.Keys):  # never counted: letting go must always arrive
            self.drive.press(message.held)
            self.keys_until = time.monotonic() + KEYS_SECONDS if message.held else None
            return
        if not self.allowed():
            if time.monotonic() - self.warned > 2.0:
                self.warned = time.monotonic()
                self.tell(
                    Note("That was too much at once, and some of it was left out; try again in a second.", "error")
                )
            return
        match message:
            case messages.Say(text):
                self.drive.say(text)
            case messages.Line(line):
                self.drive.event(line)
            case messages.Choose(line):
                self.drive.choose(line)
            case messages.Wrong():
                self.drive.wrong()
            case messages.Pause(on):
                self.drive.pause(on)
            case messages.StepOnce():
                self.drive.step()
            case messages.Reset() | messages.Save() | messages.Keep():
                if self.works:
                    raise messages.MessageError("The last order is still under way; wait for it.")
                work = asyncio.create_task(self.work(message))
                self.works.add(work)
                work.add_done_callback(self.works.discard)
        self.visit.wake.set()

    async def work(self, message: messages.Reset | messages.Save | messages.Keep) -> None:
        """What takes longer than a message may: off the event loop."""
        try:
            if isinstance(message, messages.Reset):
                await asyncio.to_thread(self.drive.reset, message.seed, message.scene)
            elif isinstance(message, messages.Keep):
                path = await asyncio.to_thread(self.drive.keep)
                self.visit.clips[path.name] = path
                self.news.append(messages.encode_json("kept", file=f"clips/{self.visit.token}/{path.name}"))
            else:
                saved = await asyncio.to_thread(self.drive.save)
                for path in (saved.video, saved.sidecar):
                    self.visit.clips[path.name] = path
                links = {
                    "video": f"clips/{self.visit.token}/{saved.video.name}",
                    "sidecar": f"clips/{self.visit.token}/{saved.sidecar.name}",
                }
                self.news.append(messages.encode_json("clip", seconds=saved.seconds, **links))
        except LucidriveError as error:
            self.tell(Note(str(error), "error"))
            if not isinstance(message, messages.Reset):
                self.news.append(messages.encode_json("clip", seconds=0, video="", sidecar=""))
        except Exception:
            log.exception("a %s failed", type(message).__name__)
            self.tell(FAULT)
        self.visit.wake.set()

    def allowed(self) -> bool:
        """A token bucket over everything but keys and receipts."""
        now = time.monotonic()
        self.allowance = min(BURST, self.allowance + (now - self.counted) * RATE)
        self.counted = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True

    # -- down ---------------------------------------------------------------------------------------------------------

    def tell(self, note: Note) -> None:
        self.news.append(messages.encode_json("note", **asdict(note)))
        self.visit.wake.set()

    async def send(self) -> None:
        known = self.dreamer.known
        hello = {
            "token": self.visit.token,
            "seed": self.drive.seed,
            "scenes": list(self.dreamer.scenes),
            "known": sorted(known) if known is not None else None,
            "driving": self.dreamer.driving,
        }
        await self.socket.send_text(messages.encode_json("hello", **hello))
        while True:
            self.visit.wake.clear()
            self.let_go()
            for note in self.drive.notes():
                self.tell(note)
            while self.news:
                await self.socket.send_text(self.news.popleft())
            view = self.drive.view()
            state = messages.encode_json("state", **state_fields(view))
            if state != self.state:
                self.state = state
                await self.socket.send_text(state)
            await self.send_picture(view)
            await self.send_measures()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.visit.wake.wait(), 0.25)

    async def send_picture(self, view: View) -> None:
        now = time.monotonic()
        if self.flying and now - self.sent_at > LOST_SECONDS:
            self.flying.clear()
        if view.frame is None or view.frame is self.picture or len(self.flying) >= IN_FLIGHT:
            return
        self.picture, self.sent_at = view.frame, now
        self.flying.append(view.frame.index)
        await self.socket.send_bytes(messages.encode_picture(view.frame, view.by_keys))

    async def send_measures(self) -> None:
        """Now and then; and when other programs begin to take what dreams hold."""
        now = time.monotonic()
        if now - self.measured_at < MEASURES_SECONDS:
            return
        self.measured_at, measures = now, self.dreamer.measures()
        if measures.memory_overrun and not self.overrun:
            taken = f"{measures.memory_overrun / 2**20:,.0f} MiB"
            self.tell(
                Note(f"Other programs have taken {taken} of the memory that dreams hold here; close some.", "error")
            )
        self.overrun = measures.memory_overrun > 0
        known = {name: None if math.isnan(value) else value for name, value in asdict(measures).items()}
        await self.socket.send_text(messages.encode_json("measures", **known))

    def let_go(self) -> None:
        if self.keys_until is not None and time.monotonic() > self.keys_until:
            self.keys_until = None
            self.drive.press(frozenset())


def state_fields(view: View) -> dict[str, Any]:
    """The fields of the message `state`."""
    return {
        "plan": [asdict(chip) for chip in view.plan],
        "paused": view.paused,
        "thinking": view.thinking,
        "weather": words.weather_words(view.weather),
        "weather_name": words.weather_name(view.weather),
        "time": words.time_words(view.time),
        "time_name": words.time_words(view.time),
    }
