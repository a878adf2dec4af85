"""Made-up films with what is true of them: enough for a small judge to learn something in seconds, without a scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from world.controls import Command, Event, Side, TimeOfDay, Weather
from world.judge import AGES, CELL, CELLS, GAP, MANOEUVRES
from world.town.films import SIZE, Film, write
from world.town.moments import FilmLabels
from world.town.teacher import path_of


def made_up(seed: int) -> Film:
    """Day or night, half of the time a bright box to the left or right; what stands behind slides as the car turns."""
    random = np.random.default_rng(seed)
    night, event, left, rate = seed % 2, seed // 2 % 2, seed // 4 % 2, float(random.uniform(-0.3, 0.3))
    behind = random.integers(60, 200, 64, np.uint8).repeat(4)[None].repeat(SIZE[0], 0)
    pictures, actor = np.zeros((len(AGES), *SIZE, 3), np.uint8), np.zeros(CELLS, np.uint16)
    if event:
        actor[40 // CELL : 60 // CELL, slice(10 // CELL, 34 // CELL) if left else slice(94 // CELL, 118 // CELL)] = 256
    for k, picture in enumerate(pictures):
        slid = round(91 * rate * 0.1 * GAP * k)
        picture[:] = np.roll(behind, slid, axis=1)[:, : SIZE[1], None] // (4 if night else 1)
        if event:
            picture[40:60, slice(10, 34) if left else slice(94, 118)] = 250, 40, 40
    truth = FilmLabels(
        weather=int(Weather.CLEAR),
        time=int(TimeOfDay.NIGHT if night else TimeOfDay.DAY),
        event=int(Event.ANIMAL if event else Event.NONE),
        side=int((Side.LEFT if left else Side.RIGHT) if event else Side.NONE),
        manoeuvre=MANOEUVRES.index(Command.LEFT if rate > 0 else Command.RIGHT),
        speed=6.0,
        yaw_rate=rate,
    )
    return Film(pictures, (), truth, actor)


def folder_of(films: list[Film], folder: Path) -> Path:
    """A folder with those films in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, film in enumerate(films):
        write(film, path_of(folder, number))
    return folder
