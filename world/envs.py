"""Gymnasium environments. `import world.envs` registers `lucidrive/Town-v0`: the town, with the wheel in your hands."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from world.controls import DT, Event, TimeOfDay, Weather
from world.errors import SimulatorError

TOWN_ID = "lucidrive/Town-v0"
OPTIONS = ("town", "weather", "time", "event", "changes")
OFF_ROAD_COST, COLLISION_COST = 0.1, 5.0


class TownEnv(gym.Env[np.ndarray, np.ndarray]):
    """Driving in a generated town, ten steps a second.

    Action: float32 [2], steer and accel in [-1, 1] (positive: left, faster). Observation: uint8 [144, 256, 3], the view
    over the bonnet. Reward: metres driven along the route, less 0.1 for every step off the road and 5 for a collision.
    Terminated by a collision, truncated after `seconds`. `info`: the labels of world/data/schema.py for the observed frame,
    and the expert's action.

    SUMO allows one simulation a process: several environments want processes of their own (AsyncVectorEnv).
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": round(1 / DT)}

    def __init__(self, town: int = 0, seconds: float = 60.0, render_mode: str | None = None) -> None:
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = gym.spaces.Box(0, 255, (144, 256, 3), np.uint8)
        self.render_mode = render_mode
        self._default_town, self._steps = town, max(1, round(seconds / DT))
        self._town: Any = None
        self._camera: Any = None
        self._image = np.zeros(self.observation_space.shape or (), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """`options`: town (its id), weather, time, event (names or values of world.controls; left out: drawn by the
        seed), changes (whether weather and time change along the way). SimulatorError for what there is not.
        """
        super().reset(seed=seed)
        chosen = dict(options or {})
        if unknown := sorted(set(chosen) - set(OPTIONS)):
            raise SimulatorError(f"Town-v0 has no option '{unknown[0]}'; there are: {', '.join(OPTIONS)}.")
        try:
            from world.town.town import Options
        except ModuleNotFoundError as error:
            raise SimulatorError(f"The town needs {error.name}: run `pip install 'lucidrive[sim]'`.") from error
        self._enter(int(chosen.get("town", self._default_town)))
        drive = Options(
            weather=_named(Weather, chosen.get("weather")),
            time=_named(TimeOfDay, chosen.get("time")),
            event=_named(Event, chosen.get("event")),
            changes=bool(chosen.get("changes", True)),
        )
        seeds = self.np_random.integers(2**31, size=2)
        self._town.restart(int(seeds[0]))
        self._town.reset(int(seeds[1]), drive)
        self._count = 0
        return self._look()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        town = self._town
        if town is None:
            raise SimulatorError("Reset Town-v0 before stepping it.")
        steer, accel = (float(value) for value in np.clip(np.asarray(action, np.float64), -1, 1))
        onset = town.choose()
        town.step(steer, accel)
        self._count += 1
        along = town.speed * DT * math.cos(town.fix.heading_error)
        reward = along - OFF_ROAD_COST * town.off_road - COLLISION_COST * town.collided
        image, info = self._look(onset)
        return image, float(reward), bool(town.collided), self._count >= self._steps, info

    def render(self) -> np.ndarray | None:
        return self._image.copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        if self._town is not None:
            self._town.close()
            self._town = None

    def _enter(self, town: int) -> None:
        from world.town.camera import Camera
        from world.town.network import SPLITS
        from world.town.town import Town

        if not any(town in towns for towns in SPLITS.values()):
            raise SimulatorError(f"There is no town {town}; there are {', '.join(f'{k} {v}' for k, v in SPLITS.items())}.")
        if self._town is not None and self._town.id == town:
            return
        self.close()
        self._camera = self._camera or Camera()
        self._town = Town(town, town, self._camera)

    def _look(self, onset: bool = False) -> tuple[np.ndarray, dict[str, Any]]:
        town = self._town
        self._image, shown = town.render()
        info = {
            "observation.state": np.array([town.motion.speed, town.motion.yaw_rate], np.float32),
            "pose": np.array([town.x, town.y, town.heading], np.float32),
            "expert.action": np.array([town.advice.steer, town.advice.accel], np.float32),
            "expert.target_speed": town.target,
            "control.command": int(town.command()),
            "control.weather": int(town.weather),
            "control.time": int(town.time),
            "control.event": int(town.events.event),
            "control.side": int(town.events.side),
            "control.level": int(town.events.level),
            "event.onset": int(onset),
            "event.visible_pixels": shown.event,
            "label.visible_vehicles": shown.vehicles,
            "label.visible_people": shown.people,
            **town.labels(),
        }
        return self._image.copy(), info


def _named(kind: Any, value: Any) -> Any:
    """A member of an enum by name ("rain_2") or value; None stays None."""
    if value is None:
        return None
    try:
        return kind[value.upper()] if isinstance(value, str) else kind(value)
    except (KeyError, ValueError) as error:
        names = ", ".join(member.name.lower() for member in kind)
        raise SimulatorError(f"'{value}' is not one of {names}.") from error


def register() -> None:
    """Makes `gymnasium.make("lucidrive/Town-v0")` work; may be called again."""
    if TOWN_ID not in gym.registry:
        gym.register(TOWN_ID, entry_point="world.envs:TownEnv")


register()
