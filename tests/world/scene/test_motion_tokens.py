"""Motion tokens: there and back within a bin, nothing out of range, both tokens in one number."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from world.dynamics.observe_vehicles import BEGINS
from world.scene.motion_tokens import (
    ACCELERATIONS,
    ACROSS,
    HORIZON,
    LANE_LEFT,
    LANE_RIGHT,
    LOSS,
    MANOEUVRES,
    OFFSETS,
    PACES,
    STOP,
    VOCABULARY,
    acceleration_of,
    acceleration_token,
    across_token,
    offset_of,
    pace_token,
    pack,
    unpack,
)

speeds = st.floats(0.0, 40.0)


@given(speeds, st.floats(float(ACCELERATIONS[0]), float(ACCELERATIONS[-1])))
def test_a_speed_comes_back_within_half_a_bin(before: float, accel: float) -> None:
    after = max(0.0, before + HORIZON * accel)
    token = acceleration_token(before, after)
    back = before + HORIZON * acceleration_of(token, before)
    assert abs(back - after) <= LOSS["speed"] + 1e-9


@given(speeds, st.floats(0.0, 60.0))
def test_every_change_of_speed_has_a_token_that_can_be_driven(before: float, after: float) -> None:
    token = acceleration_token(before, after)
    assert 0 <= token < VOCABULARY["acceleration"]
    assert ACCELERATIONS[0] <= acceleration_of(token, before) <= ACCELERATIONS[-1]


@given(st.floats(float(OFFSETS[0]), float(OFFSETS[-1])), st.floats(-1.5, 1.5))
def test_a_place_across_the_lane_comes_back_within_half_a_bin(left: float, kept: float) -> None:
    token = across_token(0, left, kept)
    assert token not in (LANE_LEFT, LANE_RIGHT) and 0 <= token < ACROSS
    assert abs(offset_of(token, kept) - left) <= LOSS["left"] + 1e-9
    assert offset_of(across_token(0, kept, kept), kept) == kept


@given(st.floats(0.0, float(PACES[-1])))
def test_a_pace_comes_back_within_half_a_bin(pace: float) -> None:
    assert abs(float(PACES[pace_token(pace)]) - pace) <= LOSS["pace"] + 1e-9


def test_lane_changes_are_told_whatever_the_place() -> None:
    assert across_token(1, 0.3, 0.0) == LANE_LEFT and across_token(-1, 0.3, 0.0) == LANE_RIGHT


def test_tables_are_sorted_and_packed_tokens_stay_below_the_modes_of_roles() -> None:
    for values in (ACCELERATIONS, OFFSETS, PACES):
        assert (np.diff(values) > 0).all()
    seen = {pack(pace, way) for pace in range(len(PACES)) for way in range(MANOEUVRES)}
    assert len(seen) == len(PACES) * MANOEUVRES and min(seen) >= 1 and max(seen) < BEGINS
    assert all(unpack(pack(pace, way)) == (pace, way) for pace in range(len(PACES)) for way in range(MANOEUVRES))
    assert pack(STOP, 0) < BEGINS
