"""Transformer parts shared by the tokenizer, the dynamics and the readouts.

Shape legend, used in names and comments throughout `world`:
B batch, T frames, N tokens of a frame, D width, C latent channels, H heads, K keys (past frames).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """RMS normalisation that stays in the dtype of its input (autocast would otherwise mix dtypes)."""

    def forward(self, x: Tensor) -> Tensor:
        """x [..., D], normalised over D."""
        assert self.weight is not None
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


def attend(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """Scaled dot-product attention of q [..., Q, d] to k, v [..., K, d].

    On a CPU plain products train up to eight times faster than torch's fused kernel (bfloat16, 48 tokens).
    """
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if causal:
        size = scores.shape[-1]
        scores = scores + scores.new_full((size, size), -torch.inf).triu(1)
    return scores.softmax(dim=-1).to(v.dtype) @ v


class Attention(nn.Module):
    """Multi-head self-attention among the tokens of one frame, with RMS-normalised queries and keys."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of {heads} heads")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.q_norm = RMSNorm(width // heads)
        self.k_norm = RMSNorm(width // heads)

    def forward(self, x_BND: Tensor) -> Tensor:
        """x [B, N, D] -> [B, N, D]"""
        batch, tokens, width = x_BND.shape
        q, k, v = self.qkv(x_BND).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = attend(self.q_norm(q), self.k_norm(k), v)
        return self.out(x.transpose(1, 2).reshape(batch, tokens, width))


class SwiGLU(nn.Module):
    """Gated feed-forward layer (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, width: int, ratio: float = 8 / 3) -> None:
        super().__init__()
        hidden = int(width * ratio / 32 + 0.5) * 32
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., D] -> [..., D]"""
        gate, value = self.up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * value)


class TransformerBlock(nn.Module):
    """Pre-norm transformer block over the tokens of one frame; FiLM-modulated when `condition_width` is given.

    The modulation (scale and shift before each half) starts at zero, i.e. at the unconditioned block.
    """

    def __init__(self, width: int, heads: int, condition_width: int | None = None) -> None:
        super().__init__()
        self.norm_attention = RMSNorm(width)
        self.attention = Attention(width, heads)
        self.norm_mlp = RMSNorm(width)
        self.mlp = SwiGLU(width)
        self.film = None
        if condition_width is not None:
            self.film = nn.Linear(condition_width, 4 * width)
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x_BND: Tensor, condition_BD: Tensor | None = None) -> Tensor:
        """x [B, N, D] -> [B, N, D]; condition [B, condition width] where the block is modulated."""
        if self.film is None:
            x_BND = x_BND + self.attention(self.norm_attention(x_BND))
            return x_BND + self.mlp(self.norm_mlp(x_BND))
        assert condition_BD is not None
        scale_a, shift_a, scale_m, shift_m = self.film(condition_BD).unsqueeze(1).chunk(4, dim=-1)
        x_BND = x_BND + self.attention(torch.addcmul(shift_a, self.norm_attention(x_BND), 1 + scale_a))
        return x_BND + self.mlp(torch.addcmul(shift_m, self.norm_mlp(x_BND), 1 + scale_m))


class TimeAttention(nn.Module):
    """Causal attention over time: every token position attends to its own past frames.

    The output is zero-initialised, so that a model trained without time keeps its function when time is added.
    Rotary positions (Su et al. 2021, arXiv 2104.09864) make them relative, so that a rolling cache never runs out.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.q_norm = RMSNorm(width // heads)
        self.k_norm = RMSNorm(width // heads)
        nn.init.zeros_(self.out.weight)

    def project(self, x_BND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each [B * N, H, 1, D / H] (no positions yet)."""
        batch, tokens, _ = x_BND.shape
        qkv = self.qkv(self.norm(x_BND)).view(batch * tokens, 3, self.heads, 1, -1)
        q, k, v = qkv.unbind(1)
        return self.q_norm(q), self.k_norm(k), v

    def clips(self, x_BND: Tensor, frames: int) -> Tensor:
        """Training: x holds B / T clips of T frames, frame by frame; frame t attends to frames 0..t."""
        batch, tokens, width = x_BND.shape
        clips = batch // frames

        def by_token(x: Tensor) -> Tensor:  # [B * N, H, 1, d] -> [clips * N, H, T, d]
            x = x.view(clips, frames, tokens, self.heads, -1).permute(0, 2, 3, 1, 4)
            return x.reshape(clips * tokens, self.heads, frames, -1)

        q, k, v = (by_token(part) for part in self.project(x_BND))
        positions = torch.arange(frames, device=x_BND.device)
        x = attend(rotate(q, positions), rotate(k, positions), v, causal=True)
        x = x.view(clips, tokens, self.heads, frames, -1).permute(0, 3, 1, 2, 4).reshape(batch, tokens, width)
        return x_BND + self.out(x)

    def stream(self, x_BND: Tensor, past: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Dreaming: one frame attends to `past` keys and values [B * N, H, K, d]. Also returns its own, for the cache."""
        batch, tokens, width = x_BND.shape
        q, k, v = self.project(x_BND)
        keys, values = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        positions = torch.arange(keys.shape[2], device=x_BND.device)
        x = attend(rotate(q, positions[-1:]), rotate(keys, positions), values)
        return x_BND + self.out(x.reshape(batch, tokens, width)), (k, v)


def rotate(x: Tensor, positions_K: Tensor, base: float = 100.0) -> Tensor:
    """Rotary position embedding of x [..., K, d] at integer positions."""
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions_K[:, None].float() * frequencies
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def fourier(x: Tensor, bands: int, highest: float) -> Tensor:
    """Sines and cosines of x [...] at `bands` frequencies of 1 to `highest` half-turns a unit: [..., 2 * bands]."""
    steps = torch.arange(bands, device=x.device, dtype=torch.float32) / max(1, bands - 1)
    angles = x.float()[..., None] * (math.pi * highest**steps)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
