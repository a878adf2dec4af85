"""The painter's results as rows for the terminal, each with plain shading's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from world.evaluate.painter import CLEAR_DAY, CONDITIONS
from world.evaluate.painter_judge import dreamt_judge_rows, judge_rows

Row = tuple[str, str, str]
FIDELITY_AIMS = {"clear_day": 31, "mean": 29, "worst": 26}  # dB
GAIN_AIMS = {"least_gain": 5, "mean": 8}  # dB over plain shading
RATES = {"144x256": (20, 26), "288x512": (6, 10)}  # frames/s, and where the processor multiplies in bf16


def _fidelity(result: dict[str, Any]) -> list[Row]:
    names = {"clear_day": CLEAR_DAY, "mean": "mean of all conditions", "worst": "the worst"}
    gains = {"least_gain": "the least of any condition", "mean": "mean"}
    if "missing" in result:
        rows = [(f"painter against references: {text}", "", f"{FIDELITY_AIMS[key]} dB") for key, text in names.items()]
        rows += [(f"gain over plain shading: {text}", "", f"+{GAIN_AIMS[key]} dB") for key, text in gains.items()]
        return _unmeasured(rows, result)
    count = len(result["conditions"])
    if count < CONDITIONS:
        names["mean"] = gains["mean"] = f"mean of {count} of {CONDITIONS} conditions"
    out = []
    for key, text in names.items():
        one, aim = result[key], f"{FIDELITY_AIMS[key]} dB"
        what = f"painter against references: {text}" + (f" ({one['condition']})" if key == "worst" else "")
        cell = "not among the references" if one is None else f"{one['painted']:.1f} dB (plain {one['plain']:.1f})"
        out.append((what, cell, aim))
    for key, text in gains.items():
        one = result[key]
        what = f"gain over plain shading: {text}" + (f" ({one['condition']})" if key == "least_gain" else "")
        out.append((what, f"{round(one['gain'], 1) + 0.0:+.1f} dB", f"+{GAIN_AIMS[key]} dB"))
    return out


def _steadiness(result: dict[str, Any]) -> list[Row]:
    what = "detail over the path tracer's"
    flicker = ("flicker over the path tracer's", "flicker over the path tracer's, of whole areas")
    if "missing" in result:
        return _unmeasured([(what, "", "0.9 to 1.1"), (flicker[0], "", "at most 1.2")], result)
    rows = [
        (f"{what}, at second {second} of a dream", _ratio(one, "painted", "plain"), "0.9 to 1.1")
        for second, one in result["detail"].items()
    ]
    one = result["flicker"]
    rows.append((flicker[0], _ratio(one, "painted", "plain"), "at most 1.2"))
    return [*rows, (flicker[1], _ratio(one, "painted_broad", "plain_broad"), "")]


def _ratio(result: dict[str, Any], name: str, plain: str) -> str:
    return f"{result[name]:.2f} (plain {result[plain]:.2f})"


def _rates(result: dict[str, Any]) -> list[Row]:
    has = "bf16 not known" if result["bf16"] is None else ", ".join(result["bf16"]) or "no bf16"
    rows = []
    for size, (usual, quick) in RATES.items():
        what, aim = f"frames/s of step and picture, {size} ({has})", f"{usual}, with bf16 units {quick}"
        one = result.get(size)
        rows.append((what, f"{one['painted']:.1f} (plain {one['plain']:.1f})" if one else "", aim))
    if "missing" in result:
        return _unmeasured(rows, result)
    one = result["dreamt"]
    what = f"frames/s in dreamt streets amid {one['agents']:.0f} road users by learnt traffic, 144x256 ({has})"
    rows.append((what, f"{one['painted']:.1f}", f"{RATES['144x256'][0]}, with bf16 units {RATES['144x256'][1]}"))
    return rows


def _unmeasured(rows: list[Row], result: dict[str, Any]) -> list[Row]:
    """The rows without results; the first gives the reason."""
    return [
        (what, "not measured" if k else f"not measured: {result['missing']}", aim)
        for k, (what, _, aim) in enumerate(rows)
    ]


PAINTER_ROWS: dict[str, Callable[[Any], list[Row]]] = {
    "painter": _fidelity,
    "steadiness": _steadiness,
    "frames_a_second": _rates,
    "judge": judge_rows,
    "dreamt_judge": dreamt_judge_rows,
    "gpu_difference": lambda result: [
        ("pictures on CPU and GPU, mean difference of 255", f"{result['mean']:.2f}", "at most 2")
    ],
}
