"""Writes the accepted clips as one LeRobotDataset v3, an episode each; their videos are copied, not encoded again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bridge.errors import DataError
from bridge.factory.export.clips import StoredClip
from world.data.assemble import assemble
from world.data.writer import write_shard

ROBOT = "lucidrive-scene"


def write(clips: Sequence[StoredClip], folder: Path, card: str) -> Path:
    """Replaces `folder` once the new dataset is complete, and returns it. card: README.md. DataError without clips."""
    if not clips:
        raise DataError("No clip was accepted, so there is no dataset to write; the report says why.")
    room = Path(tempfile.mkdtemp(prefix=".delivering-", dir=folder.parent))
    try:
        shards = [
            write_shard(room / "shards" / clip.stem, clip.video, clip.shape, clip.columns(), clip.task)
            for clip in clips
        ]
        new = assemble(room / "dataset", shards, robot_type=ROBOT, card=card)
        shutil.rmtree(folder, ignore_errors=True)
        new.replace(folder)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return folder
