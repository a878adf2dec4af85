"""How to serve the language model of a setup with vLLM so that it takes what was planned for it, and no more.

vLLM by itself takes nine tenths of the whole device; here it is told how many bytes its KV cache may have, and the share of the
device that all of it comes to. It is told as well what our client needs: the adapter, and a grammar that holds.
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
}  # of those of a setup, what vLLM makes by itself
RANK = 64  # of the adapter that is shipped and of those that `lucidrive finetune` makes by itself
CARD = TIERS["rtx5090"].capacity  # bytes of the device that is meant where none is named
TRAINED = "runs/brain/adapter"  # where it puts them
CLIENT = (  # what brain.vllm_client asks of a server
    *("--structured-outputs-config.backend", "guidance", "--logprobs-mode", "processed_logprobs"),
    "--enable-sleep-mode",
)
ENVIRONMENT = {"VLLM_SERVER_DEV_MODE": "1"}  # without it there is no address to put the server to sleep by


def memory_share(setup: Setup, capacity: int) -> float:
    """Of the device: what the plan foresees for the brain and the driver beside it, rounded up to hundredths."""
    needed = (brain_bytes(setup) + CUDA_CONTEXT) * (1 + MARGIN)
    return min(1.0, math.ceil(100 * needed / capacity) / 100)


def kv_budget(setup: Setup) -> int:
    """Bytes of the KV cache, of all its tokens."""
    return setup.context * brain(setup.brain).kv_bytes(setup.kv)


def serve_command(setup: Setup, capacity: int = CARD) -> list[str] | None:
    """None for a brain that vLLM does not serve as the setup has it. capacity: bytes of the device."""
    if setup.brain_device != "cuda" or setup.quant not in QUANTISATIONS:
        return None
    model = "/".join(urlsplit(brain(setup.brain).source).path.split("/")[1:3])
    command = ["vllm", "serve", model, "--host", "127.0.0.1", "--max-model-len", str(setup.context)]
    adapter = str(ADAPTER) if setup.brain == TIERS["embedded"].setup.brain else TRAINED
    command += ["--enable-lora", "--max-lora-rank", str(RANK), "--lora-modules", f"lucidrive={adapter}"]
    command += ["--gpu-memory-utilization", f"{memory_share(setup, capacity):.2f}"]
    command += ["--kv-cache-memory-bytes", str(kv_budget(setup)), *CLIENT, *QUANTISATIONS[setup.quant]]
    return command + (["--kv-cache-dtype", "fp8"] if setup.kv == "fp8" else [])


def as_typed(command: list[str]) -> str:
    """The command with its environment, for a shell."""
    return " ".join([*(f"{name}={value}" for name, value in ENVIRONMENT.items()), shlex.join(command)])
