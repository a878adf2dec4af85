"""Records a drive on the disk as it grows: whatever happens to the process, at most the last two seconds are lost.

    clips/.drives/20261121-171500-seed7/
        00000.mp4 00000.json    ten frames each, a clip of their own; both are there or none (bridge/disk.py)
        00001.mp4 00001.json
        .process                the recording process, as long as it records
        manifest.json           written last: every file with its sha256. A drive without one was cut off

The dreaming thread only hands frames over; the recording's own thread writes. Where the disk refuses, the recording ends with a
sentence and the dream goes on. `recover.py` reads the folder.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bridge.disk import DISK, Disk, free_folder, refusing, write_whole
from bridge.errors import ExportError
from bridge.recording.clip import Clip, Exchange, Moment, sidecar
from bridge.recording.clip_files import encode_pictures, write_with_sidecar
from bridge.session import Session
from world.files import sha256
from world.telling import Say

log = logging.getLogger(__name__)

DRIVES = ".drives"  # below the folder for clips
MANIFEST, PROCESS = "manifest.json", ".process"
FRAMES = 10  # of a segment
MOST_DRIVES = 3  # complete ones; older ones are removed
CRF = 10  # near lossless: a segment is encoded once more when it becomes a clip
MOST_WAITING = 60  # segments; a disk that is further behind counts as failed


class Recording:
    """Records one drive. `add` never waits for the disk; tell: gets one sentence where the disk refuses."""

    def __init__(self, clips: Path, info: Clip, tell: Say, disk: Disk = DISK) -> None:
        """info: the drive's clip, whose moments do not matter. The folder is made with the first segment."""
        self._clips, self._info, self._tell, self._disk = clips, replace(info, moments=()), tell, disk
        self.folder: Path | None = None
        self._moments: list[Moment] = []
        self._exchanges: tuple[Exchange, ...] = ()  # of earlier segments
        self._segments: queue.Queue[Clip | None] = queue.Queue()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="lucidrive-recording", daemon=True)
        self._thread.start()

    def add(self, moment: Moment, info: Clip) -> None:
        """Adds the next frame. info: the drive's clip up to now."""
        self._info = info
        self._moments.append(moment)
        if len(self._moments) >= FRAMES:
            self._cut()

    def end(self) -> None:
        """Ends the drive without waiting: its thread writes the last segment and the manifest."""
        self._cut()
        self._segments.put(None)

    def close(self, wait: float = 10.0) -> None:
        """Ends the drive and waits at most `wait` s for the disk."""
        self.end()
        self._thread.join(wait)

    def _cut(self) -> None:
        moments, self._moments = tuple(self._moments), []
        if not moments or self._failed:
            return
        exchanges = tuple(one for one in self._info.exchanges if not any(one is old for old in self._exchanges))
        self._exchanges = self._info.exchanges
        if self._segments.qsize() >= MOST_WAITING:
            self._refuse(ExportError("The drive is not recorded any more: the disk is too slow."))
            return
        self._segments.put(replace(self._info, moments=moments, exchanges=exchanges))

    def _run(self) -> None:
        number = 0
        while (clip := self._segments.get()) is not None:
            if self._failed:
                continue
            try:
                if self.folder is None:
                    self.folder = _begin(self._clips, clip)
                write_segment(clip, self.folder / f"{number:05d}.mp4", self._disk)
                number += 1
            except ExportError as error:
                self._refuse(error)
            except Exception as error:  # a recording is never worth a drive
                log.exception("a segment could not be written")
                self._refuse(ExportError(f"The drive is not recorded any more ({type(error).__name__})."))
        if self.folder is not None:
            try:
                write_manifest(self.folder, self._disk)
            except ExportError as error:
                self._refuse(error)
            (self.folder / PROCESS).unlink(missing_ok=True)
            _make_room(self._clips / DRIVES)

    def _refuse(self, error: ExportError) -> None:
        if not self._failed:
            self._failed = True
            self._tell(str(error))


class Recorder:
    """Records a session, drive after drive: a reset starts another. Call `update` after every tick."""

    def __init__(self, session: Session, clips: Path, disk: Disk = DISK) -> None:
        self._session, self._clips, self._disk = session, clips, disk
        self._recording: Recording | None = None
        self._dream, self._index = session.dream, -1

    def update(self) -> None:
        """Records the newest frame, where it is new."""
        moment, info = self._session.newest()
        other = self._session.dream is not self._dream and moment is not None and moment.frame.index != self._index + 1
        if moment is None or (moment.frame.index == self._index and not other):
            return
        if other and self._recording is not None:
            self._recording.end()
            self._recording = None
        self._dream = self._session.dream
        if self._recording is None:
            self._recording = Recording(self._clips, info, lambda text: self._session.tell(text, "error"), self._disk)
        self._index = moment.frame.index
        self._recording.add(moment, info)

    def go_on_in(self, session: Session, after: int) -> None:
        """Goes on with another session; its frames after `after` are recorded at once."""
        if self._recording is not None:
            self._recording.end()
        self._session, self._recording, self._dream, self._index = session, None, session.dream, after
        clip = session.clip()
        later = [moment for moment in clip.moments if moment.frame.index > after]
        if not later:
            return
        self._recording = Recording(self._clips, clip, lambda text: session.tell(text, "error"), self._disk)
        for moment in later:
            self._index = moment.frame.index
            self._recording.add(moment, replace(clip, moments=()))

    def close(self) -> None:
        """Ends the recording and waits for the disk."""
        if self._recording is not None:
            self._recording.close()


def write_segment(clip: Clip, out: Path, disk: Disk = DISK) -> None:
    """Writes a clip at its own picture size, with its sidecar. ExportError."""
    video = encode_pictures((moment.frame.image for moment in clip.moments), CRF)
    height, width = clip.moments[0].frame.image.shape[:2]
    write_with_sidecar(out, video, sidecar(clip, (height, width)), disk)


def write_manifest(folder: Path, disk: Disk = DISK, **more: object) -> Path:
    """Writes the manifest: all segments' files with their sha256, and `more`. ExportError."""
    with refusing(folder):
        files = {path.name: sha256(path) for path in sorted(folder.glob("[0-9]*.*"))}
    text = json.dumps({"format": 1, "files": files, **more}, indent=1)
    return write_whole(folder / MANIFEST, text.encode(), disk)


def _begin(clips: Path, clip: Clip) -> Path:
    """A new folder for the drive. ExportError."""
    drives = clips / DRIVES
    folder = free_folder(drives, f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed{clip.seed}")
    with refusing(folder):
        (folder / PROCESS).write_text(str(os.getpid()))
    return folder


def _make_room(drives: Path) -> None:
    """Removes the oldest complete drives; those that were cut off stay."""
    for old in sorted(path.parent for path in drives.glob(f"*/{MANIFEST}"))[:-MOST_DRIVES]:
        shutil.rmtree(old, ignore_errors=True)
