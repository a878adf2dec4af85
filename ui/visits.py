"""The tabs, and the programs, that have a dream: each by a token that nobody else knows."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from starlette.websockets import WebSocket

from ui import messages
from ui.drive import Dreamer, Drive, Saved
from world.errors import LucidriveError

GRACE_SECONDS = 20.0  # how long a dream waits for its tab to come back
CALL_SECONDS = 600.0  # how long one that a program drives waits for its next call
MOST_CLIPS = 200  # of a tab's, that the page knows of; older ones stay on the disk


class VisitError(LucidriveError):
    """A token that names no dream."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that was saved, by names that `Visits.clip` knows. kind: clip, drive (its whole) or dream (to go on with)."""

    kind: str
    file: str
    labels: str = ""
    seconds: float = 0.0


@dataclass(eq=False)
class Visit:
    """A tab and its dream, from the first connection to GRACE_SECONDS after the last, in which the dream stands still."""

    token: str
    drive: Drive
    wake: asyncio.Event
    socket: WebSocket | None = None
    ending: asyncio.TimerHandle | None = None
    files: dict[str, Path] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)

    def saved(self, saved: Saved, kind: str = "clip") -> Kept:
        """From now on the visit's own."""
        self.files |= {saved.video.name: saved.video, saved.sidecar.name: saved.sidecar}
        return self._keep(Kept(kind, saved.video.name, saved.sidecar.name, saved.seconds))

    def dreamt(self, path: Path) -> Kept:
        """Likewise, of a saved dream."""
        self.files[path.name] = path
        return self._keep(Kept("dream", path.name))

    def _keep(self, kept: Kept) -> Kept:
        self.kept.append(kept)
        for old in self.kept[:-MOST_CLIPS]:
            self.files.pop(old.file, None)
            self.files.pop(old.labels, None)
        del self.kept[:-MOST_CLIPS]
        return kept


class Visits:
    """All of them. Used from the server's event loop alone."""

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
        visit.drive.watch(True)
        self._wait(visit, None)
        return visit

    async def call(self, token: str | None = None) -> Visit:
        """The visit of a program, or with no token a new one; it waits for the next call. VisitError, LucidriveError."""
        visit = await self._begin() if token is None else self.of(token)
        if visit.socket is None:
            visit.drive.watch(True)
            self._wait(visit, CALL_SECONDS)
        return visit

    def of(self, token: str) -> Visit:
        visit = self.by_token.get(token)
        if visit is None:
            raise VisitError("There is no such dream, or it is over; open another.")
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
        visit.drive.watch(False)
        self._wait(visit, self.grace)

    def end(self, token: str) -> None:
        self._wait(self.of(token), None)
        self._end(self.of(token))

    def _wait(self, visit: Visit, seconds: float | None) -> None:
        """Its end comes after so long; None: not by itself."""
        if visit.ending is not None:
            visit.ending.cancel()
            visit.ending = None
        if seconds is not None:
            visit.ending = asyncio.get_running_loop().call_later(seconds, self._end, visit)

    def _end(self, visit: Visit) -> None:
        if self.by_token.pop(visit.token, None) is not None:
            asyncio.get_running_loop().run_in_executor(None, visit.drive.close)

    def clip(self, token: str, name: str) -> Path | None:
        """The file of a clip that this visit saved; its names are kept here and never become paths."""
        visit = self.by_token.get(token)
        return visit.files.get(name) if visit else None

    async def take_up(self, token: str, chunks: AsyncIterator[bytes]) -> None:
        """Goes on in that tab's drive with a saved one. LucidriveError."""
        drive, data = self.of(token).drive, bytearray()
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
