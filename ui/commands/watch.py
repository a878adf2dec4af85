"""Dreaming: the page, and a drive written to a video."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from ui.console import progress, say
from world.errors import DataError

World = Annotated[
    Path | None,
    typer.Option(help="plain: the scene world without its painter; or a folder of weights of a latent world."),
]
Quality = Annotated[
    int,
    typer.Option(
        "--quality",
        "--steps",
        help="1, 2, 4 or 8: of a scene the picture's size, of a latent world K, the sampling steps a frame. More is slower.",
    ),
]

Traffic = Annotated[
    str,
    typer.Option(
        help="Who moves the others: rules, model, or a folder that `lucidrive train traffic` made; usual: the model that came along."
    ),
]
Reckless = Annotated[
    float, typer.Option(min=0, max=1, help="Share of the other drivers who take no notice of signals.")
]


def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 7860,
    host: Annotated[
        str, typer.Option(help="Which address to serve at; any but this machine's own needs --auth.")
    ] = "127.0.0.1",
    world: World = None,
    quality: Quality = 2,
    keys: Annotated[
        str, typer.Option(help="For a world without a car: left=steer:-1,right=steer:1,up=gas,down=brake:0.8.")
    ] = "",
    tabs: Annotated[
        int | None,
        typer.Option(min=1, help="Dreams at a time, however slow; default: what memory and real time allow."),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="RAM that all of it may have, such as 4GiB; default: what there is.")
    ] = None,
    brain_url: Annotated[
        str | None, typer.Option(help="Of a `vllm serve` that reads the sentences; default: the model in this process.")
    ] = None,
    brain_name: Annotated[str, typer.Option(help="The name of the LoRA there.")] = "lucidrive",
    auth: Annotated[
        str | None,
        typer.Option(
            envvar="LUCIDRIVE_AUTH", help="NAME:PASSWORD that everyone is asked for; a host but this machine needs it."
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A name that a reverse proxy answers to, such as drive.example.org; may be repeated."),
    ] = None,
    root_path: Annotated[str, typer.Option(help="The path that a reverse proxy serves it below, such as /drive.")] = "",
    traffic: Traffic = "usual",
    reckless: Reckless = 0.0,
    place: Annotated[
        str | None,
        typer.Option(
            help="Where drives begin: 'a suburb at dusk, two lanes', town:7, osm:map.osm, dreamt or dreamt:SEED:dense:grid:2."
        ),
    ] = None,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Also be an MCP server, so that agents can drive (extra `mcp`).")
    ] = False,
) -> None:
    """Open the dream as a page in your browser: say what should happen, or drive with the arrow keys."""
    say("Waking the dream ...")
    from world.machine import few_arenas

    few_arenas()  # before there are threads
    from bridge.budget.sizes import parse_size
    from ui.app import check_serving, serve
    from ui.live import LiveDreamer
    from ui.origin import Public
    from world.scene_world import Others

    others = Others.of(traffic, reckless)
    public = Public.of(allowed_host or (), root_path)
    first = tell_of_compiling(world)
    check_serving(host, port, auth, mcp)  # before the models are loaded, not after it
    if public.hosts and auth is None:
        say(f"Whoever reaches {public.hosts[0]} can drive here: let the proxy ask for a password, or give --auth.")
    signal.signal(signal.SIGTERM, _stop)  # the server ends gracefully first, and raises it again
    capacity = None if memory is None else parse_size(memory)
    dreamer = LiveDreamer.load(
        world,
        quality=quality,
        keys=keys,
        tabs=tabs,
        capacity=capacity,
        brain_url=brain_url,
        brain_name=brain_name,
        others=others,
        place=place,
    )
    try:
        if first:
            dreamer.check()  # compiles: a page that is open already would stand still meanwhile
        serve(dreamer, host, port, auth=auth, mcp=mcp, public=public, announce=say)
    finally:
        dreamer.close()


def tell_of_compiling(world: Path | None) -> bool:
    """Says that a scene's first start takes long, where it does; whether it does."""
    from world.dream import is_scene
    from world.render.raster import compiled

    first = is_scene(world) and not compiled()
    if first:
        say("Compiling the scene's loops for this machine: about a minute, the first time only ...")
    return first


def _stop(*_: object) -> None:
    raise SystemExit(0)


def dream(
    prompt: Annotated[str, typer.Option(help="What should happen, in English or Chinese.")] = "",
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Length; ten frames a second.")] = 12.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same dream.")] = 0,
    scene: Annotated[
        str | None,
        typer.Option(
            "--scene",
            "--place",
            help="Where to begin: 'a suburb at dusk, two lanes', town:7, osm:map.osm, dreamt:SEED:dense:grid:2, or a latent world's scene.",
        ),
    ] = None,
    film: Annotated[
        Path | None,
        typer.Option("--from", exists=True, dir_okay=False, help="A video whose first frames it begins with."),
    ] = None,
    at: Annotated[float, typer.Option(min=0, help="Seconds into that video.")] = 0.0,
    speed: Annotated[float, typer.Option(min=0, max=65, help="km/h of the car in that video.")] = 30.0,
    quality: Quality = 2,
    out: Annotated[
        Path, typer.Option(help="The video; a JSON beside it tells plan, controls, seed and hashes.")
    ] = Path("drive.mp4"),
    world: World = None,
    traffic: Traffic = "usual",
    reckless: Reckless = 0.0,
    load_state: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A saved drive (.dream) to go on with.")
    ] = None,
    save_state: Annotated[
        Path | None, typer.Option(help="Save the drive there at its end, to go on with or to send to somebody.")
    ] = None,
) -> None:
    """Dream a drive and write it as a video with its JSON sidecar."""
    from bridge.disk import check_place
    from bridge.errors import ExportError
    from bridge.recording.clip_files import CLIP_BYTES

    if out.suffix.lower() != ".mp4":  # before the work, not after it
        raise ExportError(f"The clip {out.name} cannot be written: give it a name that ends in .mp4.")
    check_place(out, int(seconds * CLIP_BYTES))
    if save_state is not None:
        check_place(save_state)
    if film is not None and scene is not None:
        raise DataError("Begin the dream in a scene or in a video, not in both.")
    if load_state is not None and (film is not None or scene is not None):
        raise DataError("A saved drive goes on where it was; give no scene and no video with --load-state.")
    from bridge.loop import headless
    from bridge.recording.clip_files import check_clip, write_clip
    from bridge.snapshot import Beginning
    from world.data.footage import first_frames
    from world.dream import is_scene
    from world.dynamics.dreamt import DREAMT, remark
    from world.places import is_name
    from world.scene_world import Others

    others = Others.of(traffic, reckless)
    if film:
        check_clip(film)
    tell_of_compiling(world)
    if scene is not None and is_scene(world) and (text := remark(scene if is_name(scene) else DREAMT)):
        say(text)
    beginning = Beginning(first_frames(film, at), speed / 3.6) if film else None
    with progress("dream") as report:
        clip = headless(
            prompt,
            seconds=seconds,
            seed=seed,
            scene=scene,
            beginning=beginning,
            quality=quality,
            world=world,
            report=report,
            load=load_state,
            save=save_state,
            others=others,
        )
        write_clip(clip, out)
    say(f"{out}: {seconds:g} s; {out.with_suffix('.json')} says how it was made.")
