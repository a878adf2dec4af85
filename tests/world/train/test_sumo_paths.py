"""SUMO's drives on our map: everybody is on a lane, waits at our lines, and goes on as fast as SUMO says."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from world.dynamics.tables import tables
from world.evaluate.traffic import windows
from world.evaluate.traffic_counts import count_traffic
from world.scene.places import load_place
from world.scene.query import RED, signal_colour
from world.train.traffic_samples import DriveLog
from world.train.traffic_sumo import record

pytestmark = pytest.mark.slow

TOWN = "town-18"
PLACE = load_place(TOWN).map


@pytest.fixture(scope="module")
def recording() -> DriveLog:
    pytest.importorskip("libsumo", reason="SUMO, which drives, is not installed")
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:  # SUMO runs once a process
        return alone.submit(record, TOWN, 62.0, 3).result()


def test_everybody_is_on_a_lane_and_goes_on_along_it(recording: DriveLog) -> None:
    agents, lanes = recording.agents, PLACE.lanes
    driving = (agents["kind"] >= 1) & (agents["kind"] <= 5)
    assert driving.sum(1).mean() > 25 and (agents["lane"][driving] >= 0).all()
    assert (agents["s"][driving] <= lanes["length"][agents["lane"][driving]]).all()
    same = driving[1:] & driving[:-1] & (agents["id"][1:] == agents["id"][:-1])
    went = np.hypot(np.diff(agents["x"], axis=0), np.diff(agents["y"], axis=0))[same] / 0.1
    told = agents["speed"][1:][same]
    assert np.mean(np.abs(went - told) < 2.5) > 0.95
    result = count_traffic(PLACE, agents, lambda k: recording.places[k])
    assert result.crossings > 50 and result.red <= 0.02 * result.crossings and result.contacts <= 3
    assert result.off == 0


def test_who_waits_at_red_waits_before_our_line(recording: DriveLog) -> None:
    lanes, lines, waiting = PLACE.lanes, tables(PLACE).stop_line, []
    for k in range(100, len(recording.agents), 20):
        for a in recording.agents[k]:
            street = 1 <= a["kind"] <= 5 and a["speed"] < 0.1 and lanes["junction"][a["lane"]] < 0 <= a["next"]
            signal = int(lanes["signal"][a["next"]]) if street else -1
            if signal >= 0 and signal_colour(recording.places[k].signals, signal, k * 0.1) == RED:
                waiting.append(float(lines[a["lane"]] - a["s"] - 0.5 * a["length"]))
    first = np.array([one for one in waiting if one < 5.0])  # of its queue
    assert len(first) > 30 and first.min() > -0.6 and np.median(first) < 2.5


def test_driving_on_from_sumos_moments_is_measured_beside_sumo(recording: DriveLog) -> None:
    result = windows([(TOWN, recording)], None)
    assert result["minutes"] > 15
    assert 0.0 < result["divergence"]["speeds"] < 0.3 and result["contacts a vehicle-minute"]["rate"] < 0.1
