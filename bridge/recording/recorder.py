"""A drive on the disk as it grows: nothing of it is lost but the last two seconds, whatever happens to the process.

    clips/.drives/20261121-171500-seed7/
        00000.mp4 00000.json    ten frames each, a clip of their own; both are there or none (bridge/disk.py)
        00001.mp4 00001.json
        .process                whose drive it is, as long as it is recorded
        manifest.json           last of all: every file with its sha256. A drive without one was cut off

The dreaming thread only hands frames over; a thread of the recording's own writes. Where the disk refuses, the recording
ends with a sentence and the dream goes on. `recover.py` looks through the folder.
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
from bridge.recording.clip import Clip, Moment, Said, sidecar
from bridge.recording.clip_files import encode_pictures, write_described
from bridge.session import Session
from world.files import sha256
from world.telling import Say

log = logging.getLogger(__name__)

DRIVES = ".drives"  # below the folder for clips
MANIFEST, PROCESS = "manifest.json", ".process"
FRAMES = 10  # of a segment
KEPT = 3  # whole drives; older ones make room
CRF = 10  # near lossless: a segment is encoded once more when it becomes a clip
WAITING = 60  # segments; a disk that is so far behind has failed


class Recording:
    """One drive's. `add` never waits; `tell` gets the sentence of a disk that refuses, once."""

    def __init__(self, clips: Path, told: Clip, tell: Say, disk: Disk = DISK) -> None:
        """told: what there is to say of the drive, its moments left out. The folder is made with the first segment."""
        self._clips, self._told, self._tell, self._disk = clips, replace(told, moments=()), tell, disk
        self.folder: Path | None = None
        self._moments: list[Moment] = []
        self._said: tuple[Said, ...] = ()  # of the segments before
        self._segments: queue.Queue[Clip | None] = queue.Queue()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="lucidrive-recording", daemon=True)
        self._thread.start()

    def add(self, moment: Moment, told: Clip) -> None:
        """The next frame. told: as above, up to now."""
        self._told = told
        self._moments.append(moment)
        if len(self._moments) >= FRAMES:
            self._cut()

    def end(self) -> None:
        """No more frames: the last segment is written yet, then the manifest. Does not wait for it."""
        self._cut()
        self._segments.put(None)

    def close(self, wait: float = 10.0) -> None:
        """Ends the drive, and waits for the disk."""
        self.end()
        self._thread.join(wait)

    def _cut(self) -> None:
        moments, self._moments = tuple(self._moments), []
        if not moments or self._failed:
            return
        said = tuple(one for one in self._told.said if not any(one is before for before in self._said))
        self._said = self._told.said
        if self._segments.qsize() >= WAITING:
            self._refuse(ExportError("The drive is not recorded any more: the disk is too slow."))
            return
        self._segments.put(replace(self._told, moments=moments, said=said))

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
    """Records whatever a session dreams, drive after drive: a reset begins another one. `see` belongs after every tick."""

    def __init__(self, session: Session, clips: Path, disk: Disk = DISK) -> None:
        self._session, self._clips, self._disk = session, clips, disk
        self._recording: Recording | None = None
        self._dream, self._index = session.dream, -1

    def see(self) -> None:
        moment, told = self._session.newest()
        other = self._session.dream is not self._dream and moment is not None and moment.frame.index != self._index + 1
        if moment is None or (moment.frame.index == self._index and not other):
            return
        if other and self._recording is not None:
            self._recording.end()
            self._recording = None
        self._dream = self._session.dream
        if self._recording is None:
            self._recording = Recording(self._clips, told, lambda text: self._session.tell(text, "error"), self._disk)
        self._index = moment.frame.index
        self._recording.add(moment, told)

    def go_on_in(self, session: Session, after: int) -> None:
        """Another session takes the place of this one; what it dreamt after that frame is recorded now."""
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
        if self._recording is not None:
            self._recording.close()


def write_segment(clip: Clip, out: Path, disk: Disk = DISK) -> None:
    """The pictures as they are, unenlarged, and what led to them. ExportError."""
    video = encode_pictures((moment.frame.image for moment in clip.moments), CRF)
    height, width = clip.moments[0].frame.image.shape[:2]
    write_described(out, video, sidecar(clip, (height, width)), disk)


def write_manifest(folder: Path, disk: Disk = DISK, **more: object) -> Path:
    """Every segment's files with their sha256, written when they are all there."""
    with refusing(folder):
        files = {path.name: sha256(path) for path in sorted(folder.glob("[0-9]*.*"))}
    text = json.dumps({"format": 1, "files": files, **more}, indent=1)
    return write_whole(folder / MANIFEST, text.encode(), disk)


def _begin(clips: Path, clip: Clip) -> Path:
    """A folder for the drive."""
    drives = clips / DRIVES
    folder = free_folder(drives, f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed{clip.seed}")
    with refusing(folder):
        (folder / PROCESS).write_text(str(os.getpid()))
    return folder


def _make_room(drives: Path) -> None:
    """Of the drives that ended well the oldest go; one that was cut off stays."""
    for old in sorted(path.parent for path in drives.glob(f"*/{MANIFEST}"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
