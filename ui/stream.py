"""A dream for every tab, over a WebSocket: pictures and state go down, sentences, buttons and keys come up.

Newest picture wins: a picture is sent only when the page has received the one before the last, so that a slow page sees
fewer pictures and never old ones. A tab that loses its connection finds its dream again for a while (`ui.client_sessions`).
`ui.messages` says what the messages are; `ui.origin` has refused other sites' sockets before they come here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, get_args

from starlette.websockets import WebSocket, WebSocketDisconnect

from ui import messages, orders, words
from ui.client_sessions import ClientSession, ClientSessions
from ui.drive import Dreamer, Note, PageState
from ui.road_map import Around
from world.controls import DT
from world.errors import LucidriveError

log = logging.getLogger(__name__)

FAULT = Note("That went wrong inside lucidrive, and the terminal says where; the dream goes on.", "error")
KEYS_SECONDS = 2.0  # held keys that are not told again within this are let go (the page tells every 0.5 s)
IN_FLIGHT = 2  # pictures sent and not yet received by the page
LOST_SECONDS = 2.0  # a page that has received nothing for this long is sent one more picture
MEASURES_SECONDS = 2.0  # how often the page is told how it runs
AROUND_SECONDS = 1 / 3  # and at most, who is where on its map
RATE, BURST = 20.0, 40.0  # messages a second besides keys and receipts
MAX_MESSAGE = 64 * 1024  # bytes; the server closes the socket on more
MOST_NAME = 64  # characters of what a browser calls itself
REFUSED = 4002  # and where an invitation opens no seat: the page says why, and does not ask again
TAKEN = 4001  # the socket's code where another connection has taken the dream over
CLOSING_SECONDS = 2.0  # an old connection may be one that nobody hears any more


@dataclass
class PictureStream:
    """Sends the pictures of one branch: the newest one, and only as fast as the page takes them."""

    picture: Any = None  # the frame sent last
    flying: deque[int] = field(default_factory=deque)  # indices sent and not yet received
    sent_at: float = 0.0

    def received(self, index: int) -> None:
        """A receipt of the page; it stands for earlier pictures too."""
        while self.flying and index != self.flying[0]:
            self.flying.popleft()  # a receipt for a later picture stands for the earlier ones
        if self.flying:
            self.flying.popleft()

    def next(self, view: PageState, number: int) -> bytes | None:
        """The picture to send now, if one is due."""
        now = time.monotonic()
        if self.flying and now - self.sent_at > LOST_SECONDS:
            self.flying.clear()
        if view.frame is None or view.frame is self.picture or len(self.flying) >= IN_FLIGHT:
            return None
        self.picture, self.sent_at = view.frame, now
        self.flying.append(view.frame.index)
        return messages.encode_picture(view.frame, view.by_keys, number, view.target, view.encode)


async def serve_dream(clients: ClientSessions, socket: WebSocket) -> None:
    """One WebSocket, from its handshake to its end."""
    await socket.accept()
    invitation = socket.query_params.get("join", "")[:MOST_NAME]
    try:
        client = await clients.enter(
            socket.query_params.get("resume"),
            socket,
            socket.query_params.get("browser", "")[:MOST_NAME],
            invitation,
        )
    except LucidriveError as error:
        await socket.send_text(messages.encode_json("note", text=str(error), kind="error"))
        await socket.close(REFUSED if invitation else 1013, "The dream could not begin.")
        return
    stream = Stream(client, clients.dreamer, socket)
    tasks = tuple(map(asyncio.create_task, (stream.receive(), stream.send(), stream.look())))
    client.tasks = tasks
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            with contextlib.suppress(WebSocketDisconnect, asyncio.CancelledError):
                task.result()
    finally:
        for task in [*tasks, *stream.works]:
            task.cancel()
        displaced = client.socket is not socket
        clients.leave(client, socket)
        await asyncio.gather(*tasks, *stream.works, return_exceptions=True)
    if displaced:
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):  # TimeoutError is an OSError
            await asyncio.wait_for(socket.close(TAKEN, "This dream goes on in another tab."), CLOSING_SECONDS)


class Stream:
    """One connection. `receive` acts on messages, `send` is the only one that writes to the socket."""

    def __init__(self, client: ClientSession, dreamer: Dreamer, socket: WebSocket) -> None:
        self.client = client
        self.drive = client.drive
        self.dreamer = dreamer
        self.socket = socket
        self.news: deque[str] = deque(maxlen=20)  # JSON to send
        self.works: set[asyncio.Task[None]] = set()  # resets and saves under way
        self.allowance, self.counted = BURST, time.monotonic()
        self.warned = 0.0
        self.keys_until: float | None = None
        self.branches = [PictureStream() for _ in range(messages.FUTURES[1] + 1)]
        self.state: str | None = None
        self.measured_at, self.overrun = 0.0, False
        self.around: Around | None = None  # on the map, as sent last
        self.around_at = 0.0
        self.requests: dict[int, Callable[[], bytes]] = {}  # by flag: pictures of other cameras that are to be drawn
        self.requested = asyncio.Event()
        self.elsewhere: dict[int, bytes] = {}  # those pictures, to be sent

    # -- up -----------------------------------------------------------------------------------------------------------

    async def receive(self) -> None:
        """Acts on every message until the socket closes. What goes wrong is told to the page."""
        while True:
            event = await self.socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            self.client.heard.set()
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
        """Carries out one message. LucidriveError."""
        if isinstance(message, messages.Pong):
            return
        if isinstance(message, messages.Seen):
            self.branches[message.branch].received(message.index)
            self.client.wake.set()
            return
        if isinstance(message, messages.Press):  # never counted: letting go must always arrive
            self.drive.press(message.keys, message.branch)
            self.keys_until = time.monotonic() + KEYS_SECONDS if message.keys else None
            return
        if isinstance(message, messages.LookAround):  # nor these: of any number the newest alone is drawn
            self.request(messages.ELSEWHERE, partial(self.drive.look_around, message.pose))
            return
        if isinstance(message, messages.Surround):
            self.request(messages.AROUND, self.drive.surround)
            return
        if not self.allowed():
            if time.monotonic() - self.warned > 2.0:
                self.warned = time.monotonic()
                self.tell(
                    Note("That was too much at once, and some of it was left out; try again in a second.", "error")
                )
            return
        if not isinstance(message, get_args(messages.Order)):
            orders.act(self.client, message)
            if isinstance(message, messages.Invite):
                self.news.append(messages.encode_json("invited", invitation=self.client.invitation))
            self.client.wake.set()
            return
        if self.works:
            raise messages.MessageError("The last order is still under way; wait for it.")
        work = asyncio.create_task(self.work(message))
        self.works.add(work)
        work.add_done_callback(self.works.discard)

    async def work(self, order: messages.Order) -> None:
        """Carries out an order, which may take a while; tells the page when it begins and when it is over."""
        name = type(order).__name__
        self.news.append(messages.encode_json("working", order=name))
        self.client.wake.set()
        try:
            file = await orders.work(self.client, order)
            if file is not None:
                self.news.append(messages.encode_json("kept", **orders.links(self.client, file)))
        except LucidriveError as error:
            self.tell(Note(str(error), "error"))
        except Exception:
            log.exception("a %s failed", name)
            self.tell(FAULT)
        self.news.append(messages.encode_json("worked", order=name))
        self.client.wake.set()

    def request(self, flag: int, draw: Callable[[], bytes]) -> None:
        """Asks `look` for a picture of other cameras; a newer request of the same flag replaces an older one."""
        self.requests[flag] = draw
        self.requested.set()

    async def look(self) -> None:
        """Draws the newest request of each flag, half of the time at most: other drives need the machine too."""
        while True:
            await self.requested.wait()
            began, flag = time.monotonic(), min(self.requests)
            draw = self.requests.pop(flag)
            if not self.requests:
                self.requested.clear()
            try:
                picture = await asyncio.to_thread(draw)
            except LucidriveError as error:
                if self.allowed():
                    self.tell(Note(str(error), "error"))
            except Exception:
                log.exception("a camera failed")
                self.tell(FAULT)
            else:
                frame = self.drive.view().frame
                self.elsewhere[flag] = messages.encode_elsewhere(frame.index if frame is not None else 0, picture, flag)
                self.client.wake.set()
            await asyncio.sleep(min(time.monotonic() - began, DT if flag == messages.ELSEWHERE else 1.0))

    def allowed(self) -> bool:
        """A token bucket over all messages but keys and receipts."""
        now = time.monotonic()
        self.allowance = min(BURST, self.allowance + (now - self.counted) * RATE)
        self.counted = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True

    # -- down ---------------------------------------------------------------------------------------------------------

    def tell(self, note: Note) -> None:
        """Queues a note for the page."""
        self.news.append(messages.encode_json("note", **asdict(note)))
        self.client.wake.set()

    async def send(self) -> None:
        """Sends whatever is new until the socket closes."""
        known = self.dreamer.known
        hello = {
            "token": self.client.token,
            "scenes": list(self.dreamer.scenes),
            "kept": [orders.links(self.client, file) for file in self.client.saved_files],
            "known": sorted(known) if known is not None else None,
            "driving": self.dreamer.driving,
            "scene_world": self.dreamer.scene_world,
            "pictures": self.dreamer.begins_in_pictures,
            "camera": messages.camera_fields(self.dreamer.camera),
            "guest": self.drive.guest,
        }
        await self.socket.send_text(messages.encode_json("hello", **hello))
        while True:
            self.client.wake.clear()
            self.let_go()
            if self.client.asked:
                self.client.asked = False
                await self.socket.send_text(messages.encode_json("ping"))
            for note in self.drive.notes():
                self.tell(note)
            while self.news:
                await self.socket.send_text(self.news.popleft())
            view, futures = self.drive.view(), self.drive.futures()
            fields = state_fields(view) | {"futures": [state_fields(future) for future in futures]}
            state = messages.encode_json("state", **fields)
            if state != self.state:
                self.state = state
                await self.socket.send_text(state)
            for number, one in enumerate((view, *futures)):
                if (picture := self.branches[number].next(one, number)) is not None:
                    await self.socket.send_bytes(picture)
            while self.elsewhere:
                await self.socket.send_bytes(self.elsewhere.popitem()[1])
            await self.send_around()
            await self.send_measures()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.client.wake.wait(), 0.25)

    async def send_around(self) -> None:
        """Sends who is where on the page's map, where anything has moved."""
        now = time.monotonic()
        if now - self.around_at < AROUND_SECONDS:
            return
        self.around_at, around = now, await asyncio.to_thread(self.drive.around)
        if around is not None and around != self.around:
            self.around = around
            await self.socket.send_text(messages.encode_json("around", **asdict(around)))

    async def send_measures(self) -> None:
        """Sends the measures every MEASURES_SECONDS, and a note when other programs begin to take the dreams' memory."""
        now = time.monotonic()
        if now - self.measured_at < MEASURES_SECONDS:
            return
        self.measured_at, measures = now, self.dreamer.measures()
        if measures.memory_overrun and not self.overrun:
            size = f"{measures.memory_overrun / 2**20:,.0f} MiB"
            self.tell(
                Note(f"Other programs have taken {size} of the memory that dreams hold here; close some.", "error")
            )
        self.overrun = measures.memory_overrun > 0
        known = {name: None if math.isnan(value) else value for name, value in asdict(measures).items()}
        await self.socket.send_text(messages.encode_json("measures", **known))

    def let_go(self) -> None:
        """Releases keys that the page has not repeated for KEYS_SECONDS."""
        if self.keys_until is not None and time.monotonic() > self.keys_until:
            self.keys_until = None
            self.drive.press(frozenset())


def state_fields(view: PageState) -> dict[str, Any]:
    """The fields of the message `state`."""
    return {
        "plan": [asdict(chip) for chip in view.plan],
        "paused": view.paused,
        "thinking": view.thinking,
        "reading": view.reading,
        "waiting": view.waiting,
        "quality": view.quality,
        "scene": view.scene,
        "where": view.where,
        "seed": view.seed,
        "first": view.first,
        "weather": words.weather_words(view.weather),
        "weather_name": words.weather_name(view.weather),
        "time": words.time_words(view.time),
        "time_name": words.time_words(view.time),
    }
