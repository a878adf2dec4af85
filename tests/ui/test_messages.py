"""What travels on the socket: a picture with its figures, and what is no message."""

from __future__ import annotations

import io
import json
import math
from contextlib import suppress
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.fakes import FakeDream
from ui import messages
from world.controls import Control
from world.errors import LucidriveError
from world.render.camera import HIGHEST, LOWEST


def test_a_picture_carries_its_figures() -> None:
    dream = FakeDream()
    dream.start()
    frame = dream.step(Control(steer=0.5, accel=float("nan"), command=2))
    index, speed, steer, accel, command, flags, branch, seen, junction, yaw, target, *read = (
        messages.HEADER.unpack_from(messages.encode_picture(frame, True, 2, 12.5))
    )
    assert (branch, target, read) == (2, 12.5, [0, 255, 1, 255, 0])
    assert yaw == pytest.approx(frame.motion.yaw_rate)
    assert (index, steer, accel, command, flags) == (1, 0.5, 0.0, 2, messages.BY_KEYS)
    assert speed == pytest.approx(frame.motion.speed) == pytest.approx(seen)
    assert junction == pytest.approx(frame.readout.junction_distance)


def test_a_picture_survives_its_jpeg() -> None:
    frame = FakeDream().start()
    jpeg = messages.encode_picture(frame, False)[messages.HEADER.size :]
    seen = np.asarray(Image.open(io.BytesIO(jpeg)), np.float32)
    assert np.abs(seen - frame.image).mean() < 3


def test_a_picture_between_two_frames_travels_behind_the_newer_one() -> None:
    frame = FakeDream().start()
    dark = replace(frame, between=np.zeros_like(frame.image))
    message = messages.encode_picture(dark, False)
    size = messages.HEADER.unpack_from(message)[-1]
    assert message[messages.HEADER.size : -size] == messages.encode_picture(frame, False)[messages.HEADER.size :]
    assert np.asarray(Image.open(io.BytesIO(message[-size:]))).max() < 3


BAD = [
    "",
    "{",
    "[]",
    "null",
    "[" * 30_000,
    '{"type": 3}',
    '{"type": "say"}',
    '{"type": "say", "text": "hello", "more": 1}',
    '{"type": "press", "keys": ["up", "rm -rf"]}',
    '{"type": "press", "keys": "up"}',
    '{"type": "press", "keys": [["up"]]}',
    '{"type": "pause", "on": 1}',
    '{"type": "begin", "seed": -1, "scene": null}',
    '{"type": "begin", "seed": true, "scene": null}',
    '{"type": "begin", "seed": 1e400, "scene": null}',
    '{"type": "seen", "index": "1"}',
    '{"type": "plan", "line": "%s"}' % ("rain(2);" * 100),
    '{"type": "shutdown"}',
    '{"type": "look_around", "x": 0, "y": 0, "z": 0.4, "yaw": 0, "pitch": 0}',
    '{"type": "look_around", "x": 0, "y": 0, "z": 121, "yaw": 0, "pitch": 0}',
    '{"type": "look_around", "x": 0, "y": 0, "z": 2, "yaw": 7, "pitch": 0}',
    '{"type": "look_around", "x": 0, "y": 0, "z": 2, "yaw": 0, "pitch": -1.6}',
    '{"type": "look_around", "x": NaN, "y": 0, "z": 2, "yaw": 0, "pitch": 0}',
    '{"type": "look_around", "x": 0, "y": -Infinity, "z": 2, "yaw": 0, "pitch": 0}',
    '{"type": "look_around", "x": 1%s, "y": 0, "z": 2, "yaw": 0, "pitch": 0}' % ("0" * 400),
    '{"type": "look_around", "x": true, "y": 0, "z": 2, "yaw": 0, "pitch": 0}',
    '{"type": "look_around", "x": "0", "y": 0, "z": 2, "yaw": 0, "pitch": 0}',
    '{"type": "look_around", "x": 0, "y": 0, "z": 2, "yaw": 0}',
    '{"type": "look_around", "x": 0, "y": 0, "z": 2, "yaw": 0, "pitch": 0, "roll": 0}',
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_message_is_one_sentence(text: str) -> None:
    with pytest.raises(messages.MessageError) as error:
        messages.parse_message(text)
    assert str(error.value).endswith((".", "”.")) and "\n" not in str(error.value)


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_no_text_crashes_the_parser(text: str) -> None:
    with suppress(messages.MessageError):
        messages.parse_message(text)
    sentence = json.dumps({"type": "say", "text": text})
    try:
        message = messages.parse_message(sentence)
    except messages.MessageError:
        return
    assert message == messages.Say(text)


NUMBERS = st.floats() | st.integers() | st.floats(-2.0, 125.0)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_a_camera_is_where_the_page_says_or_nowhere(numbers: tuple[float, ...]) -> None:
    fields = dict(zip(("x", "y", "z", "yaw", "pitch"), numbers, strict=True))
    try:
        message = messages.parse_message(json.dumps({"type": "look_around", **fields}))
    except LucidriveError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        x, y, z, yaw, pitch = numbers
        inside = max(abs(x), abs(y)) <= 1e6 and LOWEST <= z <= HIGHEST and abs(yaw) <= 2 * math.pi
        assert not (inside and abs(pitch) <= math.pi / 2)
        return
    assert isinstance(message, messages.LookAround)
    assert astuple(message.pose) == numbers and LOWEST <= message.pose.z <= HIGHEST
