"""The memory of a latent world before it is loaded: its weights, a dream's state, and the peak of a tick of many.

The parts are built on torch's meta device and a tick is run there. Every tensor that it makes is counted while it lives.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from bridge.recording.clip import CLIP_SECONDS
from world.controls import FPS
from world.files import WorldConfig
from world.latent.dynamics import FIELDS, Cache
from world.latent.rollout import Past, advance
from world.readout import FRAMES

STEPS = 2  # K
MINUTE = CLIP_SECONDS * FPS  # pictures kept for a clip
SCENES = 24  # start scenes that come with a world, of FRAMES pictures each


@dataclass(frozen=True, slots=True)
class WorldSize:
    """Bytes. weights: in float32, with the start scenes; dream: the state of one; tick: peak of what a tick of all dreams
    allocates and frees; pictures: the last minute of one dream, always in RAM.
    """

    weights: int
    dream: int
    tick: int
    pictures: int


@cache
def world_size(config: WorldConfig, dreams: int) -> WorldSize:
    """The size of a world of these shapes. dreams: in a batch."""
    with torch.device("meta"), torch.no_grad():
        modules: dict[str, Any] = {name: part.eval().requires_grad_(False) for name, part in config.build().items()}
        own = [value for part in modules.values() for value in (*part.parameters(), *part.buffers())]
        dream, batch = _State(config, 1), _State(config, dreams)
        with _Counting([*own, *batch.tensors]) as counting:
            _tick(modules, batch)
    t = config.tokenizer
    picture = 3 * t.height * t.width
    scenes = SCENES * FRAMES * picture
    return WorldSize(sum(map(_bytes, own)) + scenes, sum(map(_bytes, dream.tensors)), counting.most, MINUTE * picture)


class _State:
    """What `dreams` dreams keep from frame to frame: latents, and a full cache."""

    def __init__(self, config: WorldConfig, dreams: int) -> None:
        t = config.tokenizer
        self.latents = [torch.empty(dreams, t.tokens, t.channels) for _ in range(FRAMES)]
        cache = Cache(config.dynamics, dreams, "meta")
        self.keys = cache.keys.new_empty((*cache.keys.shape[:-2], cache.context, cache.keys.shape[-1]))
        self.config, self.dreams = config, dreams

    @property
    def tensors(self) -> list[Tensor]:
        return [*self.latents, self.keys]


def _tick(modules: dict[str, Any], state: _State) -> object:
    """Repeats `world.dream.step_all` for one batch, in shapes alone."""
    config, size = state.config, state.dreams
    motions = torch.zeros(size, len(config.dynamics.inputs))
    past = Past(state.latents[-2].clone(), state.latents[-1].clone())
    fields = torch.zeros(size, len(FIELDS), dtype=torch.long)
    cache = Cache(config.dynamics, size, "meta")
    cache.keys = state.keys.clone()
    start, on_last, on_before = (torch.empty_like(past.last) for _ in range(3))
    latents = advance(modules["dynamics"], past, motions, fields, (start, on_last, on_before), STEPS, cache)
    pictures = modules["tokenizer"].decode(latents)
    window = torch.stack([*state.latents[1:], latents], dim=1)
    features = modules["readout"].trunk(window) if config.dynamics.inputs.driving else None
    parts = [one.clone() for one in cache.keys.chunk(size, dim=2)]  # each dream copies its own
    return parts, pictures, features


class _Counting(TorchDispatchMode):
    """Counts the bytes of live tensors made within it; `most`: their peak. existing: tensors that do not count."""

    def __init__(self, existing: list[Tensor]) -> None:
        super().__init__()
        self.now = self.most = 0
        self._storages = {value.untyped_storage()._cdata for value in existing}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_iter(out):
            if isinstance(value, Tensor) and (storage := value.untyped_storage())._cdata not in self._storages:
                self._storages.add(storage._cdata)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._freed, storage._cdata, storage.nbytes())
        return out

    def _freed(self, storage: int, size: int) -> None:
        self._storages.discard(storage)
        self.now -= size


def _bytes(value: Tensor) -> int:
    return value.numel() * value.element_size()
