"""Rerun's recordings (.rrd), a file per drive, on the timeline `time`: pictures, depth, classes and boxes by camera; road users and lanes in the world."""

from __future__ import annotations

import numpy as np

from world.labels.cameras import extrinsics, intrinsics
from world.labels.classes import PALETTE, SemanticClass
from world.labels.fisheye import Fisheye
from world.labels.formats.writer import DriveInfo, Writer, jpeg
from world.labels.poses import of_heading
from world.labels.record import Record


class Rerun(Writer):
    """The format `rerun`. A drive is a recording; a fisheye's pictures have no camera model, since Rerun has no such lens."""

    bytes_a_pixel = 8.0
    package, wants = "rerun", "Rerun's recordings"

    def begin(self, drive: DriveInfo) -> None:
        """Opens the recording and logs its static part."""
        import rerun as rr

        self._to = rr.RecordingStream("lucidrive", recording_id=drive.name)
        self._to.save(self.folder / f"{drive.name}.rrd")
        about = rr.AnyValues(synthetic=True, task=drive.task, seed=drive.seed, place=drive.place.name)
        self._to.log("about", about, static=True)
        self._to.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        classes = [(int(label), label.name.lower(), PALETTE.get(label, (0, 0, 0))) for label in SemanticClass]
        self._to.log("/", rr.AnnotationContext(classes), static=True)
        for name, camera in self.cameras.cameras.items():
            pose, at = extrinsics(camera), f"world/car/{name}"
            self._to.log(at, rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]), static=True)
            if not isinstance(camera, Fisheye):  # Rerun has only pinholes
                lens = rr.Pinhole(
                    image_from_camera=intrinsics(camera),
                    resolution=[camera.width, camera.height],
                    camera_xyz=rr.ViewCoordinates.RDF,
                )
                self._to.log(at, lens, static=True)
        self._lanes: tuple[int, ...] | None = None

    def add(self, record: Record) -> None:
        """Logs a moment."""
        import rerun as rr

        to, ego = self._to, record.ego
        to.set_time("time", duration=record.seconds)
        w, x, y, z = of_heading(ego.heading)
        to.log(
            "world/car", rr.Transform3D(translation=[ego.x, ego.y, 0.0], quaternion=rr.Quaternion(xyzw=[x, y, z, w]))
        )
        for name in ("speed", "yaw_rate", "steer", "accel"):
            to.log(f"ego/{name}", rr.Scalars(getattr(ego, name)))
        rotations = [of_heading(track.heading) for track in record.tracks]
        boxes = rr.Boxes3D(
            centers=[track.centre for track in record.tracks],
            sizes=[track.size for track in record.tracks],
            quaternions=[rr.Quaternion(xyzw=[x, y, z, w]) for w, x, y, z in rotations],
            labels=[f"{track.kind.name.lower()} {track.number}" for track in record.tracks],
            show_labels=False,
        )
        to.log("world/tracks", boxes)
        lanes = tuple(lane.number for lane in record.lanes)
        if lanes != self._lanes:
            self._lanes = lanes
            lines = [np.c_[lane.line, np.full(len(lane.line), 0.05)] for lane in record.lanes]
            to.log("world/lanes", rr.LineStrips3D(lines))
        for name, view in record.views.items():
            at, truth = f"world/car/{name}", view.truth
            to.log(f"{at}/picture", rr.EncodedImage(contents=jpeg(view.picture), media_type="image/jpeg"))
            depth = np.where(np.isfinite(truth.depth), truth.depth, 0).astype(np.float32)
            to.log(f"{at}/depth", rr.DepthImage(depth, meter=1.0))
            to.log(f"{at}/semantic", rr.SegmentationImage(truth.semantic))
            corners = np.array([box.seen for box in truth.boxes], np.float32).reshape(-1, 4)
            labels = [f"{box.track.kind.name.lower()} {box.track.number}" for box in truth.boxes]
            to.log(f"{at}/boxes", rr.Boxes2D(array=corners, array_format=rr.Box2DFormat.XYXY, labels=labels))

    def end(self) -> None:
        """Closes the recording."""
        self._to.flush()
        self._to.disconnect()
