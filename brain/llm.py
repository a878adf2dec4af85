"""The local language model: SmolLM2-135M-Instruct with our LoRA merged in, int8 on a CPU, one token at a time.

Any other causal model may take its place: the prompt is its own chat template's, the grammar its own tokenizer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from brain.chat import ChatTokenizer
from brain.files import ADAPTER, INT8_WEIGHTS, attached, base_folder, is_whole, merged, quantised
from brain.llama import Llama, computes
from brain.prompt import beginning
from brain.quant import Quant, filled, layers_of, llm_int8, nf4
from world.errors import WeightsError

PIECE = 8  # tokens of the prompt read in one forward pass: few, for a pass may make a frame late
OPTIONS = 8  # of the likeliest tokens, among which another than the best is looked for


@dataclass(frozen=True, slots=True)
class Token:
    """One decoded token: its id, and its log-probability among the allowed ones (None when the grammar forced it).

    end: it ends the line and is none of it. other: the likeliest allowed one in its place that makes another line, if there
    is one among the likeliest.
    """

    id: int
    logprob: float | None
    end: bool = False
    other: Token | None = None


@dataclass(slots=True)
class PromptCache:
    """Keys and values of a prompt, for lines that continue it otherwise."""

    cache: Any = None


class LocalModel:
    """A causal language model with its tokenizer; `decode` yields tokens under a grammar."""

    def __init__(self, model: Any, tokenizer: Any, device: str = "cpu", matching: Any = None) -> None:
        """model: a Llama, or a causal model of transformers; matching: the tokenizer for llguidance, made here where it is None."""
        self.model, self.tokenizer, self.device = model, tokenizer, device
        self._matching = matching
        self._expected: list[int] | None = None
        self._beginning: tuple[list[int], Any] | None = None

    def expect(self, ids: list[int]) -> None:
        """Reads these tokens once for all prompts that begin with them, in place of `brain.prompt.beginning`."""
        self._expected, self._beginning = ids, None

    @classmethod
    def load(
        cls,
        adapter: Path | None = ADAPTER,
        *,
        base: str | Path | None = None,
        quant: Quant = "int8",
        device: str = "cpu",
    ) -> LocalModel:
        """The model from the cache, made first where it is not there. `adapter=None` is the base model alone. WeightsError.

        base: another model's folder or name (default: SmolLM2-135M-Instruct). On a CPU int8 is torch's, elsewhere
        bitsandbytes'. The adapter is merged where that is exact, which weights quantised by bitsandbytes do not allow.
        """
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        if quant == "int8" and device == "cpu":
            return cls._int8(adapter, base)
        from transformers import AutoModelForCausalLM

        if quant == "none":
            folder = merged(adapter, base)
            whole: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
            return cls._of(whole.to(device), folder, device)
        folder = base_folder(base)
        bits = nf4(dtype) if quant == "nf4" else llm_int8()
        plain = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, quantization_config=bits, device_map={"": device}
        )
        return cls._of(plain if adapter is None else attached(plain, adapter), folder, device)

    @classmethod
    def _of(cls, model: Any, folder: Path, device: str = "cpu") -> LocalModel:
        """A model of transformers, with its tokenizer."""
        from transformers import AutoTokenizer

        return cls(model.eval(), AutoTokenizer.from_pretrained(folder), device)

    @classmethod
    def _int8(cls, adapter: Path | None, base: str | Path | None) -> LocalModel:
        """On the CPU. A Llama needs nothing of transformers."""
        folder = quantised(adapter, base, verify=False)
        if not computes(folder):
            folder = quantised(adapter, base)
            return cls._of(_filled(folder), folder)
        with ThreadPoolExecutor(2) as beside:  # all at once, as a person waits
            whole, model = beside.submit(is_whole, folder), beside.submit(Llama.load, folder)
            tokenizer = ChatTokenizer(folder)
            matching = _matching(tokenizer)
        if whole.result():
            return cls(model.result(), tokenizer, matching=matching)
        return cls(Llama.load(quantised(adapter, base)), tokenizer, matching=matching)

    @torch.inference_mode()
    def decode(
        self,
        prompt: list[int],
        grammar: str,
        limit: int = 120,
        begin: Sequence[int] = (),
        reading: PromptCache | None = None,
    ) -> Iterator[Token | None]:
        """Greedy decoding under a Lark `grammar`. At most one forward pass between two yields.

        None is yielded after each piece of the prompt that is read, so that a long text does not stop the picture.
        Tokens that the grammar forces cost no decision of their own, but still have to be read by the model. `begin`:
        tokens that the line begins with; they are not yielded. reading: what an earlier decoding of the same prompt has read
        (that one has to have ended), or what this one is to leave its reading in.
        """
        matcher, mask = self._matcher(grammar)
        if not matcher.consume_tokens(list(begin)):
            raise ValueError("no line of the grammar begins so")
        reading = reading or PromptCache()
        if begin and reading.cache is not None:
            cache, read = reading.cache, list(begin)
            if (since := cache.get_seq_length() - len(prompt)) > 0:
                cache.crop(-since)
        else:
            if self._beginning is None:
                yield from self._begin()
            cache, known = self._cache_of(prompt)
            read = [*prompt[known:], *begin]
        for start in range(0, len(read), PIECE):
            logits = self._forward(read[start : start + PIECE], cache, start + PIECE >= len(read))
            yield None
        reading.cache = cache
        for _ in range(limit - len(begin)):
            if matcher.is_stopped():
                return
            forced = matcher.compute_ff_tokens()
            if forced:
                pending = [Token(token, None) for token in forced]
            else:
                choice = self._choose(logits, matcher, mask)
                if choice.end:
                    yield choice
                    return
                pending = [choice]
            if not matcher.consume_tokens([token.id for token in pending]):
                raise WeightsError(
                    "The brain's grammar refused its own token; restore the package llguidance and try again."
                )
            if not matcher.is_stopped():
                logits = self._forward([token.id for token in pending], cache)
            yield from pending

    def _begin(self) -> Iterator[None]:
        """Reads the beginning that all prompts share."""
        ids, cache = self._expected or beginning(self.tokenizer), self._cache()
        if torch.isfinite(self._forward(ids, cache)).all():  # else `_choose` tells of it
            self._beginning = ids, cache
        yield

    def _cache_of(self, prompt: list[int]) -> tuple[Any, int]:
        """A cache, and how many tokens of the prompt it holds."""
        ids, cache = self._beginning or ([], None)
        if ids and len(ids) < len(prompt) and prompt[: len(ids)] == ids:
            return deepcopy(cache), len(ids)
        return self._cache(), 0

    def _cache(self) -> Any:
        """An empty cache."""
        if isinstance(self.model, Llama):
            return self.model.cache()
        from transformers import DynamicCache

        config: Any = self.model.config
        return DynamicCache(config=config)

    def _forward(self, tokens: list[int], cache: Any, logits: bool = True) -> torch.Tensor:
        """Scores [vocabulary] of the next token; [0] where `logits` is False."""
        with torch.inference_mode():
            if isinstance(self.model, Llama):
                return self.model.read(tokens, cache, logits)
            ids = torch.tensor([tokens], device=self.device)
            out = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return out.logits[0, -1].cpu()

    def _choose(self, logits: torch.Tensor, matcher: Any, mask: np.ndarray) -> Token:
        import llguidance.numpy

        if not torch.isfinite(logits).all():
            raise WeightsError(
                "The language model gave numbers that are not finite; say it again, and if it stays so restore brain/weights."
            )
        llguidance.numpy.fill_next_token_bitmask(matcher, mask, 0)
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        scores = logits[torch.from_numpy(allowed)].float().log_softmax(-1)
        likeliest = scores.topk(min(OPTIONS, len(allowed)))
        ids = [int(allowed[place]) for place in likeliest.indices.tolist()]
        best, ends = ids[0], self.ends
        text = self.tokenizer.decode([best])

        def differs(token: int) -> bool:
            if best in ends or token in ends:
                return not (best in ends and token in ends)
            said = self.tokenizer.decode([token])
            return not (said.startswith(text) or text.startswith(said))

        others = (
            Token(token, logprob, token in ends)
            for token, logprob in zip(ids[1:], likeliest.values[1:].tolist(), strict=True)
            if differs(token)
        )
        return Token(best, float(likeliest.values[0]), best in ends, next(others, None))

    def _matcher(self, grammar: str) -> tuple[Any, np.ndarray]:
        import llguidance
        import llguidance.numpy

        if self._matching is None:
            self._matching = _matching(self.tokenizer)
        matcher = llguidance.LLMatcher(self._matching, llguidance.LLMatcher.grammar_from_lark(grammar))
        if matcher.is_error():
            raise WeightsError(f"The brain's grammar cannot be used ({matcher.get_error()}); restore brain/grammar.py.")
        return matcher, llguidance.numpy.allocate_token_bitmask(1, self._matching.vocab_size)

    @property
    def ends(self) -> set[int]:
        """The tokens that end a turn."""
        if isinstance(self.model, Llama):
            return {*self.model.ends, self.tokenizer.eos_token_id}
        settings: Any = self.model.generation_config
        ends = settings.eos_token_id
        return {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id}


def _filled(folder: Path) -> nn.Module:
    """A model of transformers with int8 layers, from its folder."""
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel

    with torch.device("meta"):
        empty: PreTrainedModel = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(folder), dtype=torch.float32
        )
    empty.generation_config = GenerationConfig.from_pretrained(folder)
    model: nn.Module = filled(empty, *layers_of(load_file(folder / INT8_WEIGHTS)))
    return model


def _matching(tokenizer: Any) -> Any:
    """The tokenizer for llguidance; it takes a third of a second to make."""
    import llguidance

    if isinstance(tokenizer, ChatTokenizer):
        return llguidance.LLTokenizer(tokenizer.to_str(), eos_token=tokenizer.eos_token_id, slices=[])
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer)
