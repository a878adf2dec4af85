"""Named configurations of the world: one code path from two CPU cores to a 32 GB GPU."""

from __future__ import annotations

from dataclasses import replace

from world.driver import DriverConfig
from world.errors import DataError
from world.files import WorldConfig
from world.latent.dynamics import DynamicsConfig
from world.latent.tokenizer import TokenizerConfig
from world.readout import ReadoutConfig

EMBEDDED = WorldConfig()  # 72x128, 48 tokens of 12x16 pixels

WIDE = WorldConfig(  # 144x256, 128 tokens of 18x16 pixels; with its scenes less than 60 MB
    TokenizerConfig(144, 256, patch_height=18, patch_width=16, channels=32, decoder_depth=6),
    DynamicsConfig(tokens=128, channels=32, dim=384, heads=6, depth=6),
    ReadoutConfig(tokens=128, channels=32),
)

RTX5090 = WorldConfig(  # 288x512, 576 tokens of 16x16 pixels, about 1 B parameters
    TokenizerConfig(
        288, 512, 16, 16, channels=32, dim=768, heads=12, encoder_depth=6, decoder_depth=12, conv_channels=96
    ),
    DynamicsConfig(576, 32, dim=1536, heads=16, depth=20, time_every=4, context=24, shortcut=True),
    ReadoutConfig(tokens=576, channels=32, dim=256, heads=8, depth=4, hidden=512),
    DriverConfig(hidden=512, dim=256),
)

SMALL = WorldConfig(  # 96x96, 36 tokens of 16x16 pixels: for worlds of your own, within minutes on two cores
    TokenizerConfig(96, 96, 16, 16, channels=48, dim=128, encoder_depth=1, decoder_depth=2, conv_channels=24),
    DynamicsConfig(tokens=36, channels=48, dim=128),
    ReadoutConfig(tokens=36, channels=48),
)

PRESETS = {"embedded": EMBEDDED, "small": SMALL, "wide": WIDE, "rtx5090": RTX5090}


def preset(name: str) -> WorldConfig:
    """The configuration of a name. DataError, which lists all names, for an unknown one."""
    if name not in PRESETS:
        raise DataError(f"There is no config '{name}'; there are: {', '.join(PRESETS)}.")
    return PRESETS[name]


def narrow(config: WorldConfig, dim: int = 32) -> WorldConfig:
    """The same pictures, patches and latents in a narrow, shallow model, for trials on a small machine."""
    return WorldConfig(
        replace(config.tokenizer, dim=dim, heads=2, encoder_depth=1, decoder_depth=1, conv_channels=8),
        replace(config.dynamics, dim=dim, heads=2, depth=2, time_every=2),
        replace(config.readout, dim=dim, heads=2, depth=1, hidden=dim),
        replace(config.driver, dim=dim, hidden=dim),
    )
