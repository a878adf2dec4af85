"""The entry point of all worlds: load one, open a dream of it, step many, restore a saved one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from world.controls import Control
from world.errors import DataError
from world.frame import Frame
from world.latent.dream import LatentDream, step_latent
from world.model import WorldModel
from world.places import ANYWHERE, Where, usual_places
from world.render.painter import SHIPPED
from world.scene_dream import SceneDream, step_scenes
from world.scene_world import USUAL, Others, SceneWorld

SCENE, PLAIN = "scene", "plain"  # names of the scene world, painted and plainly shaded, in place of a folder of weights

AnyDream = LatentDream | SceneDream
AnyWorld = WorldModel | SceneWorld


def load_world(
    path: Path | None = None, device: str = "cpu", others: Others = USUAL, where: Where = ANYWHERE
) -> AnyWorld:
    """A scene world, or the latent world of a folder of weights `path`. `others`: other road users of a scene; `where`: default place and
    conditions of a scene world's drives.

    Raises WeightsError where weights are missing or damaged, DataError for others or a place in a latent world.
    """
    if path is None or is_scene(path):
        names = usual_places() if where.place is None else (where.place,)
        painter = None if str(path) == PLAIN else SHIPPED
        return SceneWorld(
            names, device=device, painter=painter, others=others, begins=Control().with_(**where.conditions)
        )
    if where != ANYWHERE:
        raise DataError(f"The world in {path} is pictures alone and has no places; leave out --place.")
    if others != USUAL:
        raise DataError(
            f"The world in {path} has no road users beside its pictures; leave out --traffic and --reckless."
        )
    return WorldModel.load(path, device)


def is_scene(path: Path | None) -> bool:
    """Whether a path means the scene world: None, SCENE or PLAIN."""
    return path is None or str(path) in (SCENE, PLAIN)


def open_dream(model: AnyWorld, seed: int = 0, quality: int = 2, smooth: bool = False) -> AnyDream:
    """A dream of a world, not started. smooth: a scene's dream also draws pictures between frames. DataError for an unknown quality."""
    if isinstance(model, SceneWorld):
        return SceneDream(model, seed, quality, smooth)
    return LatentDream(model, seed, quality)


def restore(model: AnyWorld, tensors: dict[str, Tensor], values: dict[str, Any]) -> AnyDream:
    """The dream of a `state`. KeyError, TypeError, ValueError or RuntimeError where it is invalid."""
    if "steps" in values:  # of a drive saved before the dial had one name
        values = {("quality" if name == "steps" else name): value for name, value in values.items()}
    if isinstance(model, SceneWorld):
        return SceneDream.from_state(model, tensors, values)
    return LatentDream.from_state(model, tensors, values)


def goes_on(model: AnyWorld, weights: dict[str, str]) -> bool:
    """Whether a drive that was saved with these weights continues identically; a scene's painter does not matter."""
    return weights.items() <= model.hashes.items()


def step_all(dreams: Sequence[AnyDream], controls: Sequence[Control]) -> list[Frame]:
    """`step` for many dreams of both families at once, all or none; as each alone, up to rounding in latent worlds. DataError as in `step`."""
    pairs = list(enumerate(zip(dreams, controls, strict=True)))
    latent = [(place, dream, control) for place, (dream, control) in pairs if isinstance(dream, LatentDream)]
    before = [(dream, dream.fork()) for dream in dreams if isinstance(dream, SceneDream)]
    try:
        scenes = [(place, dream, control) for place, (dream, control) in pairs if isinstance(dream, SceneDream)]
        scene_frames = step_scenes([dream for _, dream, _ in scenes], [control for _, _, control in scenes])
        frames = {place: frame for (place, _, _), frame in zip(scenes, scene_frames, strict=True)}
        stepped = step_latent([dream for _, dream, _ in latent], [control for _, _, control in latent])
    except Exception:
        for dream, then in before:
            dream.go_back_to(then)
        raise
    frames |= dict(zip((place for place, _, _ in latent), stepped, strict=True))
    return [frames[place] for place, _ in pairs]
