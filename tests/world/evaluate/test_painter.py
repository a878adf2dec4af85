"""What painters are measured by: it can say yes, and no. The path tracer is a fake: plain shading, brighter or with noise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from world.controls import Control, Weather
from world.dynamics.traffic import load_traffic
from world.errors import DataError, WeightsError
from world.evaluate import painter as measured
from world.evaluate import painter_judge, painter_speed, scene, steadiness
from world.evaluate.painter_rows import PAINTER_ROWS
from world.evaluate.pictures import BANDS, EQUAL, bands, psnr, visible_before, warp
from world.evaluate.scene_driver import DREAMT
from world.evaluate.sheets import TITLE, sheets
from world.judge import Judge, JudgeConfig
from world.render.camera import Rig
from world.render.features import plain_of
from world.render.painter import OFFSET, PAINTERS, Painter
from world.scene.state import SceneState
from world.town import teacher

SMALL = Rig(width=96, height=64)
BRIGHTER = 1.3  # the fake tracer over plain shading


class Gain(Painter):
    """Plain shading times a gain for each frame: one of `gains` after the other. Sky too, as whoever measures does not mind."""

    def __init__(self, gains: Sequence[float]) -> None:
        super().__init__(replace(PAINTERS["small"], sky=True))
        self.gains, self.frame = gains, 0

    def shade(self, features: Tensor, conditions: Tensor) -> Tensor:
        self.frame += 1
        gain = math.log(self.gains[self.frame % len(self.gains)])
        out = torch.zeros(len(features), 6, *features.shape[-2:])
        out[:, :3] = gain
        return out


class Blur(Painter):
    """Plain shading out of focus."""

    def __init__(self) -> None:
        super().__init__(replace(PAINTERS["small"], sky=True, scale=1))

    def shade(self, features: Tensor, conditions: Tensor) -> Tensor:
        plain = plain_of(features)
        blurred = functional.avg_pool2d(plain, 5, 1, 2, count_include_pad=False)
        return torch.cat([torch.zeros_like(plain), (blurred - plain) / OFFSET], 1)


def untrained() -> Painter:
    return Painter(PAINTERS["small"]).eval()


def each(call: Callable[..., Any], rows: Sequence[tuple[Any, ...]], what: str) -> list[Any]:
    return [call(*row) for row in rows]


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lessons of a clear and of a rainy dawn, of plain shading made brighter."""
    folder = tmp_path_factory.mktemp("references")
    about = {"version": teacher.VERSION, "assets": teacher.fingerprint(), "seed": 0, "split": "test", "samples": 256}
    teacher.claim(folder, about)

    for number in (0, 1):
        state, rig = teacher.moment(0, "test", number)
        shot = measured.renderer(None).shot(state, rig)
        layers = {"sky": (BRIGHTER * shot.light.exposure * shot.plain).astype(np.float16)}
        teacher.write(teacher.Lesson(state, rig, layers), folder, number)
    return folder


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracer that sees plain shading through noise."""

    def trace_radiance(state: SceneState, rig: Rig, samples: int, seed: int) -> np.ndarray:
        plain = measured.renderer(None).shot(state, rig).plain
        noise = np.random.default_rng(seed).normal(0, 0.2, plain.shape)
        return np.asarray(plain * (1 + noise), np.float32)

    monkeypatch.setattr(steadiness, "trace_radiance", trace_radiance)
    monkeypatch.setattr(steadiness, "no_tracer", lambda: None)


def dreams(painter: Painter) -> dict[str, Any]:
    return steadiness.steadiness(0, painter, each, dreams=2, seconds=(0.5, 2.0), rig=SMALL)


@pytest.mark.slow
def test_an_untrained_painter_gains_nothing_and_the_right_one_much(references: Path) -> None:
    result = measured.fidelity(measured.References.of(references), untrained(), each)
    assert set(result["conditions"]) == {"clear dawn", "rain dawn"}
    assert result["samples"] == 256 and result["clear_day"] is None
    assert all(abs(one["gain"]) < 0.01 for one in result["conditions"].values())
    right = measured.fidelity(measured.References.of(references), Gain([BRIGHTER]), each)
    assert right["mean"]["painted_covered"] > 45
    assert right["mean"]["gain_covered"] > 15
    assert right["least_gain"]["gain"] > 2
    assert right["worst"]["painted"] <= right["mean"]["painted"]
    wrong = measured.fidelity(measured.References.of(references), Gain([0.6]), each, most=1)
    assert wrong["mean"]["gain"] < -1 and wrong["lessons"] == 1


@pytest.mark.slow
def test_the_sky_is_the_one_in_play(references: Path) -> None:
    lesson = teacher.read(teacher.path_of(references, 0))
    shot = measured.renderer(None).shot(lesson.state, lesson.rig)
    under = measured.under_our_sky(np.full_like(shot.plain, 7.0), shot)
    bare = shot.gbuffer.coverage == 0
    assert bare.any() and (under[bare] == shot.plain[bare]).all() and (under[~bare] == 7.0).all()
    result = measured.decibels(teacher.path_of(references, 0), untrained())
    assert result["plain_own_sky"] < result["plain"]  # in which this tracer's is brighter


@pytest.mark.parametrize(
    ("change", "said"),
    [({"split": "train"}, "train split"), ({"assets": "other"}, "other assets"), ({"version": 0}, "other assets")],
)
def test_other_lessons_are_refused(references: Path, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    about = json.loads((references / "lessons.json").read_text())
    (tmp_path / "lessons.json").write_text(json.dumps(about | change))
    with pytest.raises(DataError, match=f"{said}.*lucidrive collect --teacher --split test"):
        measured.Sources.of(references=tmp_path)


def test_a_folder_without_lessons_is_refused(references: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no references .*lucidrive collect"):
        measured.References.of(tmp_path)
    (tmp_path / "lessons.json").write_bytes((references / "lessons.json").read_bytes())
    with pytest.raises(DataError, match="no references yet"):
        measured.References.of(tmp_path)
    with pytest.raises(WeightsError, match="train painter"):
        measured.Sources.of(painter=tmp_path)


@pytest.mark.slow
def test_the_tracers_noise_is_neither_detail_nor_flicker(noisy: None) -> None:
    result = dreams(untrained())
    for second in ("0.5", "2"):
        detail = result["detail"][second]
        assert detail["painted"] == pytest.approx(detail["plain"], rel=1e-3)
        assert detail["plain"] == pytest.approx(1.0, abs=0.04)
        assert detail["plain_likeness"]["fine"] > 0.95
    assert result["flicker"]["plain"] == pytest.approx(1.0, abs=0.04)
    assert result["flicker"]["painted"] == pytest.approx(1.0, abs=0.04)
    again = dreams(untrained())
    assert again["moments"] == result["moments"]


@pytest.mark.slow
def test_without_a_second_render_noise_would_count(noisy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    once = steadiness.trace_radiance
    monkeypatch.setattr(steadiness, "trace_radiance", lambda state, rig, samples, seed: once(state, rig, samples, 5))
    result = dreams(untrained())
    assert result["detail"]["2"]["plain_bands"]["fine"] < 0.95
    assert result["flicker"]["plain"] < 0.95


def test_flicker_is_found(noisy: None) -> None:
    gains = np.exp(np.random.default_rng(3).normal(0, 0.5, 7)).tolist()
    result = dreams(Gain(gains))["flicker"]
    assert result["painted"] > 2
    assert result["painted_broad"] > result["painted"]  # of whole areas
    assert result["plain"] < 1.1
    assert result["painted_own_levels"] > 10 > result["plain_own_levels"]


def test_blur_is_found(noisy: None) -> None:
    result = dreams(Blur())["detail"]["2"]
    assert result["painted"] < 0.8 < result["plain"]
    assert result["painted_bands"]["fine"] < result["painted_bands"]["coarse"]


def test_true_flow_brings_the_frame_before_here() -> None:
    before, state = steadiness.dream_states(1, Control(), 4.0)
    drawing = measured.renderer(None)
    was, now = drawing.shot(before, SMALL), drawing.shot(state, SMALL, before=before)
    seen, motion = visible_before(now, was), now.gbuffer.motion
    assert 0.5 < seen.mean() <= (now.gbuffer.coverage >= 1).mean()
    error = [np.square(now.picture - warp(was.picture, share * motion))[seen].mean() for share in (1, 0, -1)]
    assert error[0] < 0.4 * error[1] < error[2]
    earlier, _ = steadiness.dream_states(1, Control(), 1.0)
    long_ago = drawing.shot(earlier, SMALL)
    assert visible_before(drawing.shot(state, SMALL, before=earlier), long_ago).mean() < seen.mean()
    assert visible_before(now, long_ago).mean() < 0.8 * seen.mean()  # its depth is not as it must have been


def test_warping_moves_pictures_and_masks_to_where_things_are() -> None:
    before = np.arange(20.0).reshape(4, 5)
    motion = np.zeros((4, 5, 2), np.float32)
    motion[..., 0] = 0.5  # it was half a pixel to the right
    assert warp(before, motion)[1].tolist() == [5.5, 6.5, 7.5, 8.5, 9.0]
    assert warp(before[..., None], motion).shape == (4, 5, 1)


def test_decibels_and_bands() -> None:
    flat = np.full((16, 16, 3), 100, np.uint8)
    assert psnr(flat, flat) == EQUAL
    assert psnr(flat, flat + 1) == pytest.approx(48.13, abs=0.01)
    where = np.zeros((16, 16), bool)
    assert np.isnan(psnr(flat, flat, where))
    chess = flat + 50 * (np.indices((16, 16)).sum(0) % 2)[..., None]
    energy = (bands(chess) ** 2).mean((1, 2, 3))
    assert len(energy) == len(BANDS) and energy[0] > 100 * energy[1]
    assert np.abs(bands(flat)).max() < 1e-9


@pytest.mark.slow
def test_frames_are_counted_and_the_processor_is_named(tmp_path: Path) -> None:
    result = painter_speed.frames_a_second(0, untrained(), frames=3, warm=1, sizes={"144x256": SMALL})
    assert 0 < result["144x256"]["painted"] <= result["144x256"]["painted_best"]
    assert result["144x256"]["plain"] > 0
    rows = PAINTER_ROWS["frames_a_second"](result)
    assert len(rows) == 3 and f"amid {result['dreamt']['agents']:.0f} road users" in rows[2][0]
    assert result["dreamt"]["agents"] > 5 and float(rows[2][1]) > 0
    about = tmp_path / "cpuinfo"
    about.write_text("model name: one\nflags\t\t: sse avx512_bf16 amx_bf16x\n")
    assert painter_speed.units(about) == ["avx512_bf16"]
    assert painter_speed.units(tmp_path / "none") is None


def test_another_device_paints_alike_or_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert painter_speed.gpu_difference(0, untrained()) is None
    same = painter_speed.gpu_difference(0, untrained(), 1, device="cpu")
    assert same == {"mean": 0.0, "worst_mean": 0.0, "most": 0.0}
    monkeypatch.setattr(Gain, "__deepcopy__", lambda self, memo: Gain([0.5]), raising=False)
    other = painter_speed.gpu_difference(0, Gain([1.0]), 1, device="cpu")
    assert other is not None and other["worst_mean"] >= other["mean"] > 2


def test_all_is_measured_and_told(references: Path, noisy: None) -> None:
    sizes = scene.SceneSizes(dreams=1, seconds=(0.5,), samples=4)
    only = ("painter", "steadiness", "gpu_difference")
    sources = measured.Sources(untrained(), measured.References.of(references))
    result = scene.evaluate_scene(sizes, 0, only, workers=0, sources=sources)
    json.dumps(result)
    rows = dict((what, shown) for what, shown, _ in scene.table(result))
    assert rows["painter against references: clear day"] == "not among the references"
    assert "plain" in rows["painter against references: mean of 2 of 16 conditions"]
    assert rows["gain over plain shading: mean of 2 of 16 conditions"].endswith("0.0 dB")
    shown = rows["flicker over the path tracer's"]
    assert (
        shown
        == f"{result['steadiness']['flicker']['painted']:.2f} (plain {result['steadiness']['flicker']['plain']:.2f})"
    )
    assert "detail over the path tracer's, at second 0.5 of a dream" in rows


def test_what_is_not_there_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, only = scene.SceneSizes(), ("painter", "steadiness", "frames_a_second", "judge", "gpu_difference")
    rows = scene.table(scene.evaluate_scene(sizes, 0, only, workers=0))
    assert "lucidrive train painter" in rows[0][1]
    assert {shown for _, shown, _ in rows if "lucidrive" not in shown} == {"not measured"}
    result = scene.evaluate_scene(sizes, 0, ("painter",), workers=0, sources=measured.Sources(untrained()))
    assert measured.COMMAND in scene.table(result)[0][1]
    monkeypatch.setattr(steadiness, "no_tracer", lambda: "It needs Mitsuba.")
    assert steadiness.steadiness(0, untrained(), each) == {"missing": "It needs Mitsuba."}


def test_the_judge_looks_at_painted_and_at_plain_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert painter_judge.look(0, measured.Sources(untrained()), 1, lambda share, text: None) == {
        "missing": painter_judge.NO_JUDGE
    }
    _, state = steadiness.dream_states(0, Control(), 0.2)

    def judge_drives(
        judge: Judge, draw: Callable[[SceneState], np.ndarray], films: Path, sizes: Any, *rest: Any
    ) -> Any:
        share = float(draw(state).mean()) / 255
        one = {"share": share, "cases": sizes.weathers}
        result: dict[str, Any] = {name: {"one": one} for name in painter_judge.GROUPS}
        result["events"] |= {"mean": share, "false_alarms": 0.0}
        own = {"weather": {"one": 0.91}, "speed_correlation": 0.97}
        return result | {"motion": {"speed": 0.9, "yaw_rate": 0.8}, "frechet": {"ratio": 1.2}, "own": own}

    monkeypatch.setattr("world.evaluate.judge.judge_drives", judge_drives)
    sources = measured.Sources(Gain([0.2]), judge=Judge(JudgeConfig()))
    result = painter_judge.look(0, sources, 3, lambda share, text: None)
    assert result["painted"]["weathers"]["one"]["share"] < result["plain"]["weathers"]["one"]["share"]
    assert result["painted"]["hours"]["one"]["cases"] == 3
    rows = {what: shown for what, shown, _ in painter_judge.judge_rows(result)}
    assert rows["the judge names one 3 s after it was asked for"].count("%") in (2, 3)
    assert rows["judged against true: speed"] == "0.900 (plain 0.900; on traced films 0.970)"
    assert rows["Fréchet distance to traced pictures over that among them"] == "1.20 (plain 1.20)"


def test_events_are_looked_for_in_dreamt_streets(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = painter_judge.look_in_dreams(0, measured.Sources(), 1)
    assert painter_judge.dreamt_judge_rows(missing)[0][1].startswith("not measured")
    asked: list[Any] = []

    def events(judge: Judge, draw: Any, cases: int, seed: int, where: Any) -> dict[str, Any]:
        asked.append((cases, where.names, where.traffic.sha256))
        return {"cut_in": {"share": 0.5, "came": 0.75, "cases": cases}, "mean": 0.5, "false_alarms": 0.25}

    monkeypatch.setattr("world.evaluate.judge.events", events)
    result = painter_judge.look_in_dreams(0, measured.Sources(Gain([0.2]), judge=Judge(JudgeConfig())), 3)
    assert asked == [(3, DREAMT, load_traffic().sha256)]
    assert painter_judge.dreamt_judge_rows(result) == [
        ("the judge sees cut_in within 4 s of its onset in dreamt streets", "50% (came within 8 s 75%)", "85%"),
        ("events seen in dreamt streets, mean", "50%", "92%"),
        ("events seen in dreamt streets where there is none", "25%", ""),
    ]


@pytest.mark.slow
def test_sheets_hold_plain_beside_painted(tmp_path: Path) -> None:
    paths = sheets(tmp_path / "out", untrained(), rig=SMALL, weathers=(Weather.FOG_3,), seconds=(0.1, 0.3))
    assert [path.name for path in paths] == ["fog_3.png"]
    with Image.open(paths[0]) as sheet:
        assert sheet.size == (2 * SMALL.width, 4 * 2 * (SMALL.height + TITLE))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="another folder"):
        sheets(tmp_path / "file", None, rig=SMALL)


def test_stray_paths_are_taken_out_and_lamps_stay() -> None:
    plain = np.full((9, 9, 3), 0.2, np.float32)
    plain[:, 5:] = 0.5  # an edge of light and shade
    plain[6, 6] = 30.0  # a lamp
    traced = 1.3 * plain
    traced[2, 2] = 30.0
    clean, strayed = measured.without_fireflies(traced, plain)
    assert strayed == pytest.approx(1 / 81)
    assert np.allclose(clean, 1.3 * plain)
