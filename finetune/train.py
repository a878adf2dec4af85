"""LoRA for the brain (Hu et al. 2021, arXiv 2106.09685) with peft: loss on the plan alone for so many minutes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brain.llm import PACKAGE, PACKAGE_VERSION, base_model
from brain.prompt import prompt_tokens
from finetune.cases import Case, read_cases
from finetune.corpus import corpus
from finetune.lora import fuse
from world.train.loop import Report, Schedule, TrainingLoop

HELD_OUT_SEED = 1
IGNORE = -100


@dataclass(frozen=True, slots=True)
class FinetuneConfig:
    cases: int = 24_000
    held_out: int = 200
    rank: int = 16
    alpha: int = 32
    rate: float = 1e-3
    batch: int = 16
    minutes: float = 20.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of prompt and plan; the loss counts from `prompt` on."""

    tokens: list[int]
    prompt: int


def finetune(
    base: str | Path | None = None,
    data: Path | None = None,
    out: Path = Path("runs/brain"),
    *,
    config: FinetuneConfig | None = None,
    report: Report | None = None,
) -> Path:
    """Trains a LoRA on every linear layer and writes the adapter to `out / "adapter"`; goes on where it was killed.

    base: a folder of safetensors with its tokenizer (default: SmolLM2-135M-Instruct); data: a jsonl file of cases
    (`text`, `context`, `plan`) added to the synthesised corpus.
    """
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = config or FinetuneConfig()
    folder = Path(base) if base else base_model()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        lora = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(plain, lora)
    if _bf16():
        model.to(torch.bfloat16)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    fuse(model)

    cases = corpus(config.cases, seed=config.seed) + (read_cases(data) if data else [])
    examples = [example(tokenizer, case) for case in cases]
    batches = Batches(examples, config.batch, config.seed)
    held_out = [example(tokenizer, case) for case in corpus(config.held_out, "held_out", HELD_OUT_SEED)]

    trained = {name.replace(".", "/"): value for name, value in model.named_parameters() if value.requires_grad}
    schedule = Schedule(minutes=config.minutes, rate=config.rate, warmup=60, fall=0.1, ema=0.98, weight_decay=0.0)
    loop = TrainingLoop("lora", out, nn.ParameterDict(trained), schedule)

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        tokens, labels, mask = batches.batch(step)
        loss, exact = completion_loss(model, tokens, labels, mask)
        yield {"loss": loss, "exact": exact, "epoch": torch.tensor(step / len(batches))}

    def validate() -> dict[str, float]:
        with torch.no_grad():
            scores = [
                completion_loss(model, *collate(held_out[start : start + 50])) for start in range(0, len(held_out), 50)
            ]
        return {
            "loss": float(sum(loss for loss, _ in scores)) / len(scores),
            "exact": float(sum(right for _, right in scores)) / len(scores),
        }

    loop.run(loss_of, validate, report)
    with loop.averaged():
        return save_adapter(model, out / "adapter", config, len(cases), validate())


def completion_loss(model: Any, tokens: Tensor, labels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy of the plan's tokens, and the share of rows in which every one of them is the likeliest.

    The vocabulary's logits are made only where there is something to predict: they would dominate the cost.
    """
    inner = model.base_model.model
    hidden = inner.model(input_ids=tokens, attention_mask=mask, use_cache=False).last_hidden_state
    rows, columns = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)
    logits = inner.lm_head(hidden[rows, columns]).float()
    target = labels[rows, columns + 1]
    wrong = torch.zeros(len(tokens)).index_add_(0, rows, (logits.argmax(-1) != target).float())
    return F.cross_entropy(logits, target), (wrong == 0).float().mean()


def example(tokenizer: Any, case: Case) -> Example:
    prompt = prompt_tokens(tokenizer, case.text, case.context)
    plan = list(tokenizer(case.plan, add_special_tokens=False).input_ids)
    return Example([*prompt, *plan, tokenizer.eos_token_id], len(prompt))


class Batches:
    """Batches of examples of like length, in a new order every epoch; `batch(step)` depends on the step alone."""

    def __init__(self, examples: list[Example], size: int, seed: int) -> None:
        self.examples, self.size, self.seed = examples, size, seed

    def __len__(self) -> int:
        return max(1, len(self.examples) // self.size)

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        epoch, number = divmod(step, len(self))
        generator = torch.Generator().manual_seed(self.seed * 1000 + epoch)
        order = torch.randperm(len(self.examples), generator=generator).tolist()
        pools = [order[start : start + 40 * self.size] for start in range(0, len(order), 40 * self.size)]
        sorted_order = [index for pool in pools for index in sorted(pool, key=lambda i: len(self.examples[i].tokens))]
        starts = torch.randperm(len(self), generator=generator).tolist()
        first = starts[number] * self.size
        return collate([self.examples[index] for index in sorted_order[first : first + self.size]])


def collate(examples: list[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, labels and mask [B, L], padded on the right."""
    longest = max(len(item.tokens) for item in examples)
    tokens = torch.zeros(len(examples), longest, dtype=torch.long)
    labels, mask = torch.full_like(tokens, IGNORE), torch.zeros_like(tokens)
    for row, item in enumerate(examples):
        length = len(item.tokens)
        tokens[row, :length] = torch.tensor(item.tokens)
        labels[row, item.prompt : length] = torch.tensor(item.tokens[item.prompt :])
        mask[row, :length] = 1
    return tokens, labels, mask


def save_adapter(model: Any, out: Path, config: FinetuneConfig, cases: int, scores: dict[str, float]) -> Path:
    """The adapter as fp16 safetensors with its configuration; written aside, then renamed."""
    from safetensors.torch import load_file, save_file

    aside = out.with_name(out.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    model.save_pretrained(aside)
    weights = aside / "adapter_model.safetensors"
    save_file({name: value.half() for name, value in load_file(weights).items()}, weights)
    settings = json.loads((aside / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = f"{PACKAGE}=={PACKAGE_VERSION}"  # not a path of the machine it was trained on
    (aside / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    record = {"config": asdict(config), "cases": cases, "held_out_teacher_forced": scores}
    (aside / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    (aside / "README.md").unlink(missing_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    aside.rename(out)
    return out


def _bf16() -> bool:
    return torch.cpu._is_avx512_bf16_supported()
