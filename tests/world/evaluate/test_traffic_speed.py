"""A tick of traffic is timed with as many road users as were asked for, of rules and of networks, and has its rows in the table."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.world.dynamics.random_traffic import random_traffic
from world.dynamics.traffic import Traffic
from world.evaluate import traffic_speed
from world.evaluate.traffic import figures
from world.evaluate.traffic_counts import Counts
from world.evaluate.traffic_rows import table
from world.scene.places import towns

TOWN = towns()["validation"][0]


def test_so_many_road_users_are_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, real = list[int](), traffic_speed.by_rules

    def watched(drive: traffic_speed.TrafficInput) -> np.ndarray:
        moved.append(int(np.count_nonzero(drive.agents["kind"])))
        return real(drive)

    monkeypatch.setattr(traffic_speed, "by_rules", watched)
    assert traffic_speed.tick_milliseconds(TOWN, 12, None, ticks=5) > 0
    assert moved[-5:] == [12] * 5


def test_networks_are_timed_too() -> None:
    traffic = random_traffic()
    assert isinstance(traffic, Traffic)
    assert traffic_speed.tick_milliseconds(TOWN, 6, traffic, ticks=5) > 0
    assert traffic.tally.vehicles + traffic.tally.people > 0


def test_where_there_are_never_so_many_nothing_is_said() -> None:
    assert math.isnan(traffic_speed.tick_milliseconds(TOWN, 97, None, ticks=2))  # more than a drive has slots
    one = figures([Counts(minutes=5.0)]) | {"changed": 0.0, "befalls": {}, "events": {}, "milliseconds": {24: 0.5}}
    cells = {row[0]: row[1:] for row in table({"learnt": one, "rules": one})}
    assert cells["ms a tick, 24 road users"][:3] == ("0.50", "", "0.50")
    assert cells["ms a tick, 64 road users"][:3] == ("", "", "")
