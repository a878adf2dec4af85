"""Latents and control -> next latents: a block-causal transformer trained with shortcut forcing.

Family of Dreamer 4 (arXiv 2509.24527, section 3). z_tau = (1 - tau) z_0 + tau z_1 with z_0 noise and z_1 the next
frame's latents; the model predicts z_1 as the last frame's latents plus a residual that starts at zero. The step size d
states how far the sampler will jump.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from world.controls import Command, Event, Side, TimeOfDay, Weather
from world.inputs import DRIVING, Inputs
from world.latent.blocks import TimeAttention, TransformerBlock, fourier

# How many values each int of a Control can take; NULL (-1) is added in front.
FIELDS: dict[str, int] = {
    "command": max(Command) + 1,
    "weather": max(Weather) + 1,
    "time": max(TimeOfDay) + 1,
    "event": max(Event) + 1,
    "side": max(Side) + 1,
    "level": 4,
}
FIELD_EVENT = list(FIELDS).index("event")
MOTION_BANDS = 5
SMALLEST = 1 / 8  # step size d at which the target is the clean frame itself
LIMIT = 6.0  # 99.9% of true frames' latents lie within; dreams off the road would diverge without it


@dataclass(frozen=True, slots=True)
class DynamicsConfig:
    """Shapes of a `Dynamics`. tokens, channels: of a frame, as in the tokenizer."""

    tokens: int = 48
    channels: int = 32
    dim: int = 256
    heads: int = 4
    depth: int = 6
    time_every: int = 3  # every third block is followed by attention over time
    context: int = 12  # frames in the rolling cache (1.2 s)
    shortcut: bool = False  # whether the model was bootstrapped for shortcut steps
    velocity: bool = False  # whether the net predicts z_1 - z_0, not z_1
    inputs: Inputs = DRIVING  # the floats that lead to a frame


@dataclass(slots=True)
class Condition:
    """The condition of one frame, batched over B frames.

    last_BNC, before_BNC: the latents of the previous frame and of the one before it (zeros where has_past_B is 0);
    motions_B4: the config's inputs (four where a car is driven), NaN where unknown; fields_B6: int64 in the order of
    FIELDS, -1 where unknown.
    """

    last_BNC: Tensor
    before_BNC: Tensor
    has_past_B: Tensor
    motions_B4: Tensor
    fields_B6: Tensor

    def __getitem__(self, index: Tensor | slice) -> Condition:
        return self._each(lambda name: getattr(self, name)[index])

    @classmethod
    def _each(cls, part: Callable[[str], Tensor]) -> Condition:
        return cls(**{field.name: part(field.name) for field in fields(cls)})


class Dynamics(nn.Module):
    """A transformer over the tokens of a frame, with causal attention over time in between; control and noise level enter by FiLM."""

    motion_scale: Tensor
    motion_middle: Tensor

    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.noised_in = nn.Linear(c.channels, c.dim)
        self.past_in = nn.Linear(2 * c.channels, c.dim)
        self.position = nn.Parameter(torch.randn(c.tokens, c.dim) * 0.02)
        self.no_past = nn.Parameter(torch.zeros(c.dim))

        self.signal_in = nn.Linear(24, c.dim)
        self.motion_in = nn.Linear(len(c.inputs) * (2 * MOTION_BANDS + 2), c.dim)
        self.field_in = nn.ModuleDict({name: nn.Embedding(size + 1, c.dim) for name, size in FIELDS.items()})
        self.register_load_state_dict_pre_hook(_with_later_events)
        self.condition = nn.Sequential(nn.SiLU(), nn.Linear(c.dim, c.dim), nn.SiLU())

        self.blocks = nn.ModuleList(TransformerBlock(c.dim, c.heads, c.dim) for _ in range(c.depth))
        self.times = nn.ModuleList(TimeAttention(c.dim, c.heads) for _ in range(c.depth // c.time_every))
        self.residual = nn.Linear(c.dim, c.channels)
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)
        for embedding in self.field_in.parameters():
            nn.init.normal_(embedding, std=0.3)
        low, high = torch.tensor([c.inputs.low, c.inputs.high], dtype=torch.float64)
        self.register_buffer("motion_middle", ((high + low) / 2).float(), persistent=False)
        self.register_buffer("motion_scale", (2 / (high - low)).float(), persistent=False)

    def forward(
        self,
        noised_BNC: Tensor,
        tau_B: Tensor,
        step_B: Tensor,
        condition: Condition,
        *,
        frames: int = 0,
        cache: Cache | None = None,
    ) -> Tensor:
        """Predicted clean latents [B, N, C].

        tau_B in [0, 1) is the signal level, step_B the shortcut step size d. With `frames` = T > 0 the batch holds
        clips of T frames, attended over causally; with a `cache` it continues a stream and leaves its own keys in
        `cache.fresh`; with neither, every frame stands alone (the first phase of training).
        """
        x = self.noised_in(noised_BNC) + self.past_in(torch.cat([condition.last_BNC, condition.before_BNC], dim=-1))
        x = x + self.position.to(x.dtype) + (self.no_past * (1 - condition.has_past_B)[:, None])[:, None].to(x.dtype)
        condition_BD = self.embed(tau_B, step_B, condition).to(x.dtype)
        every = self.config.time_every
        fresh: list[tuple[Tensor, Tensor]] = []
        for number, block in enumerate(self.blocks):
            x = block(x, condition_BD)
            if (number + 1) % every:
                continue
            time = self.times[number // every]
            assert isinstance(time, TimeAttention)
            if frames:
                x = time.clips(x, frames)
            elif cache is not None:
                x, keys = time.stream(x, cache.past(len(fresh)))
                fresh.append(keys)
        if cache is not None:
            cache.fresh = fresh
        out = self.residual(x).float()
        return noised_BNC + (1 - tau_B)[:, None, None] * out if self.config.velocity else condition.last_BNC + out

    def embed(self, tau_B: Tensor, step_B: Tensor, condition: Condition) -> Tensor:
        """The FiLM condition [B, D] of signal level, step size and control."""
        signal = torch.cat([fourier(tau_B, 6, 16.0), fourier(step_B, 6, 16.0)], dim=-1)
        known_B4 = ~condition.motions_B4.isnan()
        scaled = torch.where(known_B4, condition.motions_B4 - self.motion_middle, 0.0) * self.motion_scale
        waves = fourier(scaled, MOTION_BANDS, 4.0) * known_B4[..., None]
        motion = torch.cat([scaled[..., None], known_B4[..., None].float(), waves], dim=-1).flatten(1)
        total = self.signal_in(signal) + self.motion_in(motion)
        for column, name in enumerate(FIELDS):
            total = total + self.field_in[name](condition.fields_B6[:, column] + 1)
        return self.condition(total)


def _with_later_events(module: nn.Module, weights: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Gives events that older weights lack the embedding of no event."""
    key, table = f"{prefix}field_in.event.weight", module.get_parameter("field_in.event.weight")
    if key in weights and (missing := len(table) - len(weights[key])) > 0:
        weights[key] = torch.cat([weights[key], weights[key][:1].expand(missing, -1)])


