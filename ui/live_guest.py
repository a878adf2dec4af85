"""A guest's drive for the page: a second car in another drive's dream."""

from __future__ import annotations

from collections.abc import Callable

from bridge.budget.ledger import Lease
from bridge.errors import SessionError
from bridge.guest import NOT_YOURS, Guest
from ui.drive import StartRequest
from ui.live_drive import FORK_WAIT, LiveDrive

JOINED = "A guest drives along now, in the yellow car."
WELCOME = "You drive along in somebody's dream; theirs is the red car."


class GuestDrive(LiveDrive):
    """A `ui.drive.PageDream`. SessionError, DataError where the host's dream has no place for a second car now."""

    session: Guest

    def __init__(self, host: LiveDrive, lease: Lease, changed: Callable[[], None], ended: Callable[[], None]) -> None:
        if host.futures():
            raise SessionError(
                "The host looks at several futures just now, where nobody can drive along; try the link again in a moment."
            )
        self._host = host.session
        session = self._host.between_frames(lambda: Guest(self._host), FORK_WAIT)
        self._host.tell(JOINED)
        session.tell(WELCOME)
        super().__init__(session, host.shared, lease, changed, ended)

    @property
    def guest(self) -> bool:
        """True."""
        return True

    def invite(self) -> None:
        """SessionError: only the host invites."""
        raise SessionError("You are a guest here; only the host can invite somebody.")

    def watch(self, on: bool) -> None:
        """The host is told."""
        if on != self.session.watched:
            self._host.tell(
                "Your guest is back." if on else "Your guest has left; their car drives on by itself for a while."
            )
        self.session.watch(on)

    def pause(self, on: bool) -> None:
        """Pauses the host's dream, and tells the host."""
        if on != self._host.snapshot().paused:
            self._host.tell(f"Your guest {'paused the dream' if on else 'goes on'}.")
        self.session.pause(on)

    def begin(self, start: StartRequest) -> None:
        """SessionError: only the host begins."""
        raise SessionError(NOT_YOURS)

    def fork(self, index: int | None, count: int) -> None:
        """SessionError: only the host branches."""
        raise SessionError(NOT_YOURS)

    def load_dream(self, data: bytes) -> None:
        """SessionError: only the host loads."""
        raise SessionError(NOT_YOURS)

    def close(self) -> None:
        """The car becomes one of the traffic."""
        if not self._closed:
            if not self.session.over:
                self._host.tell("Your guest's car is one of the traffic now.")
            self.session.leave()
        super().close()
