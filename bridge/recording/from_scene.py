"""A scene that was made elsewhere, as a saved drive to go on with."""

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

USUALLY = 2  # of the quality dial, when it goes on


class Begun:
    """Saves scenes of one place after another. WeightsError where the usual traffic's weights are none."""

    def __init__(self) -> None:
        self._worlds: dict[str, SceneWorld] = {}

    def save(self, state: SceneState, out: Path) -> Path:
        """A drive (.dream) at its first frame, amid the usual traffic. state: of one drive, whose place is named by its file. ExportError."""
        name = state.places[0].name
        if name not in self._worlds:
            self._worlds[name] = SceneWorld((name,), painter=None, others=USUAL)
        world = self._worlds[name]
        seed, (weather, time) = int(state.seed[0]), conditions(state.amounts[0])
        dream = SceneDream(world, seed, UNDRAWN)
        dream.stand(state, Control(weather=weather, time=time), name)
        dream.quality = USUALLY
        session = Session(lambda number: SceneDream(world, number, UNDRAWN), seed, name)
        session.go_on_from(dream, Timeline(Weather(weather), TimeOfDay(time)), (0.0, 0.0), None)
        return write_whole(out, pack(session))
