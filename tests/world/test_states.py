"""Where a drive is made does not matter to its states."""

from __future__ import annotations

import pytest

from bridge.bench import states


@pytest.mark.slow
def test_page_headless_and_step_agree() -> None:
    assert states.same_elsewhere(1, frames=4) == {"on the page": True, "headless": True}


def test_a_difference_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "drive_headless", lambda *_: None)
    assert states.same_elsewhere(1, frames=2) == {"on the page": True, "headless": False}
