"""Helpers of the endpoints in `ui/api.py`: they check arguments and turn answers into plain values."""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import math
import time
from collections.abc import Callable
from typing import Any

import gradio as gr

from ui import messages
from ui.client_sessions import ClientSession
from ui.drive import NO_FUTURE, Note, PageState, StartRequest
from ui.limits import PICTURES
from ui.stream import state_fields
from world.errors import LucidriveError
from world.render.camera import Pose

PATIENCE = 60.0  # seconds that a sentence may take to be read, or a frame to be dreamt
POLL = 0.02


class ApiError(LucidriveError):
    """A call that cannot be answered."""


def answered(call: Callable[..., Any]) -> Callable[..., Any]:
    """Passes our own error sentences on to the caller, and nothing of any other error."""

    @functools.wraps(call)
    async def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return await call(*args, **kwargs)
        except LucidriveError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return answering


async def look_at(client: ClientSession, branch: int = 0, picture: bool = True) -> dict:
    """State, notes and newest frame of the drive (branch 0) or of a future, as plain values.

    What was commanded stands apart from what is estimated. picture: with the frame as a JPEG in base64. ApiError where there is no such future.
    """
    view = view_of(client, branch)
    frame = view.frame
    answer: dict[str, Any] = state_fields(view) | {"notes": [note_fields(note) for note in client.drive.notes()]}
    answer["futures"] = len(client.drive.futures())
    if frame is not None:
        read = frame.readout
        answer["frame"] = frame.index
        answer["commanded"] = {
            "speed": round(frame.motion.speed, 3),
            "target": round(view.target, 3),
            "steer": number_of(frame.control.steer),
        }
        answer["estimated"] = {
            "speed": number_of(read.speed),
            "junction_distance": number_of(read.junction_distance),
            "event_visible": number_of(read.event_visible),
        }
        if picture:
            answer["picture"] = base64.b64encode(await asyncio.to_thread(view.encode, frame.image)).decode()
    return answer


async def begin_at(client: ClientSession, start: StartRequest) -> None:
    """Begins anew in a thread, since a place may have to be built first. LucidriveError where that cannot be."""
    await asyncio.to_thread(client.drive.begin, start)


def note_fields(note: Note) -> dict[str, Any]:
    """A note as plain values; of its choices the plan lines alone."""
    return {"text": note.text, "kind": note.kind, "choices": [line for line, _ in note.choices], "branch": note.branch}


def view_of(client: ClientSession, branch: int) -> PageState:
    """What is shown of the drive (branch 0) or of a future. ApiError where there is no such future."""
    if branch == 0:
        return client.drive.view()
    futures = client.drive.futures()
    if not 1 <= branch <= len(futures):
        raise ApiError(NO_FUTURE)
    return futures[branch - 1]


def newest(client: ClientSession) -> PageState:
    """The last of the futures, which is stepped last; the drive where there are none."""
    return (client.drive.futures() or (client.drive.view(),))[-1]


def index_of(view: PageState) -> int:
    """Number of the newest frame; -1 before the first."""
    return view.frame.index if view.frame is not None else -1


async def until(true: Callable[[], bool], otherwise: str) -> None:
    """Waits until `true` says so; ApiError with the sentence `otherwise` after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise ApiError(otherwise)
        await asyncio.sleep(POLL)


def branch_of(branch: int) -> int:
    """The branch, checked: 0 or a future's number. ApiError."""
    if not 0 <= branch <= messages.FUTURES[1]:
        raise ApiError(f"Branches are 0 to {messages.FUTURES[1]}, not {branch}.")
    return branch


def seed_of(seed: int) -> int:
    """The seed, checked: 0 to MAX_SEED. ApiError."""
    if not 0 <= seed <= messages.MAX_SEED:
        raise ApiError(f"The seed must be a whole number from 0 to {messages.MAX_SEED}.")
    return seed


def start_of(seed: int, scene: str, place: str) -> StartRequest:
    """How a program wants to begin; without scene and place, where the seed says. ApiError for both at once."""
    if scene and place:
        raise ApiError("Begin in a scene or in a place, not in both.")
    return StartRequest(seed_of(seed), scene or None, where=place, stand=True)


def member(kind: Any, name: str) -> int:
    """An enum's value by its name, in any case; ApiError, which lists the names, where there is none."""
    try:
        return int(kind[name.upper()])
    except KeyError as error:
        known = ", ".join(one.name.lower() for one in kind)
        raise ApiError(f"There is no {name[:40]!r}; there are: {known}.") from error


def bytes_of(file: str) -> bytes:
    """Decodes a file from base64. ApiError for anything else, or more than PICTURES bytes."""
    if len(file) > PICTURES * 4 // 3 + 4:
        raise ApiError(f"A file may have {PICTURES >> 20} MiB at most.")
    try:
        return base64.b64decode(file, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError("That is no base64; send the bytes of the file so.") from error


def pose_by(car: tuple[int, ...], ahead: float, left: float, up: float, yaw: float, pitch: float) -> Pose:
    """A camera beside a car (`ui.road_map.Around.car`), in m, and in degrees from the car's heading. DataError for a pose that is not allowed."""
    x, y, heading = 0.1 * car[0], 0.1 * car[1], 0.01 * car[2]
    cos, sin = math.cos(heading), math.sin(heading)
    turned = math.remainder(heading + math.radians(yaw), 2 * math.pi) if math.isfinite(yaw) else yaw
    return Pose(x + ahead * cos - left * sin, y + ahead * sin + left * cos, up, turned, math.radians(pitch))


def number_of(value: float) -> float | None:
    """A number for JSON, with four decimals; None where it is not finite."""
    return round(value, 4) if math.isfinite(value) else None
