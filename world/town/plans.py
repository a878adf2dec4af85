"""Road graphs to learn streets from: made by SUMO's netgenerate with options that follow from a split and a number (extra `sim`)."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from world.errors import DataError
from world.processes import each, in_turn
from world.scene.character import Character, character_of
from world.scene.graph import LOOKS, PAVEMENT_WIDTH, RoadGraph, without_traps
from world.scene.places import ENDING, load, save
from world.scene.sumo import graph_of
from world.town.network import TOWNS, run_sumo

VERSION = 2  # of the options: raise it when one of them changes
FIRST = {
    "train": 2_000_000,
    "validation": 3_000_000,
    "test": 4_000_000,
}  # netgenerate's seeds; towns have those from 1,000 on
ABOUT = "networks.json"
ONE_WAY = 0.4  # share of networks in which some streets are one-way
BLOCKS = {"dense": (68, 112), "mixed": (76, 132), "suburban": (80, 150)}  # m
PLANS = {"grid": "grid", "random": "organic", "spider": "radial"}  # of world.town.network.TownCharacter


def plan(split: str, number: int) -> tuple[Character, list[str]]:
    """What a network is like, and netgenerate's options for it. DataError for a split that there is not."""
    if split not in FIRST:
        raise DataError(f"There is no split '{split}'; there are: {', '.join(FIRST)}.")
    rng = random.Random(f"plans-{VERSION}-{split}-{number}")
    kind, look = rng.choice(("grid", "organic", "organic", "radial")), rng.choice(LOOKS)
    lanes = rng.choice({"dense": (1, 2, 2, 3, 3, 4), "mixed": (1, 1, 2, 2, 3), "suburban": (1, 1, 1, 2)}[look])
    low, high = BLOCKS[look]
    block = rng.uniform(low + 9 * (lanes - 1), high + 9 * (lanes - 1))
    if kind == "grid":
        jitter = f"norm(0,{rng.uniform(0, 9):.1f})"
        options = ["--grid", "--grid.x-number", str(rng.randint(6, 9)), "--grid.y-number", str(rng.randint(6, 9))]
        options += ["--grid.x-length", f"{block:.1f}", "--grid.y-length", f"{block * rng.uniform(0.75, 1.35):.1f}"]
        options += ["--perturb-x", jitter, "--perturb-y", jitter]
    elif kind == "radial":
        options = ["--spider", "--spider.arm-number", str(rng.randint(5, 11)), "--spider.circle-number", "6"]
        options += ["--spider.space-radius", f"{block:.1f}", "--spider.omit-center"]
    else:
        spread = rng.uniform(12, 34)
        options = [
            "--rand",
            "--rand.iterations",
            str(rng.randint(90, 170)),
            "--rand.min-angle",
            str(rng.randint(52, 75)),
        ]
        options += ["--rand.min-distance", f"{block - spread:.1f}", "--rand.max-distance", f"{block + spread:.1f}"]
        options += [
            "--rand.connectivity",
            f"{rng.uniform(0.85, 0.99):.2f}",
            "--rand.neighbor-dist1",
            rng.choice("0013"),
        ]
        options += ["--rand.neighbor-dist2", rng.choice("248")] + ["--rand.grid"] * rng.randint(0, 1)
    options += ["--random-lanenumber"] * (lanes > 1 and rng.random() < 0.6)
    if rng.random() < ONE_WAY:
        options += ["--bidi-probability", f"{rng.uniform(0.75, 0.95):.2f}"]
    options += ["--default.lanenumber", str(lanes), "--seed", str(FIRST[split] + number), "--no-turnarounds"]
    return Character(kind, look, lanes), [
        *options,
        "--tls.guess",
        "--tls.guess.threshold",
        rng.choice(("40", "50", "70")),
    ]


def made(split: str, number: int) -> tuple[Character, RoadGraph]:
    """The graph of a number, as netgenerate makes it, with pavements everywhere. SimulatorError where SUMO is missing."""
    character, options = plan(split, number)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "made.net.xml"
        run_sumo("netgenerate", options, target, f"netgenerate could not build network {number}")
        graph = without_traps(graph_of(target, character.look or "mixed"))
    return character, replace(graph, streets=tuple(replace(s, pavement=PAVEMENT_WIDTH) for s in graph.streets))


def write(split: str, number: int, folder: Path) -> None:
    """One network's file, whole or not at all; its name says what it is like."""
    character, graph = made(split, number)
    name = f"{number:06d}-{character.look}-{character.plan}-{character.lanes}"
    aside = folder / f".{name}.tmp"
    save(graph, aside)
    aside.replace(folder / f"{name}{ENDING}")


def collect(
    folder: Path, count: int, split: str = "train", workers: int = 1, report: Callable[[int, int], None] | None = None
) -> None:
    """So many networks in a folder; those that are there stay. DataError for a folder of another split."""
    plan(split, 0)
    folder.mkdir(parents=True, exist_ok=True)
    about = folder / ABOUT
    if about.exists() or any(folder.glob(f"*{ENDING}")):
        of_split(folder, split)
    about.write_text(json.dumps({"version": VERSION, "split": split}))
    there = {int(path.name[:6]) for path in folder.glob(f"*{ENDING}")}
    missing = [(split, number, folder) for number in range(count) if number not in there]
    running = each(write, missing, workers, folder) if workers > 1 else in_turn(write, missing)
    for done, _ in enumerate(running):
        if report:
            report(count - len(missing) + done + 1, count)


def of_split(folder: Path, split: str) -> None:
    """DataError where a folder does not hold this split's networks."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        found, version = about["split"], about["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder} does not say which networks it holds ({ABOUT} is missing or damaged); let `lucidrive train streets` make some."
        ) from error
    if (found, version) != (split, VERSION):
        raise DataError(
            f"{folder} holds networks of {found} (version {version}); give some of {split} (version {VERSION})."
        )


def networks(folder: Path, split: str) -> list[tuple[Character, RoadGraph]]:
    """All of a folder. DataError: of another split, or none there."""
    of_split(folder, split)
    paths = sorted(folder.glob(f"*{ENDING}"))
    if not paths:
        raise DataError(f"{folder} holds no networks; let `lucidrive train streets` make some.")
    return [(character_of(path.name.removesuffix(ENDING).split("-")[1:]), load(path)) for path in paths]


def town_character(town: int) -> Character:
    """What a shipped town is like."""
    own = TOWNS[town]
    return Character(PLANS[own.plan], own.look, own.lanes)
