"""Data of others as datasets, places and drives of ours: import gym, video, lerobot, opendrive, nuscenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ui.console import progress, say
from world.errors import DataError

app = typer.Typer(
    no_args_is_help=True,
    help="Make a dataset of somebody else's data, for `lucidrive train`.",
    epilog="Example: lucidrive import gym CarRacing-v3 --frames 12000 --out data/racing --held-out data/racing-held",
)

Out = Annotated[Path, typer.Option(help="The dataset's folder, new or empty.")]
HeldOut = Annotated[Path | None, typer.Option(help="Every tenth episode goes here: what training is validated on.")]
Fps = Annotated[float, typer.Option(min=0.1, help="Frames a second of the dataset; worlds are trained at 10.")]
Size = Annotated[str | None, typer.Option(help="HEIGHTxWIDTH of the pictures, cropped to that shape.")]


@app.command(
    epilog="Example: lucidrive import gym CarRacing-v3 --frames 12000 --names steer,gas,brake --out data/racing"
)
def gym(
    environment: Annotated[str, typer.Argument(help="A name that gymnasium.make knows, or MODULE:NAME.")],
    frames: Annotated[int, typer.Option(min=1, help="How many, at 10 a second.")] = 12_000,
    out: Out = Path("data/gym"),
    held_out: HeldOut = None,
    policy: Annotated[str, typer.Option(help="random, smooth, or MODULE:FUNCTION (observation -> action).")] = "smooth",
    vary: Annotated[bool, typer.Option("--vary", help="Bursts of smooth chance in between.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 0,
    skip: Annotated[int | None, typer.Option(min=1, help="Steps a frame; default: its frame rate over ours.")] = None,
    discard: Annotated[int, typer.Option(min=0, help="First frames of every episode to leave out.")] = 0,
    names: Annotated[str | None, typer.Option(help="What the actions are called: steer,gas,brake.")] = None,
    pixels: Annotated[
        str, typer.Option(help="Where the pictures come from: auto, obs, render, or obs:KEY of several observations.")
    ] = "auto",
    size: Size = None,
    option: Annotated[list[str] | None, typer.Option(help="For gymnasium.make, NAME=VALUE; may be repeated.")] = None,
) -> None:
    """Record a Gymnasium environment with pictures and actions of numbers or choices (CarRacing: extra `gym`)."""
    from world.data.gym import import_gym

    with progress(f"import {environment}") as report:
        counts = import_gym(
            environment,
            frames,
            out,
            held_out=held_out,
            policy=policy,
            vary=vary,
            seed=seed,
            skip=skip,
            discard=discard,
            names=tuple(names.split(",")) if names else None,
            pixels=pixels,
            size=parse_size(size),
            options=dict(map(parse_option, option or [])),
            progress=lambda done, total: report(done / total, f"{done:,} of {total:,} frames"),
            note=say,
        )
    _done(out, held_out, counts)


@app.command(
    epilog="Example: lucidrive import video drive.mp4 --actions drive.csv --columns 'steer=wheel*-0.002,accel=pedal'"
)
def video(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A video of any size and frame rate.")],
    actions: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A table: a row a frame, or with a column of times."),
    ] = None,
    columns: Annotated[
        str, typer.Option(help="OURS=THEIRS*FACTOR+OFFSET, comma between: steer, accel, speed, time ...")
    ] = "",
    bounds: Annotated[str, typer.Option(help="Of actions that are not a car's: gas=0:1; default -1:1.")] = "",
    fps: Fps = 10.0,
    out: Out = Path("data/video"),
    held_out: HeldOut = None,
    size: Size = None,
    stream: Annotated[int | None, typer.Option(min=0, help="Which video of a file that holds several.")] = None,
) -> None:
    """Take a video, with or without a table of what its driver did."""
    from world.data.footage import SIZE, import_video

    with progress(f"import {file.name}") as report:
        counts = import_video(
            file,
            out,
            actions=actions,
            columns=columns,
            bounds=bounds,
            fps=fps,
            size=parse_size(size) or SIZE,
            stream=stream,
            held_out=held_out,
            progress=lambda done, total: report(done / total, f"{done:,} of {total:,} frames"),
            note=say,
        )
    _done(out, held_out, counts)


@app.command(epilog="Example: lucidrive import lerobot datasets/arm --camera observation.images.wrist --out data/arm")
def lerobot(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A LeRobot dataset, v2 or v3.")],
    camera: Annotated[str | None, typer.Option(help="The feature with the pictures, where there are several.")] = None,
    action: Annotated[str | None, typer.Option(help="The feature with the actions, where it is not `action`.")] = None,
    fps: Fps = 10.0,
    out: Out = Path("data/lerobot"),
    held_out: HeldOut = None,
    size: Size = None,
) -> None:
    """Take a LeRobot dataset: one camera, and the actions with whatever names they have."""
    from world.data.lerobot import import_lerobot

    with progress(f"import {folder.name}") as report:
        counts = import_lerobot(
            folder,
            out,
            camera=camera,
            action=action,
            fps=fps,
            size=parse_size(size),
            held_out=held_out,
            progress=lambda done, total: report(done / max(1, total), f"{done:,} of {total:,} episodes"),
            note=say,
        )
    _done(out, held_out, counts)


@app.command(epilog="Example: lucidrive import opendrive crossing.xodr --out crossing.net.xml")
def opendrive(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An OpenDRIVE road network (.xodr).")],
    out: Annotated[Path, typer.Option(help="The network file to write, .net.xml.")] = Path("town.net.xml"),
) -> None:
    """Make a place of an OpenDRIVE road network: streets and lanes as they are, crossings guessed (extra `sim`)."""
    from world.town.opendrive import from_opendrive

    if not out.name.endswith(".net.xml"):
        raise DataError(f"{out} should end in .net.xml, by which a place is known as a network.")
    network = from_opendrive(file, out)
    lanes = sum(len(names) for names in network.edge_lanes.values())
    say(
        f"{out}: {len(network.edge_lanes)} streets (each way counts), {lanes} lanes, {len(network.junctions)} junctions."
    )
    say(f"Drive there: lucidrive dream --place {out}")


@app.command(epilog="Example: lucidrive import nuscenes data/nuscenes --scene scene-0061 --out imported")
def nuscenes(
    dataset: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="A nuScenes dataset, with its map expansion in maps/.")
    ],
    scene: Annotated[list[str] | None, typer.Option(help="A scene by name; may be repeated. Default: all.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for places and drives.")] = Path("imported"),
    captures: Annotated[
        Path | None,
        typer.Option(help="A new folder for the pictures with their scenes, for `train painter --lessons`."),
    ] = None,
    version: Annotated[str | None, typer.Option(help="v1.0-mini or the like, where there are several.")] = None,
) -> None:
    """Make places of a nuScenes dataset's maps, and of each scene a drive (.dream) that begins as it does; or lessons of its pictures."""
    from bridge.recording.from_scene import SceneSaver
    from bridge.recording.state import SUFFIX
    from world.nuscenes.captures import check_new, write
    from world.nuscenes.places import first_moment, maps_of, save_places
    from world.nuscenes.tables import Dataset

    if captures is not None:
        check_new(captures)
    with progress(f"import {dataset.name}") as report:
        report(0.0, "reading the tables")
        tables = Dataset(dataset, version)
        names = scene or sorted(tables.scenes)
        maps = maps_of(tables, names)
        places, drives = save_places(maps, out), SceneSaver()
        for number, name in enumerate(names):
            drives.save(first_moment(tables, name, maps[name], places[name]), out / f"{name}{SUFFIX}")
            report((number + 1) / len(names) * (0.5 if captures else 1.0), f"{number + 1} of {len(names)} scenes")
        if captures is not None:
            pairs = [(name, maps[name]) for name in names]
            count = write(
                tables,
                pairs,
                captures,
                lambda done, many: report(0.5 + 0.5 * done / many, f"pictures of {done} scenes"),
            )
    for path in dict.fromkeys(places.values()):
        mirrored = any(maps[name].mirrored for name in names if places[name] == path)
        say(f"{path}: a place" + (", mirrored, for traffic keeps left there and ours right." if mirrored else "."))
    say(f"{len(names)} drives in {out}. Go on with one: lucidrive dream --load-state {out / names[0]}{SUFFIX}")
    if captures is not None:
        say(f"{count} pictures in {captures}. Next: lucidrive train painter --lessons {captures} --held-out ... --sky")


def parse_size(text: str | None) -> tuple[int, int] | None:
    """`72x128` as (72, 128); DataError for anything else."""
    if text is None:
        return None
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()) or int(height) < 2 or int(width) < 2:
        raise DataError(f"'{text}' is no size; write HEIGHTxWIDTH, such as 72x128.")
    if int(height) % 2 or int(width) % 2:
        raise DataError(f"{text}: height and width must be even, as the video's code wants them.")
    return int(height), int(width)


def parse_option(text: str) -> tuple[str, Any]:
    """`NAME=VALUE`, the value as JSON where it is such (false, 3, "text"), else as text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise DataError(f"'{text}' is no option; write NAME=VALUE, such as continuous=false.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _done(out: Path, held_out: Path | None, counts: tuple[int, int]) -> None:
    beside = f" and {counts[1]:,} in {held_out}" if held_out else ""
    say(f"{counts[0]:,} frames in {out}{beside}. Next: lucidrive train tokenizer --data {out} --held-out ...")
