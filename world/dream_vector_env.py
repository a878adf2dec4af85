"""Several `lucidrive/Dream-v0` as one of Gymnasium's vector environments."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate

from world.dream import step_all
from world.dream_env import DreamEnv
from world.errors import DataError


class DreamVectorEnv(SyncVectorEnv):
    """Several Dream-v0 in this process, their dreams stepped as one batch: the same as each alone, up to rounding.

    `autoreset_mode` as in SyncVectorEnv: finished episodes restart with the next step, with the same one, or by
    `reset(options={"reset_mask": ...})`.
    """

    def __init__(
        self, num_envs: int = 1, *, autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, **kwargs: Any
    ) -> None:
        super().__init__([lambda: DreamEnv(**kwargs) for _ in range(num_envs)], autoreset_mode=autoreset_mode)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps all environments. DataError, before any is stepped, where an episode is over and does not restart by itself."""
        if self.autoreset_mode == AutoresetMode.DISABLED and self._autoreset_envs.any():
            over = ", ".join(map(str, np.flatnonzero(self._autoreset_envs)))
            raise DataError(f"The episodes {over} are over; begin them anew: reset(options={{'reset_mask': mask}}).")
        waiting = self._autoreset_envs & (self.autoreset_mode == AutoresetMode.NEXT_STEP)
        pairs = zip(self.envs, iterate(self.action_space, actions), waiting, strict=True)
        going = [
            (env, env.control_for(action)) for env, action, over in pairs if isinstance(env, DreamEnv) and not over
        ]
        frames = step_all([env.dream for env, _ in going], [control for _, control in going])
        for (env, _), frame in zip(going, frames, strict=True):
            env.foresee(frame)
        return super().step(actions)
