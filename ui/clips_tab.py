"""The page's Clips tab: a scenario by checkboxes or in a sentence, the queue, and a gallery with labels over the pictures.

`clips_tab(shop)` is called within a `gr.Tab`; `serve_clips(app, shop)` adds the routes that its videos and zips come from.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr
import yaml
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from starlette.background import BackgroundTask

from bridge.errors import LucidriveError, explain
from bridge.factory.export.clips import Kept
from bridge.factory.export.sheet import caption
from bridge.factory.matrix import Matrix, coverage, expand, recipe
from bridge.factory.orders import Wish
from bridge.factory.scenario import EVENTS, MANOEUVRES, TIMES, WEATHER
from ui.shop import MOST_CLIPS, Shop, Ticket
from ui.words import NAMES, line_words

REFRESH = 2.0  # s
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
SHOWN = 60  # clips of each kind in the gallery
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
STYLE = """<style>
.lr-form .block { background: var(--raised) !important; border: 1px solid var(--line) !important; padding: 10px 12px !important; }
.lr-form .form { background: none !important; border: 0 !important; gap: 10px !important; }
.lr-form .prose { background: none !important; border: 0 !important; padding: 0 !important; }
.lr-form :is(input[type=number], textarea, .wrap > label) { background: var(--ground) !important; color: var(--ink) !important; }
.lr-form button.primary { background: var(--lamp) !important; color: #16120a !important; }
.lr-clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 12px; }
.lr-clip { margin: 0; } .lr-clip video { width: 100%; aspect-ratio: 16 / 9; background: #111; border-radius: 6px; }
.lr-clip figcaption { font-size: 12px; line-height: 1.35; overflow-wrap: anywhere; }
.lr-why { color: var(--error-text-color, #b3362b); }
.lr-orders { width: 100%; border-collapse: collapse; } .lr-orders :is(tr, td) { border: 0 !important; background: none !important; }
.lr-orders td { padding: 2px 10px 2px 0 !important; vertical-align: top; }
</style>"""


def clips_tab(shop: Shop) -> None:
    """The tab's parts, for all visitors the same queue."""
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
            orders = gr.HTML(_orders(shop.tickets()), elem_id="lr-orders")
            with gr.Row():
                chosen = gr.Number(label="Order", value=1, precision=0, minimum=1, elem_id="lr-chosen")
                cancel = gr.Button("Cancel it", elem_id="lr-cancel")
    gallery = gr.HTML("", elem_id="lr-clips", elem_classes=WORDS)

    def by_sentence(text: str, count: int, free: bool, length: float, more: int) -> tuple[str, int]:
        wish = Wish(text.strip(), number=int(count), seconds=float(length), retries=int(more), vary=free)
        return _place(shop, wish, text.strip() or "nothing")

    def by_matrix(*given: Any) -> tuple[str, int]:
        *axes, seeds, most, length, more = given
        wish = Wish(matrix=_matrix(axes, seeds, most), seconds=float(length), retries=int(more))
        return _place(shop, wish, _words(axes))

    order_said.click(by_sentence, [said, number, vary, seconds, retries], [orders, chosen], **QUIET)
    order_matrix.click(by_matrix, [*boxes, each, cap, seconds, retries], [orders, chosen], **QUIET)
    parts: list[Any] = [*boxes, each, cap]
    for part in parts:
        part.change(_covers, [*boxes, each, cap], covers, **QUIET)

    def call_off(order: float) -> str:
        try:
            shop.cancel(int(order))
        except LucidriveError as error:
            gr.Warning(explain(error))
        return _orders(shop.tickets())

    def newest_of(order: float) -> tuple[str, str]:
        return _orders(shop.tickets()), _gallery(shop, int(order or 0))

    cancel.click(call_off, chosen, orders, **QUIET)
    chosen.change(lambda order: _gallery(shop, int(order or 0)), chosen, gallery, **QUIET)
    gr.Timer(REFRESH).tick(newest_of, chosen, [orders, gallery], **QUIET)


def serve_clips(app: FastAPI, shop: Shop) -> None:
    """Videos, labels, captions and the zip of an order; nothing outside its folder can be named."""

    @app.get("/factory/{number}/all.zip")
    def pack(number: int) -> Response:
        path = shop.zipped(number)
        if path is None:
            return _nothing()
        return FileResponse(path, filename=f"lucidrive-order-{number}.zip", background=BackgroundTask(path.unlink))

    @app.get("/factory/{number}/{name}")
    def file(number: int, name: str) -> Response:
        if name.endswith(".vtt"):
            text = shop.captions(number, name)
            return _nothing() if text is None else PlainTextResponse(text, media_type="text/vtt")
        path = shop.file(number, name)
        return _nothing() if path is None else FileResponse(path)


def _nothing() -> Response:
    return PlainTextResponse("There is no such clip.\n", status_code=404)


def _place(shop: Shop, wish: Wish, what: str) -> tuple[str, Any]:
    try:
        ticket = shop.order(wish, what)
    except LucidriveError as error:
        gr.Warning(explain(error))
        return _orders(shop.tickets()), gr.skip()
    return _orders(shop.tickets()), ticket.number


def _matrix(axes: Sequence[Sequence[Any]], seeds: float, cap: float) -> Matrix:
    raw = {name: list(values) for name, values in zip(AXES, axes, strict=True) if values}
    return recipe(raw | {"seeds": int(seeds), "cap": int(cap)}, "The matrix").matrix


def _words(axes: Sequence[Sequence[Any]]) -> str:
    raw = {name: list(values) for name, values in zip(AXES, axes, strict=True) if values}
    return yaml.safe_dump(raw, default_flow_style=True, width=10_000).strip() if raw else "nothing"


def _covers(*given: Any) -> str:
    """How many clips a matrix makes, and of what."""
    *axes, seeds, cap = given
    try:
        clips = expand(_matrix(axes, seeds, cap))
    except LucidriveError as error:
        return f"<p>{html.escape(explain(error))}</p>"
    counts = coverage([scenario for scenario, _ in clips])
    parts = [
        f"<tr><td>{axis.capitalize()}</td><td>{html.escape(', '.join(f'{word} {count}' for word, count in found.items()))}</td></tr>"
        for axis, found in counts.items()
        if " x " not in axis
    ]
    return f'{STYLE}<p>{len(clips)} clips</p><table class="lr-orders">{"".join(parts)}</table>'


def _orders(tickets: Sequence[Ticket]) -> str:
    if not tickets:
        return f"{STYLE}<p>Nothing is ordered yet.</p>"
    rows = [
        f"<tr><td>{one.number}</td><td><b>{one.state}</b></td><td>{html.escape(one.what)}<br>{html.escape(one.told)}</td></tr>"
        for one in tickets
    ]
    return f'{STYLE}<table class="lr-orders">{"".join(rows)}</table>'


def _gallery(shop: Shop, number: int) -> str:
    """The order's clips, accepted ones first; the videos say what was told and what was there as they run."""
    good, bad = shop.clips(number, True)[:SHOWN], shop.clips(number, False)[:SHOWN]
    if not good and not bad:
        return ""
    link = f'<p><a href="factory/{number}/all.zip" download>All of order {number} as a zip</a></p>'
    parts = [STYLE, link]
    for title, clips in (("Accepted", good), ("Rejected, and why", bad)):
        if clips:
            figures = "".join(_figure(number, clip) for clip in clips)
            parts.append(f'<h3>{title}</h3><div class="lr-clips">{figures}</div>')
    return "".join(parts)


def _figure(number: int, clip: Kept) -> str:
    source = f"factory/{number}/{html.escape(clip.stem)}"
    reasons = "".join(f'<br><span class="lr-why">{html.escape(one)}</span>' for one in clip.fields["check"]["reasons"])
    if not clip.video.exists():  # what does not fit is not painted
        return f'<figure class="lr-clip"><figcaption>{html.escape(caption(clip))}{reasons}</figcaption></figure>'
    return (
        f'<figure class="lr-clip"><video src="{source}.mp4" controls loop muted preload="metadata" playsinline>'
        f'<track kind="captions" src="{source}.vtt" srclang="en" label="labels" default></video>'
        f"<figcaption>{html.escape(caption(clip))}{reasons}</figcaption></figure>"
    )
