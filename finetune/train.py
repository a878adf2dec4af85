"""LoRA fine-tuning of the brain (Hu et al. 2021, arXiv 2106.09685) with peft: loss on the plan alone, for a given time."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brain.director import Director
from brain.files import PACKAGE, PACKAGE_VERSION, base_folder, checked, seal
from brain.quant import nf4
from finetune.batches import IGNORE, Batches, Example, TokenBatch, example, pack
from finetune.best import Best
from finetune.cases import read_cases
from finetune.confidence import calibrate_threshold, write_threshold
from finetune.corpus import corpus
from finetune.lora import fuse
from finetune.soup import soup
from world.errors import WeightsError
from world.train.loop import Report, Schedule, TrainingLoop

VALIDATION_SEED = 1
Method = Literal["lora", "qlora"]
TARGETS: dict[str, str | list[str]] = {
    "all-linear": "all-linear",
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "mlp": ["gate_proj", "up_proj", "down_proj"],
}


@dataclass(frozen=True, slots=True)
class FinetuneConfig:
    """alpha is twice the rank; targets: a key of TARGETS; patience: validations without improvement that end training."""

    cases: int = 60_000
    validation: int = 400
    rank: int = 64
    targets: str = "all-linear"
    method: Method = "lora"
    rate: float = 2e-3
    batch: int = 16
    minutes: float = 20.0
    validate_minutes: float = 6.0
    patience: int = 5
    seed: int = 0


def finetune(
    base: str | Path | None = None,
    data: Path | None = None,
    out: Path = Path("runs/brain"),
    *,
    begin: Path | None = None,
    config: FinetuneConfig | None = None,
    report: Report | None = None,
) -> Path:
    """Trains a LoRA and writes the adapter to `out / "adapter"`; an interrupted run is resumed.

    The weights are averaged over steps; of their validations, the one with the most exact plans is kept. base: a folder
    of safetensors with its tokenizer (default: SmolLM2-135M-Instruct), whose chat template is used; data: a jsonl file
    of cases (`text`, `context`, `plan`) added to the corpus; begin: initial adapter of the same rank and targets; the
    final weights are averaged with it. WeightsError where it is damaged or of another shape, DataError where `data` has
    a bad line.
    """
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    config = config or FinetuneConfig()
    folder = base_folder(base)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = lora_model(folder, config)
    if begin is not None:
        set_weights(model, load_file(checked(begin)), begin)

    cases = corpus(config.cases, seed=config.seed) + (read_cases(data) if data else [])
    batches = Batches([example(tokenizer, case) for case in cases], config.batch, config.seed)
    unseen = [example(tokenizer, case) for case in corpus(config.validation, "validation", VALIDATION_SEED)]

    lora = {name.replace(".", "/"): value for name, value in model.named_parameters() if value.requires_grad}
    schedule = Schedule(
        minutes=config.minutes,
        rate=config.rate,
        warmup=30,
        fall=0.1,
        ema=0.995,
        weight_decay=0.0,
        validate_minutes=config.validate_minutes,
    )
    loop = TrainingLoop("lora", out, nn.ParameterDict(lora), schedule)
    best = Best(out, config.patience)
    began, tokens = time.perf_counter(), 0

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        nonlocal tokens
        batch = batches.batch(step)
        loss, exact = completion_loss(model, batch)
        yield {
            "loss": loss,
            "exact": exact,
            "epoch": torch.tensor(step / len(batches)),
            "tokens_per_second": torch.tensor(tokens / (time.perf_counter() - began)),
        }
        tokens += batch.size

    def validate() -> dict[str, float]:
        loss, exact = mean_loss(model, unseen, config.batch, batches.shared)
        scores = {"loss": loss, "exact": exact}
        if best.is_better(scores["exact"]):
            base_name = Path(base).name if base else f"{PACKAGE}=={PACKAGE_VERSION}"  # no path of this machine
            save_adapter(model, best.adapter, config, base_name, len(cases), scores | {"step": loop.step})
            best.note(loop.step, scores["exact"])
        return scores

    if not best.is_over:
        loop.run(loss_of, validate, report, lambda: best.is_over)
    if begin is not None:

        def loss_with(weights: dict[str, Tensor]) -> float:
            set_weights(model, weights, begin)
            return mean_loss(model, unseen, config.batch, batches.shared)[0]

        soup(begin, best.adapter, loss_with)
    if config.method == "lora":
        del model, loop
        threshold = calibrate_threshold(Director.load(best.adapter, base=base), config.validation)
        if threshold is not None:
            write_threshold(best.adapter, threshold)
    return best.adapter


def lora_model(folder: Path, config: FinetuneConfig) -> Any:
    """The base model with a fresh LoRA; the base in bf16 where the CPU supports it, else float32; in nf4 for "qlora"."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if _bf16() else torch.float32
    settings: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": "eager"}
    if config.method == "qlora":
        settings |= {"dtype": dtype, "quantization_config": nf4(dtype)}
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        plain = AutoModelForCausalLM.from_pretrained(folder, **settings)
        lora = LoraConfig(
            r=config.rank, lora_alpha=2 * config.rank, target_modules=TARGETS[config.targets], task_type="CAUSAL_LM"
        )
        model = get_peft_model(plain, lora)
    if config.method == "lora":
        model.to(dtype)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    fuse(model)
    return model


