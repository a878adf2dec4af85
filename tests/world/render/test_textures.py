"""Textures are what the atlas needs, the same every time, and tile without a seam."""

import numpy as np
import pytest

from world.render import textures
from world.render.library import EMISSIONS, MATERIALS, material
from world.render.patterns import encode, noise


@pytest.mark.parametrize("name", textures.NAMES)
def test_a_texture_is_bytes_with_sides_that_are_powers_of_two(name: str) -> None:
    pixels = textures.texture(name)
    height, width, channels = pixels.shape
    assert pixels.dtype == np.uint8 and channels == 4
    assert height & (height - 1) == 0 and width & (width - 1) == 0 and 16 <= max(height, width) <= 512
    assert not pixels.flags.writeable


def test_textures_are_the_same_every_time() -> None:
    for name in ("lane", "leaf_lime", "brick", "shop"):
        first = textures.texture(name)
        textures.texture.cache_clear()
        np.testing.assert_array_equal(first, textures.texture(name))


def test_only_cutouts_have_holes() -> None:
    cut = {one.texture for one in MATERIALS if one.cutout}
    for name in textures.NAMES:
        share = float((textures.texture(name)[..., 3] < 128).mean())
        assert 0.05 < share < 0.95 if name in cut else share == 0.0, name


def test_asphalt_is_dark_and_walls_leave_their_colour_to_the_tint() -> None:
    def linear(name: str) -> np.ndarray:
        return (textures.texture(name)[..., :3] / 255.0) ** 2.2

    assert 0.05 < linear("lane").mean() < 0.12
    for name in ("plaster", "plaster_rough", "concrete", "tiles"):
        assert linear(name).mean() > 0.5
        assert np.ptp(linear(name).mean((0, 1))) < 0.15
    green = linear("grass").mean((0, 1))
    assert green[1] > green[0] > green[2]


def test_noise_is_periodic_and_normalised() -> None:
    field = noise((64, 64), 1.2, 3, 1, 12)
    assert abs(float(field.mean())) < 1e-4 and abs(float(field.std()) - 1) < 1e-3
    seam, inside = np.abs(field[0] - field[-1]).mean(), np.abs(np.diff(field, axis=0)).mean()
    assert seam < 2 * inside


def test_encode_is_srgb() -> None:
    pixels = encode(np.full((2, 2, 3), 0.2140411), np.full((2, 2), 0.5))
    assert pixels[0, 0].tolist() == [127, 127, 127, 128] or pixels[0, 0].tolist() == [128, 128, 128, 128]


def test_every_material_can_be_found_and_names_what_exists() -> None:
    assert len({one.name for one in MATERIALS}) == len(MATERIALS)
    for index, one in enumerate(MATERIALS):
        assert material(one.name) == index
        assert one.texture in ("", *textures.NAMES)
        assert one.emission in ("", *EMISSIONS)
    assert set(EMISSIONS) <= {one.emission for one in MATERIALS}
    with pytest.raises(KeyError):
        material("marble")
