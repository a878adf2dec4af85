"""Contact sheets: dreams of every weather and hour at seconds 1, 10 and 60, plainly shaded above and painted below.

    python -m world.evaluate.sheets OUT [PAINTER]

writes OUT/clear.png, OUT/rain_1.png and so on: two rows per hour, a column per second. PAINTER: a folder of weights;
default: the shipped ones.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from world.controls import FPS, Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.errors import DataError, LucidriveError
from world.evaluate.painter import Sources
from world.evaluate.scene_drives import on
from world.render.camera import Rig
from world.render.painter import Painter
from world.render.renderer import developed, renderer
from world.scene.places import load_place, towns

HOURS = (TimeOfDay.DAWN, TimeOfDay.DAY, TimeOfDay.DUSK, TimeOfDay.NIGHT)
SECONDS = (1.0, 10.0, 60.0)
TITLE = 14  # px above each picture


def sheets(
    out: Path,
    painter: Painter | None,
    seed: int = 0,
    rig: Rig | None = None,
    weathers: Sequence[Weather] = tuple(Weather),
    seconds: Sequence[float] = SECONDS,
) -> list[Path]:
    """Writes a PNG per weather. DataError where `out` cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        files = []
        for weather in weathers:
            rows = []
            for hour, time in enumerate(HOURS):
                control = Control(weather=weather, time=time)
                pictures = dream(seed + weather + len(Weather) * hour, control, painter, rig, seconds)
                rows.append(np.concatenate(pictures, 1))
            files.append(out / f"{weather.name.lower()}.png")
            Image.fromarray(np.concatenate(rows)).save(files[-1])
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error}); choose another folder.") from error
    return files


def dream(
    seed: int, control: Control, painter: Painter | None, rig: Rig | None = None, seconds: Sequence[float] = SECONDS
) -> list[np.ndarray]:
    """One dream in a test town: at every second a picture shaded plainly, above, and painted, uint8 [h, W, 3]."""
    names, drawing, rig = towns()["test"], renderer(painter), rig or Rig()
    state = start(load_place(names[seed % len(names)]), seed, control)
    pictures: list[np.ndarray] = []
    ticks = [round(second * FPS) for second in seconds]
    for tick in range(1, ticks[-1] + 1):
        state = on(state, control)
        if tick in ticks:
            shot = drawing.shot(state, rig)
            what = f"{Weather(control.weather).name} {TimeOfDay(control.time).name} {tick / FPS:g} s".lower()
            plain = _with_title(developed(shot.plain, shot, state), f"{what}, plain")
            painted = _with_title(developed(shot.radiance, shot, state), f"{what}, painted")
            pictures.append(np.concatenate([plain] if painter is None else [plain, painted]))
    return pictures


def _with_title(picture: np.ndarray, title: str) -> np.ndarray:
    height, width = picture.shape[:2]
    sheet = Image.new("RGB", (width, height + TITLE), "white")
    ImageDraw.Draw(sheet).text((3, 1), title, fill="black")
    sheet.paste(Image.fromarray(picture), (0, TITLE))
    return np.asarray(sheet)


def main(arguments: Sequence[str]) -> None:
    """Writes the sheets and prints their paths. SystemExit with a sentence for bad arguments or weights."""
    if not 1 <= len(arguments) <= 2:
        raise SystemExit("Say where to: python -m world.evaluate.sheets OUT [PAINTER]")
    try:
        painter = Sources.of(Path(arguments[1]) if len(arguments) == 2 else None).painter
        for path in sheets(Path(arguments[0]), painter):
            print(path)
    except LucidriveError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main(sys.argv[1:])
