"""A scenario matrix: the product of its axes, with includes, excludes and a cap; and the counts of what it covers."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from bridge.factory.scenario import AXES, NONE, SIDED, Scenario, ScenarioError, check_word, of_line, of_words

MOST = 20_000  # clips that a matrix may have without a cap
ENUMERABLE = 1_000_000  # scenarios up to which a product is gone through one by one; above, it is sampled
NAMES = {  # an axis in the file -> the same of a scenario
    "events": "event",
    "sides": "side",
    "levels": "level",
    "weather": "weather",
    "times": "time",
    "manoeuvres": "manoeuvre",
    "speeds": "speed",
    "at": "at",
}
OF_EVENTS = ("side", "level", "at")  # mean nothing where there is no event
Reader = Callable[[str], Scenario]  # makes a scenario of a sentence


@dataclass(frozen=True)
class Matrix:
    """axes: values by the names of a scenario's axes; seeds: how many clips a scenario, or their seeds; include, exclude: scenarios as
    in `of_words`, or with `plan` or `say`; cap: most clips in all.
    """

    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    seeds: int | tuple[int, ...] = 1
    include: tuple[Mapping[str, Any], ...] = ()
    exclude: tuple[Mapping[str, Any], ...] = ()
    cap: int | None = None

    @property
    def clips_each(self) -> int:
        """Clips of each scenario."""
        return self.seeds if isinstance(self.seeds, int) else len(self.seeds)

    @property
    def product(self) -> int:
        """Number of combinations of the axes, before excludes."""
        return math.prod(map(len, self.axes.values())) if self.axes else 0


@dataclass(frozen=True)
class MatrixRecipe:
    """A YAML file: its matrix, and its settings of the run by the names of `SETTINGS`."""

    matrix: Matrix
    settings: Mapping[str, Any]


SETTINGS = {
    "name": str,
    "seconds": float,
    "retries": int,
    "scene": str,
    "size": str,
    "vary": bool,
    "labels": bool,
    "seed": int,
    "traffic": str,
    "reckless": float,
}
ALONE = ("plan", "say")  # keys that are the whole of an included scenario


def load(path: Path, cap: int | None = None) -> MatrixRecipe:
    """Reads a YAML file; `cap` overrides its own. ScenarioError for a file that is no matrix, with the word that is wrong."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path} cannot be read as YAML ({' '.join(str(error).split())}); mend it.") from error
    return recipe(raw, str(path), cap)


def recipe(raw: Any, where: str, cap: int | None = None) -> MatrixRecipe:
    """A matrix of plain values. where: what messages call it. ScenarioError with the word that is wrong."""
    keys = (*NAMES, *(item.name for item in fields(Matrix) if item.name != "axes"), *SETTINGS)
    if not isinstance(raw, dict):
        raise ScenarioError(
            f"{where} holds no matrix; give axes such as `events: [ped_cross]` and `weather: [rain(2)]`."
        )
    if odd := [str(name) for name in raw if name not in keys]:
        raise ScenarioError(f"{where} has an unknown key '{odd[0][:40]}'; there are: {', '.join(keys)}.")
    axes = {NAMES[name]: _axis(NAMES[name], raw[name], where) for name in NAMES if name in raw}
    settings = {name: _setting(name, kind, raw[name], where) for name, kind in SETTINGS.items() if name in raw}
    lists = {name: tuple(_scenarios(raw.get(name), name, where)) for name in ("include", "exclude")}
    limit = cap if cap is not None else raw.get("cap")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ScenarioError(f"{where}: cap is the most clips there may be, a whole number from 1 on, not '{limit}'.")
    return MatrixRecipe(Matrix(axes, _seeds(raw.get("seeds", 1), where), cap=limit, **lists), settings)


def expand(matrix: Matrix, read: Reader | None = None, first_seed: int = 0) -> list[tuple[Scenario, int]]:
    """Every clip's scenario and seed, in order. read: makes scenarios of `say`. ScenarioError where there is none, or too many.

    With a cap the clips are spread over the scenarios: one of each before a second of any; where there are more scenarios
    than that, a sample of them that is the same every time.
    """
    each = matrix.clips_each
    most = each * (matrix.product + len(matrix.include))
    if matrix.cap is None and most > MOST:
        raise ScenarioError(
            f"This matrix asks for {most:,} clips, more than {MOST:,}; say how many there may be with --cap."
        )
    scenarios = _includes(matrix, read) + list(_sample(matrix))
    scenarios = list({scenario.line: scenario for scenario in scenarios}.values())
    if not scenarios:
        raise ScenarioError("This matrix is empty: it has no axis, or its excludes leave nothing; give it some values.")
    numbers = range(first_seed, first_seed + each) if isinstance(matrix.seeds, int) else matrix.seeds
    numbers = numbers if matrix.cap is None else numbers[: matrix.cap]
    clips = [(scenario, seed) for seed in numbers for scenario in scenarios]
    return clips if matrix.cap is None else clips[: matrix.cap]


