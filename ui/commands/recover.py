"""`lucidrive recover`: recorded drives, whole or cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.console import complain, print_json, print_table, say


def recover(
    clips: Annotated[Path, typer.Argument(help="The folder that the page saves clips in.")] = Path("clips"),
    join: Annotated[str | None, typer.Option(help="Make a clip of this drive; `last` for the newest of them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """List recorded drives, repair those that were cut off, check saved clips. Exit code 1 where one is damaged."""
    from bridge.errors import SessionError
    from bridge.recording import recover as recovery

    saved, broken = recovery.check_clips(clips)
    drives = [recovery.repair(one) for one in recovery.look(clips)]
    if join is not None:
        chosen = [one for one in drives if join in (one.folder.name, "last")]
        if not chosen:
            names = ", ".join(one.folder.name for one in drives) or "none"
            raise SessionError(f"There is no recorded drive '{join}' in {clips}; there are: {names}.")
        video, _ = recovery.join(chosen[-1], clips)
        say(f"The drive {chosen[-1].folder.name} is now the clip {video}.")
    if as_json:
        print_json(
            [
                {"drive": one.folder.name, "state": one.state, "seconds": one.seconds, "damaged": list(one.damaged)}
                for one in drives
            ]
        )
    elif drives:
        rows = [(one.folder.name, one.state, f"{one.seconds:.1f} s", ", ".join(one.damaged)) for one in drives]
        print_table("Recorded drives", rows, ("drive", "state", "length", "damaged"))
    else:
        say(f"No drive has been recorded in {clips}.")
    for video in broken:
        complain(f"The clip {video} or its labels are not what was saved; use another copy of both.")
    if saved and not broken:
        say(f"{saved} saved clips are as they were saved.")
    if broken or any(one.state == "damaged" for one in drives):
        raise typer.Exit(1)
