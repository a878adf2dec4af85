"""A guest's session: its own plan and wheel in the host's dream, one sky for both, and what becomes of it when somebody goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bridge.errors import DataError, SessionError
from bridge.guest import Guest
from bridge.recording.history import History
from bridge.recording.state import pack, unpack
from bridge.session import Session
from bridge.stepper import step
from tests.bridge.sessions import begin, lines, session
from world.dream import open_dream, step_all
from world.scene.objects import DRIVEN
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld


@pytest.fixture(scope="module")
def model() -> SceneWorld:
    return SceneWorld(["town-21", "town-3"], painter=None, driver="expert")


@pytest.fixture
def host(model: SceneWorld) -> Iterator[Session]:
    yield Session(lambda seed: open_dream(model, seed, 1), 4, "town-21")


def tick(host: Session, guest: Guest | None, times: int = 1) -> None:
    """As the loop does it."""
    for _ in range(times):
        due = [one for one in (host, guest) if one is not None and one.begin_tick()]
        assert due in ([], [host])
        step(due, step_all)


def scene(one: Session) -> SceneDream:
    assert isinstance(one.dream, SceneDream)
    return one.dream


@pytest.mark.slow
def test_both_get_a_picture_of_one_step(host: Session) -> None:
    guest = Guest(host)
    tick(host, guest, 5)
    assert host.frame.index == guest.frame.index == 5
    assert scene(host).state_now.clock == scene(guest).state_now.clock
    assert guest.frame.image.shape == host.frame.image.shape and (guest.frame.image != host.frame.image).any()


@pytest.mark.slow
def test_each_has_its_own_keys_and_plan(host: Session) -> None:
    guest = Guest(host)
    guest.press(frozenset({"down"}))
    host.plan("left")
    tick(host, guest, 20)
    assert guest.frame.motion.speed < 1.0 < host.frame.motion.speed
    assert lines(host.snapshot()) == ["left"] and lines(guest.snapshot()) == []
    assert guest.snapshot().by_keys and not host.snapshot().by_keys


@pytest.mark.slow
def test_the_sky_is_one_for_both_whoever_asks(host: Session) -> None:
    guest = Guest(host)
    guest.plan("rain(2)")
    tick(host, guest, 30)
    assert host.snapshot().weather == guest.snapshot().weather == 2
    assert scene(host).state_now.amounts[0, 0] > 0.5
    host.plan("night")
    tick(host, guest, 2)
    assert host.snapshot().time == guest.snapshot().time == 3


def test_an_event_is_played_before_whoever_asked_and_takes_the_others_place(host: Session) -> None:
    guest = Guest(host)
    host.plan("animal(left)")
    tick(host, guest, 3)
    guest.plan("debris")
    tick(host, guest, 3)
    assert [step.status for step in host.snapshot().steps] == ["cancelled"]
    for _ in range(80):
        tick(host, guest)
        if guest.frame.readout.event_visible:
            break
    assert guest.frame.readout.event_visible
    actor = scene(host).state_now.event["actor"][0]
    agents = scene(host).state_now.agents[0]
    assert (agents["id"] == actor).any()


def test_a_pause_is_both_ones(host: Session) -> None:
    guest = Guest(host)
    guest.pause(True)
    tick(host, guest, 3)
    assert host.snapshot().paused and guest.snapshot().paused and guest.frame.index == 0
    guest.step_once()
    tick(host, guest)
    assert guest.frame.index == host.frame.index == 1
    host.pause(False)
    tick(host, guest)
    assert not guest.snapshot().paused and guest.frame.index == 2


def test_it_goes_on_while_either_is_there(host: Session) -> None:
    guest = Guest(host)
    host.watch(False)
    tick(host, guest)
    assert host.frame.index == 1
    guest.watch(False)
    tick(host, guest)
    assert host.frame.index == 1
    host.watch(True)
    tick(host, guest)
    assert host.frame.index == guest.frame.index == 2


def test_a_guest_that_left_leaves_a_car_behind(host: Session) -> None:
    guest = Guest(host)
    slot = scene(host).seat.slot  # type: ignore[union-attr]
    guest.leave()
    tick(host, None)
    assert host.companion is None and scene(host).seat is None
    car = scene(host).state_now.agents[0, slot]
    assert car["kind"] == 1 and car["role"] == 0
    with pytest.raises(SessionError, match="host's dream is over"):
        guest.say("turn left")
    tick(host, Guest(host))


def test_there_is_one_seat(host: Session) -> None:
    Guest(host)
    with pytest.raises(DataError, match="one seat"):
        Guest(host)
    with pytest.raises(DataError, match="pictures alone"):
        Guest(session())


@pytest.mark.slow
def test_a_guest_goes_along_into_the_hosts_next_dream(host: Session) -> None:
    guest = Guest(host)
    tick(host, guest, 3)
    begin(host, 9, "town-3")
    assert guest.snapshot().scene == "town-3"
    tick(host, guest, 2)
    assert guest.frame.index == host.frame.index == 2
    assert any("another dream" in notice.text for notice in guest.notes())


def test_what_is_the_hosts_is_refused_to_a_guest(host: Session) -> None:
    guest = Guest(host)
    for act in (guest.fork, lambda: guest.begin(1)):
        with pytest.raises(SessionError, match="only its host"):
            act()
    with pytest.raises(SessionError, match="guest drives along"):
        host.fork()


def test_a_saved_drive_has_the_guests_car_among_the_traffic(host: Session, model: SceneWorld) -> None:
    guest = Guest(host)
    tick(host, guest, 5)
    saved, theirs = pack(host), pack(guest)
    assert (scene(host).state_now.agents["role"] == DRIVEN).sum() == 1
    for data in (saved, theirs):
        other = Session(lambda seed: open_dream(model, seed, 1), 1, "town-3")
        unpack(other, data)
        assert (scene(other).state_now.agents["role"] == DRIVEN).sum() == 0
        assert scene(other).seat is None
        tick(other, None, 2)


def test_the_way_back_leads_round_what_two_drove(host: Session, tmp_path: Path) -> None:
    history = History(host, tmp_path, lambda text: None)

    def watch(guest: Guest | None, times: int) -> None:
        for _ in range(times):
            tick(host, guest)
            history.update()

    history.update()
    watch(None, 4)
    guest = Guest(host)
    watch(guest, 4)
    guest.leave()
    watch(None, 4)
    for index in (2, 11):
        history.rewind(other := host.fork(), index)
        assert other.frame.index == index
    with pytest.raises(SessionError, match="branch before they came or after they left"):
        history.rewind(host.fork(), 6)
    straight = scene(host).state_now.hash()
    history.rewind(again := host.fork(), 12)
    assert scene(again).state_now.hash() == straight
    history.close()


def test_both_are_told_once_when_the_two_cars_touch(host: Session) -> None:
    guest = Guest(host)
    dream = scene(host)
    assert dream.seat is not None
    ego = dream.state_now.ego.copy()
    back = 5.0  # m, half a metre behind our car
    ego["x"] -= back * np.cos(ego["heading"])
    ego["y"] -= back * np.sin(ego["heading"])
    ego["s"] -= back
    dream.seat = replace(dream.seat, ego=ego)
    host.press(frozenset({"down"}))
    guest.press(frozenset({"up"}))
    tick(host, guest, 15)
    sentences = [notice.text for one in (host, guest) for notice in one.notes() if "touched" in notice.text]
    assert sentences == ["The two cars touched: yours and your guest's.", "The two cars touched: yours and the host's."]
