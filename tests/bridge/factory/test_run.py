"""Runs of the clip factory, short clips: the same clips by any number of workers, whoever is killed and whenever."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.bench.faults.counted_device import CountedDevice
from bridge.bench.faults.disk import FailingDisk
from bridge.budget.ledger import Ledger, NoRoomError
from bridge.errors import DataError, ExportError, SessionError
from bridge.factory import run, store
from bridge.factory.dreaming import TRIALS, _begin, _step
from bridge.factory.export.report import report
from bridge.factory.jobs import Request, Take, of_plain
from bridge.factory.pool import MOST_ATTEMPTS, Processes
from bridge.factory.run import make
from bridge.factory.scenario import of_line
from bridge.factory.start import Start, begin, check, from_file
from bridge.factory.store import Store, check_room, open_request
from bridge.factory.worker import Worker
from bridge.recording.state import save_state
from bridge.session import Session
from tests.bridge.factory.tiny_factory import sums, tiny_request
from world.controls import TimeOfDay, Weather
from world.data.video import read_video
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an uninterrupted run leaves: three clips that are accepted, three jobs that are given up."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    progress = make(tiny_request(), out, workers=0)
    assert (progress.accepted, progress.given_up, progress.takes, progress.rejected_takes) == (3, 3, 9, 6)
    assert progress.done == progress.jobs == progress.finished == 6
    return out


def sidecars(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json")) if ".set." not in path.name]


def test_accepted_and_rejected_clips_are_kept_apart_with_reasons(whole: Path) -> None:
    accepted, rejected = sidecars(whole / "clips"), sidecars(whole / "rejected")
    assert [one["job"]["line"] for one in accepted] == ["follow"] * 3
    assert [one["job"]["attempt"] for one in accepted] == [0] * 3
    assert [one["check"]["reasons"] for one in rejected] == [["rain(2): it did not begin within the clip"]] * 6
    assert sorted(one["job"]["attempt"] for one in rejected) == [0, 0, 0, 1, 1, 1]
    assert len({one["seed"] for one in rejected}) == 6
    for video in (whole / "clips").glob("*.mp4"):
        assert len(list(read_video(video))) == 15
    assert not list((whole / "rejected").glob("*.mp4"))  # only what fits is painted
    assert {one["job"]["trials"] for one in rejected} == {TRIALS}
    assert {one["frames"] for one in rejected} == {15}
    assert all({look["kind"] for look in one["judge"]} == {"weather", "time"} for one in accepted)
    assert not any("judge" in one for one in rejected)  # there is no picture to look at
    with Store(whole, tiny_request()) as run_store:
        summary = report(run_store)
    looks = [look["seen"] for one in accepted for look in one["judge"] if look["kind"] == "weather"]
    assert summary["scenarios"]["follow"]["judge"]["weather"] == pytest.approx(sum(looks) / len(looks), abs=1e-4)


def test_labels_are_facts_of_every_frame_beside_what_was_commanded(whole: Path) -> None:
    fields = sidecars(whole / "clips")[0]
    assert fields["synthetic"] is True
    rows = fields["per_frame"]
    assert [row["motion"]["speed"] for row in rows] == [row["readout"]["speed"] for row in rows]
    assert {row["readout"]["weather"] for row in rows} == {0}
    assert {len(values) for values in fields["facts"].values()} == {len(rows)} == {15}
    assert set(fields["facts"]) == {"event", "side", "level", "contact", "ahead", "left"}
    assert fields["hashes"] == SceneWorld().hashes


def test_states_in_a_pool_are_those_of_a_drive_alone(tmp_path: Path) -> None:
    """The end of two takes by their states' hashes: within a batch, in two other processes, and alone without pictures."""
    request = tiny_request("ped_cross(right)@+0.5", seeds=2)
    names = [job.take(0) for job in request.jobs]
    here = [end(request, (take,), request.quality)[0] for take in names]
    assert end(request, tuple(names), request.quality) == here
    assert [end(request, (take,), 0)[0] for take in names] == here
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        elsewhere = list(pool.map(end, [request] * 2, [(take,) for take in names], [request.quality] * 2))
    assert [one for (one,) in elsewhere] == here
    assert len(set(here)) == 2


def end(request: Request, takes: tuple[Take, ...], quality: int) -> list[str]:
    """The hashes of the states in which the takes end."""
    drives = [_begin(SceneWorld(), request, take, quality, 0) for take in takes]
    for _ in range(request.frames - 1):
        _step(drives)
    return [drive.session.dream.state_now.hash() for drive in drives]  # type: ignore[union-attr]


def test_the_same_clips_by_any_number_of_workers(whole: Path, tmp_path: Path) -> None:
    make(tiny_request(), tmp_path / "two", workers=2)
    assert sums(tmp_path / "two") == sums(whole)


