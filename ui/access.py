"""Access middleware: who may talk to the page, about what, how often and how much. Everything passes here before Gradio sees it.

1. The request names this machine, or a name that a reverse proxy was given for it (`ui/origin.py`); so a name of another
   site that was pointed here opens nothing.
2. What changes something, and every socket, comes from the very page that was served, or from no page at all.
3. Its address is on the list (`ui/paths.py`); of Gradio's files only those in this process's own cache.
4. Where others than this machine can reach the page, name and password were given (`ui/login.py`).
5. It is not one too many, and its body not too long (`ui/limits.py`).

Answers leave with headers that let the page load nothing from anywhere else and nobody else embed or read it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import limits
from ui.login import FORM, Login, cookie
from ui.origin import Public, host_allowed, origin_allowed
from ui.paths import API, cached_file, served

CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), gamepad=(self)",
}
MOST_QUERY = 2048  # bytes
NOWHERE = "There is nothing at this address.\n"
ELSEWHERE = (
    "lucidrive answers only at this machine's own address: open http://127.0.0.1 with its port, or start it with "
    "--allowed-host and this name.\n"
)
OTHER_PAGE = "This request comes from another page than lucidrive's; open lucidrive itself.\n"
TOO_OFTEN = "That was too much at once; try again in a few seconds.\n"
TOO_LONG = "That is larger than anything that can be sent here.\n"
FORWARDED = {b"x-forwarded-host", b"x-gradio-server"}  # by which Gradio would be told where it is
BEFORE_LOGIN = ("/health/live", "/page/theme.js", "/favicon.ico")


class AccessMiddleware:
    """ASGI middleware. cache: the folder whose files Gradio may serve; login: required of everyone where there is one; public: the names
    and the path of a reverse proxy in front.
    """

    def __init__(
        self,
        app: ASGIApp,
        cache: Path,
        login: Login | None = None,
        mcp: bool = False,
        public: Public | None = None,
    ) -> None:
        self.app, self.login, self.mcp = app, login, mcp
        self.public = public or Public()
        self.cache = cache.resolve()
        self.buckets = limits.Buckets()
        self.own_name = socket.gethostname().lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and self.public.root_path and scope["path"] == self.public.root_path:
            await RedirectResponse(f"{self.public.root_path}/")(scope, receive, send)  # what it loads lies below it
            return
        scope = self.inside(scope)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self.refusal(scope, headers)
        if scope["type"] == "websocket":
            await (self.app(scope, receive, send) if refusal is None else _close(receive, send, refusal))
            return
        sending = _with_headers(send, scope["path"])
        if refusal is None and self.login is not None:
            refusal = await self.at_the_login(self.login, scope, headers, receive)
        if refusal is not None:
            await refusal(scope, receive, sending)
            return
        counted = _Counted(receive, limits.most_bytes(scope["path"]))
        try:
            await self.app(scope, counted, sending)
        except TooLongError:
            await PlainTextResponse(TOO_LONG, 413)(scope, receive, sending)
        except HTTPException as error:
            await PlainTextResponse(NOWHERE, error.status_code)(scope, receive, sending)
        except RuntimeError as error:
            if not isinstance(error.__cause__, HTTPException):
                raise
            await sending(
                {"type": "http.response.body", "body": b""}
            )  # refused after the answer had begun: that is all of it

    def inside(self, scope: Scope) -> Scope:
        """The request as the app sees it: without the proxy's path, and without headers that only our own proxy may set."""
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name.lower() not in FORWARDED
            or (name.lower() == b"x-forwarded-host" and self.public.names(value.decode("latin-1")))
        ]
        path = self.public.within(scope["path"])
        raw = self.public.within((scope.get("raw_path") or b"").decode("latin-1")).encode("latin-1")
        return {**scope, "headers": headers, "path": path, "raw_path": raw}

    def refusal(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """The answer that refuses the request; None where it may pass."""
        host, origin, path = headers.get("host"), headers.get("origin"), scope["path"]
        client = (scope.get("client") or ("", 0))[0]
        if not (host_allowed(host, self.public) or (self.login is not None and self.ours(host))):
            return PlainTextResponse(ELSEWHERE, 403)
        if scope["type"] == "websocket":
            if path != "/dream":
                return PlainTextResponse(NOWHERE, 404)
            if not self.same(origin, host):
                return PlainTextResponse(OTHER_PAGE, 403)
            if self.login is not None and not self.login.admits(dict(headers)):
                return PlainTextResponse("Log in first.\n", 403)
            return None if self.buckets.take(client, limits.OPENED) else PlainTextResponse(TOO_OFTEN, 429)
        method = scope["method"]
        query = scope.get("query_string", b"")
        if not served(method, path, self.mcp) or not query.isascii() or len(query) > MOST_QUERY:
            return PlainTextResponse(NOWHERE, 404)
        if (file := cached_file(path)) is not None and not self.cached(file):
            return PlainTextResponse(NOWHERE, 404)
        if self.foreign(method, headers, host):
            return PlainTextResponse(OTHER_PAGE, 403)
        if int(length) > limits.most_bytes(path) if (length := headers.get("content-length", "")).isdigit() else False:
            return PlainTextResponse(TOO_LONG, 413)
        if not self.buckets.take(client, limits.kind(method, path)):
            return PlainTextResponse(TOO_OFTEN, 429)
        return None

    def same(self, origin: str | None, host: str | None) -> bool:
        """Whether an origin is the page's own."""
        if host_allowed(host, self.public):
            return origin_allowed(origin, host, self.public)
        return origin is not None and urlsplit(origin).netloc.lower() == str(host).lower()

    def foreign(self, method: str, headers: Mapping[str, str], host: str | None) -> bool:
        """Whether another site's page sent this. Programs send neither header; following a link from elsewhere is allowed."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin is not None and not self.same(origin, host):
            return True
        if site in ("same-origin", "none"):
            return False
        return method not in ("GET", "HEAD") or headers.get("sec-fetch-mode") != "navigate"

    def ours(self, host: str | None) -> bool:
        """Whether a host is an IP address or this machine's own name."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in (self.own_name, f"{self.own_name}.local")
        return True

    def cached(self, file: str) -> bool:
        """Whether it is a file in Gradio's cache and no link out of it."""
        try:
            path = Path(file).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            return False
        return path.is_relative_to(self.cache) and path.is_file()

    @property
    def form(self) -> str:
        """The login's page, with the proxy's path in its addresses."""
        return FORM.read_text("utf-8").replace('="/', f'="{self.public.root_path}/')

    async def at_the_login(
        self, login: Login, scope: Scope, headers: dict[str, str], receive: Receive
    ) -> Response | None:
        """The login's answer to a request; None where name and password were given already, or are not needed."""
        path = scope["path"]
        html = "text/html" in headers.get("accept", "")
        if path == "/login":
            if scope["method"] != "POST":
                return HTMLResponse(self.form)
            try:
                body = await _body(receive, 4096)
            except TooLongError:
                return PlainTextResponse(TOO_LONG, 413)
            if not await asyncio.to_thread(login.answers, body):
                page = self.form.replace("hidden data-wrong", "data-wrong")
                return HTMLResponse(page, 401) if html else JSONResponse({"success": False}, 400)
            welcome: Response = (
                RedirectResponse(f"{self.public.root_path}/", 303) if html else JSONResponse({"success": True})
            )
            welcome.headers["set-cookie"] = cookie(
                login.key(), scope.get("scheme") == "https", f"{self.public.root_path}/"
            )
            return welcome
        if path in BEFORE_LOGIN or login.admits(headers):
            return None
        if (basic := await asyncio.to_thread(login.basic, headers)) is not None:
            client = (scope.get("client") or ("", 0))[0]
            if basic:
                return None
            if not self.buckets.take(client, limits.LOGIN):
                return PlainTextResponse(TOO_OFTEN, 429)
        if html and scope["method"] == "GET":
            return HTMLResponse(self.form, 401)
        return PlainTextResponse("Log in first: POST username and password to /login.\n", 401)


class TooLongError(Exception):
    """A body is longer than may be sent there."""


class _Counted:
    """`receive`, which raises TooLongError after so many bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left = receive, most

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise TooLongError
        return message


async def _body(receive: Receive, most: int) -> bytes:
    counted, body = _Counted(receive, most), b""
    while True:
        message = await counted()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            return body


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message.get("headers", []) if _stays(name)]
            own = dict(HEADERS)
            if path.startswith(f"{API}/file="):
                own["content-security-policy"] = "default-src 'none'; sandbox"
            message["headers"] = headers + [(name.encode(), value.encode()) for name, value in own.items()]
        await send(message)

    return sending


def _stays(name: bytes) -> bool:
    """Drops Gradio's headers that would let other sites' pages read its answers."""
    lower = name.lower()
    return not lower.startswith(b"access-control-") and lower.decode("latin-1") not in HEADERS


async def _close(receive: Receive, send: Send, refusal: Response) -> None:
    await receive()  # websocket.connect
    await send({"type": "websocket.close", "code": 1008, "reason": bytes(refusal.body).decode().strip()[:120]})
