"""Templates of all motor vehicles, cached."""

from __future__ import annotations

from functools import cache

from world.render.assets import cars, lorries
from world.render.assets.solids import Template
from world.scene.objects import Kind

STYLES = 3  # of cars: hatchback, saloon, SUV
_MAKERS = {
    Kind.VAN: lorries.van,
    Kind.LORRY: lorries.lorry,
    Kind.BUS: lorries.bus,
    Kind.AMBULANCE: lorries.ambulance,
    Kind.FIRE_ENGINE: lorries.fire_engine,
    Kind.POLICE: cars.police,
}
KINDS = (Kind.CAR, *_MAKERS)


@cache
def vehicle(kind: Kind, style: int, detail: int) -> Template:
    """A vehicle at the size of SIZES[kind]. style: below STYLES, for cars alone. detail: 0 (far) to 2."""
    return cars.car(style, detail) if kind is Kind.CAR else _MAKERS[kind](detail)
