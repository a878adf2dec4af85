"""The form of the page's Clips tab: a scenario by checkboxes or in a sentence. `ui/static/clips.js` shows the orders and what came of them.

`clips_tab(queue)` is called within a `gr.Tab`; `ui.clip_routes` has the addresses that films, labels and zips come from.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr
import yaml

from bridge.errors import LucidriveError, explain
from bridge.factory.matrix import Matrix, coverage, expand, recipe
from bridge.factory.orders import ClipSpec
from bridge.factory.scenario import EVENTS, MANOEUVRES, TIMES, WEATHER
from ui.clip_queue import MOST_CLIPS, ClipQueue
from ui.page import fragment, show
from ui.words import NAMES, line_words

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
AXES = {  # of a matrix, with their labels
    "events": "Events",
    "sides": "Sides",
    "levels": "How strong",
    "weather": "Weather",
    "times": "Time of day",
    "manoeuvres": "Manoeuvres",
}
WORDS = "lr-words"  # parts whose texts the page translates
CHOICES: dict[str, Sequence[tuple[str, Any]]] = {
    "events": [(NAMES[name], name) for name in EVENTS],
    "sides": [("from left", "left"), ("from right", "right")],
    "levels": [("mild", 1), ("usual", 2), ("strong", 3)],
    "weather": [(line_words(word), word) for word in WEATHER],
    "times": [(NAMES[name], name) for name in TIMES],
    "manoeuvres": [(NAMES[name], name) for name in MANOEUVRES],
}


def clips_tab(queue: ClipQueue) -> None:
    """The tab's parts; all visitors share the queue."""
    show(fragment("welcome"))
    with gr.Row(elem_classes=["lr-form", WORDS]):
        with gr.Column(scale=3):
            with gr.Accordion("In a sentence, or as a plan line", open=True):
                said = gr.Textbox(
                    label="What the clips are to show",
                    placeholder="rainy night, a pedestrian steps out from the right while we turn left",
                    max_length=2000,
                )
                number = gr.Slider(1, 100, 8, step=1, label="Clips")
                vary = gr.Checkbox(label="Let each clip choose what the sentence leaves open: when, how sudden")
                order_said = gr.Button("Make them", variant="primary", elem_id="lr-order-said")
            with gr.Accordion("As a matrix of scenarios", open=False, elem_id="lr-matrix"):
                boxes = [
                    gr.CheckboxGroup(list(CHOICES[axis]), label=label, elem_id=f"lr-{axis}")
                    for axis, label in AXES.items()
                ]
                each = gr.Slider(1, 20, 2, step=1, label="Clips of each scenario")
                cap = gr.Slider(1, MOST_CLIPS, 40, step=1, label="Clips at most")
                covers = gr.HTML("", elem_id="lr-covers")
                order_matrix = gr.Button("Make them", variant="primary", elem_id="lr-order-matrix")
        with gr.Column(scale=2):
            seconds = gr.Slider(2, 20, 8, step=0.5, label="Seconds of each")
            retries = gr.Slider(0, 5, 1, step=1, label="New tries for a clip that does not show what was asked")
            show(f'<ul class="{WORDS}" id="lr-orders"></ul>')
    show(f'<section class="{WORDS}" id="lr-clips"></section>')

    def by_sentence(text: str, count: int, free: bool, length: float, more: int) -> None:
        spec = ClipSpec(text.strip(), number=int(count), seconds=float(length), retries=int(more), vary=free)
        _place(queue, spec, text.strip() or "nothing")

    def by_matrix(*values: Any) -> None:
        *axes, seeds, most, length, more = values
        try:
            matrix = _matrix(axes, seeds, most)
        except LucidriveError as error:
            gr.Warning(explain(error))
            return
        _place(queue, ClipSpec(matrix=matrix, seconds=float(length), retries=int(more)), _words(axes))

    order_said.click(by_sentence, [said, number, vary, seconds, retries], None, **QUIET)
    order_matrix.click(by_matrix, [*boxes, each, cap, seconds, retries], None, **QUIET)
    parts: list[Any] = [*boxes, each, cap]
    for part in parts:
        part.change(_covers, [*boxes, each, cap], covers, **QUIET)


def _place(queue: ClipQueue, spec: ClipSpec, what: str) -> None:
    try:
        queue.order(spec, what)
    except LucidriveError as error:
        gr.Warning(explain(error))


def _matrix(axes: Sequence[Sequence[Any]], seeds: float, cap: float) -> Matrix:
    raw = {name: list(values) for name, values in zip(AXES, axes, strict=True) if values}
    return recipe(raw | {"seeds": int(seeds), "cap": int(cap)}, "The matrix").matrix


def _words(axes: Sequence[Sequence[Any]]) -> str:
    raw = {name: list(values) for name, values in zip(AXES, axes, strict=True) if values}
    return yaml.safe_dump(raw, default_flow_style=True, width=10_000).strip() if raw else "nothing"


def _covers(*values: Any) -> str:
    """HTML of how many clips a matrix makes, by word."""
    *axes, seeds, cap = values
    try:
        clips = expand(_matrix(axes, seeds, cap))
    except LucidriveError as error:
        return f"<p>{html.escape(explain(error))}</p>"
    counts = coverage([scenario for scenario, _ in clips])
    parts = [
        f"<tr><td>{axis.capitalize()}</td><td>{html.escape(', '.join(f'{word} {count}' for word, count in words.items()))}</td></tr>"
        for axis, words in counts.items()
        if " x " not in axis
    ]
    return f'<p>{len(clips)} clips</p><table class="lr-covers">{"".join(parts)}</table>'
