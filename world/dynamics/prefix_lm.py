"""A transformer that reads rows of numbers and writes tokens.

A prefix language model (Liu et al. 2018, arXiv 1801.10198): rows and conditions attend to one another, a token to them and to earlier tokens.
Shapes: B batch, R rows, C conditions, L tokens, D width, V vocabulary.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from world.errors import WeightsError
from world.files import load_part, save_alone, strict
from world.latent.blocks import RMSNorm, SwiGLU

FORMAT = 1


@dataclass(frozen=True, slots=True)
class PrefixConfig:
    """features: numbers of a row; conditions: number of values of each, 0 meaning any; length: most tokens of a sequence."""

    features: int
    vocabulary: int
    length: int
    conditions: tuple[int, ...]
    width: int = 128
    heads: int = 4
    layers: int = 4


class PrefixBlock(nn.Module):
    """Pre-norm attention with RMS-normalised queries and keys, and a gated feed-forward layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of {heads} heads")
        self.heads = heads
        self.norm_attention, self.norm_mlp = RMSNorm(width), RMSNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.q_norm, self.k_norm = RMSNorm(width // heads), RMSNorm(width // heads)
        self.mlp = SwiGLU(width)

    def forward(self, x_BND: Tensor, bias: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """bias: added to the scores, broadcast to [B, H, N, N]. Also returns keys and values [B, H, N, D / H]."""
        batch, count, width = x_BND.shape
        qkv = self.qkv(self.norm_attention(x_BND)).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = self.q_norm(qkv[0]), self.k_norm(qkv[1]), qkv[2]
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + bias
        attended = scores.softmax(-1).to(v.dtype) @ v
        x_BND = x_BND + self.out(attended.transpose(1, 2).reshape(batch, count, width))
        return x_BND + self.mlp(self.norm_mlp(x_BND)), (k, v)


class PrefixLM(nn.Module):
    """Logits of the next token, given rows, conditions and the tokens before it."""

    def __init__(self, config: PrefixConfig) -> None:
        super().__init__()
        self.config = c = config
        self.enter = nn.Sequential(nn.Linear(c.features, c.width), nn.GELU(), nn.Linear(c.width, c.width))
        self.condition = nn.ModuleList(nn.Embedding(count, c.width) for count in c.conditions)
        self.token, self.place = nn.Embedding(c.vocabulary, c.width), nn.Embedding(c.length, c.width)
        for table in (self.token, self.place, *self.condition):
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=0.3)
        self.blocks = nn.ModuleList(PrefixBlock(c.width, c.heads) for _ in range(c.layers))
        self.norm = RMSNorm(c.width)
        self.logits = nn.Linear(c.width, c.vocabulary)

    def forward(self, rows: Tensor, there: Tensor, conditions: Tensor, tokens: Tensor) -> Tensor:
        """rows [B, R, features], there bool [B, R] (valid rows), conditions int [B, C], tokens int [B, L] -> [B, L, V]."""
        prefix, valid = self._prefix(rows, there, conditions)
        count, length = prefix.shape[1], tokens.shape[1]
        x = torch.cat([prefix, self.token(tokens) + self.place.weight[: tokens.shape[1]]], 1)
        sees = torch.ones(count + length, count + length, dtype=torch.bool, device=x.device).tril()
        sees[:count, :count] = True
        valid = torch.cat([valid, valid.new_ones(len(valid), length)], 1)
        bias = _bias(sees & valid[:, None])
        for block in self.blocks:
            x, _ = block(x, bias)
        out: Tensor = self.logits(self.norm(x[:, count:]))
        return out

    def begin(self, rows: Tensor, there: Tensor, conditions: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """The prefix for `writing`: keys and values of each layer [B, H, N, D / H], and which of the N are valid, bool [B, N]."""
        x, valid = self._prefix(rows, there, conditions)
        past, bias = [], _bias(valid[:, None])
        for block in self.blocks:
            x, own = block(x, bias)
            past.append(own)
        return past, valid

    def _prefix(self, rows: Tensor, there: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        embedded = [table(conditions[:, k])[:, None] for k, table in enumerate(self.condition)]
        valid = torch.cat([there.new_ones(len(there), len(embedded)), there], 1)
        return torch.cat([*embedded, self.enter(rows)], 1), valid


def _bias(sees: Tensor) -> Tensor:
    """[B, 1, queries, keys] of bool [B, queries, keys]."""
    return torch.zeros_like(sees, dtype=torch.float32).masked_fill_(~sees, -1e9)[:, None]


def save(folder: Path, name: str, model: PrefixLM, trained: dict[str, object]) -> None:
    """Writes float16 weights and a config with their checksum; trained: record of the training."""
    save_alone(folder, name, model, model.config, trained, FORMAT)


@lru_cache(maxsize=4)
def load(folder: Path, name: str, like: PrefixConfig) -> PrefixLM:
    """The network of a folder, cached, in float32. `like`: required features, vocabulary, length and conditions.

    WeightsError where it is missing, damaged or of another tokenizer.
    """
    try:
        raw = json.loads((folder / "config.json").read_text())
        if raw["format"] != FORMAT:
            raise ValueError("another version")
        shapes = raw["config"] | {"conditions": tuple(raw["config"]["conditions"])}
        config = strict(PrefixConfig, shapes, str(folder))
    except FileNotFoundError as error:
        raise WeightsError(
            f"There is no network that dreams {name} in {folder}; train one with `lucidrive train {name}`."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / 'config.json'} is damaged ({error}); copy it anew or train again.") from error
    for field in ("features", "vocabulary", "length", "conditions"):
        if getattr(config, field) != getattr(like, field):
            raise WeightsError(f"{folder} was trained with another tokenizer ({field}); train it again.")
    model = PrefixLM(config)
    load_part(folder, name, model, raw)
    return model
