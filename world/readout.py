"""Readouts of a dream from the latents of its last three frames alone.

They never see a control, so a readout is evidence of the dream, not an echo of its input.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from world.controls import TimeOfDay, Weather
from world.frame import Readout
from world.latent.blocks import TransformerBlock

FRAMES = 3
FAR = 60.0  # m; junction distances are capped here
# Continuous readouts and the scale they are learnt at; then probabilities (logits); then classes.
SCALES = {"speed": 10.0, "yaw_rate": 0.4, "junction_distance": FAR, "lane_offset": 2.0}
FLAGS = ("collision", "off_road", "event_visible")
CLASSES = {"weather": len(Weather), "time": len(TimeOfDay)}


@dataclass(frozen=True, slots=True)
class ReadoutConfig:
    """Shapes of `ReadoutHeads`. tokens, channels: of a frame, as in the tokenizer."""

    tokens: int = 48
    channels: int = 32
    dim: int = 128
    heads: int = 4
    depth: int = 3
    hidden: int = 256


class ReadoutHeads(nn.Module):
    """A transformer over the latents of FRAMES frames, then a linear head each for SCALES, FLAGS and CLASSES."""

    def __init__(self, config: ReadoutConfig) -> None:
        super().__init__()
        self.config = c = config
        self.input = nn.Linear(FRAMES * c.channels, c.dim)
        self.position = nn.Parameter(torch.randn(c.tokens, c.dim) * 0.02)
        self.blocks = nn.ModuleList(TransformerBlock(c.dim, c.heads) for _ in range(c.depth))
        self.squeeze = nn.Linear(c.dim, 16)
        self.hidden = nn.Sequential(
            nn.Linear(c.tokens * 16, c.hidden), nn.SiLU(), nn.Linear(c.hidden, c.hidden), nn.SiLU()
        )
        self.values = nn.Linear(c.hidden, len(SCALES))
        self.flags = nn.Linear(c.hidden, len(FLAGS))
        self.classes = nn.ModuleDict({name: nn.Linear(c.hidden, size) for name, size in CLASSES.items()})

    def trunk(self, latents_BFNC: Tensor) -> Tensor:
        """Hidden state [B, hidden] of the last FRAMES frames' latents, oldest first."""
        x = latents_BFNC.transpose(1, 2).flatten(2)  # a token's frames side by side, so that differences show motion
        x = self.input(x)
        x = x + self.position.to(x.dtype)
        for block in self.blocks:
            x = block(x)
        return self.hidden(self.squeeze(x).flatten(1))

    def forward(self, hidden_BD: Tensor) -> dict[str, Tensor]:
        """Raw outputs: `values` [B, 4] (scaled), `flags` [B, 3] (logits), `weather` and `time` logits."""
        out = {"values": self.values(hidden_BD).float(), "flags": self.flags(hidden_BD).float()}
        return out | {name: head(hidden_BD).float() for name, head in self.classes.items()}

    def read(self, hidden_BD: Tensor) -> list[Readout]:
        """A Readout for each hidden state [B, hidden]."""
        out = self(hidden_BD)
        scale = torch.tensor(list(SCALES.values()), device=hidden_BD.device)
        values, flags = (out["values"] * scale).tolist(), out["flags"].sigmoid().tolist()
        weather, time = (out[name].softmax(-1).max(-1) for name in CLASSES)
        return [
            Readout(
                speed=max(values[row][0], 0.0),  # so ordered, NaN stays NaN
                yaw_rate=values[row][1],
                junction_distance=min(max(values[row][2], 0.0), FAR),
                lane_offset=values[row][3],
                collision=flags[row][0],
                off_road=flags[row][1],
                event_visible=flags[row][2],
                weather=int(weather.indices[row]),
                weather_confidence=float(weather.values[row]),
                time=int(time.indices[row]),
                time_confidence=float(time.values[row]),
            )
            for row in range(len(hidden_BD))
        ]
