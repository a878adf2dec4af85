"""How much of another look a painter learns from pictures with scenes: an artificial look, so that it can be measured.

    python -m world.evaluate.real_look --out DIR [--frames 500] [--minutes 20] [--begin PAINTER] [--lessons DIR --held-out DIR]

makes captures with that look (docs/real-look.md) in training and in test towns, trains on the first, and scores PSNR of
8-bit pictures on the others: plain shading, the initial painter, and the trained one. The look is applied to radiance,
before fog and tone curve: to the path tracer's where there are lessons, else to plain shading.

`--by nuscenes` sends the training pictures through the path of real ones: written as a nuScenes dataset and imported
again, with its maps, poses, boxes and weather.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from world.errors import DataError, LucidriveError
from world.evaluate.pictures import psnr
from world.labels.cameras import CameraSet
from world.labels.formats.nuscenes import KEYS, NuScenes
from world.labels.formats.writer import DriveInfo
from world.labels.record import record, see
from world.nuscenes.captures import write as import_captures
from world.nuscenes.places import maps_of
from world.nuscenes.tables import Dataset
from world.render.camera import Rig
from world.render.materials import Surface
from world.render.painter import PAINTERS, Painter, PainterConfig, load_painter
from world.render.renderer import Shot, developed, renderer, under_our_sky
from world.scene.state import SceneState
from world.town.teacher import moment, read
from world.train.distributed import DistributedContext
from world.train.loop import Report
from world.train.painter import lessons_in, train_painter
from world.train.pictures import captures, write_captures

TINTS = np.ones((len(Surface), 3), np.float32)  # of each surface's reflection
for _surface, _tint in {
    Surface.SKY: (1.20, 0.95, 0.72),
    Surface.ASPHALT: (0.80, 0.78, 0.95),
    Surface.PAVEMENT: (1.20, 1.02, 0.80),
    Surface.GROUND: (1.35, 1.00, 0.55),
    Surface.WALL: (1.25, 0.92, 0.75),
    Surface.ROOF: (0.70, 0.85, 1.05),
    Surface.FOLIAGE: (1.70, 0.95, 0.40),
    Surface.BARK: (0.90, 0.80, 0.75),
    Surface.CLEARCOAT: (0.85, 1.00, 1.20),
}.items():
    TINTS[_surface] = _tint
SUNLIT, SHADED = np.array([[1.35, 1.05, 0.70], [0.80, 0.92, 1.15]], np.float32)  # light in full sun, and in shade
EXPOSURE, CONTRAST, MIDDLE = 1.25, 1.15, 0.35  # MIDDLE: exposed radiance that contrast does not change
CAMERA = "CAM_FRONT"  # of the nuScenes dataset
SHEET_ROWS = 4


def other_look(radiance: np.ndarray, shot: Shot) -> np.ndarray:
    """Radiance float32 [H, W, 3] as in an autumn town in warm light; depends on the surface and on the sun's incidence."""
    g = shot.gbuffer
    sunlit = g.sun * np.clip(g.normal @ np.array(shot.light.sun_direction, np.float32), 0, 1)
    light = SHADED + (SUNLIT - SHADED) * sunlit[..., None]
    value = radiance * TINTS[g.surface] * light * np.float32(EXPOSURE * shot.light.exposure)
    return (MIDDLE * (value / MIDDLE) ** CONTRAST / shot.light.exposure).astype(np.float32)


def make_captures(
    out: Path,
    frames: int,
    split: str,
    lessons: Path | None = None,
    report: Report | None = None,
    by_nuscenes: bool = False,
) -> None:
    """Captures with that look: of `lessons`, or of plain shading in a split's towns. by_nuscenes: via a nuScenes
    dataset beside `out`.

    DataError for too few lessons or another split.
    """

    def pictures() -> Iterator[tuple[SceneState, Rig, np.ndarray]]:
        plainly = renderer(None)
        for number, (state, rig, radiance_traced) in enumerate(_moments(frames, split, lessons)):
            shot = plainly.shot(state, rig)
            radiance = (
                shot.plain if radiance_traced is None else under_our_sky(radiance_traced / shot.light.exposure, shot)
            )
            yield state, rig, developed(other_look(radiance, shot), shot, state)
            if report:
                report((number + 1) / frames, f"pictures of the {split} split: {number + 1} of {frames}")

    if not by_nuscenes:
        write_captures(out, pictures())
        return
    between = out.with_name(f"{out.name}-nuscenes")
    shutil.rmtree(between, ignore_errors=True)
    _write_nuscenes(between, pictures())
    dataset = Dataset(between)
    names = sorted(dataset.scenes)
    maps = maps_of(dataset, names)
    import_captures(dataset, [(name, maps[name]) for name in names], out)


def _write_nuscenes(folder: Path, frames: Iterator[tuple[SceneState, Rig, np.ndarray]]) -> None:
    """Writes a nuScenes dataset with one scene of one key frame per picture."""
    plainly = renderer(None)
    with NuScenes(folder, CameraSet("captures", {CAMERA: Rig()}, KEYS)) as writer:
        for number, (state, rig, picture) in enumerate(frames):
            writer.cameras = CameraSet("captures", {CAMERA: rig}, KEYS)
            view = replace(see(rig, state, plainly), picture=picture)
            writer.begin(DriveInfo(f"{number:06d}", state.places[0], "a moment"))
            writer.add(replace(record(0, state, None, plainly), views={CAMERA: view}))
            writer.end()


