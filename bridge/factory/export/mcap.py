"""Writes each accepted clip as an MCAP file for Foxglove: pictures, controls and labels as JSON messages with their schemas.

Commanded values (`/commanded`) and facts of the scene (`/motion`, `/readout`, `/facts`) have separate channels.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge.disk import write_whole
from bridge.errors import ExportError
from bridge.factory.export.clips import CONTROLS, StoredClip
from world.controls import FPS
from world.data.video import read_video
from world.labels.formats import foxglove as fox
from world.labels.formats.writer import jpeg

COMMANDED = ("steer", "accel", *CONTROLS)
MOTION = ("speed", "yaw_rate")


def write(clips: Sequence[StoredClip], folder: Path) -> Path:
    """Writes a `.mcap` for each clip into `folder` and returns it; needs the package that `check_formats` checks. ExportError."""
    from mcap.writer import CompressionType, Writer

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{folder} cannot be written ({(error.strerror or str(error)).lower()}).") from error
    for clip in clips:
        buffer = io.BytesIO()
        writer = Writer(buffer, compression=CompressionType.NONE)
        writer.start(profile="", library="lucidrive")
        _fill(writer, clip)
        writer.finish()
        write_whole(folder / f"{clip.stem}.mcap", buffer.getvalue())
    return folder


def _fill(writer: Any, clip: StoredClip) -> None:
    fields, rows = clip.fields, clip.fields["per_frame"]
    facts, readout = tuple(fields["facts"]), tuple(rows[0]["readout"])
    channels = {
        "/camera/front": _channel(writer, "/camera/front", "foxglove.CompressedImage", fox.IMAGE),
        "/commanded": _channel(writer, "/commanded", "lucidrive.Commanded", fox.numbers(COMMANDED)),
        "/motion": _channel(writer, "/motion", "lucidrive.Motion", fox.numbers(MOTION)),
        "/facts": _channel(writer, "/facts", "lucidrive.Facts", fox.numbers(facts)),
        "/readout": _channel(writer, "/readout", "lucidrive.Readout", fox.numbers(readout)),
        "/plan": _channel(writer, "/plan", "lucidrive.Plan", fox.record(running=fox.TEXT)),
    }
    for number, (row, picture) in enumerate(zip(rows, read_video(clip.video), strict=True)):
        time = number * fox.NANOSECONDS // FPS
        messages: dict[str, dict[str, Any]] = {
            "/camera/front": fox.image(time, "camera_front", jpeg(picture), "jpeg"),
            "/commanded": {name: row["control"][name] for name in COMMANDED},
            "/motion": row["motion"],
            "/facts": {name: fields["facts"][name][number] for name in facts},
            "/readout": row["readout"],
            "/plan": {"running": ";".join(step["line"] for step in row["plan"] if step["status"] == "running")},
        }
        for topic, message in messages.items():
            values = {name: value for name, value in message.items() if value is not None}
            data = json.dumps(values).encode()
            writer.add_message(channels[topic], log_time=time, data=data, publish_time=time, sequence=number)
    metadata = {
        "synthetic": "true",
        "task": clip.task,
        "line": clip.line,
        "seed": str(fields["seed"]),
        "accepted": str(fields["check"]["accepted"]).lower(),
        "findings": json.dumps(fields["check"]["findings"]),
    }
    writer.add_metadata("lucidrive", metadata)


def _channel(writer: Any, topic: str, name: str, schema: dict[str, Any]) -> int:
    number = writer.register_schema(name=name, encoding="jsonschema", data=json.dumps(schema).encode())
    channel: int = writer.register_channel(topic=topic, message_encoding="json", schema_id=number)
    return channel
