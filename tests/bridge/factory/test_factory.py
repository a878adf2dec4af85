"""The clip factory's own logic: scenarios and matrices, jobs and lots, checks; no scene but made-up labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.plan import PlanError
from bridge.factory.check import Finding, check, reasons
from bridge.factory.jobs import Request, of_plain, vary_by_seed
from bridge.factory.labels import Label
from bridge.factory.look import Look, all_seen, look
from bridge.factory.matrix import MOST, Matrix, coverage, expand, load, recipe
from bridge.factory.orders import branches_of
from bridge.factory.scenario import EVENTS, Scenario, ScenarioError, of_line, of_words, with_conditions
from bridge.factory.start import by_seed, load_start, place_of
from bridge.recording.clip import Clip, Moment
from bridge.timeline import Timeline
from world import kinematics
from world.controls import Control, Event, Side, TimeOfDay, Weather
from world.frame import UNREAD, Frame
from world.judge import CLASSES, SIDES, Judge, JudgeOutput
from world.kinematics import Motion
from world.places import usual_places
from world.scene.facts import Facts
from world.scene.objects import Kind

MATRIX = """
events: [ped_cross, oncoming, none]
sides: [left, right]
weather: [clear, rain]
times: [day, night]
seeds: 2
include:
  - {event: animal, side: left, level: 3, time: dusk, at: 2}
  - plan: "snow(3);stop@+2"
exclude:
  - {event: oncoming, time: night}
