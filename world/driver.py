"""The autopilot: hidden state + command + target speed -> steer and accel, imitating the town's expert.

The learnt pedals are added to a proportional speed controller, so that an untrained driver already keeps its speed and training is left
with what needs pictures: lanes, signals, other road users.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from world.controls import Command
from world.kinematics import MAX_ACCELERATION, MAX_BRAKING

GAIN, COMFORT_GAS, COMFORT_BRAKE = 1.1, 1.8, 3.0  # 1/s, m/s2, m/s2: those of the town's expert on a free road


@dataclass(frozen=True, slots=True)
class Action:
    """steer and accel in [-1, 1]; positive is left and faster."""

    steer: float
    accel: float


@dataclass(frozen=True, slots=True)
class DriverConfig:
    """Shapes of a `Driver`."""

    hidden: int = 256  # of the readouts' trunk
    dim: int = 128
    speed_scale: float = 15.0  # m/s


class Driver(nn.Module):
    """A perceptron over the readouts' hidden state, command and speeds; it learns a residual of the pedals of `cruise`."""

    def __init__(self, config: DriverConfig) -> None:
        super().__init__()
        self.config = config
        commands = max(Command) + 1
        self.command = nn.Embedding(commands, config.dim)
        self.input = nn.Linear(config.hidden + 3, config.dim)
        self.net = nn.Sequential(nn.SiLU(), nn.Linear(config.dim, config.dim), nn.SiLU(), nn.Linear(config.dim, 2))

    def forward(self, hidden_BD: Tensor, command_B: Tensor, target_B: Tensor, speed_B: Tensor) -> Tensor:
        """Actions [B, 2] in [-1, 1]; target speed and own speed in m/s."""
        target, speed = target_B / self.config.speed_scale, speed_B / self.config.speed_scale
        x = self.input(torch.cat([hidden_BD.float(), torch.stack([target, speed, target - speed], dim=-1)], dim=-1))
        steer, learnt_accel = self.net(x + self.command(command_B)).tanh().unbind(1)
        return torch.stack([steer, learnt_accel + cruise(target_B, speed_B)], dim=1).clamp(-1, 1)


def cruise(target_B: Tensor, speed_B: Tensor) -> Tensor:
    """The pedals [B] of a proportional controller for the target speed (m/s)."""
    wish = (GAIN * (target_B - speed_B)).clamp(-COMFORT_BRAKE, COMFORT_GAS)
    return torch.where(wish > 0, wish / MAX_ACCELERATION, wish / MAX_BRAKING)
