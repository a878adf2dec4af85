"""Which addresses are served at all, and by which methods: a list, and what is not on it does not exist.

Gradio brings some hundred routes, for files, proxies, uploads, flags, monitoring and more. Those that the page and a
program need are named here.
"""

from __future__ import annotations

import re

NAME = r"[A-Za-z0-9_-]{1,64}"
FILE = r"[A-Za-z0-9_.-]{1,200}"
ASSET = rf"(?:{FILE}/){{0,4}}{FILE}"
API = "/gradio_api"

GETS = (
    r"/",
    rf"/page/{ASSET}",
    rf"/scenes/{NAME}\.jpg",
    r"/memory\.json",
    rf"/clips/{NAME}/{FILE}",
    rf"/clips/{NAME}",
    r"/factory/(?:orders|formats)\.json",
    rf"/factory/[0-9]{{1,6}}/{FILE}",
    rf"/drives/{NAME}/(?:past|streets)\.json",
    rf"/drives/{NAME}/frames/[0-9]{{1,10}}\.jpg",
    r"/health/(?:live|ready)",
    r"/metrics",
    r"/login",
    r"/(?:config/?|theme\.css|favicon\.ico|manifest\.json|robots\.txt|pwa_icon(?:/[0-9]{1,4})?)",
    rf"/(?:assets|static|svelte)/{ASSET}",
    rf"{API}/(?:info/?|startup-events|theme\.css|app_id/?|login_check/?|queue/data)",
    rf"{API}/heartbeat/{NAME}",
    rf"{API}/call/{NAME}/[0-9a-f]{{32}}",
    rf"{API}/file=/[^\x00-\x1f\\?#]{{1,400}}",  # what of those, `AccessMiddleware` says
)
POSTS = (
    rf"/drives/{NAME}",
    rf"/drives/{NAME}/begin",
    r"/factory/examples/[a-z]{1,16}",
    rf"/factory/[0-9]{{1,6}}/(?:cancel|export|{FILE}/(?:map|labels))",
    r"/login",
    rf"{API}/(?:queue/join/?|cancel|reset/?)",
    rf"{API}/call(?:/v2)?/{NAME}/?",
)
MCP = (rf"{API}/mcp/?(?:http|sse|messages)?/?",)

_SERVED = {
    "GET": re.compile("|".join(GETS)),
    "HEAD": re.compile("|".join(GETS)),
    "POST": re.compile("|".join(POSTS)),
}
_MCP = re.compile("|".join(MCP))


def served(method: str, path: str, mcp: bool = False) -> bool:
    """Whether there is such an address. `path`: decoded."""
    if any(part in ("..", ".") for part in path.split("/")) or "\\" in path or not path.isprintable():
        return False
    if mcp and method in ("GET", "POST", "DELETE") and _MCP.fullmatch(path):
        return True
    known = _SERVED.get(method)
    return known is not None and known.fullmatch(path) is not None


def cached_file(path: str) -> str | None:
    """The file on the disk that a Gradio address names; None where it names none."""
    prefix = f"{API}/file="
    return path.removeprefix(prefix) if path.startswith(prefix) else None
