"""Plans of memory: sizes worked out from shapes alone, and what fits where the whole does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bridge.budget.brains import brain, brains, shape, weight_bytes
from bridge.budget.ladder import RUNGS, advice, choices, one_down
from bridge.budget.plan import budget
from bridge.budget.scenes import scene_size
from bridge.budget.serving import kv_budget, serve_command, shell_line
from bridge.budget.setup import TIERS, setup
from bridge.budget.sizes import GIB, KIB, MIB, BudgetError, parse_size, show_size
from bridge.budget.worlds import _Counting, world_size
from tests.tiny_world import write_tiny_world
from ui.cli import app
from world.controls import Control, Weather
from world.dream import SCENE, open_dream, step_all
from world.errors import LucidriveError
from world.latent.dream import LatentDream
from world.model import WorldModel
from world.presets import preset
from world.scene.state import ARRAYS
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

EMBEDDED = TIERS["embedded"].setup
TIGHT = ("--profile", "rtx5090", "--world", "embedded", "--sessions", "2", "--capacity", "6GiB")


@pytest.fixture(autouse=True)
def nothing_measured(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


# GiB as published or measured by others: Hugging Face model cards, bitsandbytes.
PUBLISHED = [
    ("Qwen3-8B", "bf16", 15.26),
    ("Qwen3-8B", "nf4", 5.96),
    ("Qwen3-8B", "nf4-double", 5.66),
    ("Qwen3-14B", "bf16", 27.51),
    ("Qwen3-14B", "nf4", 9.82),
    ("Qwen3-32B", "bf16", 61.02),
    ("Qwen3-32B", "nf4", 19.25),
    ("Mistral-NeMo-12B", "bf16", 22.81),
    ("Mistral-NeMo-12B", "nf4", 8.21),
]


@pytest.mark.parametrize(("name", "quant", "gib"), PUBLISHED)
def test_weights_agree_with_known_sizes(name: str, quant: str, gib: float) -> None:
    assert weight_bytes(brain(name), quant, "cuda") / GIB == pytest.approx(gib, rel=0.005)


@pytest.mark.parametrize(
    ("name", "kib"), [("Qwen3-8B", 144), ("Qwen3-14B", 160), ("Qwen3-32B", 256), ("Mistral-NeMo-12B", 160)]
)
def test_a_token_takes_its_known_share_of_the_kv_cache(name: str, kib: int) -> None:
    assert brain(name).kv_bytes("bf16") == kib * KIB
    assert brain(name).kv_bytes("fp8") == kib * KIB / 2


def test_every_brain_says_where_its_shape_is_from() -> None:
    sizes = [shape(one).parameters for one in brains().values()]
    assert sizes == sorted(sizes, reverse=True)
    assert {"Qwen3-4B", "SmolLM2-135M"} < set(brains())
    assert all(one.source.startswith("https://") and one.license for one in brains().values())
    assert shape(brain("SmolLM2-135M")).parameters == 134_515_008


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family"), [("Qwen3-4B", "qwen3"), ("SmolLM2-135M", "llama")])
def test_the_shapes_are_those_of_transformers(name: str, family: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    c = brain(name)
    shape_of = {key: getattr(c, key) for key in ("hidden_size", "intermediate_size", "num_attention_heads", "head_dim")}
    shape_of |= {"num_key_value_heads": c.num_key_value_heads, "vocab_size": c.vocab_size, "num_hidden_layers": 1}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, tie_word_embeddings=True, **shape_of))
    assert sum(value.numel() for value in model.parameters()) == shape(replace(c, num_hidden_layers=1)).parameters


@pytest.mark.slow
def test_a_worlds_state_is_what_a_dream_keeps(tmp_path: Path) -> None:
    model = WorldModel.load(write_tiny_world(tmp_path, config=preset("embedded")))
    dream = LatentDream(model)
    dream.start(scene=model.scenes[0])
    for _ in range(model.dynamics.config.context + 1):
        frame = dream.step(dream.frame.control)  # type: ignore[union-attr]
    tensors, _ = dream.state()
    names = ("latents", "cache")
    size = world_size(preset("embedded"), 1)
    assert size.dream == sum(tensors[name].numel() * tensors[name].element_size() for name in names)
    assert size.pictures == 600 * frame.image.nbytes
    loaded = sum(value.numel() * value.element_size() for part in model._parts.values() for value in part.parameters())
    assert size.weights == pytest.approx(loaded, rel=0.05)
    assert world_size(preset("embedded"), 3).tick > 2 * size.tick > 0


@pytest.mark.slow
def test_a_scenes_record_and_last_minute_are_what_a_drive_keeps() -> None:
    dream = open_dream(SceneWorld())
    assert isinstance(dream, SceneDream)
    frame, size = dream.start(), scene_size()
    record = sum(getattr(dream.state_now, name).nbytes for name in ARRAYS)
    assert record < size.dream < 8 * record
    assert size.pictures == 600 * frame.image.nbytes
    assert scene_size(8).tick == 4 * size.tick


def test_a_scene_world_takes_nothing_of_a_gpu() -> None:
    plan = budget(setup("rtx5090"), 32 * GIB)
    assert plan.setup.world == SCENE
    assert {item.part.partition(":")[0] for item in plan.items} == {"CUDA context", "brain", "margin"}
    assert {item.part.partition(":")[0] for item in plan.host} == {"world", "per session"}


def test_a_plan_is_the_sum_of_its_items_and_grows_with_what_is_asked() -> None:
    plan = budget(EMBEDDED, 4 * GIB)
    assert plan.fits
    assert plan.needed == sum(item.size for item in plan.items)
    assert {item.source for item in plan.items} == {"estimated"}
    assert {"libraries", "margin", "brain: KV cache"} < {item.part for item in plan.items}
    other = setup("rtx5090", world="embedded", brain="Qwen3-8B", sessions=2)
    needed = budget(other, GIB).needed
    for more in ({"sessions": 3}, {"context": 16384}, {"quant": "bf16"}, {"brain": "Qwen3-14B"}):
        assert budget(replace(other, **more), GIB).needed > needed


def test_a_brain_beside_the_gpu_takes_nothing_of_it() -> None:
    small = replace(setup("rtx5090", world="embedded", sessions=2), brain="Qwen3-32B")
    *_, last = choices(small, 4 * GIB)
    assert last.rung == "CPU brain"
    assert not [item for item in last.plan.items if item.part.startswith("brain")]
    assert [item.part for item in last.plan.host if item.part.startswith("brain")]


def test_what_fits_gives_up_the_least_first() -> None:
    tier_setup = setup("rtx5090", world="embedded", brain="Qwen3-14B", quant="bf16", context=16384, sessions=2)
    whole = budget(tier_setup, 32 * GIB).needed
    by_kv, *_ = choices(tier_setup, whole - MIB)
    assert (by_kv.rung, by_kv.changes) == ("KV type", "KV cache in fp8")
    fitting = choices(tier_setup, 16 * GIB)
    assert [one.rung for one in fitting] == ["quantisation", "smaller brain", "CPU brain"]
    assert fitting[0].changes == "weights in nf4"
    assert all(one.plan.fits and one.plan.setup.world == "embedded" for one in fitting)


def test_the_world_is_given_up_only_where_nothing_else_helps() -> None:
    tier_setup = replace(EMBEDDED, world="wide", sessions=60)
    (only,) = choices(tier_setup, budget(tier_setup, GIB).needed // 2)
    assert (only.rung, only.plan.setup.world) == ("world", "embedded")
    assert choices(EMBEDDED, 300 * MIB) == []


def test_in_mid_drive_the_ladder_ends_on_the_cpu_with_the_world_untouched() -> None:
    here, met = setup("rtx5090", world="embedded"), []
    while lower := one_down(here):
        met.append(lower)
        assert lower.world == here.world
        here = lower
    assert len(met) == len(set(met)) > len(RUNGS)
    assert (here.brain_device, here.brain) == ("cpu", "SmolLM2-135M")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("32GiB", 32 * GIB),
        ("32 gib", 32 * GIB),
        ("1.5GB", 1_500_000_000),
        (" 4096MiB ", 4 * GIB),
        ("32G", 32 * GIB),
        ("32 g", 32 * GIB),
        ("32Gi", 32 * GIB),
        ("32gb", 32 * 10**9),
        ("32768MB", 32_768 * 10**6),
        ("32,768 MiB", 32 * GIB),
        ("512M", 512 * MIB),
        ("0.5T", 512 * GIB),
        ("4194304KiB", 4 * GIB),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@given(st.text(max_size=20) | st.sampled_from(["", "32", "-1GiB", "0GiB", "nanGiB", "1e9GiB", "9999999999TiB", "٣GiB"]))
def test_whatever_is_written_is_a_size_or_a_sentence(text: str) -> None:
    try:
        assert 0 < parse_size(text) <= 2**50
    except BudgetError as error:
        assert "such as 32GiB" in str(error)


def test_sizes_are_shown() -> None:
    assert show_size(32 * GIB) == "32.00 GiB"
    assert show_size(20 * MIB) == "20.0 MiB"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"brain": "HAL-9000"}, "no brain 'HAL-9000'; there are: Qwen3-32B"),
        ({"quant": "int3"}, "no quantisation 'int3'"),
        ({"quant": "nf4"}, "does not run on cpu"),
        ({"kv": "fp8"}, "does not run on cpu"),
        ({"context": 0}, "reads 1 to 8,192 tokens"),
        ({"sessions": 0}, "Sessions are 1 to 1,024, not 0"),
        ({"world": "huge"}, "no config 'huge'"),
    ],
)
def test_a_setup_that_cannot_be_is_a_sentence(options: dict[str, object], message: str) -> None:
    with pytest.raises(LucidriveError, match=message):
        setup("embedded", **options)  # type: ignore[arg-type]


def test_the_command_prints_a_plan_or_one_sentence() -> None:
    runner = CliRunner()
    fits = runner.invoke(app, ["memory"])
    assert fits.exit_code == 0
    assert "per session: dreams" in fits.stdout
    tight = runner.invoke(app, ["memory", *TIGHT, "--json"])
    assert tight.exit_code == 1
    plan = json.loads(tight.stdout)
    assert not plan["fits"]
    assert plan["needed"] == sum(item["size"] for item in plan["items"])
    assert plan["choices"]
    assert all(one["needed"] <= plan["capacity"] for one in plan["choices"])
    for wrong in (["--capacity", "32 bananas"], ["--profile", "toaster"], ["--brain", "HAL-9000"]):
        refused = runner.invoke(app, ["memory", *wrong])
        assert refused.exit_code == 1
        assert refused.stdout == ""
        assert len(refused.stderr.strip().splitlines()) == 1


def test_every_tier_fits_the_device_that_it_is_made_for() -> None:
    for tier in TIERS.values():
        plan = budget(tier.setup, tier.capacity)
        assert plan.fits, advice(tier.setup, tier.capacity, choices(tier.setup, tier.capacity))


@pytest.mark.slow
def test_a_tick_is_reckoned_as_dear_as_a_real_one_gets() -> None:
    """With a full cache, on the CPU."""
    config = preset("embedded")
    parts: dict[str, Any] = {name: part.eval().requires_grad_(False) for name, part in config.build().items()}
    model = WorldModel(parts, {}, {}, "cpu")
    dreams = [LatentDream(model, seed) for seed in range(2)]
    for dream in dreams:
        dream.start()
    controls = [Control(steer=0.0, accel=0.0)] * 2
    for _ in range(config.dynamics.context + 1):
        step_all(dreams, controls)
    existing = [value for part in parts.values() for value in (*part.parameters(), *part.buffers())]
    existing += [value for dream in dreams for value in dream.state()[0].values()]
    existing += [value for dream in dreams for value in (dream.state_now.latents, dream.state_now.cache)]
    with _Counting(existing) as counting:
        step_all(dreams, [one.with_(weather=Weather.RAIN_2) for one in controls])
    assert world_size(config, 2).tick == pytest.approx(counting.most, rel=0.02)


def test_vllm_is_told_how_many_bytes_its_cache_may_have() -> None:
    tier_setup = setup("rtx5090", brain="Qwen3-8B", kv="fp8", context=4096)
    command = serve_command(tier_setup)
    assert command is not None
    assert command[:3] == ["vllm", "serve", "Qwen/Qwen3-8B"]
    assert command[command.index("--kv-cache-memory-bytes") + 1] == str(4096 * 72 * KIB)
    assert command[command.index("--max-model-len") + 1] == "4096"
    (cache,) = [item for item in budget(tier_setup, 32 * GIB).items if item.part == "brain: KV cache"]
    assert cache.size == kv_budget(tier_setup)
    assert serve_command(EMBEDDED) is None


def test_vllm_is_told_what_our_client_needs_and_the_share_that_was_planned() -> None:
    tier_setup = setup("rtx5090", brain="Qwen3-8B")
    command = serve_command(tier_setup, 24 * GIB)
    assert command is not None
    options = dict(zip(command, [*command[1:], ""], strict=True))
    assert "--enable-lora" in command and "--enable-sleep-mode" in command
    assert (options["--max-lora-rank"], options["--lora-modules"]) == ("64", "lucidrive=runs/brain/adapter")
    assert (options["--structured-outputs-config.backend"], options["--logprobs-mode"]) == (
        "guidance",
        "processed_logprobs",
    )
    brain = sum(item.size for item in budget(tier_setup, 24 * GIB).items if item.part.startswith("brain"))
    share = float(options["--gpu-memory-utilization"])
    assert brain / (24 * GIB) < share < 1.2 * (brain + GIB) / (24 * GIB)
    assert shell_line(command).startswith("VLLM_SERVER_DEV_MODE=1 vllm serve Qwen/Qwen3-8B ")