seconds: 6
"""


def request(**changes: Any) -> Request:
    clips = tuple((of_line(line), seed) for line in ("rain(2);left", "night;animal(left)@+1") for seed in range(6))
    values: dict[str, Any] = {"clips": clips, "seconds": 4.0, "world": {"a": "1"}, "together": 5}
    return Request(**values | changes)


# -- what is asked for ------------------------------------------------------------------------------------------------


def test_words_become_a_plan_line() -> None:
    words = {"event": "cyclist", "side": "left", "level": 3, "weather": "rain", "time": "night", "manoeuvre": "right"}
    assert of_words(words | {"speed": 40, "at": 1.5}).line == "rain(2);night;speed(40);right;cyclist(left,3)@+1.5"
    assert of_words({"event": "debris"}).line == "debris@+1"
    assert of_words({"manoeuvre": "follow"}).line == "follow"
    assert of_line("rain(2); night; ped_cross(right,3)@+1; left").words() == {
        "event": "ped_cross", "side": "right", "level": "3", "weather": "rain(2)", "time": "night", "manoeuvre": "left",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"event": "elephant"}, "no event 'elephant'; there are: none, ped_cross"),
        ({"weather": "hail"}, "there are: none, clear, rain\\(1\\)"),
        ({"wether": "rain"}, "no 'wether'; it may have event, side"),
        ({"event": "animal", "level": 4}, "from 1 to 3, not '4'"),
        ({"event": "animal", "at": 0.1}, "from 0.5 to 60"),
    ],
)
def test_an_unknown_word_is_told_which_there_are(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        of_words(values)


def test_a_line_that_plans_nothing_is_none() -> None:
    with pytest.raises(ScenarioError, match="plans nothing"):
        of_line("ask(side)")
    with pytest.raises(PlanError):
        of_line("fly")


def test_a_matrix_is_the_product_with_its_includes_and_without_its_excludes(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(MATRIX)
    book = load(path)
    assert book.settings == {"seconds": 6.0}
    clips = expand(book.matrix)
    lines = [scenario.line for scenario, seed in clips if seed == 0]
    # ped_cross from two sides and nothing at all under four conditions, oncoming by day alone, and the two included
    assert len(lines) == len(set(lines)) == 2 * 4 + 2 + 4 + 2
    assert len(clips) == 2 * len(lines)
    assert "snow(3);stop@+2" in lines
    assert "clear;night;oncoming@+1" not in lines
    assert "rain(2);day;oncoming@+1" in lines
    table = coverage([scenario for scenario, _ in clips])
    assert table["event"] == {"animal": 2, "none": 10, "oncoming": 4, "ped_cross": 16}
    assert table["event x time"]["oncoming x day"] == 4


def test_a_cap_takes_one_of_each_before_a_second_of_any() -> None:
    axes = {"event": EVENTS, "weather": ("clear", "rain(1)"), "time": ("day", "night")}
    capped = expand(Matrix(axes, seeds=3, cap=60))
    assert len(capped) == 60
    assert len({scenario.line for scenario, _ in capped}) == 4 * len(EVENTS)
    few = expand(Matrix(axes, seeds=3, cap=7))
    assert len({scenario.line for scenario, _ in few}) == 7
    assert few == expand(Matrix(axes, seeds=3, cap=7))


def test_a_matrix_of_millions_asks_for_a_cap_and_is_not_gone_through() -> None:
    axes = {
        "event": EVENTS, "side": ("left", "right"), "level": (1, 2, 3), "weather": ("clear", "rain(1)", "fog(3)"),
        "time": ("dawn", "day", "dusk", "night"), "speed": tuple(range(60)), "at": tuple(range(1, 40)),
    }  # fmt: skip
    assert Matrix(axes).product > 1_000_000
    with pytest.raises(ScenarioError, match=rf"1,\d\d\d,\d\d\d clips, more than {MOST:,}.*--cap"):
        expand(Matrix(axes))
    assert len(expand(Matrix(axes, seeds=10**9, cap=50))) == 50


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "empty"),
        ({"events": []}, "list of words"),
        ({"event": ["animal"]}, "unknown key 'event'; there are: events"),
        ({"events": ["animal"], "exclude": [{"event": "animal"}]}, "empty"),
        ({"events": ["unicorn"]}, "no event 'unicorn'"),
        ({"events": ["animal"], "seeds": 0}, "at least 1"),
        ({"events": ["animal"], "cap": "many"}, "cap is the most"),
        ({"events": ["animal"], "seconds": "long"}, "'seconds' is a number"),
        ({"include": [{"plan": "left", "time": "day"}]}, "stands alone"),
        ({"include": ["left"]}, "list of scenarios"),
        (["animal"], "holds no matrix"),
        ({"include": [{"say": "a deer"}]}, "language model"),
    ],
)
def test_a_bad_matrix_is_one_sentence(raw: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        expand(recipe(raw, "matrix.yaml").matrix)


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("events: [animal")
    with pytest.raises(ScenarioError, match="cannot be read as YAML"):
        load(tmp_path / "m.yaml")
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path / "none.yaml")


@given(st.integers(0, 10**6))
def test_varying_changes_only_what_was_left_open(seed: int) -> None:
    free, fixed = of_line("rain(2);animal(left)"), of_line("rain(2);animal(left,3)@+2")
    assert vary_by_seed(fixed, seed) == fixed
    step = vary_by_seed(free, seed).step("event")
    assert step is not None
    assert step.args[0] == "left"
    assert 0.5 <= (step.when.seconds or 0) <= 3.0
    assert vary_by_seed(free, seed) == vary_by_seed(free, seed)


def test_varying_varies() -> None:
    assert len({vary_by_seed(of_line("animal(left)"), seed).line for seed in range(40)}) > 8


def test_branches() -> None:
    assert branches_of("stop; left&rain(3);faster") == ("stop", "left;rain(3)", "faster")
    with pytest.raises(PlanError):
        branches_of("stop;fly")


# -- jobs -------------------------------------------------------------------------------------------------------------


def test_a_jobs_id_says_all_that_its_clip_depends_on() -> None:
    ids = [job.id for job in request().jobs]
    assert len(set(ids)) == 12
    assert ids == [job.id for job in request(retries=9).jobs]
    for change in ({"seconds": 5.0}, {"world": {"a": "2"}}, {"size": "288x512"}, {"together": 4}):
        assert not set(ids) & {job.id for job in request(**change).jobs}
    twice = request(clips=request().clips * 2)
    assert [job.id for job in twice.jobs] == ids


def test_groups_follow_from_the_order_alone() -> None:
    assert [len(group) for group in request().groups()] == [5, 5, 2]
    branching = request(branches=("stop", "left"), fork_at=1.0)
    assert [len(group) for group in branching.groups()] == [2] * 6


def test_clips_of_a_dreamt_place_are_driven_one_after_another() -> None:
    """Which they are follows from the order and their seeds; the place is part of what a clip's id stands for."""
    start = by_seed(12)
    assert len(start.names) == 3 and start.names == usual_places()[:3]
    dreamt_places = request(start=start)
    groups = dreamt_places.groups()
    assert sorted(job.id for group in groups for job in group) == sorted(job.id for job in dreamt_places.jobs)
    places = [place_of(start, job.seed) for group in groups for job in group]
    assert places == sorted(places, key=start.names.index)
    assert not {job.id for job in dreamt_places.jobs} & {job.id for job in request().jobs}
    assert (
        of_plain(
            json.loads(json.dumps(dreamt_places.plain())), load_start(Path("nowhere"), dreamt_places.plain()["begin"])
        )
        == dreamt_places
    )
    assert by_seed(1000).names == usual_places()


