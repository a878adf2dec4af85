"""What the Clips tab shows of an order: its clips, a map of each drive, labels over its film, datasets; and that its addresses give no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bridge.errors import DataError, SessionError
from bridge.factory.export.clips import StoredClip
from bridge.factory.orders import ClipSpec, Order, is_line
from bridge.factory.pool import LocalWorker
from tests.bridge.factory.tiny_factory import sums
from tests.conftest import wait_until
from ui.clip_exports import RIGS, Export
from ui.clip_queue import ClipQueue
from ui.clip_routes import serve_clips
from ui.clip_views import FOLDER, ClipView, depth_colours, instance_colours
from ui.gallery import EXAMPLES, Gallery
from ui.page import fragment
from ui.paths import served
from world.data.video import read_video
from world.labels.formats.formats import FORMATS

pytestmark = pytest.mark.slow

PATIENCE = 240  # s


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Order 1: a clip that is accepted, and one that is not."""
    queue = ClipQueue(tmp_path_factory.mktemp("factory"), workers=lambda order, stop: LocalWorker(order.request))
    gallery = Gallery(queue)
    spec = ClipSpec("hard_brake@+0.5", number=1, seconds=2.5, retries=0, scene="town-21")
    queue.order(spec, "hard_brake")
    queue.order(ClipSpec("rain(2)@junction", number=1, seconds=1.5, retries=0, scene="town-21"), "rain")
    wait_until(lambda: not any(job.open for job in queue.jobs()), PATIENCE)
    yield gallery
    gallery.close()
    queue.close()


def clip(gallery: Gallery, number: int) -> StoredClip:
    return [*gallery.queue.clips(number, True), *gallery.queue.clips(number, False)][0]


def view(gallery: Gallery, number: int, what: str) -> ClipView:
    out = gallery.queue.jobs()[-number].out
    assert out is not None
    return ClipView(out, clip(gallery, number).stem, what)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def client(gallery: Gallery) -> TestClient:
    app = FastAPI()
    serve_clips(app, gallery)
    return TestClient(app)


def test_an_order_is_told_with_its_clips(client: TestClient, gallery: Gallery) -> None:
    orders = client.get("/factory/orders.json").json()
    assert [one["number"] for one in orders] == [2, 1] and {one["state"] for one in orders} == {"done"}
    [good], [bad] = (client.get(f"/factory/{number}/order.json").json()["clips"] for number in (1, 2))
    assert good["accepted"] and good["film"] and good["event"] == "car ahead brakes"
    assert (good["weather"], good["time"], good["seconds"]) == ("clear", "day", 2.5)
    assert any(one["what"].startswith("hard_brake") for one in good["seen"])
    assert not bad["accepted"] and not bad["film"]
    assert "rain(2): it did not begin within the clip" in bad["reasons"]
    assert client.get("/factory/3/order.json").status_code == 404


def test_a_map_and_labels_are_made_beside_the_page_and_leave_the_run_as_it_is(
    client: TestClient, gallery: Gallery
) -> None:
    one = view(gallery, 1, "map")
    base, before = f"/factory/1/{one.stem}", sums(one.folder)
    assert client.get(f"{base}.map.json").status_code == 404
    assert client.post(f"{base}/map").json()["state"] in ("waiting", "making")
    assert client.post(f"{base}/labels").json()["state"] in ("waiting", "making")
    wait_until(lambda: client.post(f"{base}/labels").json()["state"] not in ("waiting", "making"), PATIENCE)
    wait_until(lambda: client.post(f"{base}/map").json()["state"] == "ready", PATIENCE)
    card = client.get("/factory/1/order.json").json()["clips"][0]
    assert card["map"] == card["labels"] == {"state": "ready", "told": ""}

    fields = clip(gallery, 1).fields
    drive = client.get(f"{base}.map.json").json()
    assert {len(drive[name]) for name in ("car", "vehicles", "people", "actor")} == {fields["frames"]}
    played = [event > 0 for event in fields["facts"]["event"]]
    assert [bool(place) for place in drive["actor"]] == played and any(played)
    way = np.array(drive["car"], float)[:, :2] / 10
    driven = sum(row["motion"]["speed"] for row in fields["per_frame"][1:]) / drive["fps"]
    assert np.hypot(*np.diff(way, axis=0).T).sum() == pytest.approx(driven, rel=0.1)
    for k in np.flatnonzero(played):  # the actor is where the facts say, seen from our car
        turned = drive["car"][k][2] / 100
        ahead, left = fields["facts"]["ahead"][k], fields["facts"]["left"][k]
        east = way[k] + [ahead * np.cos(turned) - left * np.sin(turned), ahead * np.sin(turned) + left * np.cos(turned)]
        assert np.hypot(*(np.array(drive["actor"][k]) / 10 - east)) < 3.0  # `ahead` counts from our camera

    boxes = client.get(f"{base}.boxes.json").json()
    assert len(boxes["frames"]) == fields["frames"]
    assert any(box["actor"] for frame in boxes["frames"] for box in frame)
    height, width, _ = clip(gallery, 1).shape
    for box in (box for frame in boxes["frames"] for box in frame):
        left, top, right, bottom = box["box"]
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
    film = np.array(list(read_video(clip(gallery, 1).video)), np.float32)
    for layer in ("instance", "semantic", "depth"):
        answer = client.get(f"{base}.{layer}.mp4")
        assert answer.headers["content-type"] == "video/mp4"
        over = np.array(list(read_video(one.folder / FOLDER / f"{one.stem}.{layer}.mp4")), np.float32)
        assert over.shape == film.shape and np.abs(over - film).mean() > 8
    assert {name: sum_ for name, sum_ in sums(one.folder).items() if not name.startswith(FOLDER)} == before


