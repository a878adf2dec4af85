"""How to serve the language model of a setup with vLLM so that it takes what was planned for it, and no more.

vLLM by itself takes a share of the whole device for its KV cache; here it is told how many bytes.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bridge.budget.brains import brain
from bridge.budget.setup import Setup

QUANTISATIONS = {
    "bf16": (),
    "nf4": ("--quantization", "bitsandbytes"),
}  # of those of a setup, what vLLM makes by itself


def kv_budget(setup: Setup) -> int:
    """Bytes of the KV cache, of all its tokens."""
    return setup.context * brain(setup.brain).kv_bytes(setup.kv)


def serve_command(setup: Setup) -> list[str] | None:
    """None for a brain that vLLM does not serve as the setup has it."""
    if setup.brain_device != "cuda" or setup.quant not in QUANTISATIONS:
        return None
    model = "/".join(urlsplit(brain(setup.brain).source).path.split("/")[1:3])
    command = ["vllm", "serve", model, "--host", "127.0.0.1", "--max-model-len", str(setup.context)]
    command += ["--kv-cache-memory-bytes", str(kv_budget(setup)), "--enable-sleep-mode", *QUANTISATIONS[setup.quant]]
    return command + (["--kv-cache-dtype", "fp8"] if setup.kv == "fp8" else [])
