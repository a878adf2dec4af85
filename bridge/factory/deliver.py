"""Delivers a run: the dataset in the chosen formats, manifest, report, contact sheet, coverage and card.

All of it is made from the run's folder. `delivered.json`, written last, names the takes and formats, so that nothing is made twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bridge.disk import write_files, write_whole
from bridge.errors import SessionError
from bridge.factory.export import lerobot, mcap, webdataset
from bridge.factory.export.card import card
from bridge.factory.export.clips import StoredClip, stored_clips
from bridge.factory.export.report import cells, report
from bridge.factory.export.sheet import contact_sheet, heat_map
from bridge.factory.store import CLIPS, REJECTED, Store
from world.files import sha256
from world.packages import need
from world.telling import Report

FORMATS = ("lerobot", "mcap", "webdataset")
FOLDERS = {"lerobot": "dataset", "mcap": "mcap", "webdataset": "webdataset"}
DELIVERED, REPORT, MANIFEST = "delivered.json", "report.json", "manifest.jsonl"


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats without repeats, lerobot by default. SessionError for an unknown one, MissingPackageError where one needs a package."""
    if odd := [name for name in formats if name not in FORMATS]:
        raise SessionError(f"There is no format '{odd[0][:40]}'; there are: {', '.join(FORMATS)}.")
    if "mcap" in formats:
        need("mcap", "mcap", "MCAP files")
    return tuple(dict.fromkeys(formats)) or FORMATS[:1]


def deliver(store: Store, formats: Sequence[str], on_progress: Report | None = None) -> dict[str, Any]:
    """Writes all of it and returns the run's report.

    ExportError where the disk refuses: the clips themselves stay. SessionError, MissingPackageError: the formats.
    """
    tell, formats, out = on_progress or (lambda fraction, text: None), check_formats(formats), store.out
    summary = report(store)
    rows = list(_manifest(store))
    mark = _mark(rows, formats)
    if _last_mark(out) == mark:
        return summary
    (out / DELIVERED).unlink(missing_ok=True)
    clips = list(stored_clips(out))
    text = card(store.request, summary, len(clips))
    if clips:
        for number, name in enumerate(formats):
            tell(number / (len(formats) + 1), f"writing {name}")
            _FORMATS[name](clips, out / FOLDERS[name], text)
    tell(len(formats) / (len(formats) + 1), "drawing the contact sheet")
    pictures = {out / "coverage.png": heat_map(cells(store.request, store))}
    if clips:
        pictures[out / "sheet.png"] = contact_sheet(clips)
    write_files(
        {
            out / MANIFEST: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(),
            out / REPORT: json.dumps(summary, indent=1, ensure_ascii=False).encode(),
            out / "README.md": text.encode(),
            **pictures,
        }
    )
    write_whole(out / DELIVERED, json.dumps(mark, indent=1).encode())
    return summary


def _manifest(store: Store) -> Iterator[dict[str, Any]]:
    """A row for every take: its job, seed and result, and its files by their sha256."""
    for job in store.request.jobs:
        for result in store.results(job):
            folder = store.out / (CLIPS if result.accepted else REJECTED)
            paths = sorted(folder.glob(f"{result.stem}.*"))
            attempt = int(result.stem.rpartition("-")[2])
            yield {
                "take": result.stem,
                "job": job.id,
                "line": job.scenario.line,
                "text": job.scenario.text,
                "seed": job.take(attempt).seed,
                "accepted": result.accepted,
                "reasons": list(result.reasons),
                "synthetic": True,
                "files": {str(path.relative_to(store.out)): sha256(path) for path in paths},
            }


def _mark(rows: Sequence[dict[str, Any]], formats: Sequence[str]) -> dict[str, Any]:
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False)
    return {"takes": len(rows), "formats": list(formats), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _last_mark(out: Path) -> dict[str, Any] | None:
    try:
        mark: dict[str, Any] = json.loads((out / DELIVERED).read_text())
        return mark
    except (OSError, ValueError):
        return None


_FORMATS: dict[str, Callable[[Sequence[StoredClip], Path, str], Path]] = {
    "lerobot": lambda clips, folder, text: lerobot.write(clips, folder, text),
    "mcap": lambda clips, folder, text: mcap.write(clips, folder),
    "webdataset": lambda clips, folder, text: webdataset.write(clips, folder),
}
