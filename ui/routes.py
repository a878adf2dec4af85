"""Our own addresses beside Gradio's: the page's files, clips, scenes, a drive's past, uploads, the memory."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles

from ui import orders
from ui.client_sessions import ClientSessionError, ClientSessions
from ui.drive import StartRequest
from ui.limits import PICTURES
from ui.messages import MAX_SEED
from ui.page import ASSETS, STATIC, event_module
from ui.stream import serve_dream
from ui.uploads import frames_of
from world.errors import LucidriveError

NO_STREETS = "This dream is pictures alone; it has no streets.\n"
NO_CLIP = "There is no such clip here any more; save it again.\n"
NO_DREAM = "That tab's dream is over; reload the page.\n"
FASTEST = 60 / 3.6  # m/s
LATEST = 600.0  # seconds into a film


def add_routes(app: FastAPI, clients: ClientSessions) -> None:
    """Adds every address to the app, those of a drive by `add_drive_routes`."""

    @app.get(f"{ASSETS}/events.js")
    def events() -> Response:
        return Response(event_module(), media_type="text/javascript", headers={"cache-control": "no-cache"})

    app.mount(ASSETS, PageFiles(directory=STATIC))

    @app.websocket("/dream")
    async def dream(websocket: WebSocket) -> None:
        await serve_dream(clients, websocket)

    @app.get("/scenes/{name}.jpg")
    async def scene(name: str) -> Response:
        picture = await asyncio.to_thread(clients.dreamer.scene_picture, name)
        if picture is None:
            return PlainTextResponse("There is no such scene.\n", status_code=404)
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @app.get("/memory.json")
    def memory() -> Response:
        return JSONResponse(asdict(clients.dreamer.memory()))

    @app.get("/clips/{token}")
    async def clips(token: str) -> Response:
        client = clients.by_token.get(token)
        if client is None:
            return PlainTextResponse(NO_DREAM, status_code=404)
        return JSONResponse([orders.links(client, file) for file in client.saved_files])

    @app.get("/clips/{token}/{name}")
    async def clip(token: str, name: str) -> Response:
        path = clients.clip(token, name)
        if path is None or not path.is_file():
            return PlainTextResponse(NO_CLIP, status_code=404)
        return FileResponse(path, filename=path.name, headers={"cache-control": "private"})

    add_drive_routes(app, clients)


def add_drive_routes(app: FastAPI, clients: ClientSessions) -> None:  # noqa: C901 (a route after another)
    """Adds what is below /drives/TOKEN: a drive's past, streets and frames, and uploads that a drive begins with."""

    @app.get("/drives/{token}/past.json")
    async def past(token: str) -> Response:
        client = clients.by_token.get(token)
        if client is None:
            return PlainTextResponse(NO_DREAM, status_code=404)
        drive = client.drive
        return JSONResponse([_rounded(asdict(one)) for one in await asyncio.to_thread(drive.past)])

    @app.get("/drives/{token}/streets.json")
    async def streets(token: str) -> Response:
        client = clients.by_token.get(token)
        if client is None:
            return PlainTextResponse(NO_DREAM, status_code=404)
        lanes = await asyncio.to_thread(client.drive.streets)
        if lanes is None:
            return PlainTextResponse(NO_STREETS, status_code=404)
        return JSONResponse(asdict(lanes), headers={"cache-control": "no-store"})

    @app.get("/drives/{token}/frames/{index}.jpg")
    async def frame(token: str, index: int) -> Response:
        client = clients.by_token.get(token)
        try:
            if client is None:
                raise ClientSessionError(NO_DREAM)
            picture = await asyncio.to_thread(client.drive.picture, index)
        except LucidriveError as error:
            return PlainTextResponse(f"{error}\n", status_code=404)
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "no-store"})

    @app.post("/drives/{token}")
    async def load_dream(token: str, request: Request) -> Response:
        try:
            await clients.load_dream(token, request.stream())
        except ClientSessionError:
            return PlainTextResponse(NO_DREAM, status_code=404)
        except LucidriveError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        return Response(status_code=204)

    @app.post("/drives/{token}/begin")
    async def begin(token: str, request: Request, at: float = 0.0, kmh: float = 30.0, seed: int = 0) -> Response:
        """Begins in an uploaded picture or film; its bytes are the body."""
        if not (0 <= at <= LATEST and 0 <= kmh / 3.6 <= FASTEST and 0 <= seed <= MAX_SEED):
            return PlainTextResponse("Give at from 0 to 600 s and kmh from 0 to 60.\n", status_code=400)
        try:
            drive, data = clients.of(token).drive, bytearray()
            async for chunk in request.stream():
                data += chunk
                if len(data) > PICTURES:
                    return PlainTextResponse("A picture or film may have 64 MiB at most.\n", status_code=413)
            pictures = await asyncio.to_thread(frames_of, bytes(data), at)
            await asyncio.to_thread(drive.begin, StartRequest(seed, pictures=pictures, speed=kmh / 3.6))
        except ClientSessionError:
            return PlainTextResponse(NO_DREAM, status_code=404)
        except LucidriveError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        return Response(status_code=204)


class PageFiles(StaticFiles):
    """Our own files, which the browser revalidates each time."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """As Starlette's, with `cache-control: no-cache`."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def _rounded(fields: dict[str, Any]) -> dict[str, Any]:
    """Rounded for JSON; NaN, which JSON does not know, as null."""
    return {
        name: None if isinstance(value, float) and value != value else round(value, 3) for name, value in fields.items()
    }
