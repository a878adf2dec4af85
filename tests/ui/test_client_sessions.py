"""Whose dream a connection gets: one's own again, at once, whatever the server still holds; and who makes room when it is full."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed

from tests.conftest import wait_until
from tests.ui.fake_page import FakeDreamer
from tests.ui.tabs import tab
from ui import client_sessions
from ui.stream import TAKEN


def test_a_token_is_honoured_while_the_server_holds_the_old_connection(small_page: str, few: FakeDreamer) -> None:
    with tab(small_page) as before:
        token = before.next("hello")["token"]
        before.next("picture")
        with tab(small_page, f"/dream?resume={token}") as mine:
            assert mine.next("hello")["token"] == token
            with pytest.raises(ConnectionClosed) as closed:
                before.next("hello")
            assert closed.value.rcvd is not None and closed.value.rcvd.code == TAKEN
            assert mine.next("picture") and mine.next("picture")
            drive = few.drives[-1]
            assert drive.watched, "the old connection's end must not stop the dream of the new one"
            mine.send(type="say", text="turn left")
            wait_until(lambda: ("say", "turn left") in drive.calls)
    assert len(few.drives) == 1


def test_what_a_browser_left_it_finds_again_without_a_token(small_page: str, few: FakeDreamer) -> None:
    with tab(small_page, "/dream?browser=mine") as mine:
        token = mine.next("hello")["token"]
    wait_until(lambda: not few.drives[-1].watched)
    with tab(small_page, "/dream?browser=another") as other, pytest.raises(ConnectionClosed):
        assert "full" in other.next("note")["text"]
        other.next("hello")
    with tab(small_page, "/dream?browser=mine") as mine:
        assert mine.next("hello")["token"] == token


def test_a_connection_that_nobody_hears_is_taken_over_by_its_own_browser(small_page: str) -> None:
    with tab(small_page, "/dream?browser=mine") as gone:  # says nothing when it is asked
        token = gone.next("hello")["token"]
        with tab(small_page, "/dream?browser=mine") as mine:
            assert mine.next("hello")["token"] == token


def test_a_tab_that_answers_keeps_its_dream(small_page: str) -> None:
    with tab(small_page, "/dream?browser=mine") as first:
        token = first.next("hello")["token"]
        with tab(small_page, "/dream?browser=mine") as second:
            first.next("ping")
            first.send(type="pong")
            assert "full" in second.next("note")["text"]
        assert first.next("picture")
    with tab(small_page, f"/dream?resume={token}") as again:
        assert again.next("hello")["token"] == token


def test_a_dream_that_was_left_for_a_while_makes_room_for_another_browser(
    small_page: str, few: FakeDreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_sessions, "OWN_SECONDS", 0.0)
    with tab(small_page, "/dream?browser=mine") as mine:
        token = mine.next("hello")["token"]
    wait_until(lambda: not few.drives[-1].watched)
    with tab(small_page, "/dream?browser=another") as other:
        assert other.next("hello")["token"] != token
    assert ("close",) in few.drives[0].calls
