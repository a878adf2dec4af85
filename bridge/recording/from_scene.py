"""Saves a scene from elsewhere as a drive to go on with."""

from __future__ import annotations

from pathlib import Path

from bridge.disk import write_whole
from bridge.recording.state import pack
from bridge.session import Session
from bridge.timeline import Timeline
from world.controls import Control, TimeOfDay, Weather
from world.scene.facts import conditions
from world.scene.state import SceneState
from world.scene_dream import SceneDream
from world.scene_world import UNDRAWN, USUAL, SceneWorld

QUALITY = 2  # of the dial, in the saved drive


class SceneSaver:
    """Saves scenes, of several places in turn, as drives."""

    def __init__(self) -> None:
        self._worlds: dict[str, SceneWorld] = {}

    def save(self, state: SceneState, out: Path) -> Path:
        """Writes a drive (.dream) at its first frame, with the usual traffic. state: of one drive, whose place's name is its file.

        ExportError; WeightsError where the traffic's weights are none; DataError: the place.
        """
        name = state.places[0].name
        if name not in self._worlds:
            self._worlds[name] = SceneWorld((name,), painter=None, others=USUAL)
        world = self._worlds[name]
        seed, (weather, time) = int(state.seed[0]), conditions(state.amounts[0])
        dream = SceneDream(world, seed, UNDRAWN)
        dream.stand(state, Control(weather=weather, time=time), name)
        dream.quality = QUALITY
        session = Session(lambda number: SceneDream(world, number, UNDRAWN), seed, name)
        session.continue_from(dream, Timeline(Weather(weather), TimeOfDay(time)), (0.0, 0.0), None)
        return write_whole(out, pack(session))
