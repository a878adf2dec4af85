"""The timeline: when each step begins, when it is done, and what a frame is told meanwhile."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from brain.plan import Plan, parse_line
from bridge.errors import SessionError
from bridge.timeline import KEEP_STEPS, MAX_OPEN, StepState, Timeline, TimelineState
from tests.fakes import FakeDream
from world.controls import Command, Control, Event, Side, TimeOfDay, Weather
from world.frame import Frame
from world.kinematics import Motion

QUIET = replace(FakeDream().start(), motion=Motion(8.0))
QUIET = replace(QUIET, readout=replace(QUIET.readout, speed=8.0, junction_distance=60.0))


class Show:
    """Plays frames to a timeline: `see` shows the quiet frame with changes, for some seconds."""

    def __init__(self, line: str = "", speed_kmh: float = 30.0) -> None:
        self.timeline = Timeline(speed_kmh=speed_kmh)
        self.state: TimelineState | None = None
        if line:
            self.add(line)

    def add(self, line: str) -> None:
        plan = parse_line(line)
        assert isinstance(plan, Plan)
        self.timeline.plan(plan)

    def see(self, frames: int = 1, *, keys: bool = False, speed: float = 8.0, **readout: float) -> TimelineState:
        frame = Frame(
            QUIET.image,
            0,
            Control(),
            Motion(speed),
            replace(QUIET.readout, **{"speed": speed, **readout}),
        )
        for _ in range(frames):
            self.state = self.timeline.tick(frame, keys)
        assert self.state is not None
        return self.state

    def step(self, line: str) -> StepState:
        assert self.state is not None
        return [step for step in self.state.steps if step.line == line][-1]

    def status(self, line: str) -> str:
        return self.step(line).status


def turn_left(show: Show) -> None:
    show.see(20, junction_distance=5.0)
    show.see(10, junction_distance=0.0, yaw_rate=0.5)
    show.see(25, junction_distance=0.0, yaw_rate=0.5)
    show.see(10, junction_distance=40.0, yaw_rate=0.0)


def test_a_left_turn_runs_until_the_yaw_has_come_round_and_then_follows() -> None:
    show = Show("left")
    assert show.see().command == Command.LEFT
    assert show.status("left") == "running"
    show.see(100, yaw_rate=0.05)  # a bend of the road is no turn
    assert show.status("left") == "running"
    turn_left(show)
    assert show.status("left") == "done"
    assert "degrees" in show.step("left").reason
    assert show.see().command == Command.FOLLOW


def test_a_turn_to_the_other_side_is_no_left_turn_and_times_out() -> None:
    show = Show("left")
    show.see(40, yaw_rate=-0.5)
    assert show.status("left") == "running"
    show.see(415)
    assert (show.status("left"), show.step("left").reason) == ("timed_out", "no turn to the left within 45 s")


def test_next_waits_for_the_step_before() -> None:
    show = Show("left;stop@next")
    show.see(30)
    assert show.status("stop@next") == "pending"
    turn_left(show)
    assert show.status("stop@next") == "running"
    state = show.see()
    assert (state.command, state.target_speed) == (Command.STOP, 0.0)
    assert show.see(1, speed=0.1).command == Command.STOP
    assert show.status("stop@next") == "done"
    assert show.see(50, speed=0.0).command == Command.STOP  # it stands until it is told to go


def test_next_after_a_time_out_goes_on_but_after_a_cancelled_step_does_not() -> None:
    show = Show("straight;night@next")
    show.see(455)
    assert show.status("straight") == "timed_out"
    assert show.see().time == TimeOfDay.NIGHT
    other = Show("left;night@next")
    other.see()
    other.add("right")
    other.see(2)
    assert other.status("left") == "cancelled"
    assert other.status("night@next") == "cancelled"
    assert other.status("right") == "running"


def test_delay_counts_frames() -> None:
    show = Show("rain(3)@+2")
    assert show.see(20).weather == Weather.CLEAR
    assert show.see(1).weather == Weather.RAIN_3


def test_junction_waits_for_the_next_one_not_the_one_it_is_in() -> None:
    show = Show("hard_brake@junction")
    assert show.see(5, junction_distance=0.0).event == Event.NONE
    assert show.see(5, junction_distance=40.0).event == Event.NONE
    assert show.see(5, junction_distance=6.0).event == Event.HARD_BRAKE


def test_junction_that_never_comes_times_out() -> None:
    show = Show("rain(1)@junction")
    assert show.see(601).weather == Weather.CLEAR
    assert show.status("rain(1)@junction") == "timed_out"


def test_a_condition_is_done_after_its_transition_and_stays() -> None:
    show = Show("rain(2);night")
    state = show.see()
    assert (state.weather, state.time) == (Weather.RAIN_2, TimeOfDay.NIGHT)
    assert show.status("night") == "running"
    state = show.see(21)
    assert (show.status("rain(2)"), show.status("night")) == ("done", "done")
    assert (state.weather, state.time) == (Weather.RAIN_2, TimeOfDay.NIGHT)


def test_a_lasting_condition_gives_back_what_was_before() -> None:
    show = Show("fog(1)")
    show.see(30)
    show.add("rain(2)~3;speed(50)~3")
    state = show.see(30)
    assert (state.weather, round(state.target_speed * 3.6)) == (Weather.RAIN_2, 50)
    state = show.see(1)
    assert (state.weather, round(state.target_speed * 3.6)) == (Weather.FOG_1, 30)
    assert show.status("rain(2)~3") == "done"


def test_a_new_weather_takes_the_place_of_a_lasting_one() -> None:
    show = Show("rain(2)~10")
    show.see(10)
    show.add("snow(1)")
    assert show.see(200).weather == Weather.SNOW_1


def test_an_event_ends_when_it_was_seen_and_is_gone() -> None:
    show = Show("ped_cross(right,3)")
    state = show.see()
    assert (state.event, state.side, state.level) == (Event.PED_CROSS, Side.RIGHT, 3)
    show.see(30, event_visible=0.9)
    assert show.see(9, event_visible=0.1).event == Event.PED_CROSS
    assert show.see(1, event_visible=0.1).event == Event.NONE
    assert show.status("ped_cross(right,3)") == "done"


def test_an_event_that_never_shows_says_so() -> None:
    show = Show("debris")
    assert show.see(75).event == Event.DEBRIS  # it waits for its chance
    state = show.see(6)
    assert (state.event, state.level) == (Event.NONE, 0)
    assert (show.status("debris"), show.step("debris").reason) == ("timed_out", "no chance for it within 8 s")


def test_an_event_with_a_duration_is_cleared_after_it() -> None:
    show = Show("emergency~2")
    assert show.see(20, event_visible=0.9).event == Event.EMERGENCY
    assert show.see(1, event_visible=0.9).event == Event.NONE
    assert show.status("emergency~2") == "done"


def test_an_event_with_a_duration_that_never_showed_says_so() -> None:
    show = Show("emergency~2")
    show.see(21, event_visible=0.0)
    step = show.step("emergency~2")
    assert (step.status, step.reason) == ("timed_out", "no chance for it within its 2 s")


def test_speeds() -> None:
    show = Show("speed(45)")
    assert show.see().target_speed == pytest.approx(12.5)
    assert show.status("speed(45)") == "running"
    show.see(1, speed=12.2)
    assert show.status("speed(45)") == "done"
    show.add("faster")
    assert show.see().target_speed * 3.6 == pytest.approx(55)
    show.add("faster")
    assert show.see().target_speed * 3.6 == pytest.approx(60)
    show.add("slower")
    assert show.see().target_speed * 3.6 == pytest.approx(50)
    show.see(150)
    assert show.status("slower") == "timed_out"


def test_stop_then_go() -> None:
    show = Show("stop;go@+5")
    assert show.see(50, speed=0.0).command == Command.STOP
    assert show.see(1, speed=0.0).command == Command.FOLLOW
    show.see(2, speed=3.0)
    assert show.status("go@+5") == "done"
    show.add("speed(0)")
    assert show.see().command == Command.STOP
    show.add("go")
    assert show.see().target_speed > 5


def test_straight_means_through_the_junction() -> None:
    show = Show("straight")
    assert show.see(5, junction_distance=30.0).command == Command.STRAIGHT
    show.see(5, junction_distance=0.0)
    assert show.status("straight") == "running"
    show.see(5, junction_distance=60.0)
    assert show.status("straight") == "done"


def test_a_lane_change_is_a_jump_of_the_offset_or_a_shifted_path() -> None:
    show = Show("lane_left")
    assert show.see(3, lane_offset=0.1).command == Command.LANE_LEFT
    show.see(5, lane_offset=1.5)
    show.see(5, lane_offset=-1.6)
    assert show.status("lane_left") == "running"
    show.see(2, lane_offset=-0.3)
    assert show.status("lane_left") == "done"
    other = Show("lane_right")
    other.see()
    other.see(10, yaw_rate=-0.2)
    other.see(20)
    other.see(10, yaw_rate=0.2)
    assert other.status("lane_right") == "done"


def test_overtaking_goes_step_by_step() -> None:
    show = Show("lane_left;faster@next;lane_right@next")
    show.see(5, lane_offset=1.5)
    show.see(3, lane_offset=-0.3)
    assert show.status("faster@next") == "running"
    show.see(1, speed=40 / 3.6)
    assert show.see(1, speed=40 / 3.6).command == Command.LANE_RIGHT


def test_two_manoeuvres_of_one_plan_come_one_after_the_other() -> None:
    show = Show("left;right")
    assert show.see().command == Command.LEFT
    assert show.step("right").reason == "one manoeuvre at a time"
    turn_left(show)
    assert show.see().command == Command.RIGHT


def test_a_new_plan_replaces_drive_steps_and_merges_conditions() -> None:
    show = Show("left;rain(2)@+5;speed(20)")
    show.see(2)
    show.add("right;night")
    state = show.see(60)
    assert show.status("left") == "cancelled"
    assert (state.command, state.weather, state.time) == (Command.RIGHT, Weather.RAIN_2, TimeOfDay.NIGHT)
    assert state.target_speed * 3.6 == pytest.approx(20)


def test_follow_cancels_what_is_to_be_driven_and_nothing_else() -> None:
    show = Show("left;stop@next;rain(1)@+3")
    show.see(2)
    show.add("follow")
    state = show.see()
    assert state.command == Command.FOLLOW
    assert [show.status(line) for line in ("left", "stop@next", "rain(1)@+3")] == ["cancelled", "cancelled", "pending"]


def test_held_keys_make_driving_wait_but_not_the_weather() -> None:
    show = Show("left;stop@+2;rain(2)@+2")
    show.see(5)
    state = show.see(600, keys=True, yaw_rate=0.5)
    assert state.weather == Weather.RAIN_2
    assert (show.status("left"), show.status("stop@+2")) == ("running", "pending")
    show.see(20)
    assert show.status("stop@+2") == "running"


def test_context_speaks_the_plan_language() -> None:
    show = Show("rain(3);speed(45);left@+9")
    show.see(3)
    assert str(show.timeline.context()) == "weather=rain(3) time=day speed=45 pending=left"


def test_too_many_waiting_steps_are_refused_whole() -> None:
    timeline = Timeline()
    plan = parse_line(";".join(["rain(1)@+60"] * 8))
    assert isinstance(plan, Plan)
    for _ in range(MAX_OPEN // 8):
        timeline.plan(plan)
    with pytest.raises(SessionError, match="waiting"):
        timeline.plan(plan)
    assert len(timeline.state().steps) == MAX_OPEN


def test_finished_steps_are_forgotten_after_a_while() -> None:
    show = Show("rain(1)")
    assert len(show.see(22).steps) == 1
    assert show.see(100).steps == ()


def test_only_the_newest_of_many_finished_steps_are_told_of() -> None:
    show = Show()
    for _ in range(KEEP_STEPS):
        show.add("rain(1);snow(2)")
        show.see(2)
    state = show.see(30)
    assert len(state.steps) == KEEP_STEPS
    assert state.weather == Weather.SNOW_2
    show.add("left;night@next")  # what another step waits for is never forgotten
    turn_left(show)
    assert show.status("night@next") in ("running", "done")


def test_the_same_frames_give_the_same_controls() -> None:
    def play() -> list[TimelineState]:
        dream = FakeDream(seed=3)
        frame = dream.start()
        timeline = Timeline()
        plan = parse_line("left;rain(2)@+3;stop@next")
        assert isinstance(plan, Plan)
        timeline.plan(plan)
        states = []
        for _ in range(200):
            states.append(timeline.tick(frame))
            action = dream.drive(states[-1].command, states[-1].target_speed)
            frame = dream.step(Control(action.steer, action.accel, states[-1].command))
        return states

    first = play()
    assert first == play()
    assert {state.command for state in first} >= {Command.LEFT, Command.FOLLOW}
    assert not math.isnan(first[-1].target_speed)
