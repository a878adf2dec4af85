"""Writes the shipped towns from the generated networks: `python -m world.scene.export [FOLDER]` (needs the extra sim)."""

from __future__ import annotations

import sys
from pathlib import Path

from world.scene.places import ENDING, FOLDER, save
from world.scene.sumo import graph_of
from world.town.network import TOWNS, ensure


def export(folder: Path = FOLDER) -> list[Path]:
    """Writes every town of world/town/network.py. SimulatorError where SUMO is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for town, character in enumerate(TOWNS):
        paths.append(folder / f"town-{town}{ENDING}")
        save(graph_of(ensure(town), character.look), paths[-1])
    return paths


if __name__ == "__main__":
    for path in export(*map(Path, sys.argv[1:2])):
        print(path)
