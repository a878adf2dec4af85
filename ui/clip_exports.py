"""Packs an order's clips as a labelled dataset in a chosen format, for download."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bridge.disk import refusing
from bridge.errors import DataError
from bridge.factory.export.dataset import EXTRA, export, export_spec
from ui.clip_views import FOLDER, worker_memory
from world.labels.cameras import PRESETS
from world.labels.formats.formats import FORMATS
from world.labels.formats.writer import Writer
from world.packages import MissingPackageError, need
from world.telling import Say

TITLES = {
    "coco": "COCO: boxes and masks",
    "kitti": "KITTI: 3D boxes, depth",
    "nuscenes": "nuScenes: tables, maps",
    "mcap": "MCAP, for Foxglove",
    "rerun": "Rerun recordings",
    "webdataset": "WebDataset: tar files",
    "lerobot": "LeRobotDataset v3",
    "cosmos": "Cosmos: control videos",
    "opendrive": "OpenDRIVE: the roads",
    "openscenario": "OpenSCENARIO: who went where",
}
RIGS = {"front": "one camera ahead", "surround": "six cameras around", "stereo": "a level pair"}


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """A format to choose. missing: why it is not available here, or ""; rigs: for each camera rig why it does not suit the format, or ""."""

    name: str
    title: str
    missing: str
    rigs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Export:
    """A `ui.tasks.Task`. folder: of the run; format: of FORMATS; rig: of RIGS."""

    folder: Path
    format: str
    rig: str

    @property
    def file(self) -> Path:
        """The zip's path."""
        return self.folder / FOLDER / f"{self.format}-{self.rig}.zip"

    @property
    def ready(self) -> bool:
        """Whether the zip is there."""
        return self.file.is_file()

    @property
    def memory(self) -> int:
        """Bytes that a process needs to make it. LucidriveError where the run cannot be driven again."""
        return worker_memory(self.folder)

    def make(self, tell: Say) -> None:
        """Writes the zip. LucidriveError where the export refuses."""
        tell("driving the clips again")
        (self.folder / FOLDER).mkdir(exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=".export-", dir=self.folder / FOLDER))
        try:
            out = room / f"{self.format}-{self.rig}"
            spec = export_spec(self.folder, [self.format], PRESETS[self.rig], out)
            export(spec, on_progress=lambda share, text: tell(f"{share:.0%}, {text}"))
            tell("packing")
            with refusing(self.file):
                packed(out.rglob("*"), room, room / "packed.zip")
                (room / "packed.zip").replace(self.file)
        finally:
            shutil.rmtree(room, ignore_errors=True)


def packed(paths: Iterable[Path], base: Path, out: Path) -> None:
    """Writes a zip of files, named relative to `base`. Links and hidden files are left out."""
    with zipfile.ZipFile(out, "w") as pack:  # videos and pictures are packed already
        for path in sorted(paths):
            name = path.relative_to(base)
            if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.parts):
                pack.write(path, name)


def choices() -> tuple[FormatChoice, ...]:
    """Every format, and why it is not available."""
    return tuple(FormatChoice(name, TITLES[name], _missing(kind), _rigs(kind)) for name, kind in FORMATS.items())


def _missing(kind: type[Writer]) -> str:
    try:
        if kind.package:
            need(kind.package, EXTRA, kind.wants)
    except MissingPackageError as error:
        return str(error)
    return ""


def _rigs(kind: type[Writer]) -> dict[str, str]:
    fit = [rig for rig in RIGS if _fits(kind, rig)]
    others = f"This format takes other cameras: choose {' or '.join(RIGS[rig] for rig in fit)}."
    return {rig: "" if rig in fit else others for rig in RIGS}


def _fits(kind: type[Writer], rig: str) -> bool:
    try:
        kind.check(PRESETS[rig])
    except DataError:
        return False
    return True
