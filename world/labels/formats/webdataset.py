"""WebDataset: tar files in which the files of one picture of one camera follow each other. `datasets` and `webdataset` read them as they are.

KEY.jpg, KEY.depth.npy (float16 [H, W], m), KEY.flow.npy (float16 [H, W, 2]), KEY.scene_flow.npy (float16 [H, W, 3]), KEY.semantic.png, KEY.instance.npy
(int32 [H, W]), KEY.json (the record: `described`, the camera's name, its calibration). The same drives give the same bytes.
"""

from __future__ import annotations

import io
import tarfile

import numpy as np

from world.labels.formats.writer import Drive, Writer, calibration, described, dumps, jpeg, png
from world.labels.record import Record, Seen

EACH = 512  # pictures a shard


class WebDataset(Writer):
    """The format `webdataset`. A tar file for every EACH pictures, whatever drives and cameras they are of."""

    bytes_a_pixel = 20.0

    def begin(self, drive: Drive) -> None:
        if not hasattr(self, "_count"):
            self._count = 0
            self._tar: tarfile.TarFile | None = None
            self._calibration = calibration(self.cameras)
        self._drive = drive

    def add(self, record: Record) -> None:
        about = {"drive": self._drive.name, "task": self._drive.task, "seed": self._drive.seed, "synthetic": True}
        for name, seen in record.seen.items():
            if self._count % EACH == 0:
                self._next()
            fields = described(record) | about | {"camera": name, "calibration": self._calibration[name]}
            fields["boxes"] = fields["boxes"][name]
            key = f"{self._drive.name}-{name}-{record.index:06d}"
            for ending, data in {**files(seen), "json": dumps(fields).encode()}.items():
                entry = tarfile.TarInfo(f"{key}.{ending}")
                entry.size = len(data)
                assert self._tar is not None
                self._tar.addfile(entry, io.BytesIO(data))
            self._count += 1

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()

    def _next(self) -> None:
        self.close()
        path = self.folder / f"labels-{self._count // EACH:06d}.tar"
        self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (it is closed by close)


def files(seen: Seen) -> dict[str, bytes]:
    """ending -> bytes of a picture and its labels."""
    truth = seen.truth
    return {
        "jpg": jpeg(seen.picture),
        "depth.npy": npy(truth.depth, np.float16),
        "flow.npy": npy(truth.flow, np.float16),
        "scene_flow.npy": npy(truth.scene_flow, np.float16),
        "semantic.png": png(truth.semantic),
        "instance.npy": npy(truth.instance, np.int32),
    }


def npy(array: np.ndarray, kind: type) -> bytes:
    """The bytes of a .npy file of that type."""
    buffer = io.BytesIO()
    np.save(buffer, array.astype(kind), allow_pickle=False)
    return buffer.getvalue()
