"""The measured memory of a drive's parts: stored by all that it depends on, and used instead of the estimate.

`probe.py` measures one dream and three; other numbers of dreams follow from those.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from bridge.budget.setup import TIERS, Setup
from bridge.budget.sizes import BudgetError
from world.dream import SCENE
from world.machine import cache_folder, cores
from world.presets import preset
from world.scene_world import SIZES

FEW, MORE = 1, 3  # dreams
QUANTS = {"fp32": "none", "bf16": "none", "int8": "int8", "nf4": "nf4", "nf4-double": "nf4"}  # the brain's names
PATIENCE = 1800.0  # seconds
LIBRARIES = ("torch", "transformers", "peft", "lucidrive")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that a measurement depends on."""

    world: str
    brain: str
    dtype: str
    context: int
    resolution: str
    device: str
    versions: str

    @classmethod
    def of(cls, setup: Setup) -> Fingerprint:
        """The fingerprint of a setup on this machine."""
        shape = preset(setup.world).tokenizer if setup.world != SCENE else None
        height, width = (shape.height, shape.width) if shape else SIZES[2]
        versions = [f"python {platform.python_version()}", *(f"{name} {_version(name)}" for name in LIBRARIES)]
        return cls(
            setup.world,
            setup.brain,
            f"{setup.quant}, KV {setup.kv}",
            setup.context,
            f"{height}x{width}",
            f"{setup.device} {platform.machine()}, {cores()} cores" if setup.device == "cpu" else _gpu(),
            ", ".join(versions),
        )

    @property
    def key(self) -> str:
        """16 hexadecimal digits, for a file's name."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Peaks:
    """Bytes of the device. libraries: on a GPU its context; brain: once loaded; loading: more than that while it loads; dream: each,
    with its last minute of pictures; tick: allocated and freed within one, whatever the number of dreams; more_tick: for each of them.
    """

    libraries: int
    world: int
    brain: int
    loading: int
    dream: int
    tick: int
    more_tick: int

    def most(self, dreams: int) -> int:
        """The peak of a drive with this number of dreams, while its brain loads or later."""
        base = self.libraries + self.world + self.brain
        return base + max(self.loading, dreams * (self.dream + self.more_tick) + self.tick)

    @classmethod
    def of(cls, stages: dict[str, tuple[int, int]]) -> Peaks:
        """From the probe's stages: bytes resident at the end of each, and the peak within."""
        (libraries, _), (world, _), (brain, loading) = (stages[name] for name in ("libraries", "world", "brain"))
        (few, few_most), (more, more_most) = (stages[f"{number} dreams"] for number in (FEW, MORE))
        dream = max(0, (more - few) // (MORE - FEW))
        more_tick = max(0, (more_most - more - few_most + few) // (MORE - FEW))
        tick = max(0, few_most - brain - FEW * (dream + more_tick))
        return cls(libraries, world - libraries, brain - world, max(0, loading - brain), dream, tick, more_tick)


def store() -> Path:
    """The folder of measurements in the user's cache, a file for each fingerprint; it may not exist yet."""
    return cache_folder() / "lucidrive" / "memory"


def recall(setup: Setup) -> Peaks | None:
    """The measurement of this setup on this machine with these libraries, None without one. BudgetError where its file is damaged."""
    fingerprint = Fingerprint.of(setup)
    path = store() / f"{fingerprint.key}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["fingerprint"] != asdict(fingerprint) or set(stored["peaks"]) != {
            item.name for item in fields(Peaks)
        }:
            raise ValueError("another version")
        return Peaks(**{name: int(value) for name, value in stored["peaks"].items()})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BudgetError(f"{path} is damaged ({error}); measure anew with `lucidrive memory --measure`.") from error


def remember(setup: Setup, peaks: Peaks) -> Path:
    """Stores a measurement, whole or not at all; returns its file."""
    fingerprint = Fingerprint.of(setup)
    store().mkdir(parents=True, exist_ok=True)
    path = store() / f"{fingerprint.key}.json"
    aside = path.with_suffix(f".{os.getpid()}.tmp")
    aside.write_text(json.dumps({"fingerprint": asdict(fingerprint), "peaks": asdict(peaks)}, indent=2) + "\n")
    aside.replace(path)
    return path


def stages(
    world: Path | None, numbers: tuple[int, ...], setup: Setup = TIERS["embedded"].setup, brain: Path | None = None
) -> dict[str, tuple[int, int]]:
    """The probe's stages, from a process of its own. BudgetError where that fails."""
    command = [sys.executable, "-m", "bridge.budget.probe", str(world or ""), str(brain or ""), QUANTS[setup.quant]]
    command += [setup.device, setup.brain_device, *map(str, numbers)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if process.returncode:
        reason = (process.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BudgetError(f"The memory of a drive could not be measured ({reason}); try `lucidrive doctor`.")
    return {name: (int(resident), int(most)) for name, (resident, most) in json.loads(process.stdout).items()}


def measure(setup: Setup, world: Path | None = None, brain: Path | None = None) -> Peaks:
    """Measures the setup here, now, and stores the result. world, brain: folders of weights (default: the installed ones).

    BudgetError for a setup that cannot be measured here.
    """
    is_installed = (world is not None or setup.world == SCENE) and (
        brain is not None or setup.brain == "SmolLM2-135M" or setup.brain_device != setup.device
    )
    if setup.device == "cpu" and (setup.brain, setup.quant) != ("SmolLM2-135M", "int8"):
        raise BudgetError("On a CPU only the embedded profile's brain can be measured: SmolLM2-135M in int8.")
    if not is_installed:
        raise BudgetError(
            f"What was not trained or fetched cannot be measured: give the folders of {setup.world}'s weights and of "
            f"{setup.brain}'s (--weights, --brain-weights)."
        )
    if setup.device == "cuda" and not torch.cuda.is_available():
        raise BudgetError("There is no CUDA device here that could be measured; the plan's figures stay estimates.")
    peaks = Peaks.of(stages(world, (FEW, MORE), setup, brain))
    remember(setup, peaks)
    return peaks


def compare(
    peaks: Peaks,
    numbers: tuple[int, ...] = (1, 4, 8),
    world: Path | None = None,
    setup: Setup = TIERS["embedded"].setup,
    brain: Path | None = None,
) -> list[tuple[int, int, int]]:
    """For some numbers of dreams: the number, its peak in bytes as `peaks` predicts, and as measured here, now. BudgetError."""
    rows = []
    for number in numbers:
        real = max(most for _, most in stages(world, (number,), setup, brain).values())
        rows.append((number, peaks.most(number), real))
    return rows


def _gpu() -> str:
    return f"cuda {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "cuda, none here"


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
