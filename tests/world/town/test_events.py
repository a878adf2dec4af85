"""Every event of the plan language: it comes about, it is labelled from its trigger to its end, its actor is seen on its side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest

if missing := [name for name in ("sumo", "libsumo", "panda3d") if find_spec(name) is None]:
    pytest.skip(f"the town needs the extra `sim` ({', '.join(missing)} missing)", allow_module_level=True)

from world.controls import SIDED_EVENTS, Event, Side, TimeOfDay, Weather
from world.town.camera import TownCamera
from world.town.events import SCENARIO_EVENTS
from world.town.events.base import beside, out_of_view, relative
from world.town.events.schedule import SHARES
from world.town.network import SPLITS, load
from world.town.options import Options
from world.town.town import Town
from world.town.traffic import Other

pytestmark = [pytest.mark.sim, pytest.mark.slow]
FRAMES = 260  # of a drive


@pytest.fixture(scope="module")
def camera() -> Iterator[TownCamera]:
    made = TownCamera()
    yield made
    made.close()


@pytest.fixture(scope="module")
def wide(camera: TownCamera) -> Iterator[Town]:
    """A town with two lanes a direction: everything can happen there."""
    identity = next(n for n in sorted(itertools.chain(*SPLITS.values())) if _lanes(n) == {2})
    town = Town(identity, 1, camera)
    yield town
    town.close()


def _lanes(town: int) -> set[int]:
    """How many lanes its streets have."""
    return {len(names) for names in load(town).edge_lanes.values()}


@dataclass
class Course:
    """One event from its onset on: what was labelled, and what was seen."""

    side: Side
    level: int
    labelled: list[bool] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    first: tuple[float, float] | None = None  # where the actor was when first seen: m ahead, m to the left
    vanished: list[float] = field(default_factory=list)  # m ahead: who was in sight, and in the next frame is not there


def watch(town: Town, event: Event, seed: int, side: Side | None = None) -> Course | None:
    """Drive until an event has happened; None when it did not."""
    town.restart(seed)
    town.reset(seed, Options(Weather.CLEAR, TimeOfDay.DAY, event, changes=False))
    course: Course | None = None
    before: dict[str, Other] = {}
    for _ in range(FRAMES):
        onset = town.choose()
        if onset and course is None:
            assert town.events.event == event
            course = Course(town.events.side, town.events.level)
        now = {other.id: other for other in town.events.others()}
        if course is not None:
            course.labelled.append(town.events.event == event)
            course.pixels.append(town.render()[1].event)
            if course.first is None and course.pixels[-1] > 6:
                who = now.get(town.events.actor or "") or town.traffic.others.get(town.events.actor or "")
                course.first = relative(town, who.x, who.y) if who else None
            for gone in set(before) - set(now) - set(town.traffic.others):
                if not out_of_view(town, before[gone]):
                    course.vanished.append(relative(town, before[gone].x, before[gone].y)[0])
            if (not course.labelled[-1] and not now) or town.collided:
                return course
        before = now
        town.step(town.advice.steer, town.advice.accel)
        if town.collided and course is None:
            return None
    return course


def happened(town: Town, event: Event, wanted: Side | None = None) -> Course:
    """The first time in a few drives that it comes about (from a side)."""
    for seed in range(8):
        course = watch(town, event, seed)
        if course and wanted in (None, course.side):
            return course
    pytest.fail(f"{event.name} never came about")


@pytest.mark.parametrize("event", sorted(SCENARIO_EVENTS))
def test_it_comes_about_is_labelled_to_its_end_and_seen(wide: Town, event: Event) -> None:
    course = happened(wide, event)
    assert course.level in (1, 2, 3)
    assert (course.side != Side.NONE) == (event in SIDED_EVENTS)
    ends = course.labelled.index(False) if False in course.labelled else len(course.labelled)
    assert ends >= 10 and not any(course.labelled[ends:])  # on without a break
    assert course.pixels[0] == 0 or event == Event.HARD_BRAKE  # nothing is seen before it is said
    seen = [k for k, pixels in enumerate(course.pixels[:ends]) if pixels > 6]
    assert seen and seen[0] <= 20  # within 2 s
    assert len(seen) > 0.6 * ends and max(course.pixels) > 40
    assert not any(course.pixels[ends:])
    assert all(ahead > 20 for ahead in course.vanished)


@pytest.mark.parametrize("event", sorted(SIDED_EVENTS))
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_it_comes_from_the_side_that_was_said(wide: Town, event: Event, side: Side) -> None:
    course = happened(wide, event, side)
    assert course.first is not None
    assert (course.first[1] > 0) == (side == Side.LEFT)


def test_every_event_that_the_town_plays_has_its_share() -> None:
    assert set(SHARES) == set(SCENARIO_EVENTS) <= set(Event) - {Event.NONE}


def test_nobody_cuts_in_where_there_is_no_lane_for_it(wide: Town) -> None:
    onsets = 0
    for seed in range(4):
        wide.restart(seed)
        wide.reset(seed, Options(Weather.CLEAR, TimeOfDay.DAY, Event.CUT_IN, changes=False))
        for _ in range(FRAMES):
            lane = beside(wide, Side.LEFT), beside(wide, Side.RIGHT)
            if wide.choose():
                onsets += 1
                assert lane[0 if wide.events.side == Side.LEFT else 1] is not None
            wide.step(wide.advice.steer, wide.advice.accel)
    assert onsets


@pytest.mark.parametrize("event", [Event.PED_CROSS, Event.HARD_BRAKE, Event.DEBRIS])
def test_the_box_around_an_actor_is_where_it_stands(wide: Town, event: Event) -> None:
    """The camera is a pinhole of 90 degrees: what is so far ahead and so far to the left is seen in that column."""
    seen = 0
    for seed in range(3):
        wide.restart(seed)
        wide.reset(seed, Options(Weather.CLEAR, TimeOfDay.DAY, event, changes=False))
        for _ in range(FRAMES // 2):
            wide.choose()
            _, shown = wide.render()
            left, top, right, bottom = shown.box
            if shown.event == 0:
                assert shown.box == (0.0, 0.0, 0.0, 0.0)
            else:
                assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
            ahead, aside = wide.event_place()
            column = 0.5 - 0.5 * aside / ahead if ahead > 5 else -1.0
            if shown.event > 40 and 0.1 < column < 0.9:
                assert left - 0.06 <= column <= right + 0.06
                seen += 1
            wide.step(wide.advice.steer, wide.advice.accel)
    assert seen > 10


def test_the_road_ahead_is_labelled(wide: Town) -> None:
    wide.reset(1, Options(Weather.CLEAR, TimeOfDay.DAY, events=0.0, changes=False))
    labels = wide.labels()
    assert labels["label.lanes_left"] + labels["label.lanes_right"] == 1  # two lanes a direction
    lane = wide.network.lanes[wide.route.lane()]
    leads = {turn.direction for name in wide.network.edge_lanes[lane.edge] for turn in wide.network.turns.get(name, ())}
    assert [bool(labels["label.junction_arms"] & bit) for bit in (1, 2, 4)] == [way in leads for way in "lsr"]