def _moments(frames: int, split: str, lessons: Path | None) -> Iterator[tuple[SceneState, Rig, np.ndarray | None]]:
    """Yields scenes and cameras, with the exposed radiance of the path tracer if there are lessons."""
    if lessons is None:
        for number in range(frames):
            yield *moment(0, split, number), None
        return
    paths = [source for source in lessons_in(lessons) if isinstance(source, Path)]
    about = json.loads((lessons / "lessons.json").read_text())["split"] if paths else "no"
    if about != split or len(paths) < frames:
        raise DataError(
            f"{lessons} holds {len(paths)} lessons of the {about} split; give {frames} of the {split} split."
        )
    for path in (paths[k] for k in np.linspace(0, len(paths) - 1, frames).astype(int)):
        lesson = read(path)
        yield lesson.state, lesson.rig, lesson.exposed_radiance


def measure(
    held_out: Path, painters: dict[str, Painter | None], sheet: Path | None = None
) -> dict[str, dict[str, float]]:
    """Mean PSNR (dB) of each painter's pictures (None: plain shading) against a folder's captures: whole, and without
    sky.

    sheet: a PNG with some of them, one column per painter, the captures last. DataError where the captures are invalid.
    """
    references = captures(held_out)
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in painters}
    sheet_numbers, rows = set(np.linspace(0, len(references) - 1, SHEET_ROWS).astype(int).tolist()), []
    for capture in references:
        state, reference, row = capture.state, capture.image(), []
        for name, painter in painters.items():
            shot = renderer(painter).shot(state, capture.rig)
            covered = shot.gbuffer.coverage > 0
            scores[name].append((psnr(shot.picture, reference), psnr(shot.picture, reference, covered)))
            row.append(shot.picture)
        if capture.number in sheet_numbers and reference.shape == references[0].image().shape:
            rows.append(np.concatenate([*row, reference], 1))
    if sheet is not None:
        Image.fromarray(np.concatenate(rows)).save(sheet)
    means = {name: np.nanmean(np.array(its), 0).tolist() for name, its in scores.items()}
    return {name: {"psnr": whole, "psnr_covered": covered} for name, (whole, covered) in means.items()}


def learn_look(
    out: Path,
    frames: int = 500,
    minutes: float = 20.0,
    *,
    held: int = 48,
    begin: Path | None = None,
    lessons: Path | None = None,
    held_lessons: Path | None = None,
    config: PainterConfig | None = None,
    compute: DistributedContext | None = None,
    report: Report | None = None,
    by_nuscenes: bool = False,
) -> dict[str, dict[str, float]]:
    """Makes captures, trains, and scores plain shading, the initial painter, and the trained one in out/painter.

    Existing captures are kept, and an interrupted training resumes. DataError and WeightsError as in these steps.
    """
    for name, count, split, source in (("train", frames, "train", lessons), ("held-out", held, "test", held_lessons)):
        if not (out / name / "captures.json").exists():
            make_captures(out / name, count, split, source, report, by_nuscenes and name == "train")
    train_painter(
        out / "train",
        out / "held-out",
        out / "painter",
        minutes,
        config=config,
        compute=compute,
        report=report,
        begin=begin,
        sky=True,
    )
    painters: dict[str, Painter | None] = {"plain shading": None}
    if begin is not None:
        painters["before"] = load_painter(begin)
    return measure(out / "held-out", painters | {"learnt": load_painter(out / "painter")}, out / "look.png")


def main(arguments: Sequence[str]) -> int:
    """The command line above; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m world.evaluate.real_look")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--held", type=int, default=48, help="Pictures of test towns to measure with.")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--begin", type=Path, help="A painter to go on with; default: from nothing.")
    parser.add_argument(
        "--lessons", type=Path, help="Lessons of training towns under the look; default: plain shading."
    )
    parser.add_argument("--held-out", type=Path, help="Lessons of test towns.")
    parser.add_argument(
        "--by", choices=("captures", "nuscenes"), default="captures", help="How pictures to learn from come."
    )
    parser.add_argument("--config", choices=PAINTERS, default="embedded")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    try:
        scores = learn_look(
            options.out,
            options.frames,
            options.minutes,
            held=options.held,
            begin=options.begin,
            lessons=options.lessons,
            held_lessons=options.held_out,
            config=PAINTERS[options.config],
            compute=DistributedContext(options.device),
            by_nuscenes=options.by == "nuscenes",
            report=lambda fraction, text: print(f"{100 * fraction:3.0f} %  {text}", file=sys.stderr, flush=True),
        )
    except LucidriveError as error:
        print(error, file=sys.stderr)
        return 1
    for name, one in scores.items():
        print(f"{name:14} {one['psnr']:5.2f} dB   {one['psnr_covered']:5.2f} dB without the sky")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
