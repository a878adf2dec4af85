"""The path tracer: Mitsuba 3 traces the scene's own triangles under the sky, sun and lamps of plain shading.

It returns linear radiance before air, in layers that add up, so that any mixture of them is a picture. The noise is
unbiased except for CLAMP where lamps are on.

On a GPU it uses Mitsuba's variant `cuda_ad_rgb`, which has not been run yet. Tested are `scalar_rgb`, the CPU's
variant, and `llvm_ad_rgb`, which is vectorised like the GPU's and gives the same picture up to noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from world.errors import DataError, SimulatorError
from world.render.camera import Rig, View
from world.render.draw import Part, Surroundings
from world.render.light import Light
from world.render.renderer import Renderer
from world.scene.state import SceneState
from world.town.bsdf import bitmap, bsdf, rgb
from world.town.emitters import environment, spots, sun
from world.town.scattering import MaterialMesh, shapes

VARIANTS = {"cpu": "scalar_rgb", "cuda": "cuda_ad_rgb", "llvm": "llvm_ad_rgb"}  # of Mitsuba; llvm is for tests
LAYERS = ("sky", "lamps", "beams")  # sky, sun and emissive surfaces; street lamps; headlights
DEPTH, DEPTH_LIT = 4, 3  # bounces by day, and where lamps are on; one more adds 0.2% and 0.8% of brightness
LIT_SHARE = 0.6  # of the samples where lamps are on: paths then take four times as long
CLAMP = 4.0  # largest exposed value in each of a picture's four passes, against fireflies
OWN_SHARE, SPOT_SHARE = 4, 16  # one of so many samples for our headlights, and for each other lamp or beam
OWN = "beam0.sampling_weight"
GLOW_SHARE = 0.15  # of light samples: textured emitters are expensive to sample


@dataclass(frozen=True, eq=False)
class RadianceLayers:
    """Radiance float32 [H, W, 3] by name of LAYERS; a missing layer is dark."""

    layers: dict[str, np.ndarray]

    @property
    def radiance(self) -> np.ndarray:
        """The sum of all layers, float32 [H, W, 3]."""
        return np.asarray(np.sum(list(self.layers.values()), axis=0, dtype=np.float32))


def trace(
    parts: Sequence[Part],
    view: View,
    light: Light,
    amounts: np.ndarray,
    around: Surroundings,
    *,
    samples: int = 16,
    seed: int = 0,
    device: str = "cpu",
) -> RadianceLayers:
    """Renders `parts` in a view and a light. samples: paths per pixel; device: of VARIANTS.

    SimulatorError without Mitsuba.
    """
    mi = mitsuba(device)
    lit = light.lamps_on or light.headlights_on
    samples = max(4, round(samples * LIT_SHARE)) if lit else samples
    scene, dark, own = load(mi, parts, view, light, amounts, around, samples)
    layers = {"sky": _passes(mi, scene, samples, seed, CLAMP / light.exposure if lit else math.inf)}
    if dark is not None:
        handles = mi.traverse(dark)
        for spot, layer in own.items():
            # One light at a time: no noise but that of edges and light sampling.
            for key in own:
                handles[key] = float(key == spot)
            handles.update()
            share = OWN_SHARE if spot == OWN else SPOT_SHARE
            image = _image(mi, dark, max(1, samples // share), seed + 7)
            layers[layer] = layers.get(layer, np.float32(0.0)) + image
    return RadianceLayers({name: np.asarray(value, np.float32) for name, value in layers.items()})


def trace_state(
    renderer: Renderer, state: SceneState, rig: Rig, *, samples: int, seed: int, device: str = "cpu"
) -> tuple[Light, RadianceLayers]:
    """Renders a drive's state through a camera, with its light; geometry behind the camera casts light too.

    SimulatorError without Mitsuba.
    """
    setup = renderer.assemble(state, rig, everywhere=True)
    return setup.light, trace(
        setup.parts, setup.view, setup.light, state.amounts[0], setup.around, samples=samples, seed=seed, device=device
    )


def load(
    mi: Any,
    parts: Sequence[Part],
    view: View,
    light: Light,
    amounts: np.ndarray,
    around: Surroundings,
    samples: int,
) -> tuple[Any, Any | None, dict[str, str]]:
    """Builds Mitsuba's scenes.

    Returns the scene without street lamps and headlights; the scene with these alone, None by day; and the layer of
    each of these, by the name of its sampling weight.
    """
    meshes_in = shapes(parts, view, light, amounts)
    # With the origin near the camera, single precision suffices.
    origin = np.array([view.eye[0], view.eye[1], 0.0])
    lit = light.lamps_on or light.headlights_on
    light_area = max(1.0, sum(shape.lights * len(shape.position) for shape in meshes_in))
    shares = [shape.lights * len(shape.position) / light_area if lit else 0.0 for shape in meshes_in]
    meshes = {
        f"m{n}": _mesh(mi, shape, origin, GLOW_SHARE * share)
        for n, (shape, share) in enumerate(zip(meshes_in, shares, strict=True))
    }
    sensor = {"type": "scene", "sensor": _sensor(mi, view, samples)}
    scene = {"integrator": _integrator(DEPTH_LIT if lit else DEPTH), "env": environment(mi, light, 0.5 if lit else 0.3)}
    if max(light.sun) > 1e-3 and light.sun_direction[2] > 0.02:
        scene["sun"] = sun(light)
    whole = mi.load_dict(sensor | meshes | scene)
    lamps = spots(mi, light, around, view, origin)
    if not lamps:
        return whole, None, {}
    glowing = {
        f"m{n}": replace(shape, radiance=None) for n, shape in enumerate(meshes_in) if shape.radiance is not None
    }
    meshes |= {name: _mesh(mi, shape, origin, 0.0) for name, shape in glowing.items()}
    only = {"integrator": _integrator(2)} | {name: spot for name, (_, spot) in lamps.items()}
    own = {f"{name}.sampling_weight": layer for name, (layer, _) in lamps.items()}
    return whole, mi.load_dict(sensor | meshes | only), own


def _integrator(depth: int) -> dict[str, Any]:
    """`volpath`, which handles cut-out leaves in shadow rays; `path` treats them as walls and counts them as bounces."""
    return {"type": "volpath", "max_depth": depth, "rr_depth": 9}


def mitsuba(device: str = "cpu") -> Any:
    """The library, set up for a device of VARIANTS. SimulatorError where it is missing or lacks the variant."""
    try:
        import mitsuba as mi
    except ImportError as error:
        raise SimulatorError("The path tracer needs Mitsuba: run `pip install 'lucidrive[sim]'`.") from error
    try:
        if mi.variant() != VARIANTS[device]:
            mi.set_variant(VARIANTS[device])
    except ImportError as error:
        raise SimulatorError(
            f"Mitsuba cannot trace on '{device}' here ({error}); trace on the CPU with `--device cpu`."
        ) from error
    mi.set_log_level(mi.LogLevel.Error)
    return mi


def choose(device: str) -> str:
    """cpu or cuda; auto chooses the GPU where torch and Mitsuba find one.

    DataError for another name, SimulatorError without a GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise DataError(f"There is no device '{device}' for the path tracer; take auto, cpu or cuda.")
    if device == "cpu":
        return device
    available = VARIANTS["cuda"] in mitsuba().variants() and _gpu()
    if device == "cuda" and not available:
        raise SimulatorError(
            "Mitsuba sees no GPU here; trace on the CPU with `--device cpu`, or install a torch for CUDA."
        )
    return "cuda" if available else "cpu"


