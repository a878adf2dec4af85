"""Corrections of the brain by a person, stored on this machine for `lucidrive finetune --data`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bridge.errors import ExportError

FILE = "corrections.jsonl"  # in the folder of the clips


@dataclass(frozen=True, slots=True)
class Correction:
    """A training case: a sentence, the drive's state when it was said, and the intended plan line."""

    text: str
    context: str
    plan: str


def keep(folder: Path, correction: Correction) -> Path:
    """Appends to the folder's file and returns its path. ExportError where it cannot be written."""
    file = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(correction), ensure_ascii=False) + "\n")
    except OSError as error:
        raise ExportError(
            f"What you meant could not be kept in {file} ({(error.strerror or 'no reason given').lower()}); free some space."
        ) from error
    return file
