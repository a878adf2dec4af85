"""Who may talk to the page: this machine's browser, from this page, and nobody else.

A page of another site can open sockets and send requests to 127.0.0.1, and a name of another site can be pointed there
(DNS rebinding). So every request must name a loopback host, and a WebSocket must come from the very page we served.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1, without a port."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_allowed(host: str | None) -> bool:
    """`host` is a Host header. The port is free, so that a forwarded port (ssh -L) works."""
    name = _hostname(f"//{host}") if host else None
    return name is not None and is_loopback(name)


def origin_allowed(origin: str | None, host: str | None) -> bool:
    """True if `origin` is the page that `host` served: the same host and port, over http or https."""
    if origin is None or not host_allowed(host):
        return False
    parts = urlsplit(origin) if _hostname(origin) else None
    return parts is not None and parts.scheme in ("http", "https") and parts.netloc.lower() == str(host).lower()


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises on a port that is none
        return parts.hostname
    except ValueError:
        return None


class LoopbackOnly:
    """ASGI middleware that answers 403 to requests for any host but this machine, and to other origins' sockets."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            host, origin = headers.get("host"), headers.get("origin")
            allowed = host_allowed(host) if scope["type"] == "http" else origin_allowed(origin, host)
            if not allowed:
                await self.refuse(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008, "reason": "another origin"})  # the server answers 403
            return
        sentence = "lucidrive answers only at this machine's own address: open http://127.0.0.1 with its port.\n"
        await PlainTextResponse(sentence, status_code=403)(scope, receive, send)