class Cache:
    """Rolling keys and values of the last `context` committed frames, in constant memory."""

    def __init__(self, config: DynamicsConfig, batch: int = 1, device: torch.device | str = "cpu") -> None:
        layers, d = config.depth // config.time_every, config.dim // config.heads
        shape = (layers, 2, batch * config.tokens, config.heads, 0, d)
        self.keys = torch.zeros(shape, device=device)
        self.context = config.context
        self.fresh: list[tuple[Tensor, Tensor]] = []

    def past(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer, each [B * N, H, K, d]."""
        return self.keys[layer, 0], self.keys[layer, 1]

    def commit(self) -> None:
        """Adds `fresh` of the last forward pass, and drops the oldest frame when full."""
        fresh = torch.stack([torch.stack(pair) for pair in self.fresh]).detach().to(self.keys.dtype)
        self.keys = torch.cat([self.keys[..., -(self.context - 1) :, :], fresh], dim=-2)
        self.fresh = []


def sample(
    model: Dynamics,
    noise_BNC: Tensor,
    condition: Condition,
    steps: int,
    cache: Cache | None = None,
    *,
    learning: bool = False,
) -> Tensor:
    """Samples the next latents from noise in `steps` Euler steps; shortcut steps (d = 1 / steps) where trained for them.

    `cache.commit()` then adds the keys of the last step, of a frame that is still half noise. The model is trained for that (every
    past frame has a tau of its own), and it saves a pass over the finished frame. learning: gradients flow through the last step.
    """
    z, size = noise_BNC, 1.0 / steps
    jump = z.new_full((len(z),), size if model.config.shortcut else SMALLEST)
    for number in range(steps):
        tau = number * size
        with torch.set_grad_enabled(learning and number == steps - 1):
            predicted = model(z, z.new_full((len(z),), tau), jump, condition, cache=cache)
            z = z + (predicted - z) * (size / (1 - tau))
    return z.clamp(-LIMIT, LIMIT)
