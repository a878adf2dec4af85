"""Gymnasium environments. `lucidrive/Town-v0`: the town, with the wheel in your hands.

`gymnasium.make("world.envs:lucidrive/Town-v0")` is enough; after `import world.envs` the name alone is.
"""

from __future__ import annotations

import math
import weakref
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from gymnasium import Env
from gymnasium.envs import registration
from gymnasium.spaces import Box

from world.controls import DT, Event, TimeOfDay, Weather
from world.data.schema import COLUMNS
from world.errors import SimulatorError

TOWN_ID, DREAM_ID = "lucidrive/Town-v0", "lucidrive/Dream-v0"  # the latter is world/dream_env.py
OPTIONS = ("town", "weather", "time", "event", "events", "route", "changes")
TURNS = {"left": "l", "right": "r", "straight": "s"}
OFF_ROAD_COST, COLLISION_COST = 0.1, 5.0


class TownEnv(Env[np.ndarray, np.ndarray]):
    """Driving in a generated town, ten steps a second.

    Action: float32 [2], steer and accel in [-1, 1] (positive: left, faster). Observation: uint8 [144, 256, 3], the view
    over the bonnet. Reward: metres driven along the route, less 0.1 for every step off the road and 5 for a collision.
    Terminated by a collision, truncated after `seconds`. `info`: the observed frame's row in a collected dataset
    (world/data/schema.py) without the action; `control.*` and `expert.*` apply from this frame on.

    The same seed and options give the same drive: labels always, pictures to the pixel while the town is loaded (after
    another town or environment a few pixels at the horizon may differ). SUMO allows one simulation per process, which belongs to the
    environment that was reset last; several at once need processes of their own (AsyncVectorEnv).
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / DT)}  # noqa: RUF012 (Gymnasium's own declaration)
    _holder: ClassVar[weakref.ref[TownEnv] | None] = None  # the owner of this process's SUMO

    def __init__(self, town: int | str = 0, seconds: float = 60.0, render_mode: str | None = None) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise SimulatorError(f"Town-v0 cannot render '{render_mode}'; take render_mode='rgb_array'.")
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = Box(0, 255, (144, 256, 3), np.uint8)
        self.render_mode = render_mode
        self._default_town, self._steps = town, max(1, round(seconds / DT))
        self._town: Any = None
        self._camera: Any = None
        self._in: int | str | None = None  # which town
        self._image = np.zeros((144, 256, 3), np.uint8)
        self._ousted = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins a drive. SimulatorError for an invalid option or where the extra sim is missing. Omitted options are drawn by the seed.

        `options`: town (its number, or the path of a network file), weather, time, event (names or values of
        world.controls), events (their rate, 1: as in the data, 0: never), changes (whether weather and time change
        during the drive), route (the turns at the first junctions, "left,right,straight", optionally after a lane to start on,
        "A1A0_0:left,right"; `info` has the commands for it, as for any drive).
        """
        super().reset(seed=seed)
        settings = dict(options or {})
        if unknown := sorted(set(settings) - set(OPTIONS)):
            raise SimulatorError(f"Town-v0 has no option '{unknown[0]}'; there are: {', '.join(OPTIONS)}.")
        try:
            from world.town.events import SCENARIO_EVENTS
            from world.town.options import Options
        except ModuleNotFoundError as error:
            raise SimulatorError(f"The town needs {error.name}: run `pip install 'lucidrive[sim]'`.") from error
        drive = Options(
            weather=_named("weather", Weather, settings.get("weather")),
            time=_named("time", TimeOfDay, settings.get("time")),
            event=_named("event", Event, settings.get("event"), (Event.NONE, *SCENARIO_EVENTS)),
            events=_rate(settings.get("events", 1.0)),
            changes=bool(settings.get("changes", True)),
            turns=_turns(settings.get("route")),
            lane=_lane(settings.get("route")),
        )
        traffic, route_seed = (int(part) for part in self.np_random.integers(2**31, size=2))
        self._enter(settings.get("town", self._default_town), traffic)
        self._town.reset(route_seed, drive)
        self._count = 0
        return self._look()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """The next frame. SimulatorError for an invalid action, before `reset`, or where another environment has taken SUMO over."""
        town = self._town
        if self._ousted:
            raise SimulatorError(
                "Another Town-v0 of this process has taken SUMO over, which runs once a process: give each a process of "
                "its own (gymnasium's AsyncVectorEnv), or reset this one."
            )
        if town is None:
            raise SimulatorError("Reset Town-v0 before stepping it.")
        wheel = np.asarray(action, np.float64)
        if wheel.shape != (2,) or not np.isfinite(wheel).all():
            raise SimulatorError(f"An action is two finite numbers, steer and accel in [-1, 1], not {action!r}.")
        steer, accel = (float(value) for value in np.clip(wheel, -1, 1))
        town.step(steer, accel)
        self._count += 1
        along = town.speed * DT * math.cos(town.fix.heading_error)
        reward = along - OFF_ROAD_COST * town.off_road - COLLISION_COST * town.collided
        image, info = self._look()
        return image, float(reward), bool(town.collided), self._count >= self._steps, info

    def render(self) -> np.ndarray | None:
        """The current picture, uint8 [144, 256, 3]; None without render_mode."""
        return self._image.copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Closes SUMO and the camera; `reset` opens them again."""
        if self._town is not None:
            self._town.close()
            self._camera.close()
            self._town = self._camera = None

    def _enter(self, town: Any, seed: int) -> None:
        """Enters a town and restarts its traffic. SimulatorError for an unknown town."""
        from world.town.camera import TownCamera
        from world.town.network import SPLITS
        from world.town.town import Town

        if isinstance(town, str | Path) and str(town).endswith(".xml"):
            town = str(town)
        elif not any(town in towns for towns in SPLITS.values()):
            ids = "; ".join(f"{split} {', '.join(map(str, towns))}" for split, towns in SPLITS.items())
            raise SimulatorError(f"There is no town {town!r}; there are: {ids}; or give the path of a .net.xml file.")
        holder = TownEnv._holder() if TownEnv._holder else None
        if holder is not None and holder is not self and holder._town is not None:
            holder.close()
            holder._ousted = True
        TownEnv._holder, self._ousted = weakref.ref(self), False
        if self._town is not None and self._in == town:
            self._town.restart(seed)
            return
        self.close()
        camera = TownCamera()
        self._town, self._camera, self._in = Town(town, seed, camera), camera, town

    def _look(self) -> tuple[np.ndarray, dict[str, Any]]:
        from world.town.recorder import row

        town = self._town
        self._image, camera_view = town.render()
        onset = town.choose() if not town.collided else False
        columns = row(town, camera_view, onset)
        info = {
            name: np.array(value, COLUMNS[name].dtype) if isinstance(value, tuple) else value
            for name, value in columns.items()
        }
        return self._image.copy(), info


def _named(option: str, kind: Any, value: Any, allowed: tuple[Any, ...] = ()) -> Any:
    """A member of an enum by name ("rain_2") or value, one of `allowed` if any; None stays None. SimulatorError for another value."""
    if value is None:
        return None
    members = {member.name.lower(): member for member in allowed or kind}
    try:
        member = members[value.lower()] if isinstance(value, str) else kind(value)
    except (KeyError, ValueError):
        member = None
    if member not in members.values():
        raise SimulatorError(f"Town-v0 has no {option} '{value}'; there are: {', '.join(members)}.")
    return member


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10:
        raise SimulatorError(f"Town-v0's option 'events' is a rate from 0 (never) to 10, not {value!r}.")
    return float(value)


def _lane(route: Any) -> str | None:
    """The lane of "A1A0_0:left,right"; None without one."""
    return route.rpartition(":")[0] or None if isinstance(route, str) else None


def _turns(route: Any) -> str:
    """Turns by name, "left,right" or a list, as letters. SimulatorError for an unknown turn."""
    if route is None:
        return ""
    names = route.rpartition(":")[2].split(",") if isinstance(route, str) else list(route)
    words = [str(name).strip().lower() for name in names if str(name).strip()]
    if unknown := [word for word in words if word not in TURNS]:
        raise SimulatorError(f"Town-v0's option 'route' knows no turn '{unknown[0]}'; there are: {', '.join(TURNS)}.")
    return "".join(TURNS[word] for word in words)


if DREAM_ID not in registration.registry:
    registration.register(
        DREAM_ID, entry_point="world.dream_env:DreamEnv", vector_entry_point="world.dream_vector_env:DreamVectorEnv"
    )
if TOWN_ID not in registration.registry:
    registration.register(TOWN_ID, entry_point="world.envs:TownEnv")
