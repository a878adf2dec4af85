"""Language models by their public shapes, and the bytes of their weights and KV cache.

The shapes are those of config.json beside each model's weights (`source`); no weights are read. One layer of a model is built on
torch's meta device, since all are alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from brain.llm import PIECE
from bridge.budget.sizes import BudgetError

FOLDER = Path(__file__).parent / "brains"
# Bytes a weight of a linear layer. nf4: 4 bits and a float32 scale for every 64 weights; doubly quantised, those scales
# take 8 bits and a float32 for every 256 of them (QLoRA, arXiv 2305.14314, section 3).
QUANTS = MappingProxyType(
    {"fp32": 4.0, "bf16": 2.0, "int8": 1.0, "nf4": 0.5 + 4 / 64, "nf4-double": 0.5 + 1 / 64 + 4 / (64 * 256)}
)
INT8_SCALE = 4  # bytes for every row of an int8 matrix
KV_TYPES = MappingProxyType({"fp32": 4, "bf16": 2, "fp8": 1})  # bytes a value
PLAIN = MappingProxyType({"cuda": 2, "cpu": 4})  # bytes a value of what is not quantised: bfloat16; float32


@dataclass(frozen=True, slots=True)
class BrainConfig:
    """A decoder-only transformer with grouped-query attention and a gated feed-forward layer; names as in config.json."""

    name: str
    source: str
    license: str
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    max_position_embeddings: int
    tie_word_embeddings: bool
    qk_norm: bool

    def kv_bytes(self, kv: str) -> int:
        """Bytes of one token's keys and values in all layers. kv: one of KV_TYPES."""
        return 2 * self.num_hidden_layers * self.num_key_value_heads * self.head_dim * KV_TYPES[kv]


@dataclass(frozen=True, slots=True)
class ParameterCounts:
    """Parameters of a model. linear: in the linear layers of all blocks; rows: of those layers' matrices; largest: in one of
    them; head: 0 where it is tied to the embedding.
    """

    linear: int
    rows: int
    largest: int
    norms: int
    embedding: int
    head: int

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.linear + self.norms + self.embedding + self.head


@cache
def brains() -> dict[str, BrainConfig]:
    """All models in `brains/` by name, the largest first. BudgetError where a file is damaged."""
    configs = [_read(path) for path in FOLDER.glob("*.json")]
    return {one.name: one for one in sorted(configs, key=lambda one: -shape(one).parameters)}


def brain(name: str) -> BrainConfig:
    """The model of that name. BudgetError lists them all."""
    by_name = {one.lower(): config for one, config in brains().items()}
    if name.lower() not in by_name:
        raise BudgetError(f"There is no brain '{name[:40]}'; there are: {', '.join(brains())}.")
    return by_name[name.lower()]


@cache
def shape(config: BrainConfig) -> ParameterCounts:
    """The model's parameter counts."""
    c = config
    queries, keys = c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim
    with torch.device("meta"):
        layer = nn.ModuleDict(
            {
                "q": nn.Linear(c.hidden_size, queries, bias=False),
                "k": nn.Linear(c.hidden_size, keys, bias=False),
                "v": nn.Linear(c.hidden_size, keys, bias=False),
                "o": nn.Linear(queries, c.hidden_size, bias=False),
                "gate": nn.Linear(c.hidden_size, c.intermediate_size, bias=False),
                "up": nn.Linear(c.hidden_size, c.intermediate_size, bias=False),
                "down": nn.Linear(c.intermediate_size, c.hidden_size, bias=False),
            }
        )
        norms = [nn.RMSNorm(c.hidden_size) for _ in range(2)] + [nn.RMSNorm(c.head_dim) for _ in range(2 * c.qk_norm)]
    embedding = c.vocab_size * c.hidden_size
    matrices = list(layer.parameters())
    small = sum(value.numel() for norm in norms for value in norm.parameters())
    return ParameterCounts(
        linear=c.num_hidden_layers * sum(value.numel() for value in matrices),
        rows=c.num_hidden_layers * sum(len(value) for value in matrices),
        largest=max(value.numel() for value in matrices),
        norms=c.num_hidden_layers * small + c.hidden_size,
        embedding=embedding,
        head=0 if c.tie_word_embeddings else embedding,
    )


def weight_bytes(config: BrainConfig, quant: str, device: str) -> int:
    """Bytes of all weights. Embeddings, the head and norms are not quantised, except the head on a CPU in int8."""
    counts, plain = shape(config), PLAIN[device]
    width = QUANTS[quant]
    if quant == "fp32":
        plain = 4
    linear, rows, others = counts.linear, counts.rows, counts.norms + counts.embedding + counts.head
    if quant == "int8" and device == "cpu":
        linear, rows, others = linear + counts.embedding, rows + config.vocab_size, counts.norms + counts.embedding
    return int(linear * width) + (rows * INT8_SCALE if quant == "int8" else 0) + others * plain


def working_bytes(config: BrainConfig, quant: str, kv: str, context: int, device: str) -> int:
    """Peak bytes while a piece of the prompt is read with the context full.

    Hidden states and feed-forward, attention scores in float32, one layer's keys and values as the cache is copied,
    the logits of one token, and the largest layer's weights, dequantised.
    """
    c, plain = config, PLAIN[device]
    states = PIECE * (6 * c.hidden_size + 3 * c.intermediate_size) * plain
    scores = 2 * PIECE * context * c.num_attention_heads * 4
    copies = 2 * context * c.kv_bytes(kv) // c.num_hidden_layers
    logits = 3 * c.vocab_size * 4
    dequantised = shape(config).largest * plain if quant.startswith("nf4") else 0
    return states + scores + copies + logits + dequantised


def _read(path: Path) -> BrainConfig:
    """Reads a file strictly. BudgetError for an unknown or missing key."""
    values = json.loads(path.read_text(encoding="utf-8"))
    names = {item.name for item in fields(BrainConfig)}
    if set(values) != names:
        odd = ", ".join(sorted(set(values) ^ names))
        raise BudgetError(f"{path} does not describe a brain (keys: {odd}); restore it from the repository.")
    return BrainConfig(**values)
