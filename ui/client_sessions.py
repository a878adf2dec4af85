"""Client sessions: the tabs and programs that have a dream, each with a secret token.

A token is honoured even while the server still holds its old connection, as after a laptop's lid was closed. A browser that
opens the page anew, without a token, gets back the dream that it left. Where the machine is full, a dream that was left for
a while makes room for somebody else's.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.websockets import WebSocket

from ui import messages
from ui.drive import Dreamer, PageDream, Saved
from world.errors import LucidriveError

GRACE_SECONDS = 600.0  # how long a dream waits for its tab to come back
OWN_SECONDS = 20.0  # how long it keeps its place meanwhile though another browser wants it
ANSWER_SECONDS = 1.0  # within which a tab that is asked whether it is there says so
CALL_SECONDS = 600.0  # how long one that a program drives waits for its next call
MOST_CLIPS = 200  # of a tab's, that the page knows of; older ones stay on the disk


GUEST_SECONDS = 20.0  # how long a guest's car drives on by itself before it is one of the traffic
NO_INVITATION = "The dream that this link invites to is over, or the link was not copied whole; reload the page to begin a dream of your own."


class ClientSessionError(LucidriveError):
    """A token that names no dream."""


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A saved file, by the names that `ClientSessions.clip` knows. kind: clip, drive (the whole one) or dream (to go on with)."""

    kind: str
    file: str
    labels: str = ""
    seconds: float = 0.0


@dataclass(eq=False)
class ClientSession:
    """A tab and its dream, from the first connection to GRACE_SECONDS after the last; in between the dream stands still.

    browser: the browser's own id, empty for a program; left: when its tab went (monotonic), None while it is there; asked: whether the tab is
    to say that it is there, which sets `heard`; tasks: of its connection; invitation: the token that opens a second seat in its dream; host: the
    session in whose dream it is a guest.
    """

    token: str
    drive: PageDream
    wake: asyncio.Event
    browser: str = ""
    socket: WebSocket | None = None
    left: float | None = None
    ending: asyncio.TimerHandle | None = None
    asked: bool = False
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: tuple[asyncio.Task[None], ...] = ()
    files: dict[str, Path] = field(default_factory=dict)
    saved_files: list[SavedFile] = field(default_factory=list)
    invitation: str | None = None
    host: ClientSession | None = None

    def invite(self) -> str:
        """The token of the link by which somebody may drive along. LucidriveError where nobody can."""
        self.drive.invite()
        self.invitation = self.invitation or secrets.token_urlsafe(16)
        return self.invitation

    def saved(self, saved: Saved, kind: str = "clip") -> SavedFile:
        """Adds a clip to the session's files."""
        self.files |= {saved.video.name: saved.video, saved.sidecar.name: saved.sidecar}
        return self._keep(SavedFile(kind, saved.video.name, saved.sidecar.name, saved.seconds))

    def dreamt(self, path: Path) -> SavedFile:
        """Adds a saved dream to the session's files."""
        self.files[path.name] = path
        return self._keep(SavedFile("dream", path.name))

    def _keep(self, file: SavedFile) -> SavedFile:
        self.saved_files.append(file)
        for old in self.saved_files[:-MOST_CLIPS]:
            self.files.pop(old.file, None)
            self.files.pop(old.labels, None)
        del self.saved_files[:-MOST_CLIPS]
        return file


