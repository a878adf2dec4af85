"""The tiers: the same code on a laptop's two cores and on one 32 GB GPU."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.errors import SessionError


@dataclass(frozen=True, slots=True)
class Profile:
    """What a machine is asked to run.

    height, width: of a scene's picture; steps: the quality dial; dreams: tabs at a time; brain: the language model, and how its weights are stored; device: torch's name.
    """

    name: str
    device: str
    height: int
    width: int
    steps: int
    dreams: int
    brain: str
    memory_gb: int


EMBEDDED = Profile("embedded", "cpu", 144, 256, 2, 2, "SmolLM2-135M-Instruct, int8", 4)
# The scene world takes nothing of the GPU, which leaves it to the largest brain that fits (`lucidrive memory`).
RTX5090 = Profile("rtx5090", "cuda", 144, 256, 2, 4, "Qwen3-32B, nf4", 32)
PROFILES = {profile.name: profile for profile in (EMBEDDED, RTX5090)}


def profile(name: str) -> Profile:
    """The tier of that name; SessionError lists them all."""
    if name not in PROFILES:
        raise SessionError(f"There is no tier '{name}'; there are: {', '.join(PROFILES)}.")
    return PROFILES[name]
