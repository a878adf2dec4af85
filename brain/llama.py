"""The forward pass of a Llama (arXiv 2302.13971), such as SmolLM2, for a few tokens at a time on a CPU.

transformers computes the same, but takes seconds to be imported and much of a token's time between its products; it is
still what makes the weights, and what computes every other model.

Shapes: n tokens read at once, t read so far with them, H heads of width D in G groups that share keys and values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor

from brain.files import INT8_WEIGHTS
from brain.quant import INT8, Int8Linear

PACKERS = 2  # threads
ROOM = 128  # tokens by which keys and values grow
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "I8": torch.int8, "I64": torch.int64}
AS_HERE: dict[str, Any] = {"model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False}


def computes(folder: Path) -> bool:
    """Whether this module can run the model in `folder` (layout of transformers)."""
    config = json.loads((folder / "config.json").read_text())
    plain = config.get("rope_parameters", {}).get("rope_type") == "default"
    return plain and all(config.get(name) == value for name, value in AS_HERE.items())


class KeysAndValues:
    """Keys and values of the tokens read, in every layer: [layers, G, room, D]; the first `length` are in use.

    The methods are named as those of transformers' caches.
    """

    def __init__(self, layers: int, groups: int, width: int) -> None:
        self.keys = self.values = torch.empty(layers, groups, 0, width)
        self.length = 0

    def get_seq_length(self) -> int:
        """Tokens in the cache."""
        return self.length

    def make_room(self, count: int) -> None:
        """Grows for `count` more tokens, by ROOM at least."""
        if self.length + count > self.keys.shape[2]:
            more = (0, 0, 0, max(count, ROOM))
            self.keys, self.values = F.pad(self.keys, more), F.pad(self.values, more)

    def crop(self, minus_tokens: int) -> None:
        """Drops the last tokens; the count is negative, as transformers' caches take it."""
        self.length += minus_tokens


