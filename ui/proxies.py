"""Proxies of the environment: this machine is never reached through one, and what our libraries cannot use is left out.

Gradio's HTTP library reads them as it is imported, and fails on a kind that it does not know, such as `socks://`.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from urllib.parse import urlsplit

NAMES = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy")
SCHEMES = ("http", "https")
OWN = ("127.0.0.1", "localhost", "::1")


def usable(proxy: str) -> bool:
    """Whether it is an HTTP proxy's address, with or without a scheme."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        _ = parts.port  # raises on a port that is none
    except ValueError:
        return False
    return parts.scheme.lower() in SCHEMES and bool(parts.hostname)


def own_machine_directly(environ: MutableMapping[str, str]) -> None:
    """Changes the environment of this process and those that it starts."""
    for name in [name for name in environ if name.lower() in NAMES and not usable(environ[name])]:
        del environ[name]
    for name in ("no_proxy", "NO_PROXY"):
        names = [one.strip() for one in environ.get(name, "").split(",") if one.strip()]
        environ[name] = ",".join([*names, *(own for own in OWN if own not in names)])
