"""Memory goes back to the system."""

from __future__ import annotations

import ctypes

import pytest

from world import machine


def test_the_c_library_is_asked_for_it_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Library:
        malloc_trim = asked.append

    machine._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    machine.give_back()
    assert asked == [0]
    machine._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    machine.give_back()
    assert asked == [0]
    machine._trim.cache_clear()
