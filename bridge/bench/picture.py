"""Draws the measurements as one picture: how the cost of a dream grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge.bench.page import BenchError
from bridge.disk import aside
from world.packages import need

REAL_TIME = 10.0  # frames a second
BLUE, RED = "#2b6cb0", "#c05621"


def check(path: Path) -> None:
    """BenchError or MissingPackageError where no picture can be drawn at `path`; call it before measuring."""
    need("matplotlib", "train", "Pictures of measurements")
    if path.suffix != ".png" or not path.parent.is_dir():
        raise BenchError(f"No picture can be drawn at {path}; give a .png in a folder that is there.")


def draw(result: dict[str, Any], path: Path) -> None:
    """Writes a PNG of a result of `bridge.bench.run`. BenchError where it cannot be written."""
    from matplotlib.figure import Figure

    from bridge.bench import words

    figure = Figure(figsize=(13, 4), layout="constrained")
    by_dial, by_part, by_sessions = figure.subplots(1, 3).flat

    fps = {words(result, dial): value for dial, value in result["dream_fps_by_dial"].items()}
    by_dial.bar_label(by_dial.bar(list(fps), list(fps.values()), color=BLUE), fmt="%.1f")
    by_dial.axhline(REAL_TIME, color="grey", linestyle="--", linewidth=1)
    by_dial.text(len(fps) - 0.5, REAL_TIME, "real time", va="bottom", ha="right", color="grey")
    by_dial.set(title="One dream", ylabel="frames/s")

    parts = result["parts_ms"]
    by_part.barh(list(parts), list(parts.values()), color=BLUE)
    by_part.invert_yaxis()
    by_part.set(title="What a frame of a scene takes", xlabel="ms")

    sessions = result["tick_ms_by_sessions"]
    numbers = [int(number) for number in sessions]
    for name, label, colour in (("alone", "one after another", RED), ("batched", "one batch", BLUE)):
        by_sessions.plot(numbers, [each[name] for each in sessions.values()], "o-", label=label, color=colour)
    by_sessions.axhline(1000 / REAL_TIME, color="grey", linestyle="--", linewidth=1)
    by_sessions.text(numbers[-1], 1000 / REAL_TIME, "real time", va="bottom", ha="right", color="grey")
    by_sessions.set(
        title=f"A tick of several dreams, {words(result, str(result['quality']))}",
        xlabel="dreams",
        ylabel="ms",
        xticks=numbers,
    )
    by_sessions.legend()

    for axes in (by_dial, by_sessions):
        axes.margins(y=0.12)
        axes.set_ylim(bottom=0)
    machine = result["machine"]
    figure.suptitle(
        f"{machine['cores']} cores, {machine['cpu']}, {result['threads']} threads; load {machine['load_average']:.1f}"
    )
    try:
        with aside(path) as unfinished:
            figure.savefig(unfinished, dpi=110)
            unfinished.replace(path)
    except OSError as error:
        raise BenchError(f"The picture could not be written to {path} ({error}); try another folder.") from error
