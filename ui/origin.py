"""Who may talk to the page: this machine's browser, from this page, and nobody else.

A page of another site can open sockets and send requests to 127.0.0.1, and a name of another site can be pointed there
(DNS rebinding). So every request must name a loopback host, and a WebSocket must come from the very page we served.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1, without a port."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_allowed(host: str | None) -> bool:
    """`host` is a Host header. The port is free, so that a forwarded port (ssh -L) works."""
    name = _hostname(f"//{host}") if host else None
    return name is not None and is_loopback(name)


def origin_allowed(origin: str | None, host: str | None) -> bool:
    """True if `origin` is the page that `host` served: the same host and port, over http or https."""
    if origin is None or not host_allowed(host):
        return False
    parts = urlsplit(origin) if _hostname(origin) else None
    return parts is not None and parts.scheme in ("http", "https") and parts.netloc.lower() == str(host).lower()


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises on a port that is none
        return parts.hostname
    except ValueError:
        return None
