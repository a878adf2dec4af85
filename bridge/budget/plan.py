"""The itemised plan of a setup's memory, made before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.budget.brains import brain, weight_bytes, working_bytes
from bridge.budget.measure import Peaks, recall
from bridge.budget.scenes import scene_size
from bridge.budget.setup import Setup
from bridge.budget.sizes import MIB, show_size
from bridge.budget.worlds import WorldSize, world_size
from world.dream import SCENE
from world.presets import preset

Source = Literal["estimated", "measured"]
CUDA_CONTEXT = 600 * MIB  # the driver's context, kernels of torch, workspaces of cuBLAS and cuDNN
LIBRARIES = 350 * MIB  # Python and torch
TRANSFORMERS = 130 * MIB  # with peft and the tokenizer
MARGIN = 0.05  # of all else: fragmentation, errors of the estimates


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a plan. size: bytes of all sessions together; per_session: whether it grows with them."""

    part: str
    size: int
    source: Source = "estimated"
    per_session: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """A plan. capacity: bytes of the setup's device; items: on it; host: in RAM beside a GPU, not counted."""

    setup: Setup
    capacity: int
    items: tuple[Item, ...]
    host: tuple[Item, ...] = ()

    @property
    def needed(self) -> int:
        """Bytes of all items."""
        return sum(item.size for item in self.items)

    @property
    def fits(self) -> bool:
        """Whether the capacity suffices."""
        return self.needed <= self.capacity


def budget(setup: Setup, capacity: int) -> Budget:
    """The plan of a setup on a device of `capacity` bytes; loads nothing and asks no GPU. BudgetError: see `recall`."""
    peaks = recall(setup)
    here, host = _estimates(setup) if peaks is None or setup.device != "cpu" else ([], [])
    if peaks is not None:
        here = _measurements(setup, peaks)
    here.append(Item("margin", int(MARGIN * sum(item.size for item in here))))
    return Budget(setup, capacity, tuple(here), tuple(host))


def _estimates(setup: Setup) -> tuple[list[Item], list[Item]]:
    """Items on the setup's device, and in RAM beside it."""
    world, sessions, in_ram = _world(setup), setup.sessions, setup.world == SCENE
    here = [Item("CUDA context", CUDA_CONTEXT) if setup.device == "cuda" else Item("libraries", LIBRARIES)]
    host: list[Item] = []
    (here if setup.device == "cpu" or not in_ram else host).extend(
        [
            Item("world: places, meshes, textures" if in_ram else "world: weights", world.weights),
            Item("world: a picture's buffers" if in_ram else "world: activations", world.tick, per_session=not in_ram),
            Item("per session: dreams", sessions * world.dream, per_session=True),
        ]
    )
    (here if setup.brain_device == setup.device else host).extend(_brain(setup))
    pictures = Item("per session: the last minute", sessions * world.pictures, per_session=True)
    (here if setup.device == "cpu" else host).append(pictures)
    return here, host


def _world(setup: Setup) -> WorldSize:
    if setup.world == SCENE:
        return scene_size()
    return world_size(preset(setup.world), setup.sessions)


def _measurements(setup: Setup, peaks: Peaks) -> list[Item]:
    """Items as measured. Loading and dreaming take turns, so only what loading takes beyond all dreams counts."""
    sessions, on_cpu = setup.sessions, setup.device == "cpu"
    minute = " and the last minute" if on_cpu else ""
    ticks, dreams = peaks.tick + sessions * peaks.more_tick, sessions * peaks.dream
    return [
        Item("libraries" if on_cpu else "CUDA context", peaks.libraries, "measured"),
        Item("world: weights", peaks.world, "measured"),
        Item("world: activations", ticks, "measured", per_session=True),
        Item(f"per session: dreams{minute}", dreams, "measured", per_session=True),
        Item("brain: weights, KV cache, activations", peaks.brain, "measured"),
        Item("brain: more as it loads", max(0, peaks.loading - dreams - ticks), "measured"),
    ]


def brain_bytes(setup: Setup) -> int:
    """Bytes that the language model alone takes of its device."""
    return sum(item.size for item in _brain(setup))


def rows(plan: Budget) -> list[tuple[str, str, str]]:
    """Rows of a table for people: part, size, source."""
    s = plan.setup
    of = f" ({s.sessions} of them)" if s.sessions > 1 else ""
    table: list[tuple[str, str, str]] = [
        (f"{item.part}{of if item.per_session else ''}", show_size(item.size), item.source) for item in plan.items
    ]
    table.append(("needed", show_size(plan.needed), ""))
    table.append(("capacity", show_size(plan.capacity), ""))
    left = plan.capacity - plan.needed
    table.append(("left" if left >= 0 else "too much by", show_size(abs(left)), ""))
    table += [(f"in RAM: {item.part}", show_size(item.size), item.source) for item in plan.host]
    return table


def _brain(setup: Setup) -> list[Item]:
    config, device = brain(setup.brain), setup.brain_device
    items = [
        Item("brain: weights", weight_bytes(config, setup.quant, device)),
        Item("brain: KV cache", setup.context * config.kv_bytes(setup.kv)),
        Item("brain: activations", working_bytes(config, setup.quant, setup.kv, setup.context, device)),
    ]
    if (
        device == "cpu"
    ):  # the first time it is read into float32 and quantised in place; from then on half as much will do
        quantised = 0 if setup.quant == "fp32" else weight_bytes(config, setup.quant, device)
        loading = TRANSFORMERS + weight_bytes(config, "fp32", device) + quantised
        items.append(Item("brain: more as it loads", max(0, loading - sum(item.size for item in items))))
    return items
