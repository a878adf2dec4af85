"""The fused LoRA product is peft's, batches cover every case once an epoch, and files of cases are read with care."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import nn

from brain.files import WEIGHTS, checked, seal
from finetune.batches import IGNORE, Batches, Example, example, pack, shared_beginning
from finetune.best import Best
from finetune.cases import BENCHMARK, read_cases, read_tsv
from finetune.corpus import corpus
from finetune.lora import fuse
from finetune.rules import by_rules
from finetune.scores import compare
from finetune.soup import soup
from finetune.sweep import settings, trial
from finetune.train import FinetuneConfig, completion_loss, set_weights
from tests.brain.tiny_brain import tiny_model
from world.errors import DataError, WeightsError


def test_fused_product_is_pefts_own() -> None:
    """Outputs and all gradients, on a small network with both adapters away from zero."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(12, 20, bias=False), nn.SiLU(), nn.Linear(20, 8, bias=False))
    model = get_peft_model(plain, LoraConfig(r=4, lora_alpha=8, target_modules=["0", "2"]))
    for parameter in model.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter)
    x = torch.randn(3, 5, 12)

    def run() -> tuple[torch.Tensor, list[torch.Tensor]]:
        model.zero_grad()
        y = model(x)
        y.square().sum().backward()
        return y.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]

    expected, gradients = run()
    fuse(model)
    actual, fused = run()
    torch.testing.assert_close(actual, expected)
    assert len(fused) == len(gradients) == 4
    for one, other in zip(fused, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_batches_cover_an_epoch_and_depend_on_the_step_alone() -> None:
    examples = [Example([1, 2, 10 + i, *[3] * (i % 7), 4], 3) for i in range(64)]
    batches = Batches(examples, 8, seed=3)
    seen = [int(token) for step in range(len(batches)) for token in batches.batch(step).tokens.flatten() if token >= 10]
    assert sorted(seen) == [10 + i for i in range(64)]
    assert torch.equal(batches.batch(5).tokens, Batches(examples, 8, seed=3).batch(5).tokens)


def test_only_the_plan_is_learnt_and_no_example_sees_another() -> None:
    batch = pack([Example([7, 1, 2, 3], 2), Example([7, 5, 6], 2)], shared=1)
    assert batch.tokens.tolist() == [[7, 1, 2, 3, 5, 6]]
    assert batch.labels.tolist() == [[IGNORE, IGNORE, 2, 3, IGNORE, 6]]
    assert batch.places.tolist() == [[0, 1, 2, 3, 1, 2]]
    assert batch.size == 6
    seen = (batch.mask(torch.float32)[0, 0] == 0).tolist()
    assert [[place for place, sees in enumerate(row) if sees] for row in seen] == [
        [0],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 4],
        [0, 4, 5],
    ]


def test_shared_beginning_leaves_every_prompt_a_token_of_its_own() -> None:
    assert shared_beginning([Example([1, 2, 3, 9], 3), Example([1, 2, 4, 9], 3)]) == 2
    assert shared_beginning([Example([1, 2, 9], 2), Example([1, 2, 9], 2)]) == 1
    assert shared_beginning([Example([1, 9], 1), Example([2, 9], 1)]) == 0


