"""Quantisation: int8 on a CPU, in memory and on the disk; bitsandbytes' nf4 and int8 on a GPU."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

Quant = Literal["int8", "nf4", "none"]
INT8 = ":int8:"  # between a layer's name and that of its part


def nf4(dtype: torch.dtype) -> Any:
    """4-bit NormalFloat, the scales quantised too, computed in `dtype` (QLoRA, arXiv 2305.14314, section 3)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def llm_int8() -> Any:
    """8 bits with the outlying inputs computed apart (LLM.int8(), arXiv 2208.07339), for a GPU."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(load_in_8bit=True)


class Int8Linear(nn.Module):
    """A linear layer of int8 weights, a scale for each row; the input is quantised as it comes, by token (CPU only).

    Inputs take 8 bits where the processor adds up products of bytes in 32 (VNNI) and 7 elsewhere, where the sum of two might
    not fit into its 16. One scale for all tokens would ruin them: the first of a text has values hundreds of times those of
    the others in some layers ("massive activations", arXiv 2402.17762).
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        """weight: int8 [out, in]; scale: float32 [out]; bias: float32 [out]."""
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces the move of its quantised tensors to torchao
            whole = torch._make_per_channel_quantized_tensor(
                weight, scale, torch.zeros_like(scale, dtype=torch.long), 0
            )
        self.packed, self.bias = torch.ops.quantized.linear_prepack(whole, None), bias
        self.reduce_range = not torch.cpu._is_vnni_supported()

    @classmethod
    def of(cls, plain: nn.Linear) -> Int8Linear:
        """The nearest int8 layer to a float one."""
        w = plain.weight.detach().float()
        scale = (w.abs().amax(1) / 127.5).clamp_min(torch.finfo(torch.float32).eps)
        weight = (w / scale[:, None]).round().clamp(-128, 127).to(torch.int8)
        return cls(weight, scale, None if plain.bias is None else plain.bias.detach().float())

    def parts(self) -> dict[str, torch.Tensor]:
        """Its tensors, by the names of the constructor's arguments."""
        whole, _ = torch.ops.quantized.linear_unpack(self.packed)
        tensors = {"weight": whole.int_repr(), "scale": whole.q_per_channel_scales().float()}
        return tensors if self.bias is None else tensors | {"bias": self.bias}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., in] to [..., out]."""
        if x.shape[-2] == 1:
            y = self._product(x)
        else:
            peak = x.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
            y = self._product(x / peak) * peak
        return y if self.bias is None else y + self.bias

    def _product(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.ops.quantized.linear_dynamic(x, self.packed, reduce_range=self.reduce_range)
        return y


def int8(model: nn.Module) -> nn.Module:
    """The model with its linear layers in int8, in place."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear):
            model.set_submodule(name, Int8Linear.of(layer))
    return model


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """The model's tensors by name, int8 layers in parts; `layers_of` and `filled` are the way back."""
    tensors = dict(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, Int8Linear):
            tensors |= {f"{name}{INT8}{part}": value.contiguous() for part, value in module.parts().items()}
    return tensors


def layers_of(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, Int8Linear], dict[str, torch.Tensor]]:
    """The int8 layers among the tensors, by name, and the rest; both are copies, so that a mapped file can be closed."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    rest: dict[str, torch.Tensor] = {}
    for name, value in tensors.items():
        layer, mark, part = name.rpartition(INT8)
        if mark:
            parts.setdefault(layer, {})[part] = value
        else:
            rest[name] = value.clone()
    return {name: Int8Linear(**of) for name, of in parts.items()}, rest


def filled(model: Any, layers: Mapping[str, Int8Linear], rest: Mapping[str, torch.Tensor]) -> Any:
    """Puts layers and tensors into `model`, a transformers one on the meta device. RuntimeError where they do not fit."""
    for name, module in list(model.named_modules()):
        if next(module.buffers(recurse=False), None) is not None:  # angles of the positions, which no file holds
            model.set_submodule(name, type(module)(model.config))
    for name, layer in layers.items():
        model.set_submodule(name, layer)
    model.load_state_dict(rest, assign=True)
    return model
