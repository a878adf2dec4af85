"""A real vLLM server on this machine's CPU, with the shipped adapter and our grammar: its plans are those of this process.

Runs by `make test-vllm`, which makes the virtual environment that the server needs.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brain.director import Director
from brain.files import ADAPTER, base_model
from brain.vllm_client import BrainServerError, VllmDirector

PYTHON = os.environ.get("LUCIDRIVE_VLLM", "")
PATIENCE = 400.0  # seconds until the server is there
SENTENCES = (
    ("turn left", ""),
    ("turn left, then make it rain", ""),
    ("heavier", "weather=rain(2) time=day speed=30"),
    ("slow to 20 and let someone cut in from the left", ""),
    ("write me a poem", ""),
    ("turn", ""),
    ("下大雨,然後停車", ""),
    ("夜晚起霧", "weather=clear time=day speed=40"),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="needs a vLLM of its own: make test-vllm"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", str(base_model())]
    command += ["--enable-lora", "--max-lora-rank", "64", "--lora-modules", f"lucidrive={ADAPTER}"]
    command += ["--dtype", "float32", "--enforce-eager", "--max-model-len", "2048", "--max-num-seqs", "4"]
    command += ["--structured-outputs-config.backend", "guidance", "--logprobs-mode", "processed_logprobs"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    settings = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    with log.open("w") as written:
        server = subprocess.Popen(
            command, env=os.environ | settings, stdout=written, stderr=subprocess.STDOUT, cwd=log.parent
        )
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
        try:
            while not _is_there(address):
                if server.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")
                time.sleep(1.0)
            yield address
        finally:
            server.terminate()
            server.wait(60)


def _is_there(address: str) -> bool:
    try:
        VllmDirector.connect(address)
    except BrainServerError:
        return False
    return True


def test_a_real_server_plans_as_this_process_does(url: str) -> None:
    """In fp32 on both sides: the same lines, and as sure of them."""
    far, near = VllmDirector.connect(url), Director.load(quant="none")
    for text, context in SENTENCES:
        there, here = far.answer(text, context), near.answer(text, context)
        assert there.line == here.line, text
        assert there.confidence == pytest.approx(here.confidence, abs=0.02)


def test_a_name_that_the_server_does_not_have_is_named(url: str) -> None:
    assert Path(PYTHON).exists()
    with pytest.raises(BrainServerError, match="lucidrive"):
        VllmDirector.connect(url, "another")
