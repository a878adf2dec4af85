"""The server: Gradio's page, our files, saved clips and the dream's WebSocket, behind one loopback-only door."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles

from ui.drive import Dreamer
from ui.monitor import watchable
from ui.origin import LoopbackOnly, is_loopback
from ui.page import ASSETS, HEAD, STATIC, build_page, theme
from ui.stream import MAX_MESSAGE, Visits, serve_dream
from world.errors import LucidriveError

HOST, PORT = "127.0.0.1", 7860


class ServeError(LucidriveError):
    """The page cannot be served at the address asked for."""


def create_app(dreamer: Dreamer, grace: float | None = None) -> FastAPI:
    """The whole server as an ASGI app. `grace`: seconds a dream outlives its tab's connection."""
    visits = Visits(dreamer) if grace is None else Visits(dreamer, grace)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await visits.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(LoopbackOnly)
    app.mount(ASSETS, PageFiles(directory=STATIC))

    @app.websocket("/dream")
    async def dream(websocket: WebSocket) -> None:
        await serve_dream(visits, websocket)

    watchable(app, dreamer)

    @app.get("/clips/{token}/{name}")
    async def clip(token: str, name: str) -> Response:
        path = visits.clip(token, name)
        if path is None or not path.is_file():
            return PlainTextResponse("There is no such clip here any more; save it again.\n", status_code=404)
        return FileResponse(path, filename=path.name)

    @app.post("/drives/{token}")
    async def take_up(token: str, request: Request) -> Response:
        try:
            await visits.take_up(token, request.stream())
        except KeyError:
            return PlainTextResponse("That tab's dream is over; reload the page.\n", status_code=404)
        except LucidriveError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        return Response(status_code=204)

    return gr.mount_gradio_app(
        app,
        build_page(),
        path="/",
        theme=theme(),
        head=HEAD,
        favicon_path=str(STATIC / "favicon.png"),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        show_error=True,
    )


class PageFiles(StaticFiles):
    """Our own files; the browser asks again each time, so that an update is never half old."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def serve(
    dreamer: Dreamer,
    host: str = HOST,
    port: int = PORT,
    *,
    announce: Callable[[str], None] = print,
) -> None:
    """Serves the page until interrupted, and tells `announce` its address once it answers. ServeError if it cannot."""
    listening = bind(host, port)
    config = uvicorn.Config(
        create_app(dreamer), log_level="error", ws_max_size=MAX_MESSAGE, timeout_graceful_shutdown=3
    )
    server = AnnouncingServer(config, lambda: announce(f"lucidrive is at {address(listening)}  (Ctrl+C ends it)"))
    with listening:
        server.run(sockets=[listening])


class AnnouncingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback address. ServeError for another address, or a port that is taken."""
    if not is_loopback(host):
        raise ServeError(
            f"The page is served to this machine only, and {host!r} is another address: use 127.0.0.1, "
            "and reach it from elsewhere through an SSH tunnel."
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
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _reason(error: OSError | OverflowError) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it must be 0 to 65535"