def test_a_run_that_was_cut_off_goes_on_and_ends_with_the_same_files(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after every single commit in turn."""
    request, out = tiny_request(), tmp_path / "out"
    commit, count = Store.commit, 0

    def cut(self: Store, product: Any) -> None:
        nonlocal count
        commit(self, product)
        count += 1
        raise KeyboardInterrupt

    for number in range(1, 4):  # each attempt commits one take more, at least
        monkeypatch.setattr(Store, "commit", cut)
        with pytest.raises(KeyboardInterrupt):
            make(request, out, workers=0)
        assert count == number
    monkeypatch.setattr(Store, "commit", commit)
    progress = make(request, out, workers=0)
    assert (progress.accepted, progress.given_up) == (3, 3)
    assert sums(out) == sums(whole)
    assert make(request, out, workers=0).takes == 0  # nothing is left to do


def test_what_was_half_written_or_damaged_is_dreamt_again(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    videos = sorted((out / "clips").glob("*.mp4"))
    videos[0].write_bytes(videos[0].read_bytes()[:-9])
    videos[1].unlink()
    videos[2].with_suffix(".json").write_text("{}")
    sorted((out / "rejected").glob("*.json"))[0].unlink()
    (out / "clips" / ".saving-999999-aa" / "new").mkdir(parents=True)
    make(tiny_request(), out, workers=0)
    assert sums(out) == sums(whole)


def test_a_worker_that_is_killed_costs_nothing(whole: Path, tmp_path: Path) -> None:
    request = tiny_request()
    with Store(tmp_path / "out", request) as run_store:
        workers = Processes(request, 2, Ledger(CountedDevice(2**40)))
        try:
            groups = request.groups()
            for group, jobs in enumerate(groups):
                while (batch := run_store.next_batch(group, jobs)) is not None:
                    workers.submit(batch)
                    for pid in workers.pids if group == 0 else ():
                        os.kill(pid, signal.SIGKILL)
                    for result in workers.collect():
                        for product in result.products:
                            run_store.commit(product)
        finally:
            workers.close()
    assert sums(tmp_path / "out") == sums(whole)


def test_a_batch_that_kills_every_worker_is_given_up() -> None:
    request = tiny_request(seeds=1)
    workers = Processes(request, 1, Ledger(CountedDevice(2**40)))
    died = 0
    start = workers._start

    def doomed() -> None:
        nonlocal died
        died += 1
        start()
        os.kill(workers.pids[-1], signal.SIGKILL)

    try:
        os.kill(workers.pids[0], signal.SIGKILL)
        workers._start = doomed  # type: ignore[method-assign]
        batch = next(iter(request.groups()))
        from bridge.factory.jobs import Batch

        workers.submit(Batch(0, tuple(job.take(0) for job in batch)))
        with pytest.raises(SessionError, match=f"died {MOST_ATTEMPTS} times.*SIGKILL"):
            list(workers.collect())
    finally:
        workers.close()
    assert died == MOST_ATTEMPTS - 1


def test_workers_hold_leases_and_are_refused_where_there_is_no_room() -> None:
    ledger = Ledger(CountedDevice(10 * 2**20))
    with pytest.raises(NoRoomError, match="no room for a clip worker"):
        Processes(tiny_request(), 1, ledger)
    assert ledger.leases() == ()


def test_another_run_is_refused_unless_it_is_to_go_on(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    request, other = tiny_request(), tiny_request(seeds=4)
    assert open_request(out, request, False).plain() == request.plain()
    with pytest.raises(ExportError, match=r"another run \(6 clips.*--resume"):
        open_request(out, other, False)
    assert open_request(out, other, True).plain() == request.plain()
    assert open_request(out, None, True).jobs == request.jobs
    with pytest.raises(ExportError, match="no run"):
        open_request(tmp_path / "nothing", None, True)
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "thesis.tex").write_text("")
    with pytest.raises(ExportError, match="something else"):
        open_request(tmp_path / "else", request, False)
    (out / "run.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        open_request(out, request, False)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Store(tmp_path / "out", tiny_request()), pytest.raises(ExportError, match="Another process"):
        Store(tmp_path / "out", tiny_request())
    Store(tmp_path / "out", tiny_request()).__exit__()


def test_another_version_of_the_world_is_refused() -> None:
    from bridge.errors import WeightsError

    with pytest.raises(WeightsError, match="from the one that this run began with"):
        Worker(replace(tiny_request(), world={"scene": "0"}))


def test_a_full_disk_is_said_before_the_run_and_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = tiny_request("follow", seeds=1)
    assert check_room(tmp_path / "not" / "there", request) > 0
    monkeypatch.setattr(store, "SPARE", 2**60)
    with pytest.raises(ExportError, match="MiB left and this run may take"):
        make(request, tmp_path / "full", workers=0)
    monkeypatch.undo()
    make(request, tmp_path / "whole", workers=0)
    for at in (12, 16):  # operations of the disk: some in the first clip's commit
        out = tmp_path / f"refused-{at}"
        disk = FailingDisk(at, "ENOSPC")
        monkeypatch.setattr(run, "Store", lambda out, request, disk=disk: Store(out, request, disk))
        with pytest.raises(ExportError, match=r"disk is full.*All clips before it are kept"):
            make(request, out, workers=0)
        monkeypatch.undo()
        make(request, out, workers=0)
        assert sums(out) == sums(tmp_path / "whole")


def test_a_request_survives_its_json() -> None:
    request = tiny_request(branches=("stop", "left"), fork_at=0.5)
    again = of_plain(json.loads(json.dumps(request.plain())), request.start)
    assert again == request
    with pytest.raises(DataError, match="another version"):
        of_plain(request.plain() | {"format": 0}, request.start)


def test_a_counterfactual_set_has_one_past(tmp_path: Path) -> None:
    request = tiny_request(
        "follow", seeds=2, seconds=2.5, branches=("faster", "slower", "follow"), fork_at=0.8, retries=0
    )
    make(request, tmp_path / "out", workers=0)
    [*paths] = [*(tmp_path / "out").glob("*/*.set.json")]
    assert len(paths) == 2
    fields = json.loads(paths[0].read_text())
    assert (fields["fork_frame"], fields["branches"]) == (8, ["faster", "slower", "follow"])
    stem = paths[0].name.removesuffix(".set.json")
    films = {
        path.name: [row for row in json.loads(path.read_bytes())["per_frame"]]
        for path in paths[0].parent.glob(f"{stem}.*-*.json")
    }
    assert len(films) == 3
    pasts = [[row["motion"] for row in rows[:9]] for rows in films.values()]
    assert pasts[0] == pasts[1] == pasts[2]
    faster, slower = (next(rows for name, rows in films.items() if word in name) for word in ("faster", "slower"))
    assert faster[-1]["motion"]["speed"] > slower[-1]["motion"]["speed"]
    pair = fields["differences"][0]
    assert pair["branches"] == ["faster", "slower"]
    assert all(one["same_past"] for one in fields["differences"])
    assert pair["speed"] == pytest.approx(faster[-1]["motion"]["speed"] - slower[-1]["motion"]["speed"], abs=1e-3)
    assert all(value is None or value > 0 for value in pair["psnr"])


def test_clips_begin_in_places_and_saved_drives(tmp_path: Path) -> None:
    world = SceneWorld()
    session = Session(lambda seed: SceneDream(world, seed, 1), 5, "town-21")
    for _ in range(3):
        session.tick()
    save_state(session, tmp_path / "drive.dream")
    start = from_file(tmp_path / "drive.dream")
    request = tiny_request("follow", seeds=2, start=start)
    out = tmp_path / "out"
    make(request, out, workers=0)
    first, second = (list(read_video(path)) for path in sorted(out.glob("*/*-0.mp4"))[:2])
    assert first[0].shape == (144, 256, 3)  # drawn anew, in the size asked for
    assert np.abs(first[0].astype(int) - second[0]).mean() < 1  # one beginning
    again = open_request(out, None, True)
    assert again.jobs == request.jobs
    assert make(again, out, workers=0).takes == 0
    (tmp_path / "street.mp4").write_text("x")
    with pytest.raises(DataError, match=r"no way into a picture or film; begin in a place \(--scene\)"):
        from_file(tmp_path / "street.mp4")
    placed = begin(world, Start("town-22"), of_line("snow(2);dusk;left"), 3, 0)
    control = placed.frame.control
    assert (control.weather, control.time) == (Weather.SNOW_2, TimeOfDay.DUSK)
    assert placed.frame.readout.weather == Weather.SNOW_2
    assert placed.frame.readout.junction_distance < 20
    with pytest.raises(DataError, match="atlantis"):
        check(world, Start("atlantis"))


def test_a_dream_that_falls_apart_is_rejected_and_the_others_go_on(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bridge.factory.jobs import Batch

    step, worker, request = SceneDream.step, Worker(tiny_request()), tiny_request()

    def faulty(dream: SceneDream, control: Any) -> Any:
        if dream.seed == 1 and dream.index == 6:
            raise DataError("The drive cannot go on (numbers that are not finite).")
        return step(dream, control)

    monkeypatch.setattr(SceneDream, "step", faulty)
    result = worker.run(Batch(0, tuple(job.take(0) for job in request.groups()[0][:3])))
    monkeypatch.undo()
    fine, broken, other = result.products
    assert fine.accepted
    assert other.accepted
    assert not broken.accepted
    assert "broke off after 0.7 s" in broken.reasons[-1] or "broke off after 0.7 s" in broken.reasons[0]
    assert json.loads(broken.files[f"{broken.stem}.json"])["frames"] == 7


def test_every_take_is_asked_for_once() -> None:
    request: Request = replace(tiny_request(), retries=0)
    assert len({job.take(0).stem for group in request.groups() for job in group}) == len(request.jobs)
