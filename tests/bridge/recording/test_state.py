"""A drive saved, sent and gone on with: to the last bit, and refused clearly where it cannot be."""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from brain.plan import Plan, parse_line
from bridge.bench.faults.damage import KINDS, corrupt
from bridge.errors import DataError, ExportError, WeightsError
from bridge.recording.plan_state import timeline_from, timeline_plain
from bridge.recording.state import HEAD, MARK, load_state, pack, save_state, unpack
from bridge.session import Session
from bridge.timeline import Timeline
from tests.fakes import FakeDream
from tests.tiny_world import write_tiny_world
from tests.world.test_own_world import OWN
from ui.cli import app
from world.dream import restore
from world.frame import Frame
from world.latent.dream import LatentDream
from world.model import WorldModel

LINES = (
    "left;stop@next",
    "rain(2)~3",
    "speed(20)",
    "ped_cross(right,3)@+1",
    "fog(1)@junction",
    "lane_left;faster@next",
    "go",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WorldModel:
    return WorldModel.load(write_tiny_world(tmp_path_factory.mktemp("world")))


def drive_for(model: WorldModel, ticks: int = 6, seed: int = 4) -> Session:
    session = Session(partial(LatentDream, model), seed)
    session.plan("left;stop@next")
    session.plan("rain(2)~2")
    session.press(frozenset({"up", "left"}))
    go_on(session, ticks)
    session.press(frozenset())
    return session


def go_on(session: Session, ticks: int) -> list[Frame]:
    frames = []
    for _ in range(ticks):
        session.begin_tick()
        frame = session.tick()
        assert frame is not None
        frames.append(frame)
    return frames


def test_it_goes_on_to_the_last_bit(model: WorldModel, tmp_path: Path) -> None:
    session = drive_for(model)
    path = save_state(session, tmp_path / "a.dream")
    other = Session(partial(LatentDream, model), 9)
    go_on(other, 2)
    load_state(other, path)
    assert (other.seed, other.frame.index) == (session.seed, session.frame.index)
    for mine, theirs in zip(go_on(session, 30), go_on(other, 30), strict=True):
        assert np.array_equal(mine.image, theirs.image)
        assert (mine.index, mine.control, mine.motion, mine.readout) == (
            theirs.index,
            theirs.control,
            theirs.motion,
            theirs.readout,
        )
    assert session.snapshot().steps == other.snapshot().steps
    assert pack(session) == pack(other)
    assert len(path.read_bytes()) < session.dream.most_bytes


def test_a_drive_goes_on_that_was_saved_before_the_dial_had_one_name(model: WorldModel) -> None:
    tensors, values = drive_for(model).dream.state()
    dream = restore(model, tensors, {("steps" if name == "quality" else name): value for name, value in values.items()})
    assert dream.quality == values["quality"] and dream.state()[1] == values


def test_a_world_without_a_car_likewise(tmp_path: Path) -> None:
    model = WorldModel.load(write_tiny_world(tmp_path / "own", config=OWN))
    session = Session(partial(LatentDream, model), 1)
    session.press(frozenset({"left"}))
    go_on(session, 3)
    other = Session(partial(LatentDream, model), 2)
    unpack(other, pack(session))
    other.press(frozenset({"left"}))
    for mine, theirs in zip(go_on(session, 5), go_on(other, 5), strict=True):
        assert np.array_equal(mine.image, theirs.image) and mine.control.action == theirs.control.action


def test_other_weights_are_refused_and_the_drive_stays(model: WorldModel, tmp_path: Path) -> None:
    session = Session(partial(LatentDream, WorldModel.load(write_tiny_world(tmp_path / "other", seed=1))), 5)
    before = go_on(session, 2)[-1]
    with pytest.raises(WeightsError, match="other weights"):
        unpack(session, pack(drive_for(model)))
    assert session.frame is before


def test_every_damage_is_refused_before_use(model: WorldModel, tmp_path: Path) -> None:
    session, chance = drive_for(model), random.Random(0)
    whole = pack(session)
    before = session.frame
    for number in range(90):
        with pytest.raises(DataError):
            unpack(session, corrupt(whole, KINDS[number % 3], chance))
    assert session.frame is before
    for nothing in (b"", MARK, b"GIF89a", whole[:HEAD]):
        with pytest.raises(DataError):
            unpack(session, nothing)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be read"):
        load_state(session, tmp_path / "nowhere.dream")
    with pytest.raises(ExportError, match="not saved"):
        save_state(session, tmp_path / "file" / "a.dream")


def test_what_was_made_up_with_a_right_checksum_is_refused_too(model: WorldModel) -> None:
    from bridge.recording import state

    session = drive_for(model)
    tensors, plain = state._read(pack(session), "a")
    before = session.frame
    for change in (
        lambda t, p: t.pop("latents"),
        lambda t, p: t.update(latents=t["latents"][:, :, :1]),
        lambda t, p: t.update(cache=t["cache"].double()),
        lambda t, p: t["latents"].fill_(float("nan")),
        lambda t, p: p["dream"].update(quality=3),
        lambda t, p: p["dream"].pop("motion"),
        lambda t, p: p["timeline"]["entries"].append({"line": "explode"}),
        lambda t, p: p.update(pedals=None),
    ):
        parts: tuple[dict[str, Any], dict[str, Any]] = (
            {name: value.clone() for name, value in tensors.items()},
            state.json.loads(state.json.dumps(plain)),
        )
        change(*parts)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(state, "_read", lambda *_, parts=parts: parts)
            with pytest.raises(DataError):
                unpack(session, b"")
    assert session.frame is before


@pytest.mark.slow
def test_the_command_goes_on_where_it_was_to_the_last_bit(tmp_path: Path) -> None:
    world = write_tiny_world(tmp_path / "world")

    def dream(name: str, *options: str) -> list[Any]:
        out = tmp_path / f"{name}.mp4"
        process = CliRunner().invoke(app, ["dream", "--world", str(world), "--out", str(out), *options])
        assert process.exit_code == 0, process.stderr
        frames: list[Any] = json.loads(out.with_suffix(".json").read_text())["per_frame"]
        return frames

    saved = str(tmp_path / "kept.dream")
    whole = dream("whole", "--seconds", "2", "--save-state", str(tmp_path / "end.dream"))
    first = dream("first", "--seconds", "1", "--save-state", saved)
    then = dream("then", "--seconds", "1.1", "--load-state", saved, "--save-state", str(tmp_path / "then.dream"))
    assert first + then[1:] == whole
    assert (tmp_path / "then.dream").read_bytes() == (tmp_path / "end.dream").read_bytes()
    refused = CliRunner().invoke(app, ["dream", "--load-state", saved, "--scene", "street"])
    assert refused.exit_code == 1 and "goes on where it was" in refused.stderr
    refused = CliRunner().invoke(app, ["dream", "--load-state", saved, "--out", str(tmp_path / "x.mp4")])
    assert refused.exit_code == 1 and "other weights" in refused.stderr  # than the repository's


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=3), st.integers(0, 40), st.sampled_from(LINES))
def test_a_timeline_goes_on_as_it_would_have(lines: list[str], ticks: int, later: str) -> None:
    dream, timeline = FakeDream(), Timeline()
    frame = dream.start()
    plans = {line: plan for line in LINES if isinstance(plan := parse_line(line), Plan)}
    for line in lines:
        timeline.plan(plans[line])
        for _ in range(ticks // 3):
            state = timeline.tick(frame)
            frame = dream.step(frame.control.with_(command=state.command, event=state.event))
    other = timeline_from(timeline_plain(timeline))
    for one in (timeline, other):
        one.plan(plans[later])
    for _ in range(40):
        state = timeline.tick(frame)
        assert other.tick(frame) == state
        assert other.context() == timeline.context()
        frame = dream.step(frame.control.with_(command=state.command, event=state.event))
