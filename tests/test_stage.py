"""What a dream is told of who is where."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.tiny_world import TINY, write_tiny_world
from world.controls import FPS, Command, Control, Event, Side
from world.dream import Dream
from world.files import read_config, write_config
from world.kinematics import Motion
from world.layout import BOX, JUNCTION, LANES, NEAR
from world.model import WorldModel
from world.stage import (
    AHEAD_SECONDS,
    COURSES,
    LEAST_AHEAD,
    Course,
    Stage,
    box,
    courses_of_tensors,
    courses_to_tensors,
    plain,
    state_of,
)
from world.train.courses import _course

STILL, DRIVING = Motion(0.0, 0.0), Motion(10.0, 0.0)
KEY = (int(Event.STALLED), int(Side.NONE), 2)
CAR = Course(torch.tensor([[20.0, 0.0]] * 60), 2.0, 1.5, 8.0)
ASKED = Control(event=int(Event.STALLED), side=int(Side.NONE), level=2)


def test_a_box_is_where_a_pinhole_sees_it() -> None:
    assert box(10.0, 0.0, 2.0, 1.5) == pytest.approx((0.45, 0.5, 0.55, 0.5 + 128 / 144 * 0.15))
    assert box(10.0, 5.0, 2.0, 1.5)[0] == pytest.approx(0.2)
    assert box(0.5, 0.0, 2.0, 1.5) == box(10.0, 40.0, 2.0, 1.5) == (0.0, 0.0, 0.0, 0.0)


def test_an_actor_that_stands_comes_nearer_as_we_drive_and_is_passed() -> None:
    stage = Stage({KEY: (CAR,)})
    assert not stage.step(Control(), DRIVING)[0, BOX].any()
    widths = [float(told[0, 2] - told[0, 0]) for told in (stage.step(ASKED, DRIVING) for _ in range(30))]
    assert widths[0] == pytest.approx(0.5 * 2.0 / 19.0)
    assert all(later > before for before, later in pairwise(widths[:16]))
    assert widths[-1] == 0.0
    turning = Stage({KEY: (CAR,)})
    told = [turning.step(ASKED, Motion(0.0, 0.3)) for _ in range(5)][-1]
    assert float(told[0, 0] + told[0, 2]) / 2 > 0.55  # we turn to the left, so it goes to the right


def test_the_course_of_the_nearest_side_level_and_speed_is_taken() -> None:
    fast, slow = replace(CAR, speed=14.0), replace(CAR, speed=3.0, places=CAR.places + 5)
    stage = Stage({KEY: (fast,), (KEY[0], KEY[1], 1): (slow,)})
    first = stage.step(replace(ASKED, level=1), STILL)
    assert first[0, 2] - first[0, 0] == pytest.approx(0.5 * 2.0 / 25.0)
    assert not Stage({KEY: (CAR,)}).step(Control(event=int(Event.ANIMAL)), STILL)[0, BOX].any()
    assert Stage({}).step(ASKED, STILL)[0, BOX].isnan().all()


def test_another_level_of_an_event_is_another_actor() -> None:
    one, other = Course(CAR.places, 2.0, 1.5, 8.0), Course(CAR.places + 10, 2.0, 1.5, 8.0)
    stage = Stage({KEY: (one, one), (KEY[0], KEY[1], 3): (other,)})
    widths = [
        float(told[0, 2] - told[0, 0])
        for told in (stage.step(replace(ASKED, level=level), STILL) for level in (2, 3, 2))
    ]
    assert widths == pytest.approx([0.05, 1 / 30, 0.05])


def test_a_junction_comes_where_a_turn_is_asked_for_and_goes_when_it_is_done() -> None:
    stage, left = Stage({}), Control(command=int(Command.LEFT))
    assert stage.step(Control(), DRIVING)[0, JUNCTION].isnan().all()
    told = [stage.step(left, DRIVING)[0, JUNCTION] for _ in range(round(AHEAD_SECONDS * FPS))]
    assert told[0][:4].tolist() == pytest.approx([math.exp(-(AHEAD_SECONDS * FPS - 1) / NEAR), 1.0, 1.0, 1.0])
    assert float(told[-1][0]) == pytest.approx(1.0, abs=0.06)
    turned = [float(stage.step(left, Motion(5.0, 0.6))[0, JUNCTION][0]) for _ in range(25)]
    assert turned[0] == 1.0
    assert turned[-1] == pytest.approx(0.0, abs=0.1)  # who still asks gets the next one, a block away
    assert stage.step(Control(), DRIVING)[0, JUNCTION].isnan().all()


def test_the_junction_that_is_in_sight_is_the_one_that_is_meant() -> None:
    left, slow = Control(command=int(Command.LEFT)), Motion(5.0, 0.0)

    def driven(sights: Callable[[float], float]) -> float:
        """m until one is there."""
        stage = Stage({})
        for frame in range(1, 200):
            if float(stage.step(left, slow, sights(0.5 * frame))[0, JUNCTION][0]) == 1.0:
                return 0.5 * frame
        raise AssertionError("never there")

    assert driven(lambda metres: 60.0) == driven(lambda metres: math.nan) == LEAST_AHEAD
    assert driven(lambda metres: 24 - metres) == pytest.approx(24, abs=2)
    assert LEAST_AHEAD < driven(lambda metres: 30.0) < 2 * LEAST_AHEAD  # a mirage stays as far off as it was


def test_there_is_a_lane_to_change_to() -> None:
    stage = Stage({})
    assert stage.step(Control(command=int(Command.LANE_LEFT)), DRIVING)[0, LANES].tolist() == [1.0, 0.0]
    assert stage.step(Control(command=int(Command.LANE_RIGHT)), DRIVING)[0, LANES].tolist() == [0.0, 1.0]
    assert stage.step(Control(), DRIVING)[0, LANES].isnan().all()


def test_a_course_is_what_a_drive_saw() -> None:
    driven = np.arange(
        1, 21, dtype=float
    )  # m, one a frame, towards a car that stands 30 m ahead and slides to the left
    places = np.stack([30 - driven, 0.1 * driven], axis=1)
    boxes = np.array([box(ahead, left, 2.0, 1.5) for ahead, left in places])
    course = _course(np.zeros(3), np.stack([driven, 0 * driven, 0 * driven], axis=1), places, boxes, 10.0)
    assert course is not None and (course.width, course.height) == pytest.approx((2.0, 1.5), abs=1e-3)
    stage = Stage({KEY: (course,)})
    told = [stage.step(ASKED, DRIVING)[0, BOX].numpy() for _ in driven]
    assert np.allclose(told, boxes, atol=1e-4)
    nobody = _course(np.zeros(3), np.zeros((20, 3)), np.zeros((20, 2)), np.zeros((20, 4)), 10.0)
    assert nobody is None


def test_states_and_courses_are_kept_as_they_are() -> None:
    stage = Stage({KEY: (CAR,)}, 3)
    for _ in range(4):
        stage.step(ASKED.with_(command=int(Command.RIGHT)), DRIVING)
    assert state_of(json.loads(json.dumps(plain(stage.now)))) == stage.now
    back = courses_of_tensors(courses_to_tensors({KEY: (CAR, replace(CAR, width=1.0))}))
    assert [course.width for course in back[KEY]] == [2.0, 1.0] and torch.equal(back[KEY][0].places, CAR.places)


def test_a_dream_tells_its_world_and_is_saved_with_it(tmp_path: Path) -> None:
    folder = write_tiny_world(tmp_path / "w", config=replace(TINY, dynamics=replace(TINY.dynamics, layout_rows=6)))
    save_file(courses_to_tensors({KEY: (CAR,)}), folder / f"{COURSES}.safetensors")
    write_config(folder, *read_config(folder)[:1], {})
    model = WorldModel.load(folder)
    dreams = [Dream(model), Dream(model)]
    for dream, asked in zip(dreams, (ASKED, Control()), strict=True):
        dream.start(scene="street")
        for _ in range(3):
            dream.step(asked)
    assert (dreams[0].frame.image != dreams[1].frame.image).any()  # type: ignore[union-attr]
    dreams[0].save(tmp_path / "dream.safetensors")
    again, fork = Dream.load(model, tmp_path / "dream.safetensors"), dreams[0].fork()
    frames = [dream.step(ASKED).image for dream in (dreams[0], again, fork)]
    assert (frames[0] == frames[1]).all() and (frames[0] == frames[2]).all()
    assert again._stage.now == dreams[0]._stage.now and again._stage.now.frame == 4
