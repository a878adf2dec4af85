"""The sides of a box, for collectors of faces."""

from __future__ import annotations

Corner = tuple[float, float, float]


def box_sides(low: Corner, high: Corner, skip: str = "") -> list[list[Corner]]:
    """Quads, counter-clockwise seen from outside; `skip` names sides to leave out: f(ront) b(ack) l(eft) r(ight) t(op) d(own)."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    every: dict[str, list[Corner]] = {
        "f": [(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)],
        "b": [(x0, y1, z0), (x0, y0, z0), (x0, y0, z1), (x0, y1, z1)],
        "l": [(x1, y1, z0), (x0, y1, z0), (x0, y1, z1), (x1, y1, z1)],
        "r": [(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)],
        "t": [(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)],
        "d": [(x0, y1, z0), (x1, y1, z0), (x1, y0, z0), (x0, y0, z0)],
    }
    return [side for key, side in every.items() if key not in skip]