def _gpu() -> bool:
    import drjit
    import torch

    return torch.cuda.is_available() and bool(drjit.has_backend(drjit.JitBackend.CUDA))


def _passes(mi: Any, scene: Any, samples: int, seed: int, clamp: float) -> np.ndarray:
    """Four short renders, each clamped, averaged."""
    each = max(1, samples // 4)
    count = max(1, samples // each)
    total = np.zeros(1, np.float32)
    for part in range(count):
        total = total + np.minimum(_image(mi, scene, each, seed * count + part), clamp)
    return total / np.float32(count)


def _image(mi: Any, scene: Any, samples: int, seed: int) -> np.ndarray:
    """One render, float32 [H, W, 3], on the host."""
    return np.array(mi.render(scene, spp=samples, seed=seed), np.float32)[..., :3]


def _sensor(mi: Any, view: View, samples: int) -> dict[str, Any]:
    forward, eye = view.axes[2], np.array([0.0, 0.0, view.eye[2]])
    return {
        "type": "perspective",
        "fov": math.degrees(2 * math.atan(view.width / 2 / view.focal)),
        "fov_axis": "x",
        "near_clip": 0.05,
        "to_world": mi.ScalarTransform4f().look_at(
            origin=eye.tolist(), target=(eye + forward).tolist(), up=(-view.axes[1]).tolist()
        ),
        "film": {
            "type": "hdrfilm",
            "width": view.width,
            "height": view.height,
            "rfilter": {"type": "box"},
            "pixel_format": "rgba",
        },
        "sampler": {"type": "independent", "sample_count": samples},
    }


def _mesh(mi: Any, shape: MaterialMesh, origin: np.ndarray, weight: float) -> Any:
    """A shape as a Mitsuba mesh without shared vertices."""
    count = 3 * len(shape.position)
    props = mi.Properties()
    props["mesh_bsdf"] = bsdf(mi, shape)
    if shape.radiance is not None:
        radiance = bitmap(mi, shape.radiance) if shape.radiance.ndim == 3 else rgb(shape.radiance)
        props["mesh_emitter"] = mi.load_dict({"type": "area", "sampling_weight": weight, "radiance": radiance})
    mesh = mi.Mesh(
        shape.name, vertex_count=count, face_count=len(shape.position), props=props,
        has_vertex_normals=True, has_vertex_texcoords=True,
    )  # fmt: skip
    if shape.tint is not None:
        mesh.add_attribute("vertex_tint", 3, shape.tint.astype(np.float32).ravel())
    if shape.share is not None:
        mesh.add_attribute("vertex_share", 1, shape.share.astype(np.float32).ravel())
    handles = mi.traverse(mesh)
    handles["vertex_positions"] = (shape.position.reshape(-1, 3) - origin).astype(np.float32).ravel()
    handles["vertex_normals"] = shape.normal.astype(np.float32).ravel()
    handles["vertex_texcoords"] = (shape.uv.reshape(-1, 2) * (1.0, 1.0)).astype(np.float32).ravel()
    handles["faces"] = np.arange(count, dtype=np.uint32)
    handles.update()
    return mesh
