"""The page's frame: a Gradio Blocks with two tabs. What moves inside it is HTML, CSS and modules in `ui/static`."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STATIC = Path(__file__).parent / "static"
ASSETS = "/page"  # where `ui.app` serves STATIC; not /static, which is Gradio's own

HEAD = f"""
<script src="{ASSETS}/theme.js"></script>
<link rel="stylesheet" href="{ASSETS}/drive.css">
<script type="module" src="{ASSETS}/drive.js"></script>
"""


def theme() -> gr.themes.Base:
    """Gradio's plainest theme with the system's fonts: nothing to fetch, and our own colours go over it."""
    sans = [gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")]
    mono = [gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")]
    return gr.themes.Base(font=sans, font_mono=mono, primary_hue="amber", neutral_hue="slate", radius_size="md")


def build_page() -> gr.Blocks:
    """The Blocks to mount. It holds no state: every visitor's dream lives behind the WebSocket of `ui.stream`."""
    with gr.Blocks(title="lucidrive", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(fragment("masthead"), js_on_load=None, apply_default_css=False)
        with gr.Tabs():
            with gr.Tab("Drive"):
                gr.HTML(fragment("drive"), js_on_load=None, apply_default_css=False)
            with gr.Tab("About"):
                gr.HTML(fragment("about"), js_on_load=None, apply_default_css=False)
    return page


def fragment(name: str) -> str:
    """A piece of HTML from `ui/static`, escaped for Gradio's `${...}` templates by having none in it."""
    return (STATIC / f"{name}.html").read_text(encoding="utf-8")
