"""The clip factory on a real Ray cluster of two nodes on this machine, one of which is killed in mid-run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import SessionError, WeightsError
from bridge.factory import cluster
from bridge.factory.cluster import RayWorkers
from bridge.factory.run import RunProgress, make
from tests.bridge.factory.tiny_factory import sums, tiny_request

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture
def two_nodes() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes.add_node(num_cpus=1)
        nodes.wait_for_nodes()
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


def test_a_node_is_killed_and_nothing_is_lost_and_nothing_twice(two_nodes: Any, tmp_path: Path) -> None:
    request = tiny_request(seeds=8)
    out, alone = tmp_path / "out", tmp_path / "alone"
    make(request, alone, workers=0)
    takes: list[int] = []

    def on_progress(run: RunProgress) -> None:
        takes.append(run.takes)
        if len(takes) == 2:
            assert len(ray.nodes()) == 2
            two_nodes.remove_node(two_nodes.worker_nodes.copy().pop(), allow_graceful=False)

    run = make(request, out, cluster=lambda: RayWorkers(request, two_nodes.address), on_progress=on_progress)
    assert sum(node["Alive"] for node in ray.nodes()) == 1 if ray.is_initialized() else True
    assert len(takes) > 2
    assert (run.accepted, run.given_up) == (8, 8)
    assert len(list((out / "clips").glob("*.mp4"))) == 8
    assert (
        run.takes == sum(len(list((out / part).glob("*.json"))) for part in ("clips", "rejected")) == 8 + 2 * 8
    )  # each once
    assert sums(out) == sums(alone)


def test_a_cluster_that_is_not_there() -> None:
    with pytest.raises(SessionError, match=r"No Ray cluster answers at 127.0.0.1:1; .*ray start --head"):
        RayWorkers(tiny_request(), "127.0.0.1:1")


def test_what_goes_wrong_on_a_node_is_the_same_sentence(two_nodes: Any, tmp_path: Path) -> None:
    request = replace(tiny_request(), world={"scene": "0"})  # another version than the nodes have
    with pytest.raises((WeightsError, SessionError), match=r"the one that this run began with|died"):
        make(request, tmp_path / "out", cluster=lambda: RayWorkers(request, two_nodes.address))


def test_without_ray_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real_import = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "ray":
            raise ModuleNotFoundError("No module named 'ray'")
        return real_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SessionError, match=r"pip install 'lucidrive\[scale\]'"):
        cluster._ray()
