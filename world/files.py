"""Weights on disk: fp16 safetensors, one strict config.json with a sha256 per file; checked before use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from world.driver import Driver, DriverConfig
from world.errors import WeightsError
from world.inputs import Inputs
from world.latent.dynamics import Dynamics, DynamicsConfig
from world.latent.tokenizer import Tokenizer, TokenizerConfig
from world.readout import ReadoutConfig, ReadoutHeads

SCENES = "scenes"
FORMAT = 3  # of config.json

Config = TypeVar("Config")


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """The shapes of all parts. Readouts and driver see the tokenizer's latents, so tokens and channels agree."""

    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    dynamics: DynamicsConfig = field(default_factory=DynamicsConfig)
    readout: ReadoutConfig = field(default_factory=ReadoutConfig)
    driver: DriverConfig = field(default_factory=DriverConfig)

    def __post_init__(self) -> None:
        shape = (self.tokenizer.tokens, self.tokenizer.channels)
        for part in (self.dynamics, self.readout):
            if (part.tokens, part.channels) != shape:
                raise ValueError(
                    f"{type(part).__name__} expects {part.tokens}x{part.channels} latents, the tokenizer gives {shape}"
                )

    def build(self) -> dict[str, nn.Module]:
        """Untrained modules by file name; without a driven car only tokenizer and dynamics."""
        parts: dict[str, nn.Module] = {"tokenizer": Tokenizer(self.tokenizer), "dynamics": Dynamics(self.dynamics)}
        if self.dynamics.inputs.driving:
            parts["readout"], parts["driver"] = ReadoutHeads(self.readout), Driver(self.driver)
        return parts


def strict(kind: type[Config], values: dict[str, Any], where: str) -> Config:
    """A config dataclass of plain values. WeightsError for an unknown or missing key or an invalid value."""
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if set(values) != names:
        odd = ", ".join(sorted(set(values) ^ names))
        raise WeightsError(
            f"{where} does not fit this version of lucidrive (keys: {odd}); use the weights that came with it."
        )
    return kind(**values)


def read_config(folder: Path) -> tuple[WorldConfig, dict[str, Any]]:
    """The shapes, and the whole config.json. WeightsError where it is missing, damaged or of another version."""
    path = folder / "config.json"
    try:
        text = path.read_text()
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise WeightsError(
                f"{folder} is of another version of lucidrive; train a world anew with `lucidrive train`."
            )
        if _text(raw) != text:
            raise ValueError("its checksum is another")
        parts = raw["parts"]
        inputs = strict(Inputs, parts["dynamics"]["inputs"], str(path))
        return (
            WorldConfig(
                strict(TokenizerConfig, parts["tokenizer"], str(path)),
                strict(DynamicsConfig, parts["dynamics"] | {"inputs": inputs}, str(path)),
                strict(ReadoutConfig, parts["readout"], str(path)),
                strict(DriverConfig, parts["driver"], str(path)),
            ),
            raw,
        )
    except FileNotFoundError as error:
        raise WeightsError(
            f"There are no world weights in {folder}; name a folder that has some, or train them with `lucidrive train`."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is damaged ({error}); copy it anew or train again.") from error


def write_config(folder: Path, config: WorldConfig, trained: dict[str, Any]) -> None:
    """Writes config.json with a sha256 for every weight file present; trained: record of the training."""
    files = {path.name: sha256(path) for path in sorted(folder.glob("*.safetensors"))}
    aside = folder / "config.json.tmp"
    aside.write_text(_text({"format": FORMAT, "parts": asdict(config), "files": files, "trained": trained}))
    aside.replace(folder / "config.json")


def _text(raw: dict[str, Any]) -> str:
    """The text of config.json with a new checksum of itself."""
    plain = {name: value for name, value in raw.items() if name != "sha256"}
    text = json.dumps(plain, indent=2)
    return json.dumps(plain | {"sha256": hashlib.sha256(text.encode()).hexdigest()}, indent=2) + "\n"


def save_part(folder: Path, name: str, state: dict[str, Tensor]) -> None:
    """Writes one part as fp16, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    aside = folder / f"{name}.safetensors.tmp"
    save_file({key: value.contiguous().clone() for key, value in half.items()}, aside)
    aside.replace(folder / f"{name}.safetensors")


def save_alone(
    folder: Path, name: str, module: nn.Module, config: Any, trained: Mapping[str, object], version: int
) -> None:
    """Writes the only network of a folder: fp16 weights, then config.json with its shapes (a dataclass), checksum and training record."""
    save_part(folder, name, module.state_dict())
    files = {f"{name}.safetensors": sha256(folder / f"{name}.safetensors")}
    aside = folder / "config.json.tmp"
    raw = {"format": version, "config": asdict(config), "files": files, "trained": trained}
    aside.write_text(json.dumps(raw, indent=2) + "\n")
    aside.replace(folder / "config.json")


def load_part(folder: Path, name: str, module: nn.Module, raw: dict[str, Any]) -> nn.Module:
    """Fills `module` in float32 after checking its file. WeightsError where it is missing, damaged or does not fit."""
    tensors = {
        key: value.float() if value.is_floating_point() else value
        for key, value in load_tensors(folder, name, raw).items()
    }
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(
            f"{name}.safetensors in {folder} belongs to another configuration; restore both files together."
        ) from error
    return module.eval().requires_grad_(False)


def go_on(folder: Path | None, name: str, module: nn.Module) -> None:
    """Fills `module` with its part in the weights `folder`, for further training; without a folder does nothing. WeightsError as in `load_part`."""
    if folder is not None:
        load_part(folder, name, module, read_config(folder)[1]).train().requires_grad_(True)


def load_tensors(folder: Path, name: str, raw: dict[str, Any]) -> dict[str, Tensor]:
    """Tensors of `name`.safetensors as stored, on the CPU. raw: the folder's config.json. WeightsError where the file is missing, damaged or a different one."""
    path = folder / f"{name}.safetensors"
    if not path.exists():
        raise WeightsError(f"{path} is missing; copy it anew or train it with `lucidrive train`.")
    if raw["files"].get(path.name) != sha256(path):
        raise WeightsError(
            f"{path} is damaged (its checksum is not the one in config.json); copy it anew or train again."
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error}); copy it anew or train again.") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parameters(module: nn.Module) -> int:
    """Number of a module's parameters, without buffers."""
    return sum(parameter.numel() for parameter in module.parameters())


def to_device(modules: dict[str, nn.Module], device: str) -> dict[str, nn.Module]:
    """Moves modules to a device. WeightsError where the device cannot be used."""
    try:
        return {name: module.to(device) for name, module in modules.items()}
    except (RuntimeError, AssertionError) as error:
        raise WeightsError(f"The device '{device}' cannot be used here ({error}); try `--device cpu`.") from error


def seeded(seed: int, device: str | torch.device) -> torch.Generator:
    """A seeded generator on a device."""
    return torch.Generator(device=device).manual_seed(seed)
