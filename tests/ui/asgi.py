"""Asks an ASGI app directly: any bytes as a path, any headers, any client, without a socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

HOST = "127.0.0.1:7860"


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def ask(
    app: Any,
    path: str | bytes,
    method: str = "GET",
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    client: str = "127.0.0.1",
    kind: str = "http",
    seconds: float = 20.0,
) -> Answer:
    """path: as it stands in the request line. For kind `websocket` the status is 101 where it was accepted."""
    raw = path.encode("utf-8") if isinstance(path, str) else path
    target, _, query = raw.partition(b"?")
    told = {"host": HOST} | (headers or {})
    if body:
        told["content-length"] = str(len(body))
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(target.decode("latin-1")),
        "raw_path": target,
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items()],
        "client": (client, 4711),
        "server": ("127.0.0.1", 7860),
        "subprotocols": [],
        "state": {},
        "extensions": {},
    }
    if kind == "http":
        scope["method"] = method
    answer, sent = Answer(), False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if kind == "websocket":
            if not sent:
                sent = True
                return {"type": "websocket.connect"}
            return {"type": "websocket.disconnect", "code": 1000}
        if sent:
            await asyncio.sleep(3600)
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
        elif message["type"] == "websocket.accept":
            answer.status = 101
        elif message["type"] == "websocket.close" and not answer.status:
            answer.status = 403

    await asyncio.wait_for(app(scope, receive, send), seconds)
    return answer


def asked(app: Any, path: str | bytes, *args: Any, **kwargs: Any) -> Answer:
    """The answer to a request, waited for."""
    return asyncio.run(ask(app, path, *args, **kwargs))
