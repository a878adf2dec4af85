"""Loads a world under a lease: what the page, a drive without one and a clip job begin with."""

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

# A minute encoded to an mp4 at 288x512: 41 MiB more were resident at the most (x86-64, PyAV 18); half as much again.
CLIP = 64 * MIB
DREAM, CLIP_JOB, BRAIN = "a dream", "a clip", "the language model"


@dataclass(frozen=True, slots=True)
class Opened:
    """A world that is there. dream_size: bytes to reserve for each dream."""

    model: AnyWorld
    lease: Lease
    sizes: WorldSize

    @property
    def dream_size(self) -> int:
        return self.sizes.dream + self.sizes.pictures

    def dream_of(self, seconds: float) -> int:
        """Bytes of one whose pictures are all kept, not the last minute's."""
        return self.sizes.dream + int(self.sizes.pictures * max(1.0, seconds / CLIP_SECONDS))


def ram(capacity: int | None = None) -> Ledger:
    """The ledger of this machine's RAM; with a `capacity` this process gets no more than that, whatever there is."""
    return Ledger(Ram(), capacity, enforce=capacity is not None)


def open_world(
    ledger: Ledger, world: Path | None, dreams: int, others: Others = USUAL, where: Where = ANYWHERE
) -> Opened:
    """A scene world, or the latent one of the weights in `world`, for so many dreams at a time. others, where: as `load_world`'s.

    Raises WeightsError, NoRoomError, DataError.
    """
    sizes = scene_size() if world is None or is_scene(world) else world_size(read_config(world)[0], dreams)
    traffic = sum(path.stat().st_size for path in others.folder.glob("*.safetensors")) if others.folder else 0
    with ledger.loading("the world", LIBRARIES + sizes.weights + traffic + sizes.tick) as lease:
        return Opened(load_world(world, others=others, where=where), lease, sizes)


def lease_brain(ledger: Ledger) -> Lease:
    """For the language model of the embedded tier, with its context."""
    return ledger.reserve(BRAIN, brain_bytes(TIERS["embedded"].setup))
