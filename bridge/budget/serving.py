"""The command that serves a setup's language model with vLLM within its planned memory.

By default vLLM takes nine tenths of the whole device; the command gives the bytes of its KV cache and its share of the device. It
also sets what our client needs: the adapter, and a grammar backend.
"""

from __future__ import annotations

import math
import shlex
from urllib.parse import urlsplit

from brain.files import ADAPTER
from bridge.budget.brains import brain
from bridge.budget.plan import CUDA_CONTEXT, MARGIN, brain_bytes
from bridge.budget.setup import TIERS, Setup

QUANTISATIONS = {
    "bf16": (),
    "nf4": ("--quantization", "bitsandbytes"),
}  # those of a setup that vLLM applies itself
RANK = 64  # of the shipped adapter and, by default, of `lucidrive finetune`
CARD = TIERS["rtx5090"].capacity  # bytes of the default device
OWN_ADAPTER = "runs/brain/adapter"  # where `lucidrive finetune` writes
CLIENT = (  # what brain.vllm_client needs
    *("--structured-outputs-config.backend", "guidance", "--logprobs-mode", "processed_logprobs"),
    "--enable-sleep-mode",
)
ENVIRONMENT = {"VLLM_SERVER_DEV_MODE": "1"}  # without it the server has no /sleep


def memory_share(setup: Setup, capacity: int) -> float:
    """Share of a device of `capacity` bytes that the plan has for the brain and the driver's context, rounded up to hundredths."""
    needed = (brain_bytes(setup) + CUDA_CONTEXT) * (1 + MARGIN)
    return min(1.0, math.ceil(100 * needed / capacity) / 100)


def kv_budget(setup: Setup) -> int:
    """Bytes of the whole KV cache."""
    return setup.context * brain(setup.brain).kv_bytes(setup.kv)


def serve_command(setup: Setup, capacity: int = CARD) -> list[str] | None:
    """The command; None where vLLM does not serve the setup's brain so. capacity: bytes of the device."""
    if setup.brain_device != "cuda" or setup.quant not in QUANTISATIONS:
        return None
    model = "/".join(urlsplit(brain(setup.brain).source).path.split("/")[1:3])
    command = ["vllm", "serve", model, "--host", "127.0.0.1", "--max-model-len", str(setup.context)]
    adapter = str(ADAPTER) if setup.brain == TIERS["embedded"].setup.brain else OWN_ADAPTER
    command += ["--enable-lora", "--max-lora-rank", str(RANK), "--lora-modules", f"lucidrive={adapter}"]
    command += ["--gpu-memory-utilization", f"{memory_share(setup, capacity):.2f}"]
    command += ["--kv-cache-memory-bytes", str(kv_budget(setup)), *CLIENT, *QUANTISATIONS[setup.quant]]
    return command + (["--kv-cache-dtype", "fp8"] if setup.kv == "fp8" else [])


def shell_line(command: list[str]) -> str:
    """The command with its environment, for a shell."""
    return " ".join([*(f"{name}={value}" for name, value in ENVIRONMENT.items()), shlex.join(command)])