class ClientSessions:
    """All sessions. Used from the server's event loop alone."""

    def __init__(self, dreamer: Dreamer, grace: float = GRACE_SECONDS) -> None:
        self.dreamer = dreamer
        self.grace = grace
        self.by_token: dict[str, ClientSession] = {}

    async def enter(
        self, token: str | None, socket: WebSocket, browser: str = "", invitation: str = ""
    ) -> ClientSession:
        """The session that `token` names; else a seat in the dream that `invitation` opens; else the one that this browser left; else a new
        one. LucidriveError where there is no place.
        """
        client = self.by_token.get(token or "")
        if client is None and invitation:
            client = await self.join(invitation)
        client = client or self._left_by(browser)
        if client is None:
            try:
                client = await self._begin()
            except LucidriveError:
                client = await self._half_open(browser)
                if client is None:
                    raise
        client.browser = browser or client.browser
        for task in client.tasks:  # of a connection that is gone, though the server does not know it yet
            task.cancel()
        client.tasks, client.socket, client.left = (), socket, None
        client.drive.watch(True)
        self._wait(client, None)
        return client

    def _left_by(self, browser: str) -> ClientSession | None:
        """The session that this browser left last."""
        left = [
            v for v in self.by_token.values() if browser and v.browser == browser and v.left is not None and not v.host
        ]
        return max(left, key=lambda client: client.left or 0.0, default=None)

    async def _half_open(self, browser: str) -> ClientSession | None:
        """One of this browser's sessions whose tab does not answer any more."""
        own = [client for client in self.by_token.values() if browser and client.browser == browser and not client.host]
        answers = await asyncio.gather(*map(self._answers, own))
        return next((client for client, answer in zip(own, answers, strict=True) if not answer), None)

    async def _answers(self, client: ClientSession) -> bool:
        client.heard.clear()
        client.asked = True
        client.wake.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.heard.wait(), ANSWER_SECONDS)
        return client.heard.is_set() and client.left is None

    async def call(self, token: str | None = None) -> ClientSession:
        """A program's session, or a new one without a token; it then waits for the next call. ClientSessionError, LucidriveError."""
        client = await self._begin() if token is None else self.of(token)
        if client.socket is None:
            client.drive.watch(True)
            self._wait(client, CALL_SECONDS)
        return client

    async def join(self, invitation: str) -> ClientSession:
        """A new session with a second car in the host's dream. ClientSessionError, LucidriveError."""
        host = next(
            (v for v in self.by_token.values() if v.invitation and secrets.compare_digest(v.invitation, invitation)),
            None,
        )
        if host is None:
            raise ClientSessionError(NO_INVITATION)
        return await self._begin(host)

    def of(self, token: str) -> ClientSession:
        """The session of a token. ClientSessionError where there is none, or it is over."""
        client = self.by_token.get(token)
        if client is None:
            raise ClientSessionError("There is no such dream, or it is over; open another.")
        return client

    async def _begin(self, host: ClientSession | None = None) -> ClientSession:
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def changed() -> None:
            with contextlib.suppress(RuntimeError):  # the server has stopped: nobody is left to tell
                loop.call_soon_threadsafe(wake.set)

        begin = await self._admitted(host)
        drive = await asyncio.to_thread(begin, changed)
        client = ClientSession(secrets.token_urlsafe(16), drive, wake, host=host)
        self.by_token[client.token] = client
        return client

    async def _admitted(self, host: ClientSession | None) -> Callable[[Callable[[], None]], PageDream]:
        """A place for a dream; sessions that were left longest ago make room where there is none. LucidriveError."""
        while True:
            try:
                return self.dreamer.admit(
                    host.drive if host is not None else None
                )  # here and not in a thread: who is refused waits for nobody
            except LucidriveError:
                before = time.monotonic() - OWN_SECONDS
                hosts = {v.host for v in self.by_token.values()} | {host}  # whose dreams go on for somebody else
                left = [v for v in self.by_token.values() if v.left is not None and v.left <= before and v not in hosts]
                if not left:
                    raise
                oldest = min(left, key=lambda client: client.left or 0.0)
                self._wait(oldest, None)
                if self.by_token.pop(oldest.token, None) is not None:
                    await asyncio.to_thread(oldest.drive.close)

    def leave(self, client: ClientSession, socket: WebSocket) -> None:
        """The connection is over. Does nothing where another one has taken the session over."""
        if client.socket is not socket:
            return
        client.tasks, client.socket, client.left = (), None, time.monotonic()
        client.drive.press(frozenset())
        client.drive.watch(False)
        self._wait(client, self.grace if client.host is None else min(self.grace, GUEST_SECONDS))

    def end(self, token: str) -> None:
        """Ends a session and its dream. ClientSessionError where there is none."""
        self._wait(self.of(token), None)
        self._end(self.of(token))

    def _wait(self, client: ClientSession, seconds: float | None) -> None:
        """Ends the session after so many seconds; None: not by itself."""
        if client.ending is not None:
            client.ending.cancel()
            client.ending = None
        if seconds is not None:
            client.ending = asyncio.get_running_loop().call_later(seconds, self._end, client)

    def _end(self, client: ClientSession) -> None:
        if self.by_token.pop(client.token, None) is not None:
            guests = [one for one in self.by_token.values() if one.host is client]
            for guest in guests:
                self._wait(guest, None)
                self.by_token.pop(guest.token)

            def close() -> None:
                for one in (client, *guests):  # a guest is told by its host's end
                    one.drive.close()

            asyncio.get_running_loop().run_in_executor(None, close)

    def clip(self, token: str, name: str) -> Path | None:
        """Path of a file that this session saved; names never become paths. None for any other name."""
        client = self.by_token.get(token)
        return client.files.get(name) if client else None

    async def load_dream(self, token: str, chunks: AsyncIterator[bytes]) -> None:
        """Goes on with a saved drive in that session. ClientSessionError, LucidriveError."""
        drive, data = self.of(token).drive, bytearray()
        most = drive.most_bytes
        async for chunk in chunks:
            data += chunk
            if len(data) > most:
                raise messages.MessageError(
                    "That file is larger than any drive of this world; choose one that was saved here."
                )
        await asyncio.to_thread(drive.load_dream, bytes(data))

    async def close(self) -> None:
        """Ends all of them."""
        for client in list(self.by_token.values()):
            if client.ending is not None:
                client.ending.cancel()
            self.by_token.pop(client.token)
            await asyncio.to_thread(client.drive.close)
