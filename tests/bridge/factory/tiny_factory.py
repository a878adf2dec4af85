"""A clip factory that is quick: short clips."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from bridge.factory.jobs import Request
from bridge.factory.scenario import of_line
from world.scene_world import SceneWorld


def tiny_request(lines: str = "follow rain(2)@junction", seeds: int = 3, **changes: Any) -> Request:
    """`follow` is accepted; what asks for another weather at a junction is not: none is reached. Lines are parted by spaces."""
    clips = tuple((of_line(line), seed) for line in lines.split() for seed in range(seeds))
    values: dict[str, Any] = {"retries": 1, "together": 4, "seconds": 1.5} | changes
    return Request(clips, world=SceneWorld().hashes, **values)


def sums(out: Path) -> dict[str, str]:
    """Every file of a folder by its sha256, but for the lock."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
