"""`lucidrive`: the command line. Each command's body is in `ui.commands`; errors are sentences (`ui.console`)."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version

import typer

from ui.commands import checks, clips, export, imports, memory, plan, recover, train, training, watch
from ui.console import INTERRUPTED, Sentences, complain, quiet
from ui.locales import speak_utf8
from ui.proxies import own_machine_directly

app = typer.Typer(
    cls=Sentences,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="An open driving dream: say where to go and what should happen, and watch it being dreamt.",
    epilog='Begin with `lucidrive doctor`, then `lucidrive ui`, or `lucidrive dream --prompt "rain, then left"`.',
)

DREAM, MAKE, CHECK = "Dream", "Make weights", "Measure"

app.command("ui", rich_help_panel=DREAM, epilog="Example: lucidrive ui --port 7870")(watch.ui)
app.command(
    "dream",
    rich_help_panel=DREAM,
    epilog='Example: lucidrive dream --prompt "heavy rain, left, then a child runs out" --seconds 20 --out rain.mp4',
)(watch.dream)
app.command(
    "clips",
    rich_help_panel=DREAM,
    epilog='Example: lucidrive clips "rainy night, a pedestrian steps out from the right while we turn left" -n 20 --seconds 8 '
    "--out corner-cases",
)(clips.clips)
app.add_typer(export.app, name="export", rich_help_panel=DREAM)
app.command("recover", rich_help_panel=DREAM, epilog="Example: lucidrive recover clips --join last")(recover.recover)
app.command(
    "plan",
    rich_help_panel=DREAM,
    epilog='Examples: lucidrive plan "下個路口左轉" --context "weather=clear time=day speed=30"; '
    "lucidrive plan --file cases.tsv > plans.txt",
)(plan.plan)
app.command(
    "collect",
    rich_help_panel=MAKE,
    epilog="Example: lucidrive collect --frames 8000 --out data/validation --split validation --workers 4",
)(train.collect)
app.command("town", rich_help_panel=MAKE, epilog="Example: lucidrive town --osm map.osm --out town.net.xml")(train.town)
app.add_typer(imports.app, name="import", rich_help_panel=MAKE)
app.add_typer(training.app, name="train", rich_help_panel=MAKE)
app.command(
    "finetune",
    rich_help_panel=MAKE,
    epilog="Example: lucidrive finetune --minutes 20 --data my-cases.jsonl --out runs/brain",
)(train.finetune)
app.add_typer(checks.evaluate, name="evaluate", rich_help_panel=CHECK)
app.add_typer(checks.bench, name="bench", rich_help_panel=CHECK)
app.command(
    "memory",
    rich_help_panel=CHECK,
    epilog="Example: lucidrive memory --profile rtx5090 --capacity 32GiB --brain Qwen3-14B --world wide --sessions 4",
)(memory.memory)
app.command("doctor", rich_help_panel=CHECK, epilog="Example: lucidrive doctor --json")(checks.doctor)


def _version(on: bool) -> None:
    if on:
        try:
            print(f"lucidrive {version('lucidrive')}")
        except PackageNotFoundError:
            print("lucidrive is not installed, so it has no version; install it with `pip install .`")
        raise typer.Exit


@app.callback()
def setup(  # noqa: D103 (its docstring would be the program's help)
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version and leave."),
) -> None:
    quiet()
    own_machine_directly(os.environ)


def main() -> None:
    """The entry point of the installed command."""
    speak_utf8()
    try:
        app()
    except KeyboardInterrupt:
        complain("Stopped by Ctrl+C.")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
