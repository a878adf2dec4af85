"""Another look is learnt from a few pictures, and measured beside plain shading and what was before."""

from dataclasses import astuple

import numpy as np
import pytest

from world.controls import Control, TimeOfDay
from world.dynamics.start import start
from world.errors import DataError
from world.evaluate import real_look
from world.evaluate.real_look import learn_look, main, make_captures, other_look
from world.labels.formats.nuscenes_map import origin
from world.render.camera import Rig
from world.render.materials import Surface
from world.render.painter import Painter, PainterConfig
from world.render.renderer import Renderer
from world.scene.places import load_place, towns
from world.scene.state import SceneState
from world.town.teacher import VERSION, claim, fingerprint
from world.train.distributed import DistributedContext
from world.train.pictures import captures

pytestmark = pytest.mark.slow


def vars_of(rig: Rig) -> list[float]:
    return [float(value) for value in astuple(rig)]


CONFIG = PainterConfig(4, (8, 16), 8, 8)
RIG = Rig(width=64, height=32)


def _state(seed: int, split: str, number: int) -> tuple[SceneState, Rig]:
    """A drive's beginning by day through a small camera: quicker than a lesson's moment."""
    return start(load_place(towns()[split][0]), number, Control(time=int(TimeOfDay.DAY))), RIG


def test_the_look_depends_on_surface_and_light() -> None:
    state = _state(0, "test", 0)[0]
    shot = Renderer().shot(state, Rig(width=128, height=72))
    grey = np.full_like(shot.plain, 0.35 / shot.light.exposure)
    value = other_look(grey, shot)
    surfaces = shot.gbuffer.surface
    red_over_blue = value[..., 0] / value[..., 2]
    road, leaves = (np.median(red_over_blue[surfaces == one]) for one in (Surface.ASPHALT, Surface.FOLIAGE))
    assert leaves > 2 * road
    flat = (surfaces == Surface.ASPHALT) & (shot.gbuffer.normal[..., 2] > 0.99)
    sunny, shady = flat & (shot.gbuffer.sun > 0.95), flat & (shot.gbuffer.sun < 0.05)
    assert sunny.any() and shady.any()
    assert np.median(red_over_blue[sunny]) > 1.1 * np.median(red_over_blue[shady])


def test_it_is_learnt_and_measured(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(real_look, "moment", _state)
    begin = tmp_path / "begin"
    Painter(CONFIG).save(begin, {})
    compute = DistributedContext("cpu", step_seconds=0.01)
    result = learn_look(tmp_path / "look", 4, 60 * 0.01 / 60, held=2, begin=begin, compute=compute)
    assert list(result) == ["plain shading", "before", "learnt"]
    assert result["before"] == pytest.approx(result["plain shading"], abs=0.2)
    assert result["learnt"]["psnr"] > result["plain shading"]["psnr"] + 1.5
    assert (tmp_path / "look" / "look.png").exists()


def test_pictures_come_by_way_of_a_nuscenes_dataset(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(real_look, "moment", _state)
    for name, by_nuscenes in (("plain", False), ("brought", True)):
        make_captures(tmp_path / name, 2, "train", by_nuscenes=by_nuscenes)
    for plain, brought in zip(captures(tmp_path / "plain"), captures(tmp_path / "brought"), strict=True):
        assert vars_of(brought.rig) == pytest.approx(vars_of(plain.rig), abs=1e-3)
        assert np.abs(brought.image().astype(int) - plain.image()).mean() < 6  # JPEG
        one, other = plain.state, brought.state
        base = origin(load_place(towns()["train"][0]))
        assert (other.ego["x"][0] + base[0], other.ego["y"][0] + base[1]) == pytest.approx(
            (one.ego["x"][0], one.ego["y"][0]), abs=1e-3
        )
        assert one.places[0].name == other.places[0].name  # and so the sun is where it was


def test_too_few_lessons_are_refused(tmp_path, capsys) -> None:
    claim(tmp_path, {"version": VERSION, "assets": fingerprint(), "split": "train"})
    (tmp_path / "000000.npz").write_bytes(b"")
    with pytest.raises(DataError, match="holds 1 lessons of the train split; give 2 of the test split"):
        make_captures(tmp_path / "out", 2, "test", tmp_path)
    assert main(["--out", str(tmp_path / "out"), "--lessons", str(tmp_path / "out")]) == 1
    assert "holds no lessons" in capsys.readouterr().err
