"""Training samples of roadsides: stretches of lined networks as tokens, with their surroundings; one file per network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from world.dynamics.roadside import USES, begun, boxes_of, conditions, rows_of
from world.errors import DataError
from world.processes import each, in_turn
from world.scene import roadside
from world.scene.build import build
from world.scene.frontage import Ground
from world.scene.graph import RoadGraph, without_traps
from world.scene.hd_map import HDMap
from world.scene.places import ENDING, FOLDER, load
from world.scene.plots import Prop
from world.scene.roadside_tokens import ROADSIDE, ROADSIDE_TOKENS, Reach, encode_stretch
from world.scene.stretches import props_of, standings, stretches
from world.town.network import SPLITS
from world.town.plans import FIRST, generate
from world.train.uses import line_street

VERSION = 3
ABOUT = "roadsides.json"
OTHERWISE = 0.3  # share of streets lined by a use instead of the rules
RADIUS = 260.0  # m, part of a network around its centre


@dataclass(frozen=True, eq=False)
class Lessons:
    """rows: float16 [N, ROWS, FEATURES]; there: bool [N, ROWS]; conditions: int [N, C]; tokens: int16 [N, L], END last,
    then -1.
    """

    rows: np.ndarray
    there: np.ndarray
    conditions: np.ndarray
    tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def lessons_of(place: HDMap, props: np.ndarray, random: np.random.Generator) -> Lessons:
    """One sample per stretch, in waves as they are dreamt: a wave sees everything in the waves before it."""
    every = stretches(place)
    objects, ground = standings(every, props), Ground.of(place)
    uses = {
        shape.street: str(random.choice(USES[1:])) if random.random() < OTHERWISE else USES[0]
        for shape in place.streets
    }
    standing_props, reaches = list[Prop](), dict[int, Reach]()
    samples: list[tuple[np.ndarray, np.ndarray, tuple[int, int], list[int]]] = []
    for wave in sorted({(one.corner, one.wave) for one in every}):
        after: list[Prop] = []
        for stretch, own in zip(every, objects, strict=True):
            if (stretch.corner, stretch.wave) != wave:
                continue
            use = uses[stretch.side.street]
            standing = line_street(use, stretch, own, random)
            values = conditions(place.graph.look, use)
            reach = reaches[id(stretch.side)] = begun(stretch, reaches)
            samples.append(
                (
                    *rows_of(stretch, place, ground, standing_props, boxes_of(standing_props)),
                    values,
                    encode_stretch(standing, reach),
                )
            )
            after += [prop for one in standing for prop in props_of(stretch, one)]
        standing_props += after
    tokens = np.full((len(samples), ROADSIDE_TOKENS), -1, np.int16)
    for k, (*_, own_tokens) in enumerate(samples):
        tokens[k, : len(own_tokens)] = own_tokens
    return Lessons(
        np.stack([one[0] for one in samples]).astype(np.float16),
        np.stack([one[1] for one in samples]),
        np.array([one[2] for one in samples], np.int64),
        tokens,
    )


def write(split: str, number: int, folder: Path) -> None:
    """Writes the lessons of one network, or of a shipped town for a negative number: whole or not at all."""
    graph = load(FOLDER / f"town-{-1 - number}{ENDING}") if number < 0 else middle(generate(split, number)[1], RADIUS)
    place = build(graph)
    lessons = lessons_of(place, roadside.line(place), np.random.default_rng([FIRST[split], number + 1000]))
    aside = folder / f".{number:06d}.tmp.npz"
    np.savez_compressed(
        aside, rows=lessons.rows, there=lessons.there, conditions=lessons.conditions, tokens=lessons.tokens
    )
    aside.replace(folder / f"{number:06d}.npz")


def middle(graph: RoadGraph, radius: float) -> RoadGraph:
    """The part of a graph within `radius` m of its centre."""
    xy = np.array([(j.x, j.y) for j in graph.junctions])
    near = np.hypot(*(xy - np.median(xy, 0)).T) < radius
    streets = tuple(street for street in graph.streets if near[street.start] and near[street.end])
    return without_traps(RoadGraph(graph.junctions, streets, graph.look))


def collect(
    folder: Path, count: int, split: str, workers: int = 1, report: Callable[[int, int], None] | None = None
) -> None:
    """Writes the lessons of `count` networks and of the split's shipped towns; existing files stay.

    DataError for an unknown split, or a folder of another one.
    """
    if split not in FIRST:
        raise DataError(f"There is no split '{split}'; there are: {', '.join(FIRST)}.")
    folder.mkdir(parents=True, exist_ok=True)
    about, description = folder / ABOUT, json.dumps({"version": VERSION, "split": split})
    if about.exists() and about.read_text() != description:
        raise DataError(f"{folder} holds roadsides of another split or version; name another folder.")
    about.write_text(description)
    numbers = [*range(count), *(-1 - town for town in SPLITS[split] if split == "train")]
    missing = [(split, k, folder) for k in numbers if not (folder / f"{k:06d}.npz").exists()]
    jobs = each(write, missing, workers, folder) if workers > 1 else in_turn(write, missing)
    for number, _ in enumerate(jobs):
        if report:
            report(len(numbers) - len(missing) + number + 1, len(numbers))


def lessons_in(folder: Path) -> Lessons:
    """All lessons of a folder. DataError where there are none, or a file is damaged."""
    parts: list[Lessons] = []
    for path in sorted(folder.glob("[0-9-]*.npz")):
        try:
            with np.load(path) as file:
                parts.append(Lessons(file["rows"], file["there"], file["conditions"], file["tokens"]))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise DataError(f"{path} is damaged ({error}); delete it, and it is made again.") from error
    if not parts:
        raise DataError(f"{folder} holds no roadsides; let `lucidrive train roadside` make some.")
    return Lessons(*(np.concatenate([getattr(one, name) for one in parts]) for name in Lessons.__dataclass_fields__))


def batch(lessons: Lessons, numbers: Sequence[int] | np.ndarray) -> tuple[np.ndarray, ...]:
    """A batch of samples: rows [B, ROWS, FEATURES], there, conditions, tokens and targets [B, L].

    tokens begin with BEGIN; targets are the next tokens, -100 for none and for tokens that are given.
    """
    own = lessons.tokens[numbers].astype(np.int64)
    longest, position_tokens = int((own >= 0).sum(1).max()), ROADSIDE.span("s")
    after = np.where((own >= 0) & ((own < position_tokens.start) | (own >= position_tokens.stop)), own, -100)[
        :, :longest
    ]
    tokens = np.concatenate([np.full((len(own), 1), ROADSIDE.begin), np.maximum(own, 0)], 1)[:, :longest]
    rows = lessons.rows[numbers].astype(np.float32)
    return rows, lessons.there[numbers], lessons.conditions[numbers], tokens, after