class Llama:
    """A Llama of int8 layers. `ends`: the tokens that end a turn."""

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor], ends: frozenset[int]) -> None:
        """config: of transformers; tensors: named as by `brain.quant.tensors_of`. KeyError where one is missing."""
        self.ends = ends
        self.heads, self.groups = config["num_attention_heads"], config["num_key_value_heads"]
        self.width = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon = config["rms_norm_eps"]
        frequencies = torch.arange(0, self.width, 2, dtype=torch.float32) / self.width
        self.frequencies = config["rope_parameters"]["rope_theta"] ** -frequencies
        self.embedding = _short(tensors["model.embed_tokens.weight"])
        self.last_norm = tensors["model.norm.weight"].clone()
        with ThreadPoolExecutor(
            PACKERS
        ) as pool:  # packing takes a second of one core, and does not hold the interpreter
            head = pool.submit(_product, tensors, "lm_head")
            names = [f"model.layers.{number}" for number in range(config["num_hidden_layers"])]
            self.blocks = list(pool.map(partial(_Block, tensors), names))
            self.head = head.result()

    @classmethod
    def load(cls, folder: Path) -> Llama:
        """The model in `folder`, as `brain.files.quantised` writes it."""
        config, generation = (
            json.loads((folder / name).read_text()) for name in ("config.json", "generation_config.json")
        )
        ends = generation.get("eos_token_id", config.get("eos_token_id"))
        return cls(config, Tensors(folder / INT8_WEIGHTS), frozenset(ends if isinstance(ends, list) else [ends]))

    def cache(self) -> KeysAndValues:
        """An empty cache."""
        return KeysAndValues(len(self.blocks), self.groups, self.width)

    def read(self, ids: Sequence[int], cache: KeysAndValues, logits: bool = True) -> Tensor:
        """Scores [vocabulary] of the token after `ids`, which are added to the cache. logits: False skips the scores and returns [0]."""
        n, before = len(ids), cache.length
        cache.make_room(n)
        t = before + n
        angles = torch.arange(before, t)[:, None, None] * self.frequencies
        sine = angles.sin()
        turn = torch.cat((angles, angles), -1).cos(), torch.cat((-sine, sine), -1)  # [n, 1, D] each
        mask = torch.ones(n, t, dtype=torch.bool).tril(before).repeat(self.heads // self.groups, 1) if n > 1 else None
        x = self.embedding[torch.tensor(ids)].float()
        for number, block in enumerate(self.blocks):
            past = cache.keys[number, :, :t], cache.values[number, :, :t]
            x = x + self._attention(block, self._norm(x, block.norm), past, turn, mask)
            gate, up = block.gate_up(self._norm(x, block.mlp_norm)).chunk(2, -1)
            x = x + block.down(F.silu(gate) * up)
        cache.length = t
        return self.head(self._norm(x[-1:], self.last_norm))[0] if logits else x.new_empty(0)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        """RMSNorm, arXiv 1910.07467; in four operations it takes half as long as torch's own does here."""
        return x * (x.square().mean(-1, keepdim=True) + self.epsilon).rsqrt() * weight

    def _attention(
        self, block: _Block, x: Tensor, past: tuple[Tensor, Tensor], turn: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> Tensor:
        """Attention of x [n, hidden] over past keys and values [G, t, D], to which its own are written."""
        n, (keys, values) = len(x), past
        parts = block.qkv(x).view(n, self.heads + 2 * self.groups, self.width)
        turned, value = parts[:, : -self.groups], parts[:, -self.groups :]
        turned = turned * turn[0] + turned.roll(self.width // 2, -1) * turn[1]  # rotary embedding, arXiv 2104.09864
        keys[:, -n:], values[:, -n:] = turned[:, self.heads :].transpose(0, 1), value.transpose(0, 1)
        query = turned[:, : self.heads].view(n, self.groups, -1, self.width).permute(1, 2, 0, 3)  # [G, H/G, n, D]
        heads = F.scaled_dot_product_attention(
            query.reshape(1, self.groups, -1, self.width), keys[None], values[None], mask
        )
        return block.out(heads.view(query.shape).permute(2, 0, 1, 3).reshape(n, -1))


class Tensors(Mapping[str, Tensor]):
    """The tensors of a safetensors file, each read when it is asked for: a mapped file would be in memory whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with safe_open(str(path), "pt") as file:  # it checks the header
            self._names = tuple(file.keys())
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            self._about = json.loads(file.read(length))
            self._begin = 8 + length

    def __getitem__(self, name: str) -> Tensor:
        about = self._about[name]
        first, end = about["data_offsets"]
        data = bytearray(end - first)
        with self._path.open("rb") as file:
            file.seek(self._begin + first)
            file.readinto(data)
        return torch.frombuffer(data, dtype=DTYPES[about["dtype"]]).reshape(about["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _short(value: Tensor) -> Tensor:
    """As bfloat16 where that is exact."""
    half = value.bfloat16()
    return half if torch.equal(half.float(), value) else value.clone()


class _Block:
    """The weights of a layer; products with the same input are one."""

    def __init__(self, tensors: Mapping[str, Tensor], name: str) -> None:
        attention, mlp = f"{name}.self_attn", f"{name}.mlp"
        self.norm = tensors[f"{name}.input_layernorm.weight"].clone()
        self.mlp_norm = tensors[f"{name}.post_attention_layernorm.weight"].clone()
        self.qkv = _product(tensors, *(f"{attention}.{part}_proj" for part in "qkv"))
        self.out = _product(tensors, f"{attention}.o_proj")
        self.gate_up = _product(tensors, f"{mlp}.gate_proj", f"{mlp}.up_proj")
        self.down = _product(tensors, f"{mlp}.down_proj")


def _product(tensors: Mapping[str, Tensor], *names: str) -> Int8Linear:
    """Several linear layers as one, with their outputs side by side."""
    weight, scale = (torch.cat([tensors[f"{name}{INT8}{part}"] for name in names]) for part in ("weight", "scale"))
    return Int8Linear(weight, scale)