def test_packed_loss_is_that_of_the_examples_one_by_one() -> None:
    """A real language model: what stands beside an example in a row changes nothing."""
    local = tiny_model()
    model = get_peft_model(local.model, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    examples = [example(local.tokenizer, case) for case in corpus(11)]
    with torch.no_grad():
        together, exact = completion_loss(model, pack(examples, shared_beginning(examples)))
        apart = [completion_loss(model, pack([item], 0)) for item in examples]
    learnt = torch.tensor([len(item.tokens) - item.prompt for item in examples])
    losses = torch.stack([loss for loss, _ in apart])
    torch.testing.assert_close(together, (losses * learnt).sum() / learnt.sum())
    assert float(exact) == pytest.approx(float(torch.stack([right for _, right in apart]).mean()))


def test_training_sets_out_from_an_adapter_of_the_same_shape(tmp_path: Path) -> None:
    def lora(rank: int, targets: str | list[str] = "all-linear") -> PeftModel:
        return get_peft_model(
            tiny_model().model,
            LoraConfig(r=rank, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False),
        )

    known, fresh = lora(2), lora(2)
    known.save_pretrained(tmp_path)
    seal(tmp_path)
    saved = load_file(checked(tmp_path))
    set_weights(fresh, saved, tmp_path)
    weights = get_peft_model_state_dict(known)
    assert weights and all(
        torch.equal(value, weights[name]) for name, value in get_peft_model_state_dict(fresh).items()
    )
    with pytest.raises(WeightsError, match="another rank"):
        set_weights(lora(3), saved, tmp_path)
    with pytest.raises(WeightsError, match="other layers"):
        set_weights(lora(2, ["q_proj"]), saved, tmp_path)


def test_the_average_of_least_loss_is_kept_and_made_once(tmp_path: Path) -> None:
    begin, adapter = tmp_path / "begin", tmp_path / "adapter"
    for folder, value in ((begin, 0.0), (adapter, 1.0)):
        folder.mkdir()
        save_file({"a": torch.full((3,), value).half()}, folder / WEIGHTS)
        (folder / "training.json").write_text("{}")
        seal(folder)

    def loss_of(weights: dict[str, torch.Tensor]) -> float:
        return float((weights["a"] - 0.55).abs().sum())

    assert soup(begin, adapter, loss_of) == 0.6
    assert load_file(checked(adapter))["a"].tolist() == pytest.approx([0.6] * 3, abs=1e-3)
    assert soup(begin, adapter, lambda weights: float(weights["a"].sum())) == 0.6
    assert load_file(checked(adapter))["a"].tolist() == pytest.approx([0.6] * 3, abs=1e-3)


@pytest.mark.slow
def test_a_sweep_tries_each_setting_and_every_trial_learns() -> None:
    """One setting is changed at a time; more steps of a trial leave less loss."""
    config = FinetuneConfig(rate=1e-2, batch=8)
    tried = settings(config)
    assert tried[0] == config and len(set(tried)) == len(tried) > 6
    assert all(
        sum(getattr(one, name) != getattr(config, name) for name in ("rank", "rate", "targets")) < 2 for one in tried
    )
    losses = []
    for steps in (1, 80):
        torch.manual_seed(0)
        local = tiny_model()
        model = get_peft_model(local.model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
        examples = [example(local.tokenizer, case) for case in corpus(64)]
        result = trial(model, config, Batches(examples, config.batch, 0), examples[:16], steps)
        losses.append(result.loss)
        assert result.parameters > 0 and 0 <= result.exact <= 1
    assert losses[1] < 0.9 * losses[0]


def test_own_cases_are_read_and_bad_ones_named(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"text": "left please", "plan": "left"}\n')
    assert read_cases(own)[0].plan == "left"
    own.write_text('{"text": "left please", "plan": "left"}\n{"text": "fly", "plan": "fly"}\n')
    with pytest.raises(DataError, match="Line 2"):
        read_cases(own)
    bad = tmp_path / "bad.tsv"
    bad.write_text("left\t\tleft\nno plan here\n")
    with pytest.raises(DataError, match="Line 2"):
        read_tsv(bad)


def test_scores_count_what_is_exact() -> None:
    own = read_tsv(BENCHMARK / "brain_cases.tsv")
    assert {case.language for case in own} == {"en", "zh"}
    perfect = compare(own, [case.plan for case in own])
    assert perfect["exact"] == perfect["valid"] == 1.0
    assert compare(own, ["nonsense"] * len(own))["valid"] == 0.0
    by_keywords = compare(own, [by_rules(case.text) for case in own])
    assert 0.1 < by_keywords["exact"] < 1.0 and by_keywords["valid"] == 1.0


def test_the_best_adapter_is_remembered_and_too_long_without_a_better_one_ends_it(tmp_path: Path) -> None:
    best = Best(tmp_path, patience=2)
    for step, exact in enumerate((0.5, 0.7, 0.6)):
        if best.is_better(exact):
            best.adapter.mkdir(exist_ok=True)
            best.note(step, exact)
    assert (best.step, best.exact, best.worse, best.is_over) == (1, 0.7, 1, False)
    again = Best(tmp_path, patience=2)
    assert (again.step, again.exact, again.worse) == (1, 0.7, 1)
    assert not again.is_better(0.65) and again.is_over
    assert Best(tmp_path, patience=2).is_over
