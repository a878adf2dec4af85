"""Surface scattering as Mitsuba BSDFs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from world.town.scattering import MaterialMesh


def bsdf(mi: Any, shape: MaterialMesh) -> Any:
    """The BSDF of a shape, cached by the shape's `make`."""
    key = (mi.variant(), shape.make)
    if key not in _BSDFS:
        if len(_BSDFS) > 600:
            _BSDFS.clear()
        _BSDFS[key] = mi.load_dict(_scattering(mi, shape))
    return _BSDFS[key]


_BSDFS: dict[Any, Any] = {}


def _scattering(mi: Any, shape: MaterialMesh) -> dict[str, Any]:
    tint = {"type": "mesh_attribute", "name": "vertex_tint"}
    colour = tint if shape.albedo is None else bitmap(mi, shape.albedo)
    base = _base(shape.finish, colour, shape.roughness)
    if shape.over is not None:
        over = bitmap(mi, shape.over) if shape.over.ndim == 3 else rgb(shape.over)
        other = _base(shape.over_finish, over, shape.over_roughness)
        base = {
            "type": "blendbsdf",
            "weight": {"type": "mesh_attribute", "name": "vertex_share"},
            "a": base,
            "b": other,
        }
    if shape.opacity is not None:
        base = {"type": "mask", "opacity": bitmap(mi, shape.opacity), "inner": base}
    return base


def _base(finish: str, colour: Any, roughness: float) -> dict[str, Any]:
    """A two-sided BSDF of a finish with its colour."""
    if finish == "leaf":
        return {"type": "principledthin", "base_color": colour, "roughness": 0.8, "diff_trans": 1.0, "spec_trans": 0.0}
    if finish == "matt":
        inner: dict[str, Any] = {"type": "diffuse", "reflectance": colour}
    else:
        inner = {"type": "principled", "base_color": colour, "roughness": max(0.03, roughness), "specular": 0.5}
        inner |= {
            "glass": {"specular": 0.8},
            "paint": {"metallic": 0.15, "clearcoat": 1.0, "clearcoat_gloss": 0.97, "roughness": 0.32},
            "metal": {"metallic": 0.7},
            "wet": {"specular": 0.6},
        }.get(finish, {})
    return {"type": "twosided", "inner": inner}


def bitmap(mi: Any, pixels: np.ndarray) -> Any:
    """A repeating texture of linear values float [H, W, C]."""
    return mi.load_dict(
        {
            "type": "bitmap",
            "bitmap": mi.Bitmap(np.ascontiguousarray(pixels, np.float32)),
            "raw": True,
            "wrap_mode": "repeat",
        }
    )


def rgb(value: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """A linear colour as a Mitsuba dictionary."""
    return {"type": "rgb", "value": [float(one) for one in value]}
