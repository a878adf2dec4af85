"""The language model in fewer bits: int8 on a CPU, bitsandbytes' nf4 where a GPU computes."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch
from torch import nn

from brain.prompt import prompt_tokens

Quant = Literal["int8", "nf4", "none"]
OUTLYING = 60.0  # a layer whose largest input is so many times their root mean square is not quantised
PROBE = "turn left at the next junction, then make it rain 開始下大雨"


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


def int8(model: nn.Module, spare: frozenset[str] = frozenset()) -> nn.Module:
    """Weights of the linear layers in int8, a scale a channel; activations quantised as they come (CPU only).

    `spare`: names of layers that stay as they are.
    """
    layers = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)} - spare
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the move of this function to torchao
        settings = dict.fromkeys(layers, torch.ao.quantization.per_channel_dynamic_qconfig)
        return torch.ao.quantization.quantize_dynamic(model, settings)


@torch.inference_mode()
def outlying(model: nn.Module, tokenizer: Any) -> frozenset[str]:
    """Names of the linear layers whose input has a few values far above the rest, where one int8 scale ruins the others.

    In a language model these are the down projections of a few blocks ("massive activations", arXiv 2402.17762). With
    them in int8 the brain got 10 of 32 hand-written cases right instead of 21; without them all 21, as fast.
    """
    peaks: dict[str, float] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            x = inputs[0].float()
            peaks[name] = float(x.abs().max() / x.square().mean().sqrt().clamp_min(1e-9))

        return hook

    linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    hooks = [module.register_forward_pre_hook(watch(name)) for name, module in linear]
    try:
        model(input_ids=torch.tensor([prompt_tokens(tokenizer, PROBE, "weather=rain(1) time=day speed=30")]))
    finally:
        for hook in hooks:
            hook.remove()
    return frozenset(name for name, peak in peaks.items() if peak > OUTLYING)
