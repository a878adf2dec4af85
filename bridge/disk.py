"""Durable writes: several files are written whole and all of them, or none; what was there before stays until then.

clips/.saving-4711-9f3a/new/      all files are written and flushed here first
                        ready/    new, renamed: from now on a later process finishes the work (`mend`)
                        old/      the files about to be replaced, for the case that the disk refuses half-way
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bridge.errors import ExportError

SAVING, NEW, READY, OLD = ".saving-", "new", "ready", "old"

REASONS = {
    errno.ENOSPC: "the disk is full: free some room",
    errno.EDQUOT: "your share of the disk is used up: free some room",
    errno.EACCES: "it may not be written: choose a folder of your own",
    errno.EPERM: "it may not be written: choose a folder of your own",
    errno.EROFS: "its disk is read-only: choose another folder",
    errno.ENOTDIR: "a part of its path is a file: choose another folder",
    errno.EISDIR: "it is a folder: choose a file's name",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
    errno.ENOENT: "its folder does not exist and cannot be made: choose another",
}


class Disk:
    """The operations of durable writes; each raises OSError. `bridge.bench.faults.disk` fails, or is killed, at any of them."""

    def folder(self, path: Path) -> None:
        """Makes a folder, with its parents; one that is there is no error."""
        path.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """Writes a new file."""
        with path.open("xb", buffering=0) as file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]

    def flush(self, path: Path) -> None:
        """Waits until the file or folder is on the disk. Windows cannot flush folders, and need not."""
        if path.is_dir() and os.name == "nt":
            return
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def keep(self, path: Path, copy: Path) -> None:
        """Gives a file a second name by a hard link, or a copy where there are no links."""
        try:
            os.link(path, copy)
        except OSError:
            shutil.copyfile(path, copy)

    def rename(self, old: Path, new: Path) -> None:
        """Renames a file or folder, over one that is there."""
        old.replace(new)


DISK = Disk()


def write_files(files: Mapping[Path, bytes], disk: Disk = DISK) -> None:
    """Writes all files, which are in one folder, or none. ExportError; then everything is as before."""
    first = next(iter(files))
    with refusing(first):
        if any(path.is_dir() for path in files):
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        room = first.parent / f"{SAVING}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            _prepare(room, files, disk)
            for path in files:
                disk.rename(room / READY / path.name, path)
            disk.flush(first.parent)
        except BaseException:
            _undo(room, files)
            raise
        finally:
            shutil.rmtree(room, ignore_errors=True)


def write_whole(path: Path, data: bytes, disk: Disk = DISK) -> Path:
    """`write_files` of one file; returns its path. ExportError."""
    write_files({path: data}, disk)
    return path


def mend(folder: Path) -> None:
    """Finishes or undoes writes in `folder` of processes that are gone. OSError."""
    for room in folder.glob(f"{SAVING}*"):
        if is_running(room.name.removeprefix(SAVING).partition("-")[0]):
            continue
        for path in sorted((room / READY).glob("*")):
            path.replace(folder / path.name)
        shutil.rmtree(room, ignore_errors=True)


def is_running(pid: str) -> bool:
    """Whether a process of this number runs here."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def free_name(folder: Path, stem: str) -> Path:
    """`folder/stem.mp4`, or with a number where that or its sidecar exists. ExportError where the folder cannot be read."""
    number, path = 1, folder / f"{stem}.mp4"
    with refusing(path):
        while path.exists() or path.with_suffix(".json").exists():
            number += 1
            path = folder / f"{stem}-{number}.mp4"
    return path


def check_place(path: Path, room: int = 0) -> None:
    """Checks a path before the work. ExportError where no file can be written there, or its disk has fewer than `room` bytes left."""
    path = path.expanduser()
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        if path.is_dir():
            raise OSError(errno.EISDIR, "")
        with aside(folder / path.name):
            free = shutil.disk_usage(folder).free
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} could not be saved: {reason(error)}.") from error
    if free < room:
        raise ExportError(
            f"{path} may take {room / 2**20:,.0f} MiB, and its disk has {free / 2**20:,.0f} MiB left: free some room."
        )


def free_folder(parent: Path, stem: str) -> Path:
    """Makes a new folder `parent/stem`, or with a number where that exists. ExportError."""
    number, path = 1, parent / stem
    with refusing(path):
        while True:
            try:
                path.mkdir(parents=True)
                return path
            except FileExistsError:
                number += 1
                path = parent / f"{stem}-{number}"


@contextmanager
def refusing(out: Path) -> Iterator[None]:
    """Turns OSError and ValueError into an ExportError of one sentence."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise ExportError(f"{out} was not saved: {reason(error)}; the dream goes on.") from error


def reason(error: OSError | ValueError) -> str:
    """Why the system refused and what to do, to follow a colon."""
    code, text = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
    return REASONS.get(code or 0) or f"the system refused ({(text or str(error)).lower()}): try another folder"


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A temporary hidden file beside `path` with the same suffix, for libraries that write themselves; removed afterwards. OSError."""
    temporary = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        temporary.open("xb").close()
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _prepare(room: Path, files: Mapping[Path, bytes], disk: Disk) -> None:
    disk.folder(room / NEW)
    disk.folder(room / OLD)
    for path, data in files.items():
        new = room / NEW / path.name
        disk.write(new, data)
        disk.flush(new)
        if new.stat().st_size != len(data):
            raise OSError(errno.EIO, "only a part of it was written")
        if path.exists():
            disk.keep(path, room / OLD / path.name)
    disk.flush(room / NEW)
    disk.rename(room / NEW, room / READY)
    disk.flush(room)


def _undo(room: Path, files: Mapping[Path, bytes]) -> None:
    """Takes back the renames that were done."""
    if not (room / READY).is_dir():
        return
    for path in files:
        if (room / READY / path.name).exists():
            continue
        if (room / OLD / path.name).exists():
            (room / OLD / path.name).replace(path)
        else:
            path.unlink(missing_ok=True)