def test_a_place_tells_the_conditions_of_its_clips() -> None:
    dusk = {"time": int(TimeOfDay.DUSK)}
    assert with_conditions(of_line("left"), dusk).line == "dusk;left"
    assert with_conditions(of_line("dusk;left"), dusk).line == "dusk;left"
    assert with_conditions(of_line("left"), {}).line == "left"
    assert with_conditions(of_line("night@+5"), dusk).line == "dusk;night@+5"
    with pytest.raises(ScenarioError, match="say the time once"):
        with_conditions(of_line("night;left"), dusk)


def test_attempts_have_seeds_of_their_own() -> None:
    job = request().jobs[3]
    seeds = [job.take(attempt).seed for attempt in range(5)]
    assert seeds[0] == job.seed == 3
    assert len(set(seeds)) == 5
    assert seeds == [request().jobs[3].take(attempt).seed for attempt in range(5)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seconds": 0.5}, "lasts 1.5 to 60"),
        ({"size": "1x1"}, "no picture size '1x1'; there are: 144x256, 288x512, 576x1024"),
        ({"retries": -1}, "Retries are 0 to"),
        ({"clips": ()}, "nothing to make"),
        ({"fork_at": 2.0}, "needs both"),
        ({"fork_at": 3.9, "branches": ("stop", "left")}, "forks at 0.1 to 3.5 s"),
        ({"fork_at": 1.0, "branches": ("stop", "stop")}, "no two the same"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        request(**changes)


# -- what the judge sees -----------------------------------------------------------------------------------------------


class Honest:
    """Sees what a picture's first pixel says: event, side, weather."""

    classes = CLASSES

    def watch(self, films: list[np.ndarray]) -> JudgeOutput:
        values = np.array([film[-1][0, 0] for film in films], int).reshape(-1, 3)
        likely = {name: np.zeros((len(films), size)) for name, size in CLASSES.items()}
        for name, column in (("event", 0), ("side", 1), ("weather", 2)):
            likely[name][np.arange(len(films)), values[:, column]] = 1.0
        likely["time"][:, TimeOfDay.DAY] = 1.0
        none = np.zeros(len(films))
        return JudgeOutput(**likely, speed=none, yaw_rate=none, features=none[:, None])


def looks_of(line: str, picture: Callable[[int], tuple[int, int, int]]) -> dict[str, Look]:
    """By what was asked for; picture: event, side and weather that a frame's picture shows."""
    clip = drive(line)
    moments = [
        replace(one, frame=replace(one.frame, image=np.full((1, 1, 3), picture(one.frame.index), np.uint8)))
        for one in clip.moments
    ]
    results = check(clip, truth(clip), of_line(line))
    return {one.asked: one for one in look(cast(Judge, Honest()), replace(clip, moments=tuple(moments)), results)}


def test_the_judge_sees_what_the_pictures_show() -> None:
    line, crossing, right = "rain(2);ped_cross(right)@+1", int(Event.PED_CROSS), SIDES.index(Side.RIGHT)
    looks = looks_of(line, lambda frame: (crossing * (20 <= frame < 30), right, Weather.RAIN_3 * (frame >= 30)))
    assert set(looks) == {"ped_cross(right)", "rain(2)", "day"}
    assert looks["ped_cross(right)"].seen and 0 < looks["ped_cross(right)"].share < 0.5  # in some pictures is enough
    assert looks["rain(2)"].seen and looks["rain(2)"].share == 1.0  # its kind, from 3 s on
    assert looks["day"].seen


def test_the_judge_does_not_see_what_they_do_not() -> None:
    line, crossing, left = "rain(2);ped_cross(right)@+1", int(Event.PED_CROSS), SIDES.index(Side.LEFT)
    assert not looks_of(line, lambda frame: (crossing, left, Weather.FOG_1))["ped_cross(right)"].seen
    assert not looks_of(line, lambda frame: (crossing * (frame > 60), 1 - left, 0))["ped_cross(right)"].seen  # too late
    assert not looks_of(line, lambda frame: (0, 0, Weather.FOG_1))["rain(2)"].seen
    assert not looks_of("night", lambda frame: (0, 0, 0))["night"].seen


def test_what_is_seen_is_told_by_kind() -> None:
    assert all_seen([("event", True), ("weather", True), ("event", False)]) == {"event": False, "weather": True}
    assert all_seen([]) == {}


# -- checks -----------------------------------------------------------------------------------------------------------


def drive(line: str, frames: int = 80, weather: int = Weather.CLEAR, time: int = TimeOfDay.DAY) -> Clip:
    """A drive without pictures: the plan's controls, a car that steers and brakes as commanded."""
    timeline, motion, moments = Timeline(weather, time), Motion(8.0), []
    timeline.plan(of_line(line).plan)
    readout = replace(UNREAD, speed=8.0, yaw_rate=0.0, junction_distance=60.0, lane_offset=0.0, event_visible=0.0)
    frame = Frame(np.zeros((4, 8, 3), np.uint8), 0, Control(weather=weather, time=time), motion, readout)
    for index in range(frames):
        moments.append(Moment(frame, False, timeline.state().steps))
        state = timeline.tick(frame)
        steer = {2: 0.15, 3: -0.15}.get(state.command, 0.0)
        motion = kinematics.step(motion, steer, 0.3 * (state.target_speed - motion.speed))
        control = Control(
            steer=steer,
            command=state.command,
            weather=state.weather,
            time=state.time,
            event=state.event,
            side=state.side,
        )
        read = replace(readout, speed=motion.speed, yaw_rate=motion.yaw_rate, event_visible=float(state.event > 0))
        frame = Frame(frame.image, index + 1, control, motion, read)
    return Clip(tuple(moments), (), 0, None, 2, {})


def truth(clip: Clip) -> list[Label]:
    """Labels of a drive in which every command is carried out."""
    labels = []
    for moment in clip.moments:
        control, motion = moment.frame.control, moment.frame.motion
        visible = control.event != Event.NONE
        facts = Facts(motion.speed, motion.yaw_rate, 60.0, 0.0, -1, False, visible, control.weather, control.time)
        labels.append(Label(facts, control.event, control.side, 2, 12.0 * visible, 0.0, int(Kind.NONE)))
    return labels


def findings(line: str, change: dict[str, Any], only: slice = slice(None), **conditions: int) -> tuple[Finding, ...]:
    """Of a clip in which some frames' labels, or the facts in them, are others."""
    clip = drive(line, **conditions)
    labels = truth(clip)
    for frame in range(len(labels))[only]:
        facts = {name: value for name, value in change.items() if name not in ("event", "side")}
        mine = {name: value for name, value in change.items() if name in ("event", "side")}
        kind = {"contact": int(Kind.PERSON)} if "contact" in change else {}
        labels[frame] = replace(labels[frame], facts=replace(labels[frame].facts, **facts), **mine, **kind)
    return check(clip, labels, of_line(line))


def why(line: str, change: dict[str, Any], only: slice = slice(None), **conditions: int) -> list[str]:
    return reasons(findings(line, change, only, **conditions))


@pytest.mark.parametrize(
    "line",
    [
        "rain(2);night;ped_cross(right)@+1",
        "left",
        "stop",
        "slower",
        "speed(40)",
        "snow(3)@+2;animal(left,3)@+1",
        "follow",
    ],
)
def test_a_clip_that_shows_what_was_asked_is_accepted(line: str) -> None:
    assert why(line, {}) == []


def test_when_things_were_there() -> None:
    by_words = {one.asked: one for one in findings("rain(2);ped_cross(right)@+1", {})}
    assert by_words["ped_cross(right)"].at == pytest.approx(1.1, abs=0.15)
    assert "in sight for" in by_words["ped_cross(right)"].seen
    assert "12 m ahead" in by_words["ped_cross(right)"].seen
    assert by_words["rain(2)"].at == pytest.approx(0.1)
    assert by_words["day"].found  # not asked for, but a label of the clip all the same
    assert {one.kind for one in by_words.values()} == {"weather", "time", "event", "contact", "road"}


def test_what_is_missing_is_said() -> None:
    line = "rain(2);ped_cross(right)@+1"
    assert why(line, {"weather": int(Weather.CLEAR)}) == ["rain(2): it is clear"]
    assert why(line, {"time": int(TimeOfDay.DUSK)}) == ["day: it is dusk"]
    assert why(line, {"event": int(Event.NONE)}) == ["ped_cross(right): nobody had room to play it"]
    assert "never in sight" in why(line, {"event_visible": False})[0]
    assert why(line, {"side": int(Side.LEFT)}) == ["ped_cross(right): it came from the left"]
    assert "when the clip ends" in why("right@+7.5", {})[0]
    assert "did not begin within the clip" in why("animal(left)@+9", {})[0]
    assert "did not begin" in why("snow(2)@junction", {})[0]


def test_a_drive_is_clean_or_rejected() -> None:
    assert why("follow", {"contact": 7}, slice(30, 40)) == ["no contact: our car touched a person at 3.0 s"]
    assert why("follow", {"off_road": True}, slice(50, None)) == ["on the road: our car left it at 5.0 s"]


def test_a_manoeuvre_says_how_it_ended() -> None:
    by_words = {one.asked: one for one in findings("stop", {})}
    assert by_words["stop"].seen == "standing"
    assert by_words["stop"].at is not None
    assert 0 < by_words["stop"].at < 8


def test_a_condition_may_take_its_three_seconds_after_the_beginning() -> None:
    assert why("rain(2)", {"weather": int(Weather.CLEAR)}, slice(0, 25)) == []  # asked for in a clear place
    assert why("follow", {"weather": int(Weather.CLEAR)}, slice(0, 35), weather=Weather.RAIN_2) == []
    assert why("follow", {"weather": int(Weather.CLEAR)}, slice(0, 45), weather=Weather.RAIN_2) == [
        "rain(2): it is clear"
    ]


def test_a_sentence_stays_with_its_scenario() -> None:
    assert Scenario("left", "turn left").plan.steps[0].name == "left"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[3] / "docs" / "clips").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_sample_matrices_are_matrices(path: Path) -> None:
    book = load(path)
    clips = expand(book.matrix)
    assert 20 <= len(clips) <= 250
    Request(tuple(clips), float(book.settings["seconds"]), {})
