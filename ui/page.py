"""The page's frame: a Gradio Blocks with tabs. What moves inside them is HTML, CSS and modules in `ui/static`."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from brain.files import ADAPTER
from brain.prompt import MAX_TEXT
from bridge.recording.clip import versions
from ui.api import add_api
from ui.client_sessions import ClientSessions
from world.dynamics.policy import FOLDER
from world.events import event_rows

STATIC = Path(__file__).parent / "static"
ASSETS = "/page"  # where `ui.routes` serves STATIC; not /static, which is Gradio's own
STYLES = ("base", "stage", "panel", "futures", "clips", "tabs")

HEAD = "\n".join(  # all addresses are relative: a reverse proxy may have put the page below a path
    (
        '<meta name="color-scheme" content="dark light">',
        *(f'<script src="{ASSETS[1:]}/{name}.js"></script>' for name in ("theme", "early")),
        *(f'<link rel="stylesheet" href="{ASSETS[1:]}/{name}.css">' for name in STYLES),
        f'<script type="module" src="{ASSETS[1:]}/drive.js"></script>',
    )
)


def theme() -> gr.themes.Base:
    """Gradio's plainest theme with the system's fonts: nothing to fetch, and our own colours go over it."""
    sans = [gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")]
    mono = [gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")]
    return gr.themes.Base(font=sans, font_mono=mono, primary_hue="amber", neutral_hue="slate", radius_size="md")


def build_page(clients: ClientSessions, more: Tabs = ()) -> gr.Blocks:
    """The Blocks to mount. It holds no state: every visitor's dream lives behind the WebSocket of `ui.stream`. more: tabs beside Drive."""
    with gr.Blocks(title="lucidrive", analytics_enabled=False, fill_width=True) as page:
        add_api(clients)  # first: the names of its endpoints are its own
        show(fragment("masthead"))
        with gr.Tabs():
            for name, fill in (*TABS[:1], *more, *TABS[1:]):
                with gr.Tab(name, id=name.lower(), render_children=True):
                    fill()
    return page


def drive_tab() -> None:
    """The studio: icons, picture and panel; its modules do the rest."""
    drive = fragment("drive").replace("<!-- panel -->", fragment("panel")).replace("MAX_TEXT", str(MAX_TEXT))
    show(fragment("icons").replace("  <!-- events -->\n", event_symbols()) + drive)


def memory_tab() -> None:
    """What the memory is used for; a module fills it from memory.json."""
    show(fragment("memory"))


def about_tab() -> None:
    """What lucidrive is, the cards of its driver and brain, and the versions of its parts."""
    show(fragment("about"))
    for title, card in (("Driver", FOLDER), ("Brain", ADAPTER)):
        if (card / "README.md").exists():
            with gr.Accordion(f"{title}: the card", open=False, elem_classes="card"):
                gr.Markdown(card_text(card / "README.md"))
    show(table("Versions", versions()))


Tabs = tuple[tuple[str, Callable[[], None]], ...]
TABS: Tabs = (
    ("Drive", drive_tab),
    ("Memory", memory_tab),
    ("About", about_tab),
)


def show(markup: str) -> None:
    """HTML as it is, within none of Gradio's styles and scripts."""
    gr.HTML(markup, js_on_load=None, apply_default_css=False)


def fragment(name: str) -> str:
    """A piece of HTML from `ui/static`, escaped for Gradio's `${...}` templates by having none in it."""
    return (STATIC / f"{name}.html").read_text(encoding="utf-8")


def event_symbols() -> str:
    """The drawings of the events' buttons, as the symbols beside them in `icons.html`."""
    rows = event_rows()
    return "".join(f'  <symbol id="i-{row.event}" viewBox="0 0 24 24">{row.drawing}</symbol>\n' for row in rows)


def event_module() -> str:
    """`events.js`: what the page's modules know of the events, out of the one table."""
    names = ("event", "sided", "label", "label_zh", "words_zh", "words")
    rows = [{name: getattr(row, name) for name in names} for row in event_rows()]
    return f"// One a button, written by the server from world/events.tsv.\n\nexport const EVENTS = {json.dumps(rows, ensure_ascii=False)};\n"


def card_text(path: Path) -> str:
    """A card's Markdown without its front matter and pictures, whose files are not served."""
    text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text("utf-8"), flags=re.S)
    return re.sub(r"!\[[^\]]*\]\([^)]*\)\n?", "", text)


def table(title: str, rows: dict[str, str]) -> str:
    """HTML of a heading, which the page translates, and escaped rows of a name and a text."""
    cells = "".join(f"<tr><th scope='row'>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items())
    return f"<article class='about'><section><h2 data-t>{title}</h2><table>{cells}</table></section></article>"