def set_weights(model: Any, weights: dict[str, Tensor], adapter: Path) -> None:
    """Copies the LoRA weights of `adapter` into `model`. WeightsError where their rank or layers differ."""
    from peft import set_peft_model_state_dict

    try:
        keys: Any = set_peft_model_state_dict(model, {name: value.float() for name, value in weights.items()})
    except RuntimeError as error:
        raise WeightsError(f"The adapter in {adapter} is of another rank than what is to be trained.") from error
    if keys.unexpected_keys or any("lora_" in name for name in keys.missing_keys):
        raise WeightsError(f"The adapter in {adapter} is for other layers than those that are to be trained.")


@torch.no_grad()
def mean_loss(model: Any, examples: list[Example], batch: int, shared: int) -> tuple[float, float]:
    """`completion_loss` over all examples: the mean loss, and the share that is exact."""
    parts = [examples[start : start + batch] for start in range(0, len(examples), batch)]
    scores = [(len(part), *completion_loss(model, pack(part, shared))) for part in parts]
    loss = sum(count * float(loss) for count, loss, _ in scores) / len(examples)
    return loss, sum(count * float(exact) for count, _, exact in scores) / len(examples)


def completion_loss(model: Any, batch: TokenBatch) -> tuple[Tensor, Tensor]:
    """Cross entropy of the plans' tokens, and the share of examples whose every token is the likeliest.

    Logits are computed only where there is a label: over the whole vocabulary they would dominate the cost.
    """
    inner = model.base_model.model
    hidden = inner.model(
        input_ids=batch.tokens, attention_mask=batch.mask(inner.dtype), position_ids=batch.places, use_cache=False
    ).last_hidden_state
    rows, columns = (batch.labels[:, 1:] != IGNORE).nonzero(as_tuple=True)
    logits = inner.lm_head(hidden[rows, columns]).float()
    target, owner = batch.labels[rows, columns + 1], batch.owner[rows, columns + 1] - 1
    wrong = torch.zeros(int(owner.max()) + 1).index_add_(0, owner, (logits.argmax(-1) != target).float())
    return F.cross_entropy(logits, target), (wrong == 0).float().mean()


def save_adapter(
    model: Any, out: Path, config: FinetuneConfig, base: str, cases: int, scores: dict[str, float]
) -> None:
    """Writes the adapter as fp16 safetensors with its configuration, to a folder aside that is then renamed.

    base: a name, no path.
    """
    from safetensors.torch import load_file, save_file

    aside = out.with_name(out.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    model.save_pretrained(aside)
    weights = aside / "adapter_model.safetensors"
    save_file({name: value.half() for name, value in load_file(weights).items()}, weights)
    settings = json.loads((aside / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = base
    (aside / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    record = {"config": asdict(config), "cases": cases, "validation_teacher_forced": scores}
    (aside / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    (aside / "README.md").unlink(missing_ok=True)
    seal(aside)
    shutil.rmtree(out, ignore_errors=True)
    aside.rename(out)


def _bf16() -> bool:
    return torch.cpu._is_avx512_bf16_supported()
