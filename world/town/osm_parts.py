"""Streams an OpenStreetMap file in batches, as XML (plain, gzip, bzip2) or PBF: files may be larger than memory."""

from __future__ import annotations

import bz2
import gzip
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from world.errors import SimulatorError

BATCH = 20_000  # nodes
Tags = dict[str, str]


@dataclass(frozen=True, slots=True)
class Nodes:
    """A batch of nodes.

    ids: int64 [N]; lat, lon: float64 [N] in degrees; tags: by index in the batch, where there are any.
    """

    ids: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    tags: dict[int, Tags]


@dataclass(frozen=True, slots=True)
class Way:
    """A way. refs: ids of its nodes in order."""

    id: int
    refs: tuple[int, ...]
    tags: Tags


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation. members: type (node, way, relation), id, role."""

    id: int
    members: tuple[tuple[str, int, str], ...]
    tags: Tags


Part = Nodes | Way | Relation


def parts(path: Path) -> Iterator[Part]:
    """Yields everything in a file, in order; its first bytes give its format.

    SimulatorError where it is none, or damaged.
    """
    if not path.is_file():
        raise SimulatorError(f"There is no file {path}; export a part of OpenStreetMap as .osm first.")
    try:
        with path.open("rb") as file:
            head = file.read(32)
        if b"OSMHeader" in head:
            from world.town.pbf import parts as pbf_parts

            yield from pbf_parts(path)
        else:
            with _open(path, head) as file:
                yield from _xml(path, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SimulatorError(f"{path} is cut off or damaged ({error}); get it once more.") from error
    except OSError as error:
        raise SimulatorError(
            f"{path} cannot be read ({(error.strerror or str(error)).lower()}); get it once more."
        ) from error


def _open(path: Path, head: bytes) -> IO[bytes]:
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path))
    if head.startswith(b"BZh"):
        return cast(IO[bytes], bz2.open(path))
    return path.open("rb")


def _xml(path: Path, file: IO[bytes]) -> Iterator[Part]:
    rows: list[tuple[int, float, float]] = []
    tags: dict[int, Tags] = {}
    root: ET.Element | None = None
    try:
        for event, element in ET.iterparse(file, events=("start", "end")):
            if root is None:
                root = element
                if element.tag != "osm":
                    raise SimulatorError(
                        f"{path} is no OpenStreetMap file (it begins with <{element.tag}>); export it as .osm."
                    )
            if event == "start" or element.tag not in ("node", "way", "relation"):
                continue
            own = {tag.attrib["k"]: tag.attrib["v"] for tag in element.iter("tag")}
            if element.get("visible") == "false" or element.get("action") == "delete":
                pass
            elif element.tag == "node":
                if own:
                    tags[len(rows)] = own
                rows.append((int(element.attrib["id"]), float(element.attrib["lat"]), float(element.attrib["lon"])))
                if len(rows) == BATCH:
                    yield _nodes(rows, tags)
                    rows, tags = [], {}
            elif element.tag == "way":
                yield Way(int(element.attrib["id"]), tuple(int(nd.attrib["ref"]) for nd in element.iter("nd")), own)
            else:
                members = [(m.get("type", ""), int(m.attrib["ref"]), m.get("role", "")) for m in element.iter("member")]
                yield Relation(int(element.attrib["id"]), tuple(members), own)
            root.clear()
    except (ET.ParseError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise SimulatorError(
            f"{path} is damaged or no OpenStreetMap XML ({error}); export it again as .osm."
        ) from error
    if rows:
        yield _nodes(rows, tags)


def _nodes(rows: list[tuple[int, float, float]], tags: dict[int, Tags]) -> Nodes:
    ids, lat, lon = zip(*rows, strict=True)
    return Nodes(np.array(ids, np.int64), np.array(lat), np.array(lon), tags)
