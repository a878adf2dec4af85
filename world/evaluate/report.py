"""The measured numbers for people: rows with what was hoped for, and what they are to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from world.controls import TimeOfDay
from world.train.dynamics import HORIZONS

TIMES = {time.name.lower() for time in TimeOfDay}
EACH_EVENT, MEAN_OF_EVENTS = 0.6, 0.75


@dataclass(frozen=True, slots=True)
class Row:
    """`target`: what is aimed at, or empty; `beside`: the baseline, or how well the judge sees this in real frames."""

    what: str
    measured: str
    target: str = ""
    beside: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """For a table; a target that was missed says so."""
        return self.what, self.measured, self.target + (" (missed)" if self.met is False else ""), self.beside


HEAD = ("what", "measured", "target", "beside it")


def rows(result: dict[str, Any]) -> list[Row]:
    """Every measurement that the result holds."""
    return [row for name, of in SECTIONS.items() if name in result for row in of(result[name], result.get("judge", {}))]


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    return [row.cells for row in rows(result)]


def markdown(result: dict[str, Any]) -> str:
    """The table of a model card."""
    lines = [HEAD, ("---",) * len(HEAD), *table(result)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def judge_rows(said: dict[str, Any]) -> list[Row]:
    """What the judge gets right in real frames."""
    out = []
    for name in ("weather", "time", "event"):
        each = said[name]
        out.append(Row(f"{name}: share named, mean of the classes", percent(sum(each.values()) / len(each))))
        out.append(Row(f"{name}, by class", ", ".join(f"{key} {percent(value)}" for key, value in each.items())))
    out.append(Row("side an event comes from", percent(said["side"])))
    for name in ("off_road", "junction"):
        flag = said[name]
        out.append(
            Row(f"{name.replace('_', ' ')}: found; taken for it", f"{percent(flag['found'])}; {percent(flag['false'])}")
        )
    for name, unit in (("speed", "m/s"), ("yaw_rate", "rad/s")):
        text = f"{said[f'{name}_correlation']:.3f}; {said[f'{name}_error']:.3f} {unit}"
        out.append(Row(f"{name.replace('_', ' ')}: correlation; mean error", text))
    return out


def percent(share: float | None) -> str:
    return "none" if share is None or share != share else f"{100 * share:.0f}%"


def _at_least(what: str, value: float | None, least: float, text: Callable[[float], str], beside: str = "") -> Row:
    shown = "none" if value is None else text(value)
    return Row(what, shown, f">= {text(least)}", beside, None if value is None else value >= least)


def _tokenizer(part: dict[str, float], judge: dict[str, Any]) -> Iterator[Row]:
    least = {"clear day": 30.0, "all": 28.0}
    for name, value in part.items():
        yield _at_least(f"tokenizer PSNR, {name}", value, least[name], lambda v: f"{v:.1f} dB")


def _future(part: dict[str, dict[int, float]], judge: dict[str, Any]) -> Iterator[Row]:
    for frames in HORIZONS:
        dream, still, other = (part[name][frames] for name in ("dream", "repeat", "shuffled"))
        beside = f"{dream:.1f}, repeated {still:.1f} dB"
        name = f"PSNR over the last frame repeated, at {frames} frames"
        if frames >= 5:
            yield _at_least(name, dream - still, 2.0, lambda v: f"{v:+.1f} dB", beside)
        if frames == 10:
            name = "PSNR with true over shuffled motion, at 10 frames"
            yield _at_least(name, dream - other, 1.5, lambda v: f"{v:+.1f} dB", f"shuffled {other:.1f} dB")
    if detail := part.get("detail"):
        shown = " / ".join(f"{detail[frames]:.2f}" for frames in HORIZONS)
        yield Row(f"detail over the truth's, at {', '.join(map(str, HORIZONS))} frames", shown, "", "1 is as sharp")


def _steering(part: dict[str, float], judge: dict[str, Any]) -> Iterator[Row]:
    for name, least in (("yaw_rate", 0.9), ("speed", 0.8)):
        beside = f"judge on real frames {judge[f'{name}_correlation']:.2f}"
        what = f"{name.replace('_', ' ')}, judged and commanded: correlation"
        yield _at_least(what, part[f"{name}_correlation"], least, lambda v: f"{v:.2f}", beside)


def _manoeuvres(part: dict[str, dict[str, Any]], judge: dict[str, Any]) -> Iterator[Row]:
    for name, one in part.items():
        beside = f"expert in the town {percent(one['town'])} of {one['drives']}"
        yield _at_least(f"manoeuvre: {name.replace('_', ' ')}", one["dream"], 0.8, percent, beside)


def _conditions(part: dict[str, dict[str, Any]], judge: dict[str, Any]) -> Iterator[Row]:
    for name, one in part.items():
        known = judge["time" if name in TIMES else "weather"].get(name)
        beside = f"judge on real frames {percent(known)}, unasked {percent(one['unasked'])}"
        yield _at_least(f"3 s after asking for {name.replace('_', ' ')}", one["dream"], 0.9, percent, beside)


def _events(part: dict[str, dict[str, Any]], judge: dict[str, Any]) -> Iterator[Row]:
    for name, one in part.items():
        beside = f"town {percent(one['town'])} of {one['onsets']}, unasked {percent(one['unasked'])}"
        yield _at_least(f"event: {name.replace('_', ' ')}", one["dream"], EACH_EVENT, percent, beside)
    if part:
        seen = [one["dream"] for one in part.values()]
        towns = [one["town"] for one in part.values() if one["town"] is not None]
        beside = f"town {percent(sum(towns) / len(towns))}" if towns else ""
        yield _at_least("events, mean", sum(seen) / len(seen), MEAN_OF_EVENTS, percent, beside)


def _endurance(part: dict[str, float], judge: dict[str, Any]) -> Iterator[Row]:
    last, ratio = int(part["last_frame"]), part["ratio"]
    beside = f"{part['late']:.2f} over {part['early']:.2f}, {part['dreams']:.0f} dreams"
    what = f"Frechet distance of frames {last - 20}-{last} over that of frames 40-60"
    yield Row(what, f"{ratio:.2f}", "<= 1.5", beside, ratio <= 1.5)


def _nothing(part: dict[str, float], judge: dict[str, Any]) -> Iterator[Row]:
    beside = f"{part['dream']:.2f} over {part['real']:.2f}"
    yield Row("a dream from nothing: Frechet distance over that of true frames", f"{part['ratio']:.2f}", "", beside)


def _fork(part: dict[str, float], judge: dict[str, Any]) -> Iterator[Row]:
    beside = f"gap {part['gap']:.1f} m/s, judged {part['judged_gap']:.1f} m/s"
    yield _at_least("two futures: speeds part within 1 s", part["apart"], 1.0, percent, beside)
    yield _at_least("two futures: pictures before are the same", part["same_before"], 1.0, percent)


def _readouts(part: dict[str, float], judge: dict[str, Any]) -> Iterator[Row]:
    for name, value in part.items():
        yield Row(f"readouts on real frames: {name.replace('_', ' ')}", f"{value:.3f}")


def _judge(part: dict[str, Any], judge: dict[str, Any]) -> Iterator[Row]:
    for row in judge_rows(part):
        yield Row(f"judge on real frames: {row.what}", row.measured)


SECTIONS: dict[str, Callable[[Any, dict[str, Any]], Iterator[Row]]] = {
    "tokenizer_psnr": _tokenizer,
    "dream_psnr": _future,
    "steering": _steering,
    "manoeuvres": _manoeuvres,
    "conditions": _conditions,
    "events": _events,
    "counterfactual": _fork,
    "endurance": _endurance,
    "from_nothing": _nothing,
    "readouts_on_real_frames": _readouts,
    "judge": _judge,
}
