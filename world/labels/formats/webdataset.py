"""WebDataset: tar files in which the files of a picture are adjacent. `datasets` and `webdataset` read them directly.

KEY.jpg, KEY.depth.npy (float16 [H, W], m), KEY.flow.npy (float16 [H, W, 2]), KEY.scene_flow.npy (float16 [H, W, 3]), KEY.semantic.png, KEY.instance.npy
(int32 [H, W]), KEY.json (the record: `described`, the camera's name, its calibration). The same drives give the same bytes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from world.labels.cameras import CameraSet
from world.labels.formats.writer import DriveInfo, Writer, calibration, described, dumps, jpeg, png
from world.labels.record import CameraRecord, Record

EACH = 512  # pictures a shard


class Shard:
    """A tar file of pictures, drive after drive. names: keys of `ENDINGS` that each picture has, besides its KEY.json. Use it in a `with`."""

    def __init__(self, file: IO[bytes], drive: DriveInfo, cameras: CameraSet, names: Sequence[str] = ()) -> None:
        self.drive, self.count = drive, 0
        self._names = tuple(names) or tuple(ENDINGS)
        self._calibration = calibration(cameras)
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (it is closed by close)

    def __enter__(self) -> Shard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, record: Record) -> None:
        """Writes every camera's picture of a moment."""
        about = described(record)
        for name, view in record.views.items():
            self.put(about, name, view)

    def put(self, about: dict[str, Any], name: str, view: CameraRecord) -> None:
        """Writes one camera's picture. about: its moment, from `described`."""
        drive = {"drive": self.drive.name, "task": self.drive.task, "seed": self.drive.seed, "synthetic": True}
        camera = {"boxes": about["boxes"][name], "camera": name, "calibration": self._calibration[name]}
        key = f"{self.drive.name}-{name}-{about['index']:06d}"
        files = {ending: ENDINGS[ending](view) for ending in self._names}
        for ending, data in {**files, "json": dumps(about | drive | camera).encode()}.items():
            entry = tarfile.TarInfo(f"{key}.{ending}")
            entry.size = len(data)
            self._tar.addfile(entry, io.BytesIO(data))
        self.count += 1

    def close(self) -> None:
        """Ends the tar file."""
        self._tar.close()


class WebDataset(Writer):
    """The format `webdataset`. A tar file for every EACH pictures of any drives and cameras."""

    bytes_a_pixel = 20.0

    def __init__(self, folder: Path, cameras: CameraSet) -> None:
        super().__init__(folder, cameras)
        self._shard: Shard | None = None
        self._stack, self._shards = ExitStack(), 0

    def begin(self, drive: DriveInfo) -> None:
        """The next pictures are of this drive."""
        self._drive = drive
        if self._shard is not None:
            self._shard.drive = drive

    def add(self, record: Record) -> None:
        """Writes the pictures of a moment, into new files as needed."""
        about = described(record)
        for name, view in record.views.items():
            if self._shard is None or self._shard.count == EACH:
                self._shard = self._next()
            self._shard.put(about, name, view)

    def close(self) -> None:
        """Ends the last tar file."""
        self._stack.close()

    def _next(self) -> Shard:
        self.close()
        file = self._stack.enter_context((self.folder / f"labels-{self._shards:06d}.tar").open("wb"))
        self._shards += 1
        return self._stack.enter_context(Shard(file, self._drive, self.cameras))


def npy(array: np.ndarray, kind: type) -> bytes:
    """The bytes of a .npy file of an array, converted to `kind`."""
    buffer = io.BytesIO()
    np.save(buffer, array.astype(kind), allow_pickle=False)
    return buffer.getvalue()


ENDINGS: dict[str, Callable[[CameraRecord], bytes]] = {  # contents of a picture's files
    "jpg": lambda view: jpeg(view.picture),
    "depth.npy": lambda view: npy(view.truth.depth, np.float16),
    "flow.npy": lambda view: npy(view.truth.flow, np.float16),
    "scene_flow.npy": lambda view: npy(view.truth.scene_flow, np.float16),
    "semantic.png": lambda view: png(view.truth.semantic),
    "instance.npy": lambda view: npy(view.truth.instance, np.int32),
}
