"""Results of `lucidrive evaluate brain` as rows for the terminal, the README and the adapter's card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NAMES = {
    "brain": "the brain",
    "keyword_rules": "keyword rules",
    "base_zero_shot": "base model, grammar, told of the language",
    "base_few_shot": "base model, grammar, told and shown",
}
SUITES = (("hand_written", "hand-written test"), ("held_out", "held-out templates"))
Rows = list[tuple[str, str]]


AIMS: tuple[tuple[str, Callable[[dict[str, Any]], str], str], ...] = (
    ("exact plan, hand-written test, English / Chinese", lambda s: _languages(s, "hand_written"), "88% / 80%"),
    ("exact plan, held-out templates, English / Chinese", lambda s: _languages(s, "held_out"), "95% / 90%"),
    ("slot F1, hand-written / held-out", lambda s: f"{_share(s, 'slot_f1')}", "95%"),
    ("all five paraphrases of a meaning right", lambda s: f"{s['paraphrases']['all_right']:.1%}", "75%"),
    ("negation pairs / correction pairs, both right", lambda s: _pairs(s), "90%"),
    ("refusals on the hand-written test: precision / recall", lambda s: _refusals(s), "95% / 90%"),
    ("lines that parse", lambda s: f"{_share(s, 'valid')}", "100%"),
)


def markdown(result: dict[str, Any]) -> str:
    """Two Markdown tables: the scores beside those of the baselines and their aims, then the results of the brain alone."""
    who = [name for name in NAMES if name in result]
    lines = ["| what | " + " | ".join(NAMES[name] for name in who) + " | aimed at |", "|---" * (len(who) + 2) + "|"]
    for what, cell, aim in AIMS:
        lines.append(f"| {what} | " + " | ".join(_cell(cell, result[name]) for name in who) + f" | {aim} |")
    rest = [row for part, rows in OTHERS.items() if part in result for row in rows(result[part])]
    lines += ["", "| what | measured |", "|---|---|", *(f"| {what} | {value} |" for what, value in rest)]
    return "\n".join(lines) + "\n"


def _cell(write: Callable[[dict[str, Any]], str], scores: dict[str, Any]) -> str:
    """A dash where that part of the suite was not run for this answerer."""
    try:
        return write(scores)
    except KeyError:
        return "–"


def _languages(scores: dict[str, Any], part: str) -> str:
    by = scores[part]["exact_by_language"]
    return f"{by.get('en', 0.0):.1%} / {by.get('zh', 0.0):.1%}"


def _share(scores: dict[str, Any], name: str) -> str:
    return f"{scores['hand_written'][name]:.1%} / {scores['held_out'][name]:.1%}"


def _pairs(scores: dict[str, Any]) -> str:
    by = scores["pairs"]["all_right_by"]
    return f"{by['negation']:.0%} / {by['correction']:.0%}"


def _refusals(scores: dict[str, Any]) -> str:
    score = scores["hand_written"]["refusals"]
    return f"{score['precision']:.0%} / {score['recall']:.0%}"


def table(result: dict[str, Any]) -> Rows:
    """The result as rows (name, value) for the terminal."""
    rows = []
    for who, name in NAMES.items():
        if who in result:
            rows += _rows(name, result[who])
    if "brain" in result:
        for part, title in SUITES:
            if part in result["brain"]:
                kinds = result["brain"][part]["exact_by_kind"]
                rows += [(f"exact, {title}, {kind}", f"{value:.0%}") for kind, value in kinds.items()]
        times = result["brain"]["seconds_median"]
        rows += [(f"median seconds, {steps} step(s)", f"{value:.2f}") for steps, value in times.items()]
    return rows + [row for part, rows_of in OTHERS.items() if part in result for row in rows_of(result[part])]


def _rows(name: str, scores: dict[str, Any]) -> Rows:
    rows = []
    for part, title in SUITES:
        if part in scores:
            score = scores[part]
            languages = ", ".join(f"{lang} {value:.0%}" for lang, value in score["exact_by_language"].items())
            refusals = score["refusals"]
            rows += [
                (f"{name}: exact plan, {title} ({score['cases']} cases)", f"{score['exact']:.1%} ({languages})"),
                (f"{name}: slot F1, {title}", f"{score['slot_f1']:.1%}"),
                (
                    f"{name}: refusals, {title}",
                    f"precision {refusals['precision']:.0%}, recall {refusals['recall']:.0%}",
                ),
                (f"{name}: lines that parse, {title}", f"{score['valid']:.1%}"),
            ]
    for part, title in (("paraphrases", "all five paraphrases right"), ("pairs", "both of a pair right")):
        if part in scores:
            by = ", ".join(f"{key} {value:.0%}" for key, value in scores[part]["all_right_by"].items())
            rows.append((f"{name}: {title} ({scores[part]['sets']} sets)", f"{scores[part]['all_right']:.1%} ({by})"))
    return rows


def _int8(result: dict[str, Any]) -> Rows:
    exact = result["exact"]
    shares = f"{exact['int8']:.1%} / {exact['fp32']:.1%} ({result['points_lost']:+.1f} points lost)"
    return [(f"exact plan, int8 / fp32 ({result['cases']} hand-written cases)", shares)]


def _confidence(result: dict[str, Any]) -> Rows:
    if result["unsure"] is None:
        return [("did you mean ...?", "never asked: how sure this adapter has to be was not measured")]
    return [
        (
            f"did you mean ...? asked of right plans / of wrong ones (below {result['unsure']:.3f})",
            f"{result['right_plans_asked_about']:.0%} / {result['wrong_plans_asked_about']:.0%}",
        ),
        (
            "asked about a wrong plan, the right one is offered",
            f"{result['right_plan_offered_when_wrong_and_asked']:.0%}",
        ),
        (
            "exact plan, held-out templates, as said / after one question",
            f"{result['exact']:.1%} / {result['exact_with_one_question']:.1%}",
        ),
    ]


def _robustness(title: str) -> Callable[[dict[str, Any]], Rows]:
    def rows(result: dict[str, Any]) -> Rows:
        answers = ", ".join(f"{count:,} {kind}" for kind, count in sorted(result["answers"].items()))
        outcome = f"{result['invalid']} invalid, {result['crashes']} crashes, all ended ({answers}; {result['seconds'] / 60:.0f} min)"
        return [(f"{title} ({result['texts']:,})", outcome)]

    return rows


def _latency(result: dict[str, Any]) -> Rows:
    rows = [
        (f"seconds to a plan, median, one step / three steps, {when}", f"{one:.2f} / {three:.2f}")
        for when, (one, three) in result["seconds"].items()
    ]
    late = result["gap_max_ms"]
    return [*rows, ("latest frame while it reads, ten frames a second wanted", f"{late:.0f} ms")]


def _start(result: dict[str, Any]) -> Rows:
    return [("the brain's start from its cache", f"{result['seconds']:.1f} s")]


OTHERS: dict[str, Callable[[dict[str, Any]], Rows]] = {
    "int8": _int8,
    "confidence": _confidence,
    "injections": _robustness("injection attempts"),
    "fuzz": _robustness("fuzzed texts"),
    "latency": _latency,
    "start": _start,
}
