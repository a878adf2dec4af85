"""The fused LoRA product is peft's, batches cover every case once an epoch, and files of cases are read with care."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from finetune.cases import read_cases, read_tsv
from finetune.lora import fuse
from finetune.rules import by_rules
from finetune.scores import compare
from finetune.train import IGNORE, Batches, Example, collate
from world.errors import DataError

HAND_WRITTEN = Path(__file__).parent / "data/brain_cases.tsv"


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
    examples = [Example([10 + i] * (3 + i % 7), 2) for i in range(64)]
    batches = Batches(examples, 8, seed=3)
    seen = [int(row[0]) for step in range(len(batches)) for row in batches.batch(step)[0]]
    assert sorted(seen) == [10 + i for i in range(64)]
    assert torch.equal(batches.batch(5)[0], Batches(examples, 8, seed=3).batch(5)[0])


def test_only_the_plan_is_learnt() -> None:
    tokens, labels, mask = collate([Example([1, 2, 3, 4], 2), Example([5, 6], 1)])
    assert labels.tolist() == [[IGNORE, IGNORE, 3, 4], [IGNORE, 6, IGNORE, IGNORE]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert tokens.shape == (2, 4)


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
    own = read_tsv(HAND_WRITTEN)
    assert {case.language for case in own} == {"en", "zh"}
    perfect = compare(own, [case.plan for case in own])
    assert perfect["exact"] == perfect["valid"] == 1.0
    assert compare(own, ["nonsense"] * len(own))["valid"] == 0.0
    by_keywords = compare(own, [by_rules(case.text) for case in own])
    assert 0.1 < by_keywords["exact"] < 1.0 and by_keywords["valid"] == 1.0