def test_a_drive_that_was_not_painted_has_a_map_and_no_labels(gallery: Gallery) -> None:
    rejected = view(gallery, 2, "map")
    rejected.make(lambda told: None)
    assert rejected.ready and json.loads(rejected.files[0].read_bytes())["car"]
    with pytest.raises(DataError, match="before it was painted"):
        view(gallery, 2, "labels").make(lambda told: None)


def test_datasets_are_asked_for_by_format_and_cameras(client: TestClient, gallery: Gallery) -> None:
    formats = {one["name"]: one for one in client.get("/factory/formats.json").json()}
    assert set(formats) == set(FORMATS) and all(set(one["rigs"]) == set(RIGS) for one in formats.values())
    assert formats["kitti"]["rigs"]["stereo"] == "" and "choose a level pair" in formats["kitti"]["rigs"]["surround"]
    for form, rig, said in (
        ("kitti", "surround", formats["kitti"]["rigs"]["surround"]),
        ("video", "front", "There is no dataset 'video'"),
        ("kitti", "../..", "There is no dataset 'kitti'"),
    ):
        answer = client.post(f"/factory/1/export?to={form}&cameras={rig}").json()
        assert answer["error"].startswith(said)
    assert (
        client.post("/factory/9/export?to=webdataset&cameras=front").json()["error"].startswith("That order has made")
    )


def test_what_a_format_needs_is_said(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("world.packages.find_spec", lambda name: None)
    coco = next(one for one in Gallery(gallery.queue).choices if one.name == "coco")
    assert "pip install 'lucidrive[labels]'" in coco.missing and coco.missing.count(".") == 1


def test_a_dataset_is_a_zip(client: TestClient, gallery: Gallery) -> None:
    export = Export(view(gallery, 1, "map").folder, "webdataset", "front")
    told: list[str] = []
    export.make(told.append)
    assert any(line.startswith("100%") for line in told) and told[-1] == "packing"
    answer = client.get(f"/factory/1/{export.file.name}")
    assert answer.status_code == 200 and "order-1-webdataset-front.zip" in answer.headers["content-disposition"]
    assert not [path for path in export.file.parent.iterdir() if path.name.startswith(".export-")]


def test_nothing_else_can_be_named(client: TestClient, gallery: Gallery, tmp_path: Path) -> None:
    folder = view(gallery, 1, "map").folder / FOLDER
    folder.mkdir(exist_ok=True)
    (tmp_path / "secret").write_text("{}")
    stem = f"{'a' * 16}-0"
    (folder / f"{stem}.map.json").symlink_to(tmp_path / "secret")
    for name in (f"{stem}.map.json", "..%2frun.json", "run.json", ".page", "secret.zip", f"{stem}.map.txt"):
        assert client.get(f"/factory/1/{name}").status_code == 404, name
    (folder / f"{stem}.map.json").unlink()
    assert "error" in client.post(f"/factory/1/{stem}/map").json()
    assert "error" in client.post("/factory/examples/moon").json()
    for method, path, there in (
        ("GET", "/factory/orders.json", True),
        ("GET", "/factory/1/order.json", True),
        ("POST", "/factory/orders.json", False),
        ("POST", "/factory/1/export", True),
        ("POST", f"/factory/1/{stem}/map", True),
        ("GET", f"/factory/1/{stem}/map", False),
        ("POST", "/factory/1/x/../cancel", False),
    ):
        assert served(method, path) is there, path


def test_the_examples_are_offered_and_make_scenes_without_a_language_model(tmp_path: Path) -> None:
    for example in EXAMPLES:
        assert f'data-example="{example.name}"' in fragment("welcome")
        assert is_line(example.line)
        request = Order.of(example.spec, tmp_path / example.name).request
        assert len(request.jobs) == example.number and request.seconds == example.seconds
    assert fragment("welcome").count("data-example") == len(EXAMPLES)
    assert f"{EXAMPLES[0].number} clips of {EXAMPLES[0].seconds:g} s" in fragment("welcome")
    queue = ClipQueue(tmp_path / "closed")
    with pytest.raises(SessionError):
        Gallery(queue).example("moon")


def test_colours_of_depth_and_of_instances() -> None:
    depth = np.array([[2.0, 20.0, 200.0, np.inf]], np.float32)
    near, middle, far, sky = depth_colours(depth)[0].sum(1)
    assert near > middle > far > sky == 0
    colours = instance_colours(np.array([[0, 3, 3, 4]]))[0]
    assert (colours[0] == 0).all() and (colours[1] == colours[2]).all() and np.abs(colours[1] - colours[3]).max() > 60
