"""A page's side of the socket, for tests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from ui import messages


class Tab:
    """A page's side of the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.patience = time.monotonic() + 30

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def next(self, kind: str, seconds: float = 5.0, receipts: bool = True) -> Any:
        """The next message of a kind: hello, state, note, clip (a dict) or picture (bytes)."""
        end = time.monotonic() + seconds
        while True:
            assert time.monotonic() < self.patience, f"no {kind} that would do"
            data = self.socket.recv(timeout=max(0.01, end - time.monotonic()))
            if isinstance(data, bytes):
                if receipts:
                    self.send(type="seen", index=messages.HEADER.unpack_from(data)[0])
                if kind == "picture":
                    return data
            elif json.loads(data)["type"] == kind:
                return json.loads(data)


@contextmanager
def tab(page: str, path: str = "/dream", origin: str | None = None) -> Iterator[Tab]:
    with connect(page.replace("http", "ws") + path, origin=origin or page, open_timeout=20) as socket:  # type: ignore[arg-type]
        yield Tab(socket)
