"""A real world model, only very small and untrained: for tests of everything that does not need it to be good."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from world.driver import DriverConfig
from world.files import SCENES, WorldConfig, save_part, write_config
from world.latent.dynamics import DynamicsConfig
from world.latent.tokenizer import TokenizerConfig
from world.readout import ReadoutConfig

TINY = WorldConfig(
    TokenizerConfig(dim=32, heads=2, encoder_depth=1, decoder_depth=1, conv_channels=8),
    DynamicsConfig(dim=32, heads=2, depth=3, time_every=3, context=4),
    ReadoutConfig(dim=16, heads=2, depth=1, hidden=32),
    DriverConfig(hidden=32, dim=16),
)


def write_tiny_world(folder: Path, seed: int = 0, config: WorldConfig = TINY) -> Path:
    """Weights of TINY, or of another configuration of its size, in `folder`, every zero-initialised layer filled, with one start scene."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    for name, module in config.build().items():
        for key, value in module.named_parameters():
            if value.std(correction=0) == 0:
                value.data = 0.05 * torch.randn(value.shape, generator=generator)
            assert torch.isfinite(value).all(), key
        save_part(folder, name, module.state_dict())
    images = torch.randint(0, 255, (3, 72, 128, 3), generator=generator, dtype=torch.uint8)
    save_file(
        {"street/images": images, "street/state": torch.tensor([8.0, 0.0, 0.0, 0.0, 1.0])},
        folder / f"{SCENES}.safetensors",
    )
    write_config(folder, config, {"vocabulary": ["clear", "day", "left"]})
    return folder
