"""Every action of the page for programs: endpoints of Gradio's API, and the tools of its MCP server.

A program opens a dream of its own, and gives the token that it gets with every call. docs/drive.md has an example.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import math
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
from PIL import Image

from brain.plan import parse_line
from ui import messages, orders
from ui.drive import Note, Start, View
from ui.limits import PICTURES
from ui.stream import state_fields
from ui.uploads import frames_of
from ui.visits import Visit, Visits
from world.controls import TimeOfDay, Weather
from world.errors import LucidriveError

MOST_FRAMES = 300  # of one `advance`
PATIENCE = 60.0  # seconds that a sentence may take to be read, or a frame to be dreamt
POLL = 0.02


class ApiError(LucidriveError):
    """A call that cannot be answered."""


def add_api(visits: Visits) -> None:
    """To the Blocks that is being built."""
    calls = Calls(visits)
    for call in ENDPOINTS:
        name = call.__name__
        gr.api(getattr(calls, name), api_name=name, concurrency_limit=None, queue=True)


def answered(call: Callable[..., Any]) -> Callable[..., Any]:
    """Our own sentences reach the caller; of anything else it learns nothing."""
    import functools

    @functools.wraps(call)
    async def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return await call(*args, **kwargs)
        except LucidriveError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return answering


class Calls:
    def __init__(self, visits: Visits) -> None:
        self.visits = visits

    @answered
    async def scenes(self) -> list[str]:
        """Names of the start scenes that a dream may begin in."""
        return list(self.visits.dreamer.scenes)

    @answered
    async def open_dream(self, seed: int = 0, scene: str = "") -> dict:
        """Open a new dream and let it stand at its first frame. The token in the answer names it in every other call; it is over
        ten minutes after the last one.

        Args:
            seed: The same seed and the same calls give the same dream.
            scene: A start scene's name; empty for the seed's own.
        """
        visit = await self.visits.call()
        try:
            await _begin(visit, Start(_seed(seed), scene or None, stand=True))
        except LucidriveError:
            self.visits.end(visit.token)
            raise
        return {"token": visit.token} | await self._look(visit)

    @answered
    async def close_dream(self, token: str) -> str:
        """End a dream. Its saved clips stay on the disk.

        Args:
            token: Of the dream.
        """
        self.visits.end(token)
        return "closed"

    @answered
    async def look(self, token: str, lane: int = 0, picture: bool = True) -> dict:
        """What the dream shows now: frame, commanded and estimated values, the plan, notes since the last look, the picture.

        Args:
            token: Of the dream.
            lane: 0 for the drive, from 1 for one of its futures side by side.
            picture: Whether the picture comes along, as a base64 JPEG.
        """
        return await self._look(await self.visits.call(token), lane, picture)

    @answered
    async def say(self, token: str, text: str, lane: int = 0) -> dict:
        """Say in English or Chinese what should happen; the answer has the plan that it became, or a refusal or question.

        Args:
            token: Of the dream.
            text: For example "turn left, then make it rain".
            lane: 0 for the drive, from 1 for one of its futures.
        """
        visit = await self.visits.call(token)
        orders.act(visit, messages.Say(_text(text), _lane(lane)))
        await _until(lambda: not _view(visit, lane).thinking, "The language model did not answer in time; try again.")
        await self._step_plan(visit, lane)
        return await self._look(visit, lane, picture=False)

    async def _step_plan(self, visit: Visit, lane: int) -> None:
        await asyncio.sleep(0.15)  # a tick: until then the plan is not told of

    @answered
    async def plan(self, token: str, line: str, lane: int = 0) -> dict:
        """Give a line of the plan language at once, as a button does, for example ped_cross(left,3) or rain(2);left.

        Args:
            token: Of the dream.
            line: Steps of the plan language.
            lane: 0 for the drive, from 1 for one of its futures.
        """
        visit = await self.visits.call(token)
        parse_line(line[:200])
        orders.act(visit, messages.Line(line[:200], _lane(lane)))
        await self._step_plan(visit, lane)
        return await self._look(visit, lane, picture=False)

    @answered
    async def choose(self, token: str, line: str, lane: int = 0) -> dict:
        """Of the plans that a "did you mean" note offers, the one that was meant.

        Args:
            token: Of the dream.
            line: One of the note's choices.
            lane: 0 for the drive, from 1 for one of its futures.
        """
        visit = await self.visits.call(token)
        orders.act(visit, messages.Choose(line[:200], _lane(lane)))
        await self._step_plan(visit, lane)
        return await self._look(visit, lane, picture=False)

    @answered
    async def not_what_i_meant(self, token: str, lane: int = 0) -> str:
        """The last sentence was meant otherwise; what is said next is remembered as its meaning.

        Args:
            token: Of the dream.
            lane: 0 for the drive, from 1 for one of its futures.
        """
        orders.act(await self.visits.call(token), messages.Wrong(_lane(lane)))
        return "say it in other words"

    @answered
    async def advance(self, token: str, frames: int = 10, keys: list[str] | None = None) -> dict:
        """Dream so many frames on, ten to a second, and stand still again; futures side by side go on together.

        Args:
            token: Of the dream.
            frames: 1 to 300.
            keys: Held meanwhile: any of up, down, left, right.
        """
        visit = await self.visits.call(token)
        if not 1 <= frames <= MOST_FRAMES:
            raise ApiError(f"Frames are 1 to {MOST_FRAMES} at a time, not {frames}.")
        if unknown := set(keys or ()) - messages.KEYS:
            raise ApiError(f"There is no key {sorted(unknown)[0]!r}; there are: up, down, left, right.")
        visit.drive.pause(True)
        await _until(lambda: _newest(visit).paused, "The dream does not stand still; try again.")
        visit.drive.press(frozenset(keys or ()))
        try:
            for _ in range(frames):
                before = _index(_newest(visit))
                visit.drive.step()
                await _until(lambda before=before: _index(_newest(visit)) > before, "No frame came; look at its notes.")  # type: ignore[misc]
        finally:
            visit.drive.press(frozenset())
        return await self._look(visit)

    @answered
    async def pause(self, token: str, on: bool = True) -> dict:
        """Stand still, or go on in real time.

        Args:
            token: Of the dream.
            on: False to go on.
        """
        visit = await self.visits.call(token)
        orders.act(visit, messages.Pause(on))
        return await self._look(visit, picture=False)

    @answered
    async def quality(self, token: str, steps: int = 2) -> str:
        """K, the steps of sampling a frame: more is sharper and slower.

        Args:
            token: Of the dream.
            steps: 1, 2, 4 or 8.
        """
        orders.act(await self.visits.call(token), messages.Quality(steps))
        return f"K={steps}"

    @answered
    async def begin(self, token: str, seed: int = 0, scene: str = "", weather: str = "", time_of_day: str = "") -> dict:
        """Begin anew: in a scene, or from conditions alone.

        Args:
            token: Of the dream.
            seed: Of the new dream.
            scene: A start scene's name; empty for the seed's own.
            weather: Without a scene: clear, rain_1 to rain_3, snow_1 to snow_3, fog_1 to fog_3.
            time_of_day: Without a scene: dawn, day, dusk, night.
        """
        visit = await self.visits.call(token)
        if weather or time_of_day:
            if scene:
                raise ApiError("Begin in a scene or from conditions alone, not in both.")
            weather_id, time_id = _member(Weather, weather or "clear"), _member(TimeOfDay, time_of_day or "day")
            start = Start(_seed(seed), weather=weather_id, time=time_id, stand=True)
        else:
            start = Start(_seed(seed), scene or None, stand=True)
        await _begin(visit, start)
        return await self._look(visit)

    @answered
    async def begin_in_picture(self, token: str, file: str, seed: int = 0, kmh: float = 30.0, at: float = 0.0) -> dict:
        """Begin anew in a picture or a film of yours.

        Args:
            token: Of the dream.
            file: The bytes of a JPEG, PNG, WebP, MP4 or WebM, in base64.
            seed: Of the new dream.
            kmh: How fast the car goes there, 0 to 60.
            at: Seconds into the film.
        """
        visit, data = await self.visits.call(token), _bytes(file)
        if not (0 <= kmh <= 60 and 0 <= at <= 600):
            raise ApiError("Give kmh from 0 to 60 and at from 0 to 600.")
        pictures = await asyncio.to_thread(frames_of, data, at)
        await _begin(visit, Start(_seed(seed), pictures=pictures, speed=kmh / 3.6, stand=True))
        return await self._look(visit)

    @answered
    async def anchor(self, token: str) -> dict:
        """Real pictures take the place of a dream that has drifted; plan and speed go on.

        Args:
            token: Of the dream.
        """
        visit = await self.visits.call(token)
        await orders.work(visit, messages.Anchor())
        return await self._look(visit)

    @answered
    async def fork(self, token: str, count: int = 2, frame: int = -1) -> dict:
        """Part the drive into two to four futures with the same past and seed. They stand; give each its own sentence by its lane
        (from 1), and `advance` them together.

        Args:
            token: Of the dream.
            count: 2 to 4.
            frame: Where they part; -1 for the newest.
        """
        visit = await self.visits.call(token)
        least, most = messages.FUTURES
        if not least <= count <= most:
            raise ApiError(f"Futures are {least} to {most}, not {count}.")
        await orders.work(visit, messages.Fork(None if frame < 0 else frame, count))
        return await self._look(visit, 1)

    @answered
    async def keep_future(self, token: str, lane: int = 0) -> dict:
        """One of the futures becomes the drive, and the others are gone.

        Args:
            token: Of the dream.
            lane: From 1; 0 drops them all and the drive is as it was.
        """
        visit = await self.visits.call(token)
        await orders.work(visit, messages.KeepFuture(_lane(lane)))
        return await self._look(visit)

    @answered
    async def past(self, token: str) -> list[dict]:
        """The drive up to now: speed of the car, as read off the picture, and yaw rate, of at most some hundred frames.

        Args:
            token: Of the dream.
        """
        visit = await self.visits.call(token)
        told = await asyncio.to_thread(visit.drive.past)
        return [
            {
                "frame": one.index,
                "speed": _number(one.speed),
                "seen_speed": _number(one.seen_speed),
                "yaw_rate": _number(one.yaw_rate),
            }
            for one in told
        ]

    @answered
    async def past_picture(self, token: str, frame: int) -> str:
        """A frame that was, as a base64 JPEG.

        Args:
            token: Of the dream.
            frame: Its number.
        """
        visit = await self.visits.call(token)
        return base64.b64encode(await asyncio.to_thread(visit.drive.picture, frame)).decode()

    @answered
    async def save(self, token: str, what: str = "clip") -> dict:
        """Save, and get the addresses of the files: the last minute as a video with labels, the whole drive likewise, or the
        dream itself, to go on with it later.

        Args:
            token: Of the dream.
            what: clip, drive or dream.
        """
        visit = await self.visits.call(token)
        order: messages.Order
        match what:
            case "clip":
                order = messages.Save()
            case "drive":
                order = messages.SaveAll()
            case "dream":
                order = messages.Keep()
            case _:
                raise ApiError("Save a clip, the drive or the dream.")
        kept = await orders.work(visit, order)
        assert kept is not None
        return orders.links(visit, kept)

    @answered
    async def take_up(self, token: str, file: str) -> dict:
        """Go on with a saved dream.

        Args:
            token: Of the dream that makes room for it.
            file: The bytes of the .dream file, in base64.
        """
        visit, data = await self.visits.call(token), _bytes(file)
        await asyncio.to_thread(visit.drive.take_up, data)
        visit.drive.pause(True)
        return await self._look(visit)

    @answered
    async def saved(self, token: str) -> list[dict]:
        """What this dream has saved, with the addresses of the files.

        Args:
            token: Of the dream.
        """
        visit = await self.visits.call(token)
        return [orders.links(visit, kept) for kept in visit.kept]

    @answered
    async def memory(self) -> dict:
        """Who holds how much of the memory, what is left, and what would be given up first."""
        from dataclasses import asdict

        return asdict(await asyncio.to_thread(self.visits.dreamer.memory))

    async def _look(self, visit: Visit, lane: int = 0, picture: bool = True) -> dict:
        view = _view(visit, lane)
        frame = view.frame
        found: dict[str, Any] = state_fields(view) | {"notes": [_told(note) for note in visit.drive.notes()]}
        found["futures"] = len(visit.drive.futures())
        if frame is not None:
            read = frame.readout
            found["frame"] = frame.index
            found["commanded"] = {
                "speed": round(frame.motion.speed, 3),
                "target": round(view.target, 3),
                "steer": _number(frame.control.steer),
            }
            found["estimated"] = {
                "speed": _number(read.speed),
                "junction_distance": _number(read.junction_distance),
                "event_visible": _number(read.event_visible),
                "trust": round(view.trust, 3),
            }
            if picture:
                buffer = io.BytesIO()
                await asyncio.to_thread(Image.fromarray(frame.image).save, buffer, "JPEG", quality=92)
                found["picture"] = base64.b64encode(buffer.getvalue()).decode()
        return found


ENDPOINTS: tuple[Callable[..., Any], ...] = tuple(
    value for name, value in vars(Calls).items() if callable(value) and not name.startswith("_")
)


async def _begin(visit: Visit, start: Start) -> None:
    await asyncio.to_thread(visit.drive.begin, start)


def _told(note: Note) -> dict[str, Any]:
    return {"text": note.text, "kind": note.kind, "choices": [line for line, _ in note.choices], "lane": note.lane}


def _view(visit: Visit, lane: int) -> View:
    if lane == 0:
        return visit.drive.view()
    futures = visit.drive.futures()
    if not 1 <= lane <= len(futures):
        raise ApiError("There is no such future; fork the drive first.")
    return futures[lane - 1]


def _newest(visit: Visit) -> View:
    """Of the futures the last one, which is stepped last."""
    return (visit.drive.futures() or (visit.drive.view(),))[-1]


def _index(view: View) -> int:
    return view.frame.index if view.frame is not None else -1


async def _until(true: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise ApiError(otherwise)
        await asyncio.sleep(POLL)


def _text(text: str) -> str:
    return messages.sentence(text)


def _lane(lane: int) -> int:
    if not 0 <= lane <= messages.FUTURES[1]:
        raise ApiError(f"Lanes are 0 to {messages.FUTURES[1]}, not {lane}.")
    return lane


def _seed(seed: int) -> int:
    if not 0 <= seed <= messages.MAX_SEED:
        raise ApiError(f"The seed must be a whole number from 0 to {messages.MAX_SEED}.")
    return seed


def _member(kind: Any, name: str) -> int:
    try:
        return int(kind[name.upper()])
    except KeyError as error:
        known = ", ".join(one.name.lower() for one in kind)
        raise ApiError(f"There is no {name[:40]!r}; there are: {known}.") from error


def _bytes(file: str) -> bytes:
    if len(file) > PICTURES * 4 // 3 + 4:
        raise ApiError("A file may have 64 MiB at most.")
    try:
        return base64.b64decode(file, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError("That is no base64; send the bytes of the file so.") from error


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
