"""COCO: 2D boxes with masks (run lengths, by pycocotools), and beside them depth and classes as PNGs.

images/DRIVE/CAMERA/000000.jpg    depth/..., semantic/... likewise, .png (depth: 1/256 m; semantic: Cityscapes' ids)
annotations/instances.json        with `track_id` and `visible` beyond COCO's own keys
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from world.labels.formats.writer import DriveInfo, Rows, Writer, calibration, depth_levels, dumps, jpeg, png
from world.labels.record import Record
from world.scene.objects import Kind

CATEGORIES = [kind for kind in Kind if kind is not Kind.NONE and kind < Kind.HOUSE]


class Coco(Writer):
    """The format `coco`. Images and boxes grow in separate files, which `close` joins to instances.json."""

    bytes_a_pixel = 4.0
    package, wants = "pycocotools", "COCO's masks"

    def begin(self, drive: DriveInfo) -> None:
        """Opens the two lists with the first drive."""
        if not hasattr(self, "_images"):
            self._images = Rows(self.folder / "annotations" / "images.part")
            self._boxes = Rows(self.folder / "annotations" / "boxes.part")
        self._drive = drive

    def add(self, record: Record) -> None:
        """Writes pictures and PNGs, and appends their rows."""
        for name, view in record.views.items():
            file = f"{self._drive.name}/{name}/{record.index:06d}"
            files = {
                f"images/{file}.jpg": jpeg(view.picture),
                f"depth/{file}.png": png(depth_levels(view.truth.depth)),
                f"semantic/{file}.png": png(view.truth.semantic),
            }
            for path, data in files.items():
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_bytes(data)
            height, width = view.truth.depth.shape
            image = {
                "id": self._images.count + 1,
                "file_name": f"{file}.jpg",
                "width": width,
                "height": height,
                "drive": self._drive.name,
                "camera": name,
                "frame_index": record.index,
                "seconds": record.seconds,
            }
            self._images.add(image)
            for box in view.truth.boxes:
                self._boxes.add(self._annotation(image["id"], box, view.truth.instance == box.track.number + 1))

    def _annotation(self, image: Any, box: Any, mask: np.ndarray) -> dict[str, Any]:
        from pycocotools import mask as coding

        code = coding.encode(np.asfortranarray(mask, np.uint8))
        left, top, right, bottom = box.seen
        return {
            "id": self._boxes.count + 1,
            "image_id": image,
            "category_id": int(box.track.kind),
            "bbox": [left, top, right - left, bottom - top],
            "area": int(mask.sum()),
            "segmentation": {"size": list(mask.shape), "counts": code["counts"].decode()},
            "iscrowd": 0,
            "track_id": box.track.number,
            "visible": round(box.visible, 4),
        }

    def close(self) -> None:
        """Writes instances.json."""
        self._images.close()
        self._boxes.close()
        head = {
            "info": {"description": "Synthetic drives by lucidrive: none of them filmed.", "version": "1.0"},
            "licenses": [{"id": 1, "name": "Apache-2.0"}],
            "cameras": calibration(self.cameras),
            "categories": [
                {"id": int(kind), "name": kind.name.lower(), "supercategory": "road"} for kind in CATEGORIES
            ],
        }
        with (self.folder / "annotations" / "instances.json").open("w", encoding="utf-8") as out:
            out.write(dumps(head)[:-1])
            for key, rows in (("images", self._images), ("annotations", self._boxes)):
                out.write(f',\n"{key}": ')
                with rows.path.open(encoding="utf-8") as part:
                    shutil.copyfileobj(part, out)
                rows.path.unlink()
            out.write("}\n")
