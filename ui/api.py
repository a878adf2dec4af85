"""Every action of the page for programs: endpoints of Gradio's API, and the tools of its MCP server.

A program opens a dream of its own, and gives the token that it gets with every call. docs/drive.md has an example.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from brain.plan import parse_line
from ui import messages, orders
from ui.answers import (
    ApiError,
    answered,
    begin_at,
    branch_of,
    bytes_of,
    index_of,
    look_at,
    member,
    newest,
    number_of,
    pose_by,
    seed_of,
    start_of,
    until,
    view_of,
)
from ui.client_sessions import ClientSession, ClientSessions
from ui.drive import StartRequest
from ui.uploads import frames_of
from world.controls import TimeOfDay, Weather
from world.errors import LucidriveError

MOST_FRAMES = 300  # of one `advance`
TICK = 0.15  # seconds after which a plan is told of


def add_api(clients: ClientSessions) -> None:
    """To the Blocks that is being built."""
    calls = Calls(clients)
    for call in ENDPOINTS:
        name = call.__name__
        gr.api(getattr(calls, name), api_name=name, concurrency_limit=None, queue=True)


class Calls:
    """The endpoints: every public method is one, and its docstring is what an MCP client is told of it."""

    def __init__(self, clients: ClientSessions) -> None:
        self.clients = clients

    @answered
    async def scenes(self) -> list[str]:
        """Names of the start scenes that a dream may begin in."""
        return list(self.clients.dreamer.scenes)

    @answered
    async def open_dream(self, seed: int = 0, scene: str = "", place: str = "") -> dict:
        """Open a new dream and let it stand at its first frame. The token in the answer names it in every other call; it is over
        ten minutes after the last one.

        Args:
            seed: The same seed and the same calls give the same dream.
            scene: A start scene's name; empty for the seed's own.
            place: Instead of a scene where, and under which conditions, in words: "a suburb at dusk, two lanes".
        """
        client = await self.clients.call()
        try:
            await begin_at(client, start_of(seed, scene, place))
        except LucidriveError:
            self.clients.end(client.token)
            raise
        return {"token": client.token} | await look_at(client)

    @answered
    async def invite(self, token: str) -> str:
        """Let somebody drive along in this dream; the answer is what `join`, or the page's address with #join= and it, takes.

        Args:
            token: Of the dream.
        """
        return (await self.clients.call(token)).invite()

    @answered
    async def join(self, invitation: str) -> dict:
        """Take the second seat in somebody's dream: a car of its own in the same streets. The token in the answer names it in every
        other call.

        Args:
            invitation: As `invite` gives it.
        """
        client = await self.clients.join(invitation)
        return {"token": client.token} | await look_at(await self.clients.call(client.token))

    @answered
    async def close_dream(self, token: str) -> str:
        """End a dream. Its saved clips stay on the disk.

        Args:
            token: Of the dream.
        """
        self.clients.end(token)
        return "closed"

    @answered
    async def look(self, token: str, branch: int = 0, picture: bool = True) -> dict:
        """What the dream shows now: frame, commanded and estimated values, the plan, notes since the last look, the picture.

        Args:
            token: Of the dream.
            branch: 0 for the drive, from 1 for one of its futures side by side.
            picture: Whether the picture comes along, as a base64 JPEG.
        """
        return await look_at(await self.clients.call(token), branch, picture)

    @answered
    async def look_around(
        self,
        token: str,
        ahead: float = -12.0,
        left: float = 0.0,
        up: float = 5.0,
        yaw: float = 0.0,
        pitch: float = -15.0,
    ) -> str:
        """A scene that stands still as another camera sees it than the car's, as a base64 JPEG; nothing of the drive changes.

        Args:
            token: Of the dream.
            ahead: Metres ahead of the car, 600 away at most.
            left: Metres to its left.
            up: Metres above the ground, 0.5 to 120.
            yaw: Degrees to the left of where the car heads.
            pitch: Degrees upwards.
        """
        drive = (await self.clients.call(token)).drive
        around = await asyncio.to_thread(drive.around)
        pose = pose_by((0, 0, 0) if around is None else around.car, ahead, left, up, yaw, pitch)
        return base64.b64encode(await asyncio.to_thread(drive.look_around, pose)).decode()

    @answered
    async def surround(self, token: str) -> str:
        """A scene as six cameras round the car see it, in two rows of three, ahead and behind, as a base64 JPEG; nothing of the drive changes.

        Args:
            token: Of the dream.
        """
        drive = (await self.clients.call(token)).drive
        return base64.b64encode(await asyncio.to_thread(drive.surround)).decode()

    @answered
    async def say(self, token: str, text: str, branch: int = 0) -> dict:
        """Say in English or Chinese what should happen; the answer has the plan that it became, or a refusal or question.

        Args:
            token: Of the dream.
            text: For example "turn left, then make it rain".
            branch: 0 for the drive, from 1 for one of its futures.
        """
        client = await self.clients.call(token)
        orders.act(client, messages.Say(text, branch_of(branch)))
        await until(
            lambda: not view_of(client, branch).thinking, "The language model did not answer in time; try again."
        )
        await asyncio.sleep(TICK)
        return await look_at(client, branch, picture=False)

    @answered
    async def plan(self, token: str, line: str, branch: int = 0) -> dict:
        """Give a line of the plan language at once, as a button does, for example ped_cross(left,3) or rain(2);left.

        Args:
            token: Of the dream.
            line: Steps of the plan language.
            branch: 0 for the drive, from 1 for one of its futures.
        """
        client = await self.clients.call(token)
        parse_line(line[:200])
        orders.act(client, messages.PlanLine(line[:200], branch_of(branch)))
        await asyncio.sleep(TICK)
        return await look_at(client, branch, picture=False)

    @answered
    async def choose(self, token: str, line: str, branch: int = 0) -> dict:
        """Of the plans that a "did you mean" note offers, the one that was meant.

        Args:
            token: Of the dream.
            line: One of the note's choices.
            branch: 0 for the drive, from 1 for one of its futures.
        """
        client = await self.clients.call(token)
        orders.act(client, messages.Choose(line[:200], branch_of(branch)))
        await asyncio.sleep(TICK)
        return await look_at(client, branch, picture=False)

    @answered
    async def wrong(self, token: str, branch: int = 0) -> str:
        """The last sentence was meant otherwise; what is said next is remembered as its meaning.

        Args:
            token: Of the dream.
            branch: 0 for the drive, from 1 for one of its futures.
        """
        orders.act(await self.clients.call(token), messages.Wrong(branch_of(branch)))
        return "say it in other words"

    @answered
    async def advance(self, token: str, frames: int = 10, keys: list[str] | None = None) -> dict:
        """Dream so many frames on, ten to a second, and stand still again; futures side by side go on together.

        Args:
            token: Of the dream.
            frames: 1 to 300.
            keys: Held meanwhile: any of up, down, left, right.
        """
        client = await self.clients.call(token)
        if not 1 <= frames <= MOST_FRAMES:
            raise ApiError(f"Frames are 1 to {MOST_FRAMES} at a time, not {frames}.")
        if unknown := set(keys or ()) - messages.KEYS:
            raise ApiError(f"There is no key {sorted(unknown)[0]!r}; there are: up, down, left, right.")
        client.drive.pause(True)
        await until(lambda: newest(client).paused, "The dream does not stand still; try again.")
        client.drive.press(frozenset(keys or ()))
        try:
            for _ in range(frames):
                before = index_of(newest(client))
                client.drive.step_once()
                await until(partial(_newer, client, before), "No frame came; look at its notes.")
        finally:
            client.drive.press(frozenset())
        return await look_at(client)

    @answered
    async def pause(self, token: str, on: bool = True) -> dict:
        """Stand still, or go on in real time.

        Args:
            token: Of the dream.
            on: False to go on.
        """
        client = await self.clients.call(token)
        orders.act(client, messages.Pause(on))
        return await look_at(client, picture=False)

    @answered
    async def set_quality(self, token: str, quality: int = 2) -> str:
        """Set the dial: the size of a scene's picture, or a latent world's sampling steps a frame. More is sharper and slower.

        Args:
            token: Of the dream.
            quality: 1, 2, 4 or 8.
        """
        orders.act(await self.clients.call(token), messages.SetQuality(quality))
        return f"quality {quality}"

    @answered
    async def begin(
        self, token: str, seed: int = 0, scene: str = "", weather: str = "", time_of_day: str = "", place: str = ""
    ) -> dict:
        """Begin anew: in a scene, where a sentence says, or from conditions alone.

        Args:
            token: Of the dream.
            seed: Of the new dream.
            scene: A start scene's name; empty for the seed's own.
            weather: Without a scene: clear, rain_1 to rain_3, snow_1 to snow_3, fog_1 to fog_3.
            time_of_day: Without a scene: dawn, day, dusk, night.
            place: Instead of all these where, and under which conditions, in words: "a suburb at dusk, two lanes".
        """
        client = await self.clients.call(token)
        if weather or time_of_day:
            if scene or place:
                raise ApiError("Begin in a scene, in a place or from conditions alone, not in two of them.")
            weather_id, time_id = member(Weather, weather or "clear"), member(TimeOfDay, time_of_day or "day")
            start = StartRequest(seed_of(seed), weather=weather_id, time=time_id, stand=True)
        else:
            start = start_of(seed, scene, place)
        await begin_at(client, start)
        return await look_at(client)

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
        client, data = await self.clients.call(token), bytes_of(file)
        if not (0 <= kmh <= 60 and 0 <= at <= 600):
            raise ApiError("Give kmh from 0 to 60 and at from 0 to 600.")
        pictures = await asyncio.to_thread(frames_of, data, at)
        await begin_at(client, StartRequest(seed_of(seed), pictures=pictures, speed=kmh / 3.6, stand=True))
        return await look_at(client)

    @answered
    async def fork(self, token: str, count: int = 2, frame: int = -1) -> dict:
        """Part the drive into two to four futures with the same past and seed. They stand; give each its own sentence by its branch
        (from 1), and `advance` them together.

        Args:
            token: Of the dream.
            count: 2 to 4.
            frame: Where they part; -1 for the newest.
        """
        client = await self.clients.call(token)
        least, most = messages.FUTURES
        if not least <= count <= most:
            raise ApiError(f"Futures are {least} to {most}, not {count}.")
        await orders.work(client, messages.Fork(None if frame < 0 else frame, count))
        return await look_at(client, 1)

    @answered
    async def keep_future(self, token: str, branch: int = 0) -> dict:
        """One of the futures becomes the drive, and the others are gone.

        Args:
            token: Of the dream.
            branch: From 1; 0 drops them all and the drive is as it was.
        """
        client = await self.clients.call(token)
        await orders.work(client, messages.KeepFuture(branch_of(branch)))
        return await look_at(client)

    @answered
    async def past(self, token: str) -> list[dict]:
        """The drive up to now: speed of the car, as read off the picture, and yaw rate, of at most some hundred frames.

        Args:
            token: Of the dream.
        """
        client = await self.clients.call(token)
        frames = await asyncio.to_thread(client.drive.past)
        return [
            {
                "frame": one.index,
                "speed": number_of(one.speed),
                "seen_speed": number_of(one.seen_speed),
                "yaw_rate": number_of(one.yaw_rate),
            }
            for one in frames
        ]

    @answered
    async def past_picture(self, token: str, frame: int) -> str:
        """A frame that was, as a base64 JPEG.

        Args:
            token: Of the dream.
            frame: Its number.
        """
        client = await self.clients.call(token)
        return base64.b64encode(await asyncio.to_thread(client.drive.picture, frame)).decode()

    @answered
    async def save(self, token: str, what: str = "clip") -> dict:
        """Save, and get the addresses of the files: the last minute as a video with labels, the whole drive likewise, or the
        dream itself, to go on with it later.

        Args:
            token: Of the dream.
            what: clip, drive or dream.
        """
        client = await self.clients.call(token)
        order: messages.Order
        match what:
            case "clip":
                order = messages.SaveClip()
            case "drive":
                order = messages.SaveDrive()
            case "dream":
                order = messages.SaveDream()
            case _:
                raise ApiError("Save a clip, the drive or the dream.")
        file = await orders.work(client, order)
        assert file is not None
        return orders.links(client, file)

    @answered
    async def load_dream(self, token: str, file: str) -> dict:
        """Go on with a saved dream.

        Args:
            token: Of the dream that makes room for it.
            file: The bytes of the .dream file, in base64.
        """
        client, data = await self.clients.call(token), bytes_of(file)
        await asyncio.to_thread(client.drive.load_dream, data)
        client.drive.pause(True)
        return await look_at(client)

    @answered
    async def saved(self, token: str) -> list[dict]:
        """What this dream has saved, with the addresses of the files.

        Args:
            token: Of the dream.
        """
        client = await self.clients.call(token)
        return [orders.links(client, file) for file in client.saved_files]

    @answered
    async def memory(self) -> dict:
        """Who holds how much of the memory, what is left, and what would be given up first."""
        from dataclasses import asdict

        return asdict(await asyncio.to_thread(self.clients.dreamer.memory))


def _newer(client: ClientSession, index: int) -> bool:
    return index_of(newest(client)) > index


ENDPOINTS: tuple[Callable[..., Any], ...] = tuple(
    value for name, value in vars(Calls).items() if callable(value) and not name.startswith("_")
)
