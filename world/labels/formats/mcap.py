"""MCAP for Foxglove, a file per drive: pictures, calibrations, transforms, boxes in the world and in the pictures, lanes, depth and classes.

Topics: /tf; /scene (road users, lanes); /ego, /facts, /signals; and of each camera /CAMERA/image, /calibration, /annotations, /depth (16 bits, mm), /semantic.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from world.labels.cameras import distortion, extrinsics, intrinsics
from world.labels.formats import foxglove as fox
from world.labels.formats.writer import DriveInfo, Writer, dumps, jpeg, png
from world.labels.poses import of_heading, of_matrix
from world.labels.record import CameraRecord, Record
from world.scene.objects import PEOPLE

VEHICLE, PERSON, LANE = fox.colour(0.2, 0.5, 1.0, 0.5), fox.colour(1.0, 0.5, 0.1, 0.7), fox.colour(0.7, 0.7, 0.7, 0.8)
OUTLINED = fox.colour(0.2, 1.0, 0.3)
SIGNAL = fox.record(number=fox.WHOLE, colour=fox.TEXT, x=fox.NUMBER, y=fox.NUMBER, heading=fox.NUMBER)
EGO = ("x", "y", "heading", "speed", "yaw_rate", "steer", "accel", "command")
FACTS = ("junction_distance", "lane_offset", "contact", "off_road", "event_visible", "weather", "time")
KINDS: dict[str, tuple[str, dict[str, Any]]] = {  # by the end of a topic
    "image": ("foxglove.CompressedImage", fox.IMAGE),
    "depth": ("foxglove.CompressedImage", fox.IMAGE),
    "semantic": ("foxglove.CompressedImage", fox.IMAGE),
    "calibration": ("foxglove.CameraCalibration", fox.CALIBRATION),
    "annotations": ("foxglove.ImageAnnotations", fox.ANNOTATIONS),
    "tf": ("foxglove.FrameTransform", fox.TRANSFORM),
    "scene": ("foxglove.SceneUpdate", fox.SCENE),
    "ego": ("lucidrive.Ego", fox.numbers(EGO)),
    "facts": ("lucidrive.Facts", fox.numbers(FACTS)),
    "signals": ("lucidrive.Signals", fox.record(signals=fox.several(SIGNAL))),
}


class Mcap(Writer):
    """The format `mcap`. A drive's file is complete when the drive ends."""

    bytes_a_pixel = 7.0
    package, wants = "mcap", "MCAP files"

    def begin(self, drive: DriveInfo) -> None:
        """Opens the drive's file."""
        from mcap.writer import CompressionType
        from mcap.writer import Writer as File

        self._out = (self.folder / f"{drive.name}.mcap").open("wb")
        self._file = File(self._out, compression=CompressionType.NONE)
        self._file.start(profile="", library="lucidrive")
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._lanes: tuple[int, ...] | None = None
        about = {"synthetic": "true", "task": drive.task, "seed": str(drive.seed), "place": drive.place.name}
        self._file.add_metadata("lucidrive", about)

    def add(self, record: Record) -> None:
        """Writes a moment's messages."""
        now = fox.nanoseconds_of(record.seconds)
        stamp, ego = fox.stamp(now), record.ego
        pose = {"translation": fox.vector((ego.x, ego.y, 0.0)), "rotation": fox.quaternion(of_heading(ego.heading))}
        self._say(now, "/tf", {"timestamp": stamp, "parent_frame_id": "world", "child_frame_id": "car", **pose})
        self._say(now, "/scene", self._scene(record, stamp))
        self._say(now, "/ego", {name: float(getattr(ego, name)) for name in EGO})
        self._say(now, "/facts", {name: float(getattr(record.facts, name)) for name in FACTS})
        lights = [{name: getattr(one, name) for name in SIGNAL["properties"]} for one in record.signals]
        self._say(now, "/signals", {"signals": lights})
        for name, view in record.views.items():
            self._camera(now, name, view)

    def end(self) -> None:
        """Finishes the file."""
        self._file.finish()
        self._out.close()

    def _camera(self, now: int, name: str, view: CameraRecord) -> None:
        stamp, frame = fox.stamp(now), f"camera_{name}"
        camera = self.cameras.cameras[name]
        pose, matrix = extrinsics(camera), intrinsics(camera)
        where = {"translation": fox.vector(pose[:3, 3].tolist()), "rotation": fox.quaternion(of_matrix(pose[:3, :3]))}
        self._say(now, "/tf", {"timestamp": stamp, "parent_frame_id": "car", "child_frame_id": frame, **where})
        model, bends = distortion(camera)
        calibration = {
            "timestamp": stamp,
            "frame_id": frame,
            "width": camera.width,
            "height": camera.height,
            "distortion_model": model,
            "D": list(bends),
            "K": matrix.ravel().tolist(),
            "R": np.eye(3).ravel().tolist(),
            "P": np.hstack([matrix, np.zeros((3, 1))]).ravel().tolist(),
        }
        self._say(now, f"/{name}/calibration", calibration)
        truth = view.truth
        depth = np.where(np.isfinite(truth.depth), np.minimum(truth.depth, 65.0) * 1000, 0).astype(np.uint16)
        self._say(now, f"/{name}/image", fox.image(now, frame, jpeg(view.picture), "jpeg"))
        self._say(now, f"/{name}/depth", fox.image(now, frame, png(depth), "png"))
        self._say(now, f"/{name}/semantic", fox.image(now, frame, png(truth.semantic), "png"))
        outlines, texts = [], []
        for box in truth.boxes:
            left, top, right, bottom = (float(value) for value in box.seen)
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            outline = {"timestamp": stamp, "type": fox.LINE_LOOP, "thickness": 1.0, "outline_color": OUTLINED}
            outlines.append(outline | {"points": [{"x": x, "y": y} for x, y in corners]})
            text = f"{box.track.kind.name.lower()} {box.track.number}"
            place = {"x": left, "y": top}
            style = {"font_size": 8.0, "text_color": OUTLINED}
            texts.append({"timestamp": stamp, "position": place, "text": text, **style})
        self._say(now, f"/{name}/annotations", {"points": outlines, "texts": texts})

    def _scene(self, record: Record, stamp: dict[str, int]) -> dict[str, Any]:
        entities = []
        soon = fox.stamp(fox.nanoseconds_of(1.0 / self.cameras.rate))
        for track in record.tracks:
            pose = {"position": fox.vector(track.centre), "orientation": fox.quaternion(of_heading(track.heading))}
            shade = PERSON if track.kind in PEOPLE else VEHICLE
            about = {"class": track.kind.name.lower(), "speed": f"{math.hypot(*track.velocity):.2f}"}
            entities.append(
                {
                    "timestamp": stamp,
                    "frame_id": "world",
                    "id": str(track.number),
                    "lifetime": soon,
                    "frame_locked": False,
                    "metadata": [{"key": key, "value": value} for key, value in about.items()],
                    "cubes": [{"pose": pose, "size": fox.vector(track.size), "color": shade}],
                    "lines": [],
                }
            )
        lanes = tuple(lane.number for lane in record.lanes)
        if lanes != self._lanes:  # an entity replaces the one before of the same name
            self._lanes = lanes
            entities.append(self._lane_lines(record, stamp))
        return {"deletions": [], "entities": entities}

    def _lane_lines(self, record: Record, stamp: dict[str, int]) -> dict[str, Any]:
        still = {"position": fox.vector((0, 0, 0)), "orientation": fox.quaternion((1, 0, 0, 0))}
        lines = [
            {
                "type": fox.LINE_STRIP,
                "pose": still,
                "thickness": 2.0,
                "scale_invariant": True,
                "points": [fox.vector((x, y, 0.05)) for x, y in lane.line],
                "color": LANE,
                "colors": [],
                "indices": [],
            }
            for lane in record.lanes
        ]
        head = {"timestamp": stamp, "frame_id": "world", "id": "lanes", "lifetime": fox.stamp(0), "frame_locked": False}
        return head | {"metadata": [], "cubes": [], "lines": lines}

    def _say(self, now: int, topic: str, message: dict[str, Any]) -> None:
        if topic not in self._channels:
            name, schema = KINDS[topic.rpartition("/")[2]]
            if name not in self._schemas:
                data = json.dumps({"title": name, **schema}).encode()
                self._schemas[name] = self._file.register_schema(name=name, encoding="jsonschema", data=data)
            self._channels[topic] = self._file.register_channel(
                topic=topic, message_encoding="json", schema_id=self._schemas[name]
            )
        self._file.add_message(self._channels[topic], log_time=now, data=dumps(message).encode(), publish_time=now)