def coverage(scenarios: Sequence[Scenario]) -> dict[str, dict[str, int]]:
    """How many clips have each word of each axis, and, as `event x weather` and `event x time`, each pair."""
    table: dict[str, Counter[str]] = {}
    for scenario in scenarios:
        words = scenario.words()
        for axis, word in words.items():
            table.setdefault(axis, Counter())[word] += 1
        for other in ("weather", "time", "manoeuvre"):
            table.setdefault(f"event x {other}", Counter())[f"{words['event']} x {words[other]}"] += 1
    return {axis: dict(sorted(counts.items())) for axis, counts in table.items()}


def _sample(matrix: Matrix) -> Iterator[Scenario]:
    """The product without its excludes; with a cap below its size, a random sample of that size."""
    if not matrix.axes:
        return
    if matrix.product <= ENUMERABLE:
        cells = [cell for number in range(matrix.product) if not _excluded(cell := _cell(matrix, number), matrix)]
        cells = _distinct(cells)
        if matrix.cap is not None and len(cells) > matrix.cap:
            cells = [cells[number] for number in sorted(random.Random(0).sample(range(len(cells)), matrix.cap))]
        yield from map(of_words, cells)
        return
    assert matrix.cap is not None
    chance, sample, trials = random.Random(0), dict[str, Scenario](), 0
    while len(sample) < matrix.cap and trials < 20 * matrix.cap + 1000:
        trials += 1
        cell = _cell(matrix, chance.randrange(matrix.product))
        if not _excluded(cell, matrix):
            scenario = of_words(cell)
            sample.setdefault(scenario.line, scenario)
    yield from sample.values()


def _cell(matrix: Matrix, number: int) -> dict[str, Any]:
    """The combination of that number, without the axes that mean nothing in it."""
    cell = {}
    for axis, values in reversed(list(matrix.axes.items())):
        number, place = divmod(number, len(values))
        cell[axis] = values[place]
    event = cell.get("event", NONE)
    for axis in OF_EVENTS:
        if event == NONE or (axis == "side" and event not in SIDED):
            cell.pop(axis, None)
    return cell


def _distinct(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({repr(sorted(cell.items())): cell for cell in cells}.values())


def _excluded(cell: Mapping[str, Any], matrix: Matrix) -> bool:
    return any(all(cell.get(axis) == value for axis, value in rule.items()) for rule in matrix.exclude)


def _includes(matrix: Matrix, read: Reader | None) -> list[Scenario]:
    scenarios = []
    for values in matrix.include:
        if "plan" in values:
            scenarios.append(of_line(str(values["plan"])))
        elif "say" in values:
            if read is None:
                raise ScenarioError("A `say` needs the language model to be read; write it as a `plan` instead.")
            scenarios.append(read(str(values["say"])))
        else:
            scenarios.append(of_words(values))
    return scenarios


def _axis(axis: str, raw: Any, where: str) -> tuple[Any, ...]:
    values = raw if isinstance(raw, list) else [raw]
    if not values or any(isinstance(value, (dict, list)) for value in values):
        raise ScenarioError(
            f"{where}: the axis of each {axis} is a list of words, such as {', '.join(AXES[axis][:3])}."
        )
    return tuple(dict.fromkeys(check_word(axis, NONE if value is None else value) for value in values))


def _scenarios(raw: Any, name: str, where: str) -> Iterator[dict[str, Any]]:
    if raw is not None and (not isinstance(raw, list) or not all(isinstance(one, dict) and one for one in raw)):
        raise ScenarioError(f"{where}: {name} is a list of scenarios, such as - {{event: animal, time: night}}.")
    for one in raw or ():
        alone = [key for key in ALONE if key in one]
        if alone and (len(one) > 1 or name == "exclude"):
            raise ScenarioError(f"{where}: `{alone[0]}` stands alone, in an include; exclude by words.")
        if odd := [str(key) for key in one if key not in (*AXES, *ALONE)]:
            raise ScenarioError(
                f"{where}: a scenario has no '{odd[0][:40]}'; it may have {', '.join((*AXES, *ALONE))}."
            )
        yield {key: value if key in ALONE else check_word(key, value) for key, value in one.items()}


def _seeds(raw: Any, where: str) -> int | tuple[int, ...]:
    numbers = raw if isinstance(raw, list) else [raw]
    if not numbers or not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in numbers):
        raise ScenarioError(f"{where}: seeds is how many clips a scenario has, or a list of their seeds.")
    if isinstance(raw, list):
        return tuple(dict.fromkeys(raw))
    if raw < 1:
        raise ScenarioError(f"{where}: seeds is how many clips a scenario has, at least 1.")
    return int(raw)


def _setting(name: str, kind: type, value: Any, where: str) -> Any:
    if isinstance(value, bool) != (kind is bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise ScenarioError(f"{where}: '{name}' is {_KINDS[kind]}, not '{str(value)[:40]}'.")
    return kind(value)


_KINDS = {str: "a text", float: "a number", int: "a whole number", bool: "true or false"}
