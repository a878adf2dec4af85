"""Carries out messages of the page and calls of programs on a drive, the same for both."""

from __future__ import annotations

import asyncio
from typing import Any

from ui import messages
from ui.client_sessions import ClientSession, SavedFile
from ui.messages import Message, Order


def act(client: ClientSession, message: Message) -> None:
    """Carries out what is done at once. LucidriveError."""
    drive = client.drive
    match message:
        case messages.Say(text, branch):
            drive.say(text, branch)
        case messages.PlanLine(line, branch):
            drive.plan(line, branch)
        case messages.Choose(line, branch):
            drive.choose(line, branch)
        case messages.Wrong(branch):
            drive.wrong(branch)
        case messages.Pause(on):
            drive.pause(on)
        case messages.StepOnce():
            drive.step_once()
        case messages.SetQuality(quality):
            drive.set_quality(quality)
        case messages.Invite():
            client.invite()
        case _:
            raise AssertionError(f"{message} takes longer than that")


async def work(client: ClientSession, order: Order) -> SavedFile | None:
    """Carries out what takes a while, off the event loop; returns the file where one was saved. LucidriveError."""
    drive, away = client.drive, asyncio.to_thread
    match order:
        case messages.Begin(start):
            await away(drive.begin, start)
        case messages.Fork(index, count):
            await away(drive.fork, index, count)
        case messages.KeepFuture(branch):
            await away(drive.keep_future, branch)
        case messages.DropFutures():
            await away(drive.keep_future, 0)
        case messages.SaveClip():
            return client.saved(await away(drive.save_clip))
        case messages.SaveDrive():
            return client.saved(await away(drive.save_drive), "drive")
        case messages.SaveDream():
            return client.dreamt(await away(drive.save_dream))
    return None


def links(client: ClientSession, file: SavedFile) -> dict[str, Any]:
    """The fields of the message `kept`: addresses of the files."""
    base = f"clips/{client.token}"
    labels = f"{base}/{file.labels}" if file.labels else ""
    return {"kind": file.kind, "file": f"{base}/{file.file}", "labels": labels, "seconds": file.seconds}
