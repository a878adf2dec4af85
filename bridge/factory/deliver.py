"""What a run leaves: the dataset in the format asked for, manifest, report, contact sheet, coverage and card.

Made from what the run's folder holds; `delivered.json`, written last, says of which clips and formats, and is not made twice.
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
from bridge.factory.export.clips import Kept, kept
from bridge.factory.export.report import cells, report
from bridge.factory.export.sheet import contact_sheet, heat_map
from bridge.factory.store import CLIPS, REJECTED, Store
from world.packages import need

FORMATS = ("lerobot", "mcap", "webdataset")
FOLDERS = {"lerobot": "dataset", "mcap": "mcap", "webdataset": "webdataset"}
DELIVERED, REPORT, MANIFEST = "delivered.json", "report.json", "manifest.jsonl"


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Before any clip is driven. SessionError; MissingPackageError."""
    if odd := [name for name in formats if name not in FORMATS]:
        raise SessionError(f"There is no format '{odd[0][:40]}'; there are: {', '.join(FORMATS)}.")
    if "mcap" in formats:
        need("mcap", "mcap", "MCAP files")
    return tuple(dict.fromkeys(formats)) or FORMATS[:1]


def deliver(store: Store, formats: Sequence[str], note: Callable[[float, str], None] | None = None) -> dict[str, Any]:
    """The run's report. ExportError where the disk refuses: the clips themselves stay."""
    tell, formats, out = note or (lambda fraction, text: None), check_formats(formats), store.out
    found = report(store)
    rows = list(_manifest(store))
    mark = _mark(rows, formats)
    if _delivered(out) == mark:
        return found
    (out / DELIVERED).unlink(missing_ok=True)
    clips = list(kept(out))
    text = card(store.request, found, len(clips))
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
            out / REPORT: json.dumps(found, indent=1, ensure_ascii=False).encode(),
            out / "README.md": text.encode(),
            **pictures,
        }
    )
    write_whole(out / DELIVERED, json.dumps(mark, indent=1).encode())
    return found


def _manifest(store: Store) -> Iterator[dict[str, Any]]:
    """A line for every take: which job's, with which seed, what became of it, and its files by their sha256."""
    for job in store.request.jobs:
        for taken in store.result(job):
            folder = store.out / (CLIPS if taken.accepted else REJECTED)
            paths = sorted(folder.glob(f"{taken.stem}.*"))
            attempt = int(taken.stem.rpartition("-")[2])
            yield {
                "take": taken.stem,
                "job": job.id,
                "line": job.scenario.line,
                "text": job.scenario.text,
                "seed": job.take(attempt).seed,
                "accepted": taken.accepted,
                "reasons": list(taken.reasons),
                "synthetic": True,
                "files": {str(path.relative_to(store.out)): _sha256(path) for path in paths},
            }


def _mark(rows: Sequence[dict[str, Any]], formats: Sequence[str]) -> dict[str, Any]:
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False)
    return {"takes": len(rows), "formats": list(formats), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _delivered(out: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((out / DELIVERED).read_text())
        return found
    except (OSError, ValueError):
        return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


_FORMATS: dict[str, Callable[[Sequence[Kept], Path, str], Path]] = {
    "lerobot": lambda clips, folder, text: lerobot.write(clips, folder, text),
    "mcap": lambda clips, folder, text: mcap.write(clips, folder),
    "webdataset": lambda clips, folder, text: webdataset.write(clips, folder),
}
