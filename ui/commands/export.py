"""`lucidrive export`: clips that were made, as labelled datasets and scenarios for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.console import Sentences, print_json, progress, say

app = typer.Typer(cls=Sentences, no_args_is_help=True, help="Clips as labelled datasets, road networks and scenarios.")


@app.command(
    "clip",
    epilog="Examples: lucidrive export clip corner-cases --to nuscenes --cameras surround --out labelled; "
    "lucidrive export clip corner-cases/clips/3f2a-0.mp4 --to openscenario --out scenario",
)
def clip(
    source: Annotated[
        Path, typer.Argument(help="The folder of a run of `lucidrive clips`, or one of its clips (.mp4).")
    ],
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            help="coco, kitti, nuscenes, mcap, rerun, webdataset, lerobot, cosmos, opendrive or openscenario; may be repeated.",
        ),
    ] = None,
    cameras: Annotated[
        str, typer.Option(help="front, surround, stereo, or a YAML file with a set of yours.")
    ] = "front",
    out: Annotated[Path, typer.Option(help="A new folder.")] = Path("labelled"),
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that draw; default: one a core. 0: this process alone.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain shading instead of the painter.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """Drive each accepted clip again as it was and write what any cameras see of it, with all labels."""
    from bridge.factory.export.dataset import export, export_spec
    from world.labels.cameras import camera_set
    from world.machine import cores
    from world.render.painter import SHIPPED

    order = export_spec(source.expanduser(), to or [], camera_set(cameras), out.expanduser())
    with progress("labelling") as report:
        result = export(order, None if plain else SHIPPED, cores() if workers is None else workers, on_progress=report)
    if as_json:
        print_json({**result, "out": str(order.out)})
        return
    say(
        f"{order.out}: {result['clips']} drives, {result['pictures']} pictures with {result['boxes']} boxes as {', '.join(result['formats'])}, all synthetic;"
        " README.md says what the labels are worth."
    )
