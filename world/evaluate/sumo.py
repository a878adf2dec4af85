"""Contacts of SUMO's traffic in the same towns, by the same boxes, for comparison with ours (extra `sim`)."""

from __future__ import annotations

import math

import numpy as np

from world.controls import DT, FPS
from world.errors import SimulatorError
from world.evaluate.scene_drives import contacts
from world.scene.objects import AGENT, Kind
from world.scene.places import towns


def is_installed() -> bool:
    """Whether the extra `sim` is installed."""
    try:
        from world.town import traffic
    except (SimulatorError, ModuleNotFoundError):
        return False
    return bool(traffic)


def sumo_contacts(name: str, seconds: float, seed: int) -> tuple[int, float]:
    """(contacts, vehicle-minutes) of SUMO's traffic in a shipped town. One simulation per process.

    SimulatorError without SUMO or for other places.
    """
    from world.town.network import load
    from world.town.traffic import SumoTraffic

    if name not in {town for names in towns().values() for town in names}:
        raise SimulatorError(f"SUMO knows no '{name}'; take a shipped town.")
    traffic = SumoTraffic(load(int(name.rpartition("-")[2])), seed)
    before, count, ticks = set[tuple[int, int]](), 0, 0
    try:
        for _ in range(int(seconds * FPS)):
            traffic.step(0.0, 0.0)
            vehicles = _vehicles()
            now = contacts(vehicles)
            count, ticks, before = count + len(now - before), ticks + len(vehicles), now
    finally:
        traffic.close()
    return count, ticks * DT / 60


def _vehicles() -> np.ndarray:
    """All vehicles of the running simulation as boxes, AGENT [N]; SUMO's positions are front bumpers."""
    import libsumo

    names = libsumo.vehicle.getIDList()
    boxes = np.zeros(len(names), AGENT)
    for box, name in zip(boxes, names, strict=True):
        x, y = libsumo.vehicle.getPosition(name)
        heading, length = math.radians(90.0 - libsumo.vehicle.getAngle(name)), libsumo.vehicle.getLength(name)
        box["kind"], box["id"] = int(Kind.CAR), int("".join(filter(str.isdigit, name)) or 0)  # "v17" and "ego"
        box["x"], box["y"] = x - 0.5 * length * math.cos(heading), y - 0.5 * length * math.sin(heading)
        box["heading"], box["length"], box["width"] = heading, length, libsumo.vehicle.getWidth(name)
    return boxes[np.abs(boxes["x"]) < 1e6]
