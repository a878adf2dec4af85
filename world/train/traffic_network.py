"""The traffic's network for training; `world.dynamics.traffic_net` is the one that drives."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from world.dynamics.traffic_net import HEADS, ITEM, LAYERS, WIDTH, Network, Size, network_of, shapes


class Net(nn.Module):
    """The network of `world.dynamics.traffic_net` for training; its parameters have the same names and shapes."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        for name, shape in shapes(size).items():
            value = torch.zeros(shape)
            if name.startswith("norm"):
                value[..., 0, :] = 1.0
            elif len(shape) > 1 and not name.endswith("bias"):
                value = torch.randn(shape) / math.sqrt(shape[-2])
                if name in ("out", "feed_2"):
                    value *= 0.5
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, own: Tensor, near: Tensor, counts: Tensor) -> Tensor:
        """own [B, OWN], near [B, most, NEAR], counts [B] -> logits of the first and the second token, concatenated."""
        p = dict(self.named_parameters())
        x = torch.relu(own @ p["own_1"] + p["own_1_bias"]) @ p["own_2"] + p["own_2_bias"]
        items = torch.relu(near @ p["near_1"] + p["near_1_bias"]) @ p["near_2"] + p["near_2_bias"]
        items = torch.cat([items, p["nobody"].expand(len(own), 1, ITEM)], 1)
        there = torch.arange(near.shape[1], device=own.device) < counts[:, None]
        there = torch.cat([there, torch.ones_like(there[:, :1])], 1)
        for layer in range(LAYERS):
            y = _norm(x, p["norm_1"][layer])
            query = y @ p["query"][layer] + p["query_bias"][layer]
            key = items @ p["key"][layer] + p["key_bias"][layer]
            value = items @ p["value"][layer] + p["value_bias"][layer]
            attention = functional.scaled_dot_product_attention(
                _heads(query[:, None]), _heads(key), _heads(value), attn_mask=there[:, None, None]
            )
            x = x + attention.transpose(1, 2).reshape(len(x), WIDTH) @ p["out"][layer] + p["out_bias"][layer]
            y = _norm(x, p["norm_2"][layer])
            y = torch.relu(y @ p["feed_1"][layer] + p["feed_1_bias"][layer])
            x = x + y @ p["feed_2"][layer] + p["feed_2_bias"][layer]
        out: Tensor = _norm(x, p["norm"]) @ p["tokens"] + p["tokens_bias"]
        return out

    def network(self) -> Network:
        """The network for driving with these weights, rounded to float16 as shipped."""
        tensors = {name: value.detach().half().float().cpu().numpy() for name, value in self.named_parameters()}
        return network_of(tensors, self.size)


def _norm(x: Tensor, norm: Tensor) -> Tensor:
    return functional.layer_norm(x, (WIDTH,), norm[0], norm[1])


def _heads(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1, HEADS, WIDTH // HEADS).transpose(1, 2)


def loss_of(logits: Tensor, first: Tensor, second: Tensor, weight: Tensor, size: Size) -> dict[str, Tensor]:
    """Cross entropy of both tokens in nats; -1 is no token."""
    one = functional.cross_entropy(logits[:, : size.first], first, reduction="none", ignore_index=-1)
    two = functional.cross_entropy(logits[:, size.first :], second, reduction="none", ignore_index=-1)
    total = weight.sum().clamp_min(1e-6)
    parts = {"first": (weight * one).sum() / total, "second": (weight * two).sum() / total}
    return {"loss": parts["first"] + parts["second"]} | parts
