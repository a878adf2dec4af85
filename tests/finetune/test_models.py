"""Training end to end on real models of a few thousand weights: another architecture with its own template, and nf4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from brain.director import Director
from brain.plan import parse_line, print_line
from brain.prompt import prompt_tokens
from finetune.train import FinetuneConfig, finetune, lora_model
from tests.brain.tiny_brain import tiny_tokenizer

THINKS = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}<end>{% endfor %}[assistant]"
    "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"
)
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 32,
}


def saved(folder: Path, kind: type[PreTrainedModel], settings: type) -> Path:
    """A base model's folder, as a person would have one; its tokenizer has a template of its own."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = THINKS
    config = settings(
        vocab_size=len(tokenizer),
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        max_position_embeddings=4096,
        **SIZES,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_another_model_is_trained_and_speaks_under_its_own_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Qwen3's architecture: prompts by its template, told not to think aloud; the adapter fits it and is merged into it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = saved(tmp_path / "tiny-qwen3", Qwen3ForCausalLM, Qwen3Config)
    own = tmp_path / "corrections.jsonl"
    own.write_text('{"text": "zoom", "context": "", "plan": "faster"}\n')
    config = FinetuneConfig(cases=64, validation=8, rank=4, rate=1e-2, minutes=0.05)
    adapter = finetune(str(base), own, tmp_path / "run", config=config)
    written = json.loads((adapter / "training.json").read_text())
    assert written["cases"] == 65 and written["config"]["rank"] == 4
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny-qwen3"
    assert any(
        value.abs().max() > 0
        for name, value in load_file(adapter / "adapter_model.safetensors").items()
        if "lora_B" in name
    )
    director = Director.load(adapter, base=base)
    tokenizer = director.model.tokenizer
    assert tokenizer.decode(prompt_tokens(tokenizer, "stop", "")).endswith("[user]stop<end>[assistant]<think></think>")
    reply = director.answer("turn left")
    assert print_line(parse_line(reply.line)) == reply.line


@pytest.mark.slow
def test_qlora_takes_a_real_step_on_a_base_in_four_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """bitsandbytes' nf4 on this machine's CPU; what comes of it can be played beside a base in nf4, too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = saved(tmp_path / "tiny-llama", LlamaForCausalLM, LlamaConfig)
    config = FinetuneConfig(cases=64, validation=8, rank=4, method="qlora", rate=1e-2, minutes=0.03)
    layer = lora_model(base, config).base_model.model.model.layers[0].self_attn.q_proj
    assert layer.base_layer.weight.dtype == torch.uint8 and layer.base_layer.weight.quant_type == "nf4"
    adapter = finetune(base, None, tmp_path / "run", config=config)
    weights = load_file(adapter / "adapter_model.safetensors")
    assert any(value.abs().max() > 0 for name, value in weights.items() if "lora_B" in name)
    assert all(torch.isfinite(value).all() for value in weights.values())
    reply = Director.load(adapter, base=base, quant="nf4").answer("turn left")
    assert print_line(parse_line(reply.line)) == reply.line
