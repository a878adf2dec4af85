"""Cameras that could see nothing are refused."""

from __future__ import annotations

import math

import pytest

from world.errors import DataError
from world.render.camera import Rig


@pytest.mark.parametrize("fov", [0.0, -70.0, 180.0, math.nan, math.inf])
def test_a_rig_without_a_field_of_view_is_refused_in_one_sentence(fov: float) -> None:
    with pytest.raises(DataError, match="field of view is between 1 and 170 degrees") as refused:
        Rig(fov=fov)
    assert "\n" not in str(refused.value)


def test_a_picture_of_no_size_is_refused() -> None:
    with pytest.raises(DataError, match="pixels a side"):
        Rig(width=0)
