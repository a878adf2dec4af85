"""The server: Gradio's page, our own addresses and the dream's WebSocket, behind one access check."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI

from ui.access import AccessMiddleware
from ui.client_sessions import GRACE_SECONDS, ClientSessions
from ui.clip_queue import queue_of
from ui.clip_routes import serve_clips
from ui.clips_tab import clips_tab
from ui.drive import Dreamer
from ui.gallery import Gallery
from ui.limits import PICTURES
from ui.login import Login
from ui.monitor import watchable
from ui.origin import Public, is_loopback
from ui.page import HEAD, STATIC, build_page, theme
from ui.routes import add_routes
from ui.stream import MAX_MESSAGE
from world.errors import LucidriveError
from world.packages import need

HOST, PORT = "127.0.0.1", 7860


class ServeError(LucidriveError):
    """The page cannot be served at the address asked for."""


def create_app(
    dreamer: Dreamer,
    grace: float = GRACE_SECONDS,
    *,
    auth: str | None = None,
    mcp: bool = False,
    public: Public | None = None,
) -> FastAPI:
    """The whole server as an ASGI app. `grace`: seconds a dream outlives its tab's connection; auth: `name:password`, required of
    everyone; mcp: whether programs may call it as an MCP server; public: a reverse proxy's names and path. AuthError.
    """
    public = public or Public()
    clients, queue = ClientSessions(dreamer, grace), queue_of(dreamer)
    gallery = Gallery(queue, getattr(dreamer, "ledger", None))
    cache = Path(tempfile.mkdtemp(prefix="lucidrive-page-"))
    os.environ["GRADIO_TEMP_DIR"] = str(cache)  # Gradio's cache is this process's own, and goes with it

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await clients.close()
        queue.close()
        gallery.close()
        shutil.rmtree(cache, ignore_errors=True)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(AccessMiddleware, cache=cache, login=Login(auth) if auth else None, mcp=mcp, public=public)
    add_routes(app, clients)
    watchable(app, dreamer)
    serve_clips(app, gallery)
    return gr.mount_gradio_app(
        app,
        build_page(clients, (("Clips", partial(clips_tab, queue)),) if dreamer.driving else ()),
        path="/",
        root_path=public.root_path or None,
        theme=theme(),
        head=HEAD,
        favicon_path=str(STATIC / "favicon.png"),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        allowed_paths=[],
        max_file_size=PICTURES,
        mcp_server=mcp,
        show_error=False,
    )


def serve(
    dreamer: Dreamer,
    host: str = HOST,
    port: int = PORT,
    *,
    auth: str | None = None,
    mcp: bool = False,
    public: Public | None = None,
    announce: Callable[[str], None] = print,
) -> None:
    """Serves the page until interrupted, and calls `announce` with its address once it answers. ServeError if it cannot."""
    listening = bind(host, port, others=auth is not None)
    app = create_app(dreamer, auth=auth, mcp=mcp, public=public)
    config = uvicorn.Config(
        app, log_level="error", ws_max_size=MAX_MESSAGE, timeout_graceful_shutdown=3, server_header=False
    )
    server = AnnouncingServer(config, lambda: announce(f"lucidrive is at {address(listening)}  (Ctrl+C ends it)"))
    with listening:
        server.run(sockets=[listening])


def check_serving(host: str, port: int, auth: str | None, mcp: bool) -> None:
    """ServeError, AuthError or MissingPackageError where `serve` would refuse."""
    bind(host, port, others=auth is not None).close()
    if auth is not None:
        Login(auth)
    if mcp:
        need("mcp", "mcp", "Tools for agents")


class AnnouncingServer(uvicorn.Server):
    """Calls `ready` once its sockets take connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; then calls `ready`."""
        await super().startup(sockets)
        if self.started:
            self.ready()


def bind(host: str, port: int, others: bool = False) -> socket.socket:
    """A listening socket on a loopback address, or with `others` on any. ServeError where the address is not allowed or the port is taken."""
    if not (others or is_loopback(host)):
        raise ServeError(
            f"Without --auth the page is served to this machine only, and {host!r} is another address: use 127.0.0.1 and an "
            "SSH tunnel, or give --auth NAME:PASSWORD."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host.strip("[]"), port))
        listening.listen(64)
    except (OSError, OverflowError) as error:
        listening.close()
        raise ServeError(
            f"Port {port} on {host} cannot be used ({_reason(error)}): choose another with --port."
        ) from error
    return listening


def address(listening: socket.socket) -> str:
    """URL of a listening socket; an IPv6 host stands in brackets."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _reason(error: OSError | OverflowError) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it must be 0 to 65535"
