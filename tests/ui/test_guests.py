"""Invitations: a token of their own opens a second seat, once; ends are told; who is a guest changes nothing of the host's."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed

from tests.conftest import wait_until
from tests.ui.fake_page import FakeDreamer
from tests.ui.tabs import Tab, tab
from ui import client_sessions
from ui.stream import REFUSED


@pytest.fixture
def room() -> int:
    return 2


def invited(host: Tab) -> str:
    host.send(type="invite")
    return host.next("invited")["invitation"]


def refused(page: str, invitation: str) -> str:
    """The sentence that an invitation without a seat gets."""
    with tab(page, f"/dream?join={invitation}") as other:
        sentence = other.next("note")["text"]
        with pytest.raises(ConnectionClosed) as closed:
            other.next("hello")
    assert closed.value.rcvd is not None and closed.value.rcvd.code == REFUSED
    return sentence


def test_an_invitation_opens_a_seat_beside_its_host(small_page: str, few: FakeDreamer) -> None:
    with tab(small_page) as host:
        hello = host.next("hello")
        invitation = invited(host)
        assert not hello["guest"] and invitation != hello["token"] and invited(host) == invitation
        with tab(small_page, f"/dream?join={invitation}") as guest:
            greeted = guest.next("hello")
            assert greeted["guest"] and greeted["token"] not in (invitation, hello["token"])
            assert few.drives[1].host is few.drives[0]
            assert "has one seat" in refused(small_page, invitation)


def test_a_link_that_is_none_is_told_and_a_dream_of_ones_own_offered(small_page: str, few: FakeDreamer) -> None:
    with tab(small_page) as host:
        token = host.next("hello")["token"]
        for wrong in ("nobody", token):
            assert "reload the page to begin a dream of your own" in refused(small_page, wrong)
    assert len(few.drives) == 1


def test_a_guest_that_reloads_keeps_its_seat(small_page: str, few: FakeDreamer) -> None:
    with tab(small_page) as host:
        invitation = invited(host)
        with tab(small_page, f"/dream?join={invitation}") as guest:
            token = guest.next("hello")["token"]
        with tab(small_page, f"/dream?resume={token}&join={invitation}") as guest:
            assert guest.next("hello")["token"] == token
    assert len(few.drives) == 2


def test_a_guest_that_left_makes_room_for_another(
    small_page: str, few: FakeDreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_sessions, "GUEST_SECONDS", 0.1)
    with tab(small_page) as host:
        invitation = invited(host)
        with tab(small_page, f"/dream?join={invitation}") as guest:
            guest.next("hello")
        wait_until(lambda: ("close",) in few.drives[1].calls)
        with tab(small_page, f"/dream?join={invitation}") as guest:
            assert guest.next("hello")["guest"]


@pytest.mark.slow
def test_the_hosts_end_is_the_guests_end_and_the_link_opens_nothing_more(small_page: str, few: FakeDreamer) -> None:
    from gradio_client import Client

    page = Client(small_page, verbose=False)
    dream = page.predict(api_name="/open_dream")["token"]
    invitation = page.predict(dream, api_name="/invite")
    with tab(small_page, f"/dream?join={invitation}") as guest:
        assert guest.next("hello")["guest"]
        page.predict(dream, api_name="/close_dream")
        wait_until(lambda: ("close",) in few.drives[1].calls)
        assert "over" in refused(small_page, invitation)


def test_a_program_takes_a_seat_too(small_page: str, few: FakeDreamer) -> None:
    from gradio_client import Client

    page = Client(small_page, verbose=False)
    with tab(small_page) as host:
        invitation = invited(host)
        seat = page.predict(invitation, api_name="/join")["token"]
        assert few.drives[1].host is few.drives[0]
        page.predict(seat, api_name="/close_dream")


def test_a_host_that_left_keeps_its_dream_while_its_guest_drives(
    small_page: str, few: FakeDreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_sessions, "OWN_SECONDS", 0.0)
    with tab(small_page) as host:
        invitation = invited(host)
        guest = tab(small_page, f"/dream?join={invitation}")
        opened = guest.__enter__()
        opened.next("hello")
    try:
        wait_until(lambda: not few.drives[0].watched)
        with tab(small_page) as other, pytest.raises(ConnectionClosed):
            assert "full" in other.next("note")["text"]
            other.next("hello")
        assert ("close",) not in few.drives[0].calls
    finally:
        guest.__exit__(None, None, None)
