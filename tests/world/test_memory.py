"""Memory goes back to the system."""

from __future__ import annotations

import ctypes

import pytest

from world import memory


def test_the_c_library_is_asked_for_it_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Library:
        malloc_trim = asked.append

    memory._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    memory.give_back()
    assert asked == [0]
    memory._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    memory.give_back()
    assert asked == [0]
    memory._trim.cache_clear()
