"""Checks that damaged files are refused: one bit flipped, the end cut off, or something appended."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from brain.files import ADAPTER, CONFIG, WEIGHTS, checked, seal
from bridge.bench.faults.result import FaultResult
from bridge.errors import LucidriveError
from bridge.recording.clip import Clip, Moment
from bridge.recording.clip_files import check_clip, write_clip
from bridge.recording.recorder import MANIFEST, Recording
from bridge.recording.recover import look
from bridge.recording.state import load_state, save_state
from bridge.session import Session
from world.dream import AnyWorld, load_world, open_dream
from world.dynamics.policy import FOLDER, read_policy
from world.scene_world import SceneWorld

KINDS = ("flip", "cut", "append")


def corrupt(data: bytes, kind: str, chance: random.Random) -> bytes:
    """`data` with one damage of a kind of KINDS."""
    place = chance.randrange(len(data))
    if kind == "flip":
        return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
    return data[:place] if kind == "cut" else data + chance.randbytes(chance.randrange(1, 64))


def measure(
    model: AnyWorld, world: Path | None, moments: list[Moment], info: Clip, folder: Path, times: int
) -> list[FaultResult]:
    """`times` damages, evenly over weights (of scene worlds: the driver's), adapter, saved drives, clips and recordings. Refused: a typed
    error before anything of the file is used. info: a clip without moments.
    """
    weights = _linked(world or FOLDER, folder / "weights")
    use = partial(read_policy if isinstance(model, SceneWorld) else load_world, weights)
    adapter = _linked(ADAPTER, folder / "adapter")
    seal(adapter)
    sealed = [adapter / name for name in (WEIGHTS, CONFIG)]
    session = Session(partial(open_dream, model), 3)
    save_state(session, folder / "a.dream")
    clip = replace(info, moments=tuple(moments[:10]))
    video, sidecar = write_clip(clip, folder / "clips" / "a.mp4")
    recording = Recording(folder / "clips", info, lambda text: None)
    for moment in moments[:20]:
        recording.add(moment, info)
    recording.close()
    (drive,) = look(folder / "clips")
    segments = [path for path in drive.folder.iterdir() if path.name != MANIFEST]
    own = {path.name for path in (*weights.glob("*.safetensors"), weights / "config.json")}
    kinds: list[tuple[str, list[Path], Callable[[], object]]] = [
        ("weights", sorted(weights / name for name in own), use),
        ("the brain's adapter", sealed, partial(checked, adapter)),
        ("saved drives", [folder / "a.dream"], lambda: load_state(session, folder / "a.dream")),
        ("clips", [video, sidecar], partial(check_clip, video)),
        ("recordings", segments, partial(_check_drive, folder / "clips")),
    ]
    chance, share = random.Random(0), -(-times // len(kinds))
    return [_result(what, files, use, chance, share) for what, files, use in kinds]


def _result(what: str, files: list[Path], use: Callable[[], object], chance: random.Random, times: int) -> FaultResult:
    use()  # undamaged, it is accepted
    refused = 0
    for number in range(times):
        path = chance.choice(files)
        whole = path.read_bytes()
        _replace(path, corrupt(whole, KINDS[number % len(KINDS)], chance))
        try:
            use()
        except LucidriveError:
            refused += 1
        finally:
            _replace(path, whole)
    return FaultResult(
        f"{what}: flips, cuts, appends",
        f"{refused} of {times} refused before use",
        "all",
        refused == times,
        {"damaged": times, "refused": refused},
    )


def _check_drive(clips: Path) -> None:
    (drive,) = look(clips)
    if drive.damaged:
        raise LucidriveError("damaged")


def _linked(world: Path, folder: Path) -> Path:
    """A folder of links to the weights, so that damage is done to a copy of one file at a time."""
    folder.mkdir()
    for path in world.iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path.resolve())
    return folder


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)
