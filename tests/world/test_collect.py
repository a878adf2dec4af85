"""Collecting: the same labels whatever the number of processes, kills and full disks; refusals are sentences."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if missing := [name for name in ("sumo", "libsumo", "panda3d") if find_spec(name) is None]:
    pytest.skip(f"collecting needs the extra `sim` ({', '.join(missing)} missing)", allow_module_level=True)

from world import collect as collecting
from world.collect import Unit, collect, drive
from world.data import DriveDataset, Episode, EpisodeWriter
from world.data.schema import COLUMNS
from world.data.writer import is_done
from world.errors import DataError, SimulatorError

pytestmark = pytest.mark.sim
SHARD, FRAMES, SEED = 90, 100, 5  # two shards


@pytest.fixture(scope="module", autouse=True)
def small_shards() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "SHARD_FRAMES", SHARD)
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collect(FRAMES, tmp_path_factory.mktemp("undisturbed") / "set", SEED, workers=1)


def labels(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(root.glob("data/*/*.parquet"))]


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file of this process or its children can grow beyond `size` bytes: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
def test_a_collection_is_a_dataset_of_what_was_asked_for(undisturbed: Path) -> None:
    dataset = DriveDataset.open(undisturbed)
    assert len(dataset) >= FRAMES
    assert set(COLUMNS) <= set(dataset.names)
    assert dataset.images((36, 64)).mean() > 10
    assert "frames/s" in (undisturbed / "README.md").read_text()
    assert len(labels(undisturbed)) == 2


@pytest.mark.slow
def test_a_killed_collection_goes_on_where_it_was(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    code = (
        "import sys, pathlib, world.collect as c\n"
        "if __name__ == '__main__':\n"
        f"    c.SHARD_FRAMES = {SHARD}\n"
        f"    c.collect({FRAMES}, pathlib.Path(sys.argv[1]), {SEED}, workers=1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(out)], start_new_session=True)
    try:
        shards = [out / "shards" / f"shard-{number:05d}" for number in range(2)]
        while not shards[1].exists():  # the first is done, the second under way
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.wait()
        assert is_done(shards[0]) and not (out / "meta/info.json").exists()
        finished = (shards[0] / "data.parquet").stat().st_mtime_ns
        collect(FRAMES, out, SEED, workers=1)
        assert (shards[0] / "data.parquet").stat().st_mtime_ns == finished
        assert labels(out) == labels(undisturbed)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_two_workers_give_the_same_labels(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    with (
        small_disk(60_000),
        pytest.raises(DataError, match=r"could not be written .*make room.*finished shards are kept"),
    ):
        collect(FRAMES, out, SEED, workers=2)
    assert not list(out.glob("shards/*/DONE"))
    collect(FRAMES, out, SEED, workers=2)
    assert labels(out) == labels(undisturbed)


@pytest.mark.slow
def test_another_collection_in_the_same_folder_is_refused(undisturbed: Path, tmp_path: Path) -> None:
    before = labels(undisturbed)
    with pytest.raises(DataError, match=r"another collection \(other seed\)"):
        collect(FRAMES, undisturbed, SEED + 1)
    with pytest.raises(DataError, match=r"other split"):
        collect(FRAMES, undisturbed, SEED, split="validation")
    with pytest.raises(DataError, match=r"other shard frames"):
        collect(SHARD - 10, undisturbed, SEED)
    assert labels(undisturbed) == before


def crash(unit: Unit) -> int:
    """A shard's work: number 1 crashes twice, like SUMO, number 3 always."""
    folder = Path(unit.folder)
    folder.mkdir(exist_ok=True)
    if unit.number == 3 or (unit.number == 1 and unit.attempt < 2):
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / "DONE").write_text(str(unit.attempt))
    return unit.frames


@pytest.mark.slow
def test_a_crash_costs_no_more_than_a_shard(tmp_path: Path) -> None:
    units = [Unit(number, SEED, "train", 100 + number, str(tmp_path / str(number))) for number in range(4)]
    assert sorted(drive(units[:3], 2, crash)) == [100, 101, 102]
    assert [(tmp_path / str(number) / "DONE").read_text() for number in range(3)] == ["0", "2", "0"]
    with pytest.raises(SimulatorError, match="died 4 times"):
        list(drive(units[3:], 2, crash))


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for out in (tmp_path / "file", tmp_path / "file" / "set"):
        with pytest.raises(DataError, match="cannot be written"):
            collect(FRAMES, out)
    (tmp_path / "collect.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        collect(FRAMES, tmp_path)
    with pytest.raises(DataError, match="no split"):
        collect(FRAMES, tmp_path, split="moon")


def die(unit: Unit) -> int:
    os._exit(9)


@pytest.mark.slow
def test_a_process_that_dies_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "make_shard", die)
    with pytest.raises(SimulatorError, match="run the same command again"):
        collect(FRAMES, tmp_path / "set")


def test_a_shard_that_the_disk_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 144, 256, 3), np.uint8)
    with small_disk(60_000), pytest.raises(OSError), EpisodeWriter(tmp_path / "shard") as writer:
        writer.append(Episode(noise, {"action": np.zeros((20, 2), np.float32)}))
    assert not (tmp_path / "shard").exists()
