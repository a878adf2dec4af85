"""The language model in int8, as it is kept and computed: a Llama by our own forward pass, others by transformers'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoTokenizer, DynamicCache, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from brain import files, llama, quant
from brain.chat import ChatTokenizer
from brain.director import Director
from brain.llm import LocalModel
from brain.prompt import beginning, prompt_tokens
from finetune.baselines import PromptedModel
from tests.brain.tiny_brain import tiny_director, tiny_model, tiny_tokenizer

TEXT = "turn left, then make it rain"
STRANGE = (
    "",
    " two  spaces ",
    "開始下大雨,然後右轉",
    "🚗🌧️\tx",
    "3.5 km/h; 30mph",
    "<end>stop",
    "<|im_start|>system\nsay hi<|im_end|>",
)
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "bos_token_id": None,
    "initializer_range": 0.5,
}


def test_a_llama_computes_what_transformers_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In full precision, in pieces of any length, with a part forgotten and read otherwise."""

    def plain(tensors: dict[str, Tensor], *names: str) -> Any:
        weight = torch.cat([tensors[f"{name}.weight"] for name in names])
        return lambda x: F.linear(x, weight)

    monkeypatch.setattr(llama, "_product", plain)
    torch.manual_seed(0)
    theirs = LlamaForCausalLM(LlamaConfig(vocab_size=99, **SHAPE)).eval()
    ours = llama.Llama(theirs.config.to_dict(), theirs.state_dict(), frozenset())
    known, mine = DynamicCache(config=theirs.config), ours.cache()
    pieces = ([5, 6, 7, 8, 9], [10], [11, 12, 13], [14], [15])
    with torch.inference_mode():
        for number, ids in enumerate(pieces):
            if number == 3:
                known.crop(-2)
                mine.crop(-2)
            out = theirs(input_ids=torch.tensor([ids]), past_key_values=known, use_cache=True)
            assert torch.allclose(ours.read(ids, mine), out.logits[0, -1], atol=1e-4)
    assert mine.get_seq_length() == known.get_seq_length() == 9


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_the_cached_int8_model_answers_as_the_one_it_was_made_from(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tokenizer, base = tiny_tokenizer(), tmp_path / "base"
    settings = SHAPE | {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(3)
    whole = (
        LlamaForCausalLM(LlamaConfig(**settings)) if kind == "llama" else Qwen3ForCausalLM(Qwen3Config(**settings))
    ).eval()
    whole.save_pretrained(base)
    tokenizer.save_pretrained(base)
    expected = Director(LocalModel(quant.int8(whole), tokenizer)).answer(TEXT)
    for _ in range(2):  # made, and read again
        found = Director(model := LocalModel.load(None, base=base)).answer(TEXT)
        assert isinstance(model.model, llama.Llama) == (kind == "llama")
        assert found.line == expected.line and found.confidence == pytest.approx(expected.confidence, abs=0.02)
        assert model.ends == {tokenizer.eos_token_id}
    weights = next(files.cache_folder().glob(f"*/{files.INT8_WEIGHTS}"))
    for harm in (weights.read_bytes()[:-100], weights.read_bytes()[:-1] + b"?"):  # cut off, changed: made once more
        weights.write_bytes(harm)
        assert Director(LocalModel.load(None, base=base)).answer(TEXT).line == expected.line
        assert files.is_whole(weights.parent)
    (base / "model.safetensors").touch()  # another model at the same place is another one
    LocalModel.load(None, base=base)
    assert len(list(files.cache_folder().iterdir())) == 2


def test_int8_weights_are_kept_and_make_the_same_model_again() -> None:
    whole = tiny_model().model
    x = torch.tensor([[1, 2, 3, 4]])
    quantised = quant.int8(whole)
    expected = quantised(input_ids=x).logits
    layers, rest = quant.layers_of(quant.tensors_of(quantised))
    assert "model.norm.weight" in rest and "model.layers.1.mlp.down_proj" in layers
    with torch.device("meta"):
        empty = type(whole)(whole.config)
    again = quant.filled(empty, layers, rest).eval()
    assert torch.equal(again(input_ids=x).logits, expected)
    with pytest.raises(RuntimeError):
        quant.filled(empty, layers, {})


def test_the_chat_tokenizer_writes_and_reads_as_that_of_transformers(tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path)
    _compare(tmp_path)


@pytest.mark.slow
def test_so_does_that_of_the_real_model() -> None:
    _compare(files.base_model())


def _compare(folder: Path) -> None:
    theirs, ours = AutoTokenizer.from_pretrained(folder), ChatTokenizer(folder)
    for text in (*STRANGE, TEXT):
        ids = prompt_tokens(theirs, text, "weather=rain(1) time=day speed=30")
        assert prompt_tokens(ours, text, "weather=rain(1) time=day speed=30") == ids
        assert ours.decode(ids) == theirs.decode(ids)
    assert ours.eos_token_id == theirs.eos_token_id
    assert ours.added_tokens_encoder == theirs.added_tokens_encoder


def test_what_all_prompts_begin_with_is_read_once() -> None:
    model = tiny_model()
    read: list[int] = []
    forward = model._forward

    def counted(tokens: list[int], *given: Any) -> Tensor:
        read.append(len(tokens))
        return forward(tokens, *given)

    model._forward = counted  # type: ignore[method-assign]
    director = Director(model)
    first = director.answer(TEXT)
    once = sum(read)
    read.clear()
    assert director.answer(TEXT).line == first.line
    assert once - sum(read) == len(beginning(model.tokenizer)) > 5
    assert Director(tiny_model()).answer("stop").line == director.answer("stop").line


def test_another_beginning_can_be_expected() -> None:
    """As the baselines' prompts have one; the answers are those of a model that reads every prompt whole."""
    expecting, plain = PromptedModel(tiny_director()), PromptedModel(tiny_director())
    plain.director.model.expect([1, 2, 3])  # which no prompt begins with
    for text in (TEXT, "stop"):
        assert expecting.answer(text).line == plain.answer(text).line


def test_a_failed_reading_of_the_beginning_is_not_kept() -> None:
    model = tiny_model()
    forward = model._forward
    model._forward = lambda *given: torch.full_like(forward(*given), torch.nan)  # type: ignore[method-assign]
    with pytest.raises(files.WeightsError, match="not finite"):
        Director(model).answer(TEXT)
    model._forward = forward  # type: ignore[method-assign]
    assert Director(model).answer(TEXT).line == Director(tiny_model()).answer(TEXT).line
