"""Loads a world under a lease, for the page, a headless drive or a clip job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bridge.budget.device import Ram
from bridge.budget.ledger import Lease, Ledger
from bridge.budget.plan import LIBRARIES, brain_bytes
from bridge.budget.scenes import scene_size
from bridge.budget.setup import TIERS
from bridge.budget.sizes import MIB
from bridge.budget.worlds import WorldSize, world_size
from bridge.recording.clip import CLIP_SECONDS
from world.dream import AnyWorld, is_scene, load_world
from world.files import read_config
from world.places import ANYWHERE, Where
from world.scene_world import USUAL, Others

# Encoding a minute to an mp4 at 288x512: measured at most 41 MiB more resident (x86-64, PyAV 18); half as much again.
CLIP = 64 * MIB
DREAM, CLIP_JOB, BRAIN = "a dream", "a clip", "the language model"


@dataclass(frozen=True, slots=True)
class LoadedWorld:
    """A world under its lease."""

    model: AnyWorld
    lease: Lease
    sizes: WorldSize

    @property
    def dream_size(self) -> int:
        """Bytes to reserve for each dream, with its last minute of pictures."""
        return self.sizes.dream + self.sizes.pictures

    def dream_of(self, seconds: float) -> int:
        """Bytes of a dream that keeps the pictures of all its seconds."""
        return self.sizes.dream + int(self.sizes.pictures * max(1.0, seconds / CLIP_SECONDS))


def ram(capacity: int | None = None) -> Ledger:
    """The ledger of this machine's RAM; with a `capacity` in bytes this process gets no more than that."""
    return Ledger(Ram(), capacity, enforce=capacity is not None)


def open_world(
    ledger: Ledger, world: Path | None, dreams: int, others: Others = USUAL, where: Where = ANYWHERE
) -> LoadedWorld:
    """Loads a scene world, or the latent one of the weights in `world`. dreams: at a time; others, where: see `load_world`.

    Raises WeightsError, NoRoomError, DataError.
    """
    sizes = scene_size() if world is None or is_scene(world) else world_size(read_config(world)[0], dreams)
    traffic = sum(path.stat().st_size for path in others.folder.glob("*.safetensors")) if others.folder else 0
    with ledger.loading("the world", LIBRARIES + sizes.weights + traffic + sizes.tick) as lease:
        return LoadedWorld(load_world(world, others=others, where=where), lease, sizes)


def lease_brain(ledger: Ledger) -> Lease:
    """A lease for the language model of the embedded tier with its context. NoRoomError."""
    return ledger.reserve(BRAIN, brain_bytes(TIERS["embedded"].setup))
