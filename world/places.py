"""Every place by its name: a shipped town, a map of one's own, or a dreamt one."""

from __future__ import annotations

from world.dynamics.dreamt import DREAMT, dreamt_place, is_dreamt
from world.dynamics.streets import FOLDER
from world.scene.places import load_place, towns
from world.scene.state import Place

SEEDS = range(1, 17)  # of the dreamt places that drives begin in when nobody says where


def usual_places() -> tuple[str, ...]:
    """Where drives begin when nobody says: dreamt places where there is a network that dreams streets, else the test towns."""
    if (FOLDER / "config.json").exists():
        return tuple(f"{DREAMT}:{seed}" for seed in SEEDS)
    return tuple(towns()["test"])


def find_place(name: str) -> Place:
    """A name: "town-7" or "town:7"; a path or "osm:map.osm"; "dreamt", "dreamt:SEED:CHARACTER" (world/dynamics/dreamt.py).

    Raises DataError: there is no such place; WeightsError: no network dreams streets here.
    """
    if is_dreamt(name):
        return dreamt_place(name)
    kind, colon, rest = name.partition(":")
    if colon and kind == "town":
        return load_place(f"town-{rest}")
    return load_place(rest if colon and kind == "osm" else name)
