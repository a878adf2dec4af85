"""The measurements as one picture: how the dream's cost grows."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bridge.bench.page import BenchError
from bridge.disk import aside

REAL_TIME = 10.0  # frames a second
BLUE, RED = "#2b6cb0", "#c05621"


def check(path: Path) -> None:
    """BenchError, before anything is measured, where no picture could be drawn."""
    if find_spec("matplotlib") is None:
        raise BenchError("The picture needs matplotlib: run `pip install 'lucidrive[train]'`.")
    if path.suffix != ".png" or not path.parent.is_dir():
        raise BenchError(f"No picture can be drawn at {path}; give a .png in a folder that is there.")


def draw(result: dict[str, Any], path: Path) -> None:
    """A PNG at `path`, of what `bridge.bench.run` gave."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    by_k, by_cache, by_size, by_sessions = figure.subplots(2, 2).flat

    fps = result["dream_fps_by_steps"]
    bars = by_k.bar(list(fps), list(fps.values()), color=BLUE)
    by_k.bar_label(bars, fmt="%.1f")
    by_k.axhline(REAL_TIME, color="grey", linestyle="--", linewidth=1)
    by_k.text(len(fps) - 0.5, REAL_TIME, "real time", va="bottom", ha="right", color="grey")
    by_k.set(title="One dream, by K", xlabel="K, sampling steps a frame", ylabel="frames/s")

    cache = {int(length): ms for length, ms in result["dynamics_ms_by_cache"].items()}
    by_cache.plot(list(cache), list(cache.values()), "o-", color=BLUE)
    by_cache.set(title="One pass of the dynamics", xlabel="frames in the cache", ylabel="ms")

    sizes = result["frame_ms_by_size"]
    by_size.bar_label(by_size.bar(list(sizes), list(sizes.values()), color=BLUE, width=0.5), fmt="%.0f")
    by_size.set(title=f"A frame, K={result['steps']}, untrained models", xlabel="picture", ylabel="ms")

    sessions = result["tick_ms_by_sessions"]
    numbers = [int(number) for number in sessions]
    for name, words, colour in (("alone", "one after another", RED), ("batched", "one batch", BLUE)):
        by_sessions.plot(numbers, [each[name] for each in sessions.values()], "o-", label=words, color=colour)
    by_sessions.axhline(1000 / REAL_TIME, color="grey", linestyle="--", linewidth=1)
    by_sessions.text(numbers[-1], 1000 / REAL_TIME, "real time", va="bottom", ha="right", color="grey")
    by_sessions.set(
        title=f"A tick of several dreams, K={result['steps']}", xlabel="dreams", ylabel="ms", xticks=numbers
    )
    by_sessions.legend()

    for axes in (by_k, by_cache, by_size, by_sessions):
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
