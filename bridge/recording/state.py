"""A drive as one file, to save, send and resume; with the same weights on the same machine it goes on to the last bit.

lucidrive drive 1 <sha256 of all that follows>\\n
safetensors: the dream's tensors; in its header, as JSON, the dream's values, the plan under way, the wheel and pedals
"""

from __future__ import annotations

import hashlib
import json
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from brain.plan import PlanError
from bridge.disk import DISK, Disk, write_whole
from bridge.errors import DataError, WeightsError
from bridge.recording.plan_state import timeline_from, timeline_plain
from bridge.session import Session
from world.dream import AnyWorld, goes_on, restore
from world.dynamics.dreamt import MARK as MARK_OF_STREETS
from world.dynamics.dreamt import is_dreamt
from world.scene.places import towns
from world.scene_world import SceneWorld

SUFFIX = ".dream"
MARK = b"lucidrive drive 1 "
HEAD = len(MARK) + 64 + 1
KEY = "lucidrive"


def pack(session: Session) -> bytes:
    """The drive's present state as bytes; where a loop runs it, call this by `Session.between_frames`."""
    tensors, values = session.dream.state()
    plain = {
        "dream": values,
        "timeline": timeline_plain(session.timeline),
        "pedals": session.pedals,
        "scene": session.snapshot().scene,
        "torch": torch.__version__,
    }
    body = save({name: value.contiguous() for name, value in tensors.items()}, {KEY: json.dumps(plain)})
    return MARK + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack(session: Session, data: bytes, name: str = "The file", maps: bool = True) -> None:
    """Continues a packed drive in `session`, which must have the same model; its own drive is dropped. Call it as `pack`.

    name: what messages call it; maps: whether its scene may be in a map file, which is then read from this machine's disk; False for
    files from strangers. DataError: damaged, no drive or in such a map, WeightsError: of other weights; the session stays as it was.
    """
    model = session.dream.model
    tensors, plain = _read(data, name)
    _check_weights(model, plain, name)
    try:
        place = plain["dream"]["place"] if isinstance(model, SceneWorld) else ""
        if not maps and place and place not in chain(*towns().values()) and not is_dreamt(place):
            raise DataError(f"{name} drives in a map of its own; go on with it by `lucidrive dream --load-state`.")
        dream = restore(model, tensors, plain["dream"])
        session.dream.fits(dream)
        timeline, pedals = timeline_from(plain["timeline"]), (float(plain["pedals"][0]), float(plain["pedals"][1]))
        own = [place.partition(MARK_OF_STREETS)[0]] if is_dreamt(place) else []
        names = chain(model.scenes, *towns().values(), own) if isinstance(model, SceneWorld) else model.scenes
        scene = plain["scene"] if plain["scene"] in names else None
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, AttributeError, PlanError) as error:
        raise _not_a_drive(name) from error
    session.continue_from(dream, timeline, pedals, scene)
    if plain["torch"] != torch.__version__:
        session.tell(f"This drive was saved with torch {plain['torch']}; its pictures may differ in the last bit.")


def save_state(session: Session, path: Path, disk: Disk = DISK) -> Path:
    """Writes the drive to a file and returns its path. ExportError."""
    return write_whole(path.expanduser(), pack(session), disk)


def load_state(session: Session, path: Path) -> None:
    """`unpack` of a file. DataError where it cannot be read; DataError, WeightsError as there."""
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); give another file.") from error
    unpack(session, data, path.name)


def _read(data: bytes, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    if not data.startswith(MARK):
        raise _not_a_drive(name)
    body = data[HEAD:]
    if data[len(MARK) : HEAD] != hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise DataError(f"{name} is damaged (its checksum is another); get it once more from where it was saved.")
    try:
        length = int.from_bytes(body[:8], "little")
        plain = json.loads(json.loads(body[8 : 8 + length])["__metadata__"][KEY])
        return load(body), plain
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _not_a_drive(name) from error


def _check_weights(model: AnyWorld, plain: dict[str, Any], name: str) -> None:
    try:
        weights = plain["dream"]["weights"]
        same = bool(weights) and goes_on(model, weights)
    except (AttributeError, KeyError, TypeError) as error:
        raise _not_a_drive(name) from error
    if not same:
        raise WeightsError(
            f"{name} was dreamt by other weights than those loaded; start lucidrive with those (`--world`, `--traffic`) to go on with it."
        )


def _not_a_drive(name: str) -> DataError:
    return DataError(f"{name} is no saved drive of this version of lucidrive; save it again with this one.")
