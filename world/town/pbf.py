"""Reads OpenStreetMap's binary files (.osm.pbf): blocks of protocol buffers, each compressed by itself.

https://wiki.openstreetmap.org/wiki/PBF_Format defines the field numbers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from world.errors import SimulatorError
from world.town.osm_parts import Nodes, Part, Relation, Tags, Way

FEATURES = {b"OsmSchema-V0.6", b"DenseNodes"}
MOST_BLOB = 64 * 2**20  # bytes; twice the format's own limit
KINDS = ("node", "way", "relation")
Field = tuple[int, int | bytes]


def parts(path: Path) -> Iterator[Part]:
    """Yields the parts of a file.

    SimulatorError where it is cut off, damaged, or compressed in a way that we cannot read.
    """
    with path.open("rb") as file:
        try:
            while head := file.read(4):
                (length,) = struct.unpack(">I", head)
                blob = dict(_fields(_exactly(file, length)))
                data = _decompress(path, dict(_fields(_exactly(file, int(blob[3])))))
                if blob[1] == b"OSMHeader":
                    _check(path, data)
                elif blob[1] == b"OSMData":
                    yield from _block(data)
        except (struct.error, KeyError, IndexError, ValueError, TypeError, UnicodeDecodeError, OverflowError) as error:
            raise SimulatorError(f"{path} is cut off or damaged ({error}); get it once more.") from error


def _exactly(file: IO[bytes], count: int) -> bytes:
    if count > MOST_BLOB:
        raise ValueError("a block is larger than blocks are")
    data = file.read(count)
    if len(data) < count:
        raise ValueError("it ends in the middle of a block")
    return data


def _decompress(path: Path, blob: dict[int, int | bytes]) -> bytes:
    if 1 in blob:
        return _bytes(blob[1])
    if 3 in blob:
        stream = zlib.decompressobj()
        data = stream.decompress(_bytes(blob[3]), MOST_BLOB)
        if not stream.eof:
            raise ValueError("a packed block is not whole")
        return data
    raise SimulatorError(f"{path} is packed in another way than zlib; convert it with `osmium cat -o other.osm.pbf`.")


def _check(path: Path, header: bytes) -> None:
    if odd := {value for number, value in _fields(header) if number == 4} - FEATURES:
        names = ", ".join(sorted(str(value, "utf-8", "replace") for value in map(_bytes, odd)))
        raise SimulatorError(f"{path} needs what we do not read ({names}); export it without that.")


def _block(data: bytes) -> Iterator[Part]:
    strings: list[str] = []
    groups: list[bytes] = []
    scale, lat0, lon0 = 100, 0, 0
    for number, value in _fields(data):
        if number == 1:
            strings = [str(_bytes(text), "utf-8", "replace") for at, text in _fields(_bytes(value)) if at == 1]
        elif number == 2:
            groups.append(_bytes(value))
        elif number == 17:
            scale = int(value)
        elif number in (19, 20):
            offset = int(np.array(value, np.uint64).astype(np.int64))
            lat0, lon0 = (offset, lon0) if number == 19 else (lat0, offset)
    for group in groups:
        for number, value in _fields(group):
            if number in (1, 2):
                ids, lat, lon, tags = (_node if number == 1 else _dense)(_bytes(value), strings)
                yield Nodes(ids, 1e-9 * (lat0 + scale * lat), 1e-9 * (lon0 + scale * lon), tags)
            elif number in (3, 4):
                yield (_way if number == 3 else _relation)(_bytes(value), strings)


Columns = tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, Tags]]


def _node(data: bytes, strings: list[str]) -> Columns:
    fields = _merge(data)
    ids, lat, lon = (_zigzag(_numbers(fields[number])) for number in (1, 8, 9))
    tags = _tags(fields, strings)
    return ids, lat, lon, {0: tags} if tags else {}


def _dense(data: bytes, strings: list[str]) -> Columns:
    fields = _merge(data)
    ids, lat, lon = (np.cumsum(_zigzag(_numbers(fields[number]))) for number in (1, 8, 9))
    if not len(ids) == len(lat) == len(lon):
        raise ValueError("nodes without a place")
    key_values = _numbers(fields.get(10, b"")).astype(np.int64)
    tags: dict[int, Tags] = {}
    if len(key_values):
        ends = np.flatnonzero(key_values == 0)  # 0 ends the tags of a node
        for place, (begin, end) in enumerate(pairwise([-1, *ends.tolist()])):
            if end > begin + 1:
                pair = [strings[k] for k in key_values[begin + 1 : end].tolist()]
                tags[place] = dict(zip(pair[::2], pair[1::2], strict=True))
    return ids, lat, lon, tags


def _way(data: bytes, strings: list[str]) -> Way:
    fields = _merge(data)
    refs = np.cumsum(_zigzag(_numbers(fields.get(8, b""))))
    return Way(int(_numbers(fields[1])[0]), tuple(refs.tolist()), _tags(fields, strings))


def _relation(data: bytes, strings: list[str]) -> Relation:
    fields = _merge(data)
    roles, kinds = (_numbers(fields.get(number, b"")).tolist() for number in (8, 10))
    ids = np.cumsum(_zigzag(_numbers(fields.get(9, b"")))).tolist()
    members = [(KINDS[kind], one, strings[role]) for kind, one, role in zip(kinds, ids, roles, strict=True)]
    return Relation(int(_numbers(fields[1])[0]), tuple(members), _tags(fields, strings))


def _tags(fields: dict[int, bytes], strings: list[str]) -> Tags:
    keys, values = (_numbers(fields.get(number, b"")).tolist() for number in (2, 3))
    return {strings[key]: strings[value] for key, value in zip(keys, values, strict=True)}


def _merge(data: bytes) -> dict[int, bytes]:
    """Fields with their bytes; numbers, which may come one by one instead of packed, are packed as varints."""
    fields: dict[int, bytes] = {}
    for number, value in _fields(data):
        fields[number] = fields.get(number, b"") + (value if isinstance(value, bytes) else _varint(value))
    return fields


def _fields(data: bytes) -> Iterator[Field]:
    """Yields number and value of each field of a message."""
    place = 0
    while place < len(data):
        key, place = _read(data, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _read(data, place)
            yield number, value
            continue
        if wire == 2:
            length, place = _read(data, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"a field of kind {wire}")
        if place + length > len(data):
            raise ValueError("a field is longer than its message")
        yield number, data[place : place + length]
        place += length


def _read(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError("a number is too long")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _numbers(data: bytes) -> np.ndarray:
    """Decodes packed varints, uint64 [N]."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    if not len(raw):
        return np.zeros(0, np.uint64)
    if not len(ends) or ends[-1] != len(raw) - 1:
        raise ValueError("a number is cut off")
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(raw)) - np.repeat(starts, ends - starts + 1)
    if place.max() > 9:
        raise ValueError("a number is too long")
    return np.add.reduceat((raw & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64), starts)


def _zigzag(values: np.ndarray) -> np.ndarray:
    """Decodes zigzag: 0, 1, 2, 3 become 0, -1, 1, -2; int64."""
    half = (values >> np.uint64(1)).astype(np.int64)
    return np.where(values & np.uint64(1), ~half, half)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where text is due")
    return value
