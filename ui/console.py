"""What every command shares: one sentence for an error, progress with an ETA, JSON alone on stdout."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperGroup

from world.errors import LucidriveError
from world.telling import Report

TRACEBACK = "LUCIDRIVE_TRACEBACK"
INTERRUPTED = 130
POSIX_ONLY = ("resource", "fcntl", "termios", "pwd")
OTHER_SYSTEM = "This needs Linux or macOS; on Windows, run lucidrive in WSL (wsl --install)."
RESUMABLE = ("clips", "collect", "train", "finetune")


class Sentences(TyperGroup):
    """A group of commands whose errors are one red sentence on stderr; exit code 1, or 130 after Ctrl+C."""

    def invoke(self, ctx: Any) -> Any:
        """As Typer's; an error of ours becomes a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except LucidriveError as error:
            complain(str(error))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            again = "; the same command goes on from where it was" if ctx.invoked_subcommand in RESUMABLE else ""
            complain(f"Stopped by Ctrl+C{again}.")
            raise typer.Exit(INTERRUPTED) from error
        except (OSError, MemoryError, ImportError) as error:
            if os.environ.get(TRACEBACK):
                raise
            complain(f"{_cause(error)} `lucidrive doctor` says what is missing; {TRACEBACK}=1 shows where it happened.")
            raise typer.Exit(1) from error


def complain(sentence: str) -> None:
    """A red sentence on stderr."""
    Console(stderr=True, soft_wrap=True).print(sentence, style="red", markup=False, highlight=False)


def say(text: str) -> None:
    """A line for a person, on stderr: stdout is for results."""
    Console(stderr=True, soft_wrap=True).print(text, markup=False, highlight=False)


def print_json(value: Any) -> None:
    """JSON on stdout, for --json."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=plain, default=str) + "\n")


def print_table(title: str, rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ()) -> None:
    """A table on stdout, where --json is not given."""
    table = Table(*head, title=title, show_header=bool(head))
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@contextmanager
def progress(what: str) -> Iterator[Report]:
    """A bar on stderr, or without a terminal a line now and then. Yields a report of the fraction done and what is being done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(what)
        return
    columns = (
        TextColumn("{task.fields[title]}", style="bold"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.description}", style="dim", markup=False),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=1.0, title=what)
        yield lambda fraction, text: bar.update(task, completed=fraction, description=text)


def quiet() -> None:
    """Silences libraries' warnings and log messages."""
    warnings.simplefilter("ignore")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def _plain(what: str) -> Report:
    last, said = -1.0, ""

    def report(fraction: float, text: str) -> None:
        nonlocal last, said
        if fraction >= last + 0.05 or fraction < last or (fraction == 0 and text != said):
            last, said = fraction, text
            say(f"{what} {fraction:4.0%}  {text}")

    return report


def _cause(error: BaseException) -> str:
    match error:
        case MemoryError():
            return "This machine ran out of memory; close other programs and try again."
        case ImportError(name=str(name)) if name in POSIX_ONLY:
            return OTHER_SYSTEM
        case ImportError(name=str(name)):
            return f"The package '{name}' is not installed."
        case OSError(filename=str(path), strerror=str(reason)):
            return f"{path} cannot be used ({reason.lower()})."
        case _:
            return f"The system refused ({error})."
