"""A nuScenes dataset's maps as places, and the first key frame of a scene as a state in one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from world.errors import DataError
from world.nuscenes.flat import conditions
from world.nuscenes.lanes import read_lanes
from world.nuscenes.start import start_state
from world.nuscenes.streets import streets_of
from world.nuscenes.tables import Dataset
from world.scene.build import build
from world.scene.graph import RoadGraph
from world.scene.places import ENDING, load_place, save
from world.scene.state import SceneState


@dataclass(frozen=True, eq=False)
class Map:
    """A map of the dataset as a road graph. file: its name as a place; mirrored: whether east and west are swapped."""

    file: str
    graph: RoadGraph
    mirrored: bool


def maps_of(dataset: Dataset, scenes: Sequence[str]) -> dict[str, Map]:
    """The map of each scene, each tried as a place. DataError where one is missing or cannot be driven on."""
    maps: dict[str, Map] = {}
    for location in dict.fromkeys(dataset.location(scene) for scene in scenes):
        path = dataset.expansion(location)
        lanes = read_lanes(path)
        try:
            graph = streets_of(lanes)
            build(graph)
        except DataError as error:
            raise DataError(f"{path} makes no place to drive in: {error}") from error
        maps[location] = Map(f"{location}{ENDING}", graph, lanes.mirrored)
    return {scene: maps[dataset.location(scene)] for scene in scenes}


def save_places(maps: dict[str, Map], folder: Path) -> dict[str, Path]:
    """Saves each scene's place as a file in `folder`; their paths by scene. DataError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for its in {its.file: its for its in maps.values()}.values():
            save(its.graph, folder / its.file)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}); choose another folder.") from error
    return {scene: (folder / its.file).resolve() for scene, its in maps.items()}


def first_moment(dataset: Dataset, scene: str, its: Map, place: Path, seed: int = 0) -> SceneState:
    """The state that a drive starts from. DataError where the scene has no key frame, or begins off the map."""
    moments = dataset.moments(scene)
    if not moments:
        raise DataError(f"{scene} has no key frame; take another scene.")
    control = conditions(dataset.description(scene))
    try:
        return start_state(load_place(str(place)), moments[0], control, its.mirrored, seed)
    except DataError as error:
        raise DataError(f"{scene} cannot be gone on with: {error}") from error
