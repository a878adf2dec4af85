"""Addresses of the Clips tab: orders and what is shown of them, films, labels, captions, maps, datasets and zips. Nothing outside an order's folder can be named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.background import BackgroundTask

from bridge.errors import LucidriveError, explain
from ui.gallery import Gallery

FRESH = {"cache-control": "no-store"}


def serve_clips(app: FastAPI, gallery: Gallery) -> None:
    """Adds the addresses. Errors are answered as a sentence under `error`."""
    queue = gallery.queue

    @app.get("/factory/orders.json")
    def orders() -> Response:
        return JSONResponse(gallery.orders(), headers=FRESH)

    @app.get("/factory/formats.json")
    def formats() -> Response:
        return JSONResponse([asdict(one) for one in gallery.choices])

    @app.get("/factory/{number}/order.json")
    def order(number: int) -> Response:
        order = gallery.order(number)
        return _nothing() if order is None else JSONResponse(order, headers=FRESH)

    @app.get("/factory/{number}/all.zip")
    def pack(number: int) -> Response:
        path = queue.zipped(number)
        if path is None:
            return _nothing()
        return FileResponse(path, filename=f"lucidrive-order-{number}.zip", background=BackgroundTask(path.unlink))

    @app.get("/factory/{number}/{name}")
    def file(number: int, name: str) -> Response:
        if name.endswith(".vtt"):
            text = queue.captions(number, name)
            return _nothing() if text is None else PlainTextResponse(text, media_type="text/vtt")
        path = queue.file(number, name) or gallery.file(number, name)
        if path is None:
            return _nothing()
        return FileResponse(path, filename=f"order-{number}-{name}" if name.endswith(".zip") else None)

    @app.post("/factory/examples/{name}")
    async def example(name: str) -> Response:
        return await _answered(lambda: {"number": gallery.example(name).number})

    @app.post("/factory/{number}/cancel")
    async def cancel(number: int) -> Response:
        return await _answered(lambda: gallery.cancel(number))

    @app.post("/factory/{number}/{stem}/map")
    async def the_map(number: int, stem: str) -> Response:
        return await _answered(lambda: asdict(gallery.look(number, stem, "map")))

    @app.post("/factory/{number}/{stem}/labels")
    async def labels(number: int, stem: str) -> Response:
        return await _answered(lambda: asdict(gallery.look(number, stem, "labels")))

    @app.post("/factory/{number}/export")
    async def export(number: int, to: str, cameras: str) -> Response:
        return await _answered(lambda: asdict(gallery.export(number, to, cameras)))


async def _answered(act: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(await asyncio.to_thread(act))
    except LucidriveError as error:
        return JSONResponse({"error": explain(error)})


def _nothing() -> Response:
    return PlainTextResponse("There is no such clip.\n", status_code=404)
