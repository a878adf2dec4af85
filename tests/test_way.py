"""The way that a car takes: hindsight of drives, what commands ask for, and its pursuit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from world.controls import FPS, Command, Control
from world.driver import Driver, DriverConfig
from world.kinematics import Motion, step
from world.layout import REACH, WAY, unknown
from world.stage import AHEAD_SECONDS, LEAST_AHEAD, Stage, plain, state_of
from world.way import BEFORE_TURN, LANE, SOON, ahead, driven, laid, pursued

TEN = Motion(10.0, 0.0)


def circle(radius: float, speed: float, frames: int) -> np.ndarray:
    """Poses [T, 3] on a circle to the left."""
    turn = np.arange(frames) * speed / FPS / radius
    return np.stack([radius * np.sin(turn), radius * (1 - np.cos(turn)), turn], axis=1)


def test_a_drive_tells_where_it_went() -> None:
    pose = circle(20.0, 8.0, 100)
    ways = driven(pose, np.arange(99, -1, -1))
    for reach, (x, y) in zip(REACH, ways[10].reshape(-1, 2), strict=True):
        turn = reach / 20.0
        assert (x, y) == pytest.approx((20 * math.sin(turn), 20 * (1 - math.cos(turn))), abs=0.05)
    assert np.isnan(ways[-20:]).all()  # the drive ends before


def test_where_a_car_stands_soon_or_the_drive_ends_there_is_no_way() -> None:
    slow = circle(1000.0, 0.9 * REACH[-1] / SOON * FPS, 200)
    assert np.isnan(driven(slow, np.arange(199, -1, -1))).all()
    away = circle(1000.0, 10.0, 40)
    two = np.concatenate([away, away + np.array([500.0, 0.0, 0.0])])
    ways = driven(two, np.tile(np.arange(39, -1, -1), 2))
    assert np.isnan(ways[20:40]).all()
    assert not np.isnan(ways[40:55]).any()


@pytest.mark.parametrize(("command", "side"), [(Command.LEFT, 1), (Command.RIGHT, -1)])
def test_a_turn_ends_across_and_a_lane_change_beside(command: Command, side: int) -> None:
    (x0, y0), (x1, y1) = laid(command, 10.0, 8.0)[-2:]
    assert (x1 - x0, side * (y1 - y0)) == pytest.approx((0.0, 1.0), abs=1e-6)
    lane = laid(Command.LANE_LEFT if side > 0 else Command.LANE_RIGHT, math.nan, 8.0)
    assert lane[-1][1] == pytest.approx(side * LANE)
    assert lane[-1][0] == len(lane) - 1


def test_a_way_is_seen_from_where_one_is_until_it_ends() -> None:
    points = laid(Command.STRAIGHT, 10.0, 8.0)
    assert ahead(points, (5.2, -1.0, 0.0)) == pytest.approx([3.8, 1.0, 7.8, 1.0, 13.8, 1.0, 21.8, 1.0])
    assert ahead(points, (float(len(points) - 5), 0.0, 0.0)) is None


def test_who_pursues_a_turn_that_was_laid_takes_it() -> None:
    for command, side in ((Command.LEFT, 1), (Command.RIGHT, -1)):
        points, motion = laid(command, 10.0, 8.0), Motion(8.0, 0.0)
        x = y = heading = 0.0
        while (told := ahead(points, (x, y, heading))) is not None:
            steer, most = pursued(torch.tensor([told]), torch.tensor([motion.speed]))
            motion = step(motion, float(steer), max(-1.0, min(0.3, float(most) - motion.speed)))
            middle = heading + motion.yaw_rate / FPS / 2
            x, y = x + math.cos(middle) * motion.speed / FPS, y + math.sin(middle) * motion.speed / FPS
            heading += motion.yaw_rate / FPS
            assert min(math.dist((x, y), point) for point in points) < 1.2
        assert side * heading == pytest.approx(math.pi / 2, abs=0.15)


@torch.no_grad()
def test_the_driver_steers_along_a_way_that_it_is_told_and_by_what_it_learnt_elsewhere() -> None:
    torch.manual_seed(0)
    driver, layout = Driver(DriverConfig(hidden=8, dim=16, told=True)), unknown(2)
    bend = [4.0, 1.0, 7.0, 3.5, 10.0, 9.0, 10.0, 17.0]
    layout[0, WAY] = torch.tensor(bend)
    hidden, command = torch.randn(2, 8), torch.full((2,), int(Command.LEFT))
    speed = torch.full((2,), 8.0)
    action = driver(hidden, command, speed, speed, layout)
    steer, most = pursued(layout[:1, WAY], speed[:1])
    assert float(action[0, 0]) == pytest.approx(float(steer))
    assert float(action[1, 0]) != pytest.approx(0.0, abs=1e-4)
    assert float(most) < 8.0
    assert float(action[0, 1]) != pytest.approx(float(action[1, 1]))  # it brakes for the bend


def test_nobody_is_led_where_no_way_is_known() -> None:
    steer, most = pursued(torch.full((1, 2 * len(REACH)), torch.nan), torch.tensor([5.0]))
    assert float(steer) == 0.0
    assert float(most) == math.inf


def test_a_command_lays_a_way_once_it_is_near_and_it_stays_till_it_is_driven() -> None:
    stage, left = Stage({}), Control(command=int(Command.LEFT))
    told = [stage.step(left, TEN)[0, WAY] for _ in range(40)]
    assert told[0].isnan().all()
    assert not told[-1].isnan().any()
    again = Stage({})
    again.now = state_of(plain(stage.now))
    assert again.now == stage.now
    ends = [stage.step(Control(), Motion(5.0, 0.0))[0, WAY].isnan().any() for _ in range(5)]
    assert all(ends)  # taken back before the junction
    lane = Control(command=int(Command.LANE_RIGHT))
    led = [stage.step(lane, TEN)[0, WAY] for _ in range(100)]
    assert float(led[0][-1]) < -0.5
    assert led[-1].isnan().all()  # one change for one command
    assert float(stage.step(lane.with_(command=int(Command.LANE_LEFT)), TEN)[0, WAY][-1]) > 0.5


def _sideways(command: Command, speed: float, seconds: float) -> list[tuple[float, float]]:
    """Where a stage's ways lead who pursues them at that speed: m gone ahead and m to the left, a frame each."""
    stage, motion, x, y, heading, out = Stage({}), Motion(speed, 0.0), 0.0, 0.0, 0.0, []
    for _ in range(round(seconds * FPS)):
        told = stage.step(Control(command=int(command)), motion)[:, WAY]
        steer, _ = pursued(told, torch.tensor([motion.speed]))
        motion = replace(step(motion, float(steer), 0.0), speed=speed)
        heading += motion.yaw_rate / FPS
        x, y = x + math.cos(heading) * speed / FPS, y + math.sin(heading) * speed / FPS
        out.append((x, y))
    return out


def test_a_turn_begins_at_the_junction_however_fast_one_comes() -> None:
    for speed in (3.0, 6.0, 9.0):
        junction = max(LEAST_AHEAD, AHEAD_SECONDS * speed)
        bends = next(x for x, y in _sideways(Command.LEFT, speed, 90 / speed) if y > 0.5)
        assert junction - 1 < bends < junction + BEFORE_TURN + 5
        assert max(y for _, y in _sideways(Command.LEFT, speed, 90 / speed)) > 10


def test_a_lane_change_is_the_longer_the_faster_one_drives() -> None:
    ends = []
    for speed in (4.0, 8.0, 12.0):
        track = _sideways(Command.LANE_LEFT, speed, 80 / speed)
        assert track[-1][1] == pytest.approx(LANE, abs=0.4)
        ends.append(next(x for x, y in track if y > 0.8 * LANE))
    assert ends == sorted(ends)
    assert ends[-1] > 2 * ends[0]
