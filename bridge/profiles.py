"""The tiers: the same code on a laptop's two cores and on one 32 GB GPU."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.errors import SessionError


@dataclass(frozen=True, slots=True)
class Profile:
    """What a machine is asked to run.

    height, width: of the dream's picture; steps: K; dreams: tabs at a time; world: its weights come with lucidrive, or
    the person trains them; brain: the language model, and how its weights are stored; device: torch's name.
    """

    name: str
    device: str
    height: int
    width: int
    steps: int
    dreams: int
    world: str
    brain: str
    memory_gb: int


EMBEDDED = Profile("embedded", "cpu", 72, 128, 2, 2, "in the repository", "SmolLM2-135M-Instruct, int8", 4)
# Four dreams: a fifth would not fit beside Qwen3-8B while all of them are guided to other weather (`lucidrive memory`).
RTX5090 = Profile("rtx5090", "cuda", 288, 512, 2, 4, "trained by you", "Qwen3-8B, nf4", 32)
PROFILES = {profile.name: profile for profile in (EMBEDDED, RTX5090)}


def profile(name: str) -> Profile:
    """The tier of that name; SessionError lists them all."""
    if name not in PROFILES:
        raise SessionError(f"There is no tier '{name}'; there are: {', '.join(PROFILES)}.")
    return PROFILES[name]
