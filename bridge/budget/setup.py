"""What is to run together on one device, and the tiers: the same code on a laptop's two cores and on one 32 GB GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bridge.budget.brains import KV_TYPES, QUANTS, brain
from bridge.budget.sizes import GIB, BudgetError
from bridge.errors import SessionError
from world.dream import SCENE
from world.presets import preset

DEVICES = {"cpu": (("fp32",), ("fp32", "int8")), "cuda": (("bf16", "fp8"), ("bf16", "int8", "nf4", "nf4-double"))}
MOST_SESSIONS = 1024


@dataclass(frozen=True, slots=True)
class Setup:
    """A world and a brain together. device: cpu or cuda, the one that is planned; world: the scene world, always in RAM, or the preset of a
    latent world, on `device`; context: tokens in the brain's KV cache; kv: their type; sessions: dreams at a time; brain_device: may be
    cpu beside a GPU. BudgetError or DataError for an unknown or impossible one.
    """

    device: str
    world: str
    brain: str
    quant: str
    kv: str
    context: int
    sessions: int
    brain_device: str

    def __post_init__(self) -> None:
        if self.world != SCENE:
            preset(self.world)
        config = brain(self.brain)
        kvs, quants = DEVICES[self.brain_device]
        for what, value, names, here in (
            ("quantisation", self.quant, QUANTS, quants),
            ("KV type", self.kv, KV_TYPES, kvs),
        ):
            if value not in names:
                raise BudgetError(f"There is no {what} '{value[:40]}'; there are: {', '.join(names)}.")
            if value not in here:
                raise BudgetError(
                    f"The {what} {value} does not run on {self.brain_device}; there you may have {' or '.join(here)}."
                )
        if not 1 <= self.context <= config.max_position_embeddings:
            raise BudgetError(
                f"{config.name} reads 1 to {config.max_position_embeddings:,} tokens of context, not {self.context:,}."
            )
        if not 1 <= self.sessions <= MOST_SESSIONS:
            raise BudgetError(f"Sessions are 1 to {MOST_SESSIONS:,}, not {self.sessions:,}.")


@dataclass(frozen=True, slots=True)
class Tier:
    """A kind of machine: what it runs, and the bytes of its planned device."""

    setup: Setup
    capacity: int


# A sentence, the drive's context and a plan take some 300 tokens; 1,024 is what a long one may need.
# The scene world takes nothing of the GPU, which leaves it to the largest brain that fits.
TIERS = {
    "embedded": Tier(Setup("cpu", SCENE, "SmolLM2-135M", "int8", "fp32", 1024, 2, "cpu"), 4 * GIB),
    "rtx5090": Tier(Setup("cuda", SCENE, "Qwen3-32B", "nf4", "bf16", 8192, 4, "cuda"), 32 * GIB),
}


def tier(name: str) -> Tier:
    """The tier of that name. SessionError lists them all."""
    if name not in TIERS:
        raise SessionError(f"There is no tier '{name}'; there are: {', '.join(TIERS)}.")
    return TIERS[name]


def setup(
    name: str,
    *,
    world: str | None = None,
    brain: str | None = None,
    quant: str | None = None,
    kv: str | None = None,
    context: int | None = None,
    sessions: int | None = None,
) -> Setup:
    """A tier's setup with some changes. BudgetError, SessionError or DataError say what there is instead."""
    changes: dict[str, Any] = {
        "world": world,
        "brain": brain,
        "quant": quant,
        "kv": kv,
        "context": context,
        "sessions": sessions,
    }
    return replace(tier(name).setup, **{key: value for key, value in changes.items() if value is not None})
