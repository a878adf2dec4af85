"""The rows of `lucidrive evaluate world`, measurement by measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from world.evaluate.painter_rows import PAINTER_ROWS, Row
from world.evaluate.scene_drives import EVENT_SECONDS, LATEST, MANOEUVRES, TURNS

PICTURE_AIMS = {"144x256": 12, "288x512": 30}  # ms


def _manoeuvre_rows(result: dict[str, Any]) -> list[Row]:
    rows = []
    for name, one in result.items():
        rows.append((f"{name} ({one['cases']} cases)", f"{100 * one['share']:.0f}%", "98%"))
        if MANOEUVRES[name] in TURNS:
            rows.append((f"{name} within {LATEST:.0f} s", f"{100 * one['late']:.0f}%", ""))
    return rows


def _event_rows(result: dict[str, Any]) -> list[Row]:
    within = f"within {EVENT_SECONDS:g} s, on its side"
    return [(f"{name} {within} ({one['cases']})", f"{100 * one['share']:.0f}%", "95%") for name, one in result.items()]


def _route_rows(result: dict[str, Any]) -> list[Row]:
    return [
        (f"{result['routes']} routes of a minute without contact", f"{100 * result['without_contact']:.1f}%", "95%"),
        ("routes that left the road", f"{100 * result['left_the_road']:.1f}%", ""),
        ("mean speed", f"{result['mean_speed']:.1f} m/s", ""),
        ("contacts of others a vehicle-minute", _contact_rate(result), "at most 0.03"),
    ]


def _contact_rate(result: dict[str, Any]) -> str:
    return f"{result['contacts_a_vehicle_minute']:.4f} (in {result['vehicle_minutes']:,.0f})"


def _fork_rows(result: dict[str, Any]) -> list[Row]:
    what = {
        "apart": "speeds part within 1 s",
        "same_past": "the past driven again is the same",
        "same_others": "nobody out of earshot does anything else",
    }
    forks = f"two futures ({result['cases']:.0f} forks)"
    return [(f"{forks}: {text}", f"{100 * result[name]:.0f}%", "100%") for name, text in what.items()]


def _hash_rows(result: dict[str, bool]) -> list[Row]:
    return [(f"state hashes equal: {name}", "yes" if same else "no", "yes") for name, same in result.items()]


def _step_rows(result: dict[str, dict[str, float]]) -> list[Row]:
    rows = [(f"a step with {one['agents']:.0f} agents", f"{one['step']:.2f} ms") for one in result.values()]
    return [(*rows[1], "1 ms"), (*rows[0], ""), ("the driver", f"{result['usual']['driver']:.2f} ms", "")]


def _picture_rows(result: dict[str, dict[str, float]]) -> list[Row]:
    rows = []
    for size, ms in result.items():
        rows.append((f"a picture of {size}, without air", f"{ms['plain']:.1f} ms", f"{PICTURE_AIMS[size]} ms"))
        rows.append((f"a picture of {size}", f"{ms['whole']:.1f} ms", ""))
    return rows


def _endurance_rows(result: dict[str, float]) -> list[Row]:
    what = f"{result['minutes']:g} minutes on the road, end over beginning"
    names = ("picture", "step", "detail", "memory")
    return [(f"{what}: {name}", f"{result[name]:.3f}", "within 5%") for name in names]


def _dreamt_rows(result: dict[str, float]) -> list[Row]:
    what = f"{result['minutes']:g} minutes, {result['metres'] / 1000:.1f} km in dreamt streets"
    rows = [
        (
            f"{what}, end over beginning: {text}",
            f"{result[name]:.3f} ({result[f'first_{name}_{unit}']:.3g} {unit.replace('mib', 'MiB')} at first)",
            aim,
        )
        for name, text, unit, aim in (
            ("picture", "picture and step", "ms", "within 5%"),
            ("step", "step", "ms", "within 5%"),
            ("memory", "memory", "mib", "within 5%"),
            ("growing", "growing it, a question", "ms", ""),
        )
    ]
    longest = max(result["longest_step_ms"], result["longest_picture_ms"])
    rows.append(
        (f"{what}: the longest step of one core, with a picture or without", f"{longest:.0f} ms", "at most 120 ms")
    )
    if "streets" in result:
        rows.append(
            (f"{what}: places that come twice, of {result['junctions']:,.0f}", f"{result['repeated']:.0f}", "0")
        )
        storage = f"{result['kib_a_street']:.1f} KiB ({result['streets']:,.0f} streets, {result['streets_on_the_map']:.0f} on the map)"
        rows.append((f"{what}: what a street takes", storage, ""))
    return rows


def _again_rows(result: dict[str, float]) -> list[Row]:
    rows = []
    for name, decibels in result.items():
        how = "saved and loaded" if name == "loaded" else f"after {name.removesuffix('_s')} s elsewhere"
        rows.append((f"the same place seen again in dreamt streets, {how}", f"{decibels:.0f} dB", "40 dB"))
    return rows


ROWS: dict[str, Callable[[Any], list[Row]]] = {
    "manoeuvres": _manoeuvre_rows,
    "events": _event_rows,
    "routes": _route_rows,
    "sumo": lambda result: [("likewise SUMO's own traffic in the same towns", _contact_rate(result), "")],
    "counterfactual": _fork_rows,
    "hashes": _hash_rows,
    "milliseconds": _step_rows,
    "picture_milliseconds": _picture_rows,
    "seen_again": lambda decibels: [("the same place seen again", f"{decibels:.0f} dB", "40 dB")],
    "endurance": _endurance_rows,
    "dreamt_hour": _dreamt_rows,
    "dreamt_again": _again_rows,
    **PAINTER_ROWS,
}
