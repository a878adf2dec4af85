"""Who may talk to the page: this machine's browser, from this page, and nobody else.

A page of another site can open sockets and send requests to 127.0.0.1, and a name of another site can be pointed there
(DNS rebinding). So every request must name a loopback host, and a WebSocket must come from the very page we served.
Behind a reverse proxy, the names that it was told to answer to count as well (`Public`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from world.errors import LucidriveError
from world.hosts import is_loopback

NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?)+|\[[0-9a-f:.]+\]")
PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


class AddressError(LucidriveError):
    """A public name or path that cannot be used."""


@dataclass(frozen=True, slots=True)
class Public:
    """Names (with or without a port) and the path by which others reach the page through a reverse proxy."""

    hosts: tuple[str, ...] = ()
    root_path: str = ""

    @classmethod
    def of(cls, hosts: Sequence[str] = (), root_path: str = "") -> Public:
        """Parses what a person writes: `drive.example.org`, `/drive/`. AddressError."""
        path = root_path.strip("/")
        path = f"/{path}" if path else ""
        if not PATH.fullmatch(path):
            raise AddressError(f"--root-path takes a path such as /drive, not {root_path[:80]!r}.")
        return cls(tuple(map(_host, hosts)), path)

    def names(self, host: str | None) -> bool:
        """Whether a Host header is one of the names; a name without a port goes with any."""
        name = _hostname(f"//{host}") if host else None
        return name is not None and any(one in (name, _bare(str(host))) for one in self.hosts)

    def within(self, path: str) -> str:
        """A request's path below the root path, which a proxy may pass on or not."""
        inside = self.root_path and path.startswith(f"{self.root_path}/")
        return path[len(self.root_path) :] if inside else path


def host_allowed(host: str | None, public: Public | None = None) -> bool:
    """`host` is a Host header. The port is free, so that a forwarded port (ssh -L) works."""
    name = _hostname(f"//{host}") if host else None
    return name is not None and (is_loopback(name) or (public is not None and public.names(host)))


def origin_allowed(origin: str | None, host: str | None, public: Public | None = None) -> bool:
    """True if `origin` is the page that `host` served: the same host and port, over http or https.

    A proxy may ask for the page by this machine's own name; then the origin is one of the public names.
    """
    if origin is None or not host_allowed(host, public):
        return False
    parts = urlsplit(origin) if _hostname(origin) else None
    if parts is None or parts.scheme not in ("http", "https"):
        return False
    netloc = _bare(parts.netloc)
    return netloc == _bare(str(host)) or (public is not None and netloc in public.hosts)


def _host(name: str) -> str:
    address = name.strip()
    try:
        parts = urlsplit(f"//{address}")
        port = "" if parts.port is None else f":{parts.port}"
        host = address.removesuffix(port).lower()
        if not host.isascii():
            host = host.encode("idna").decode()
    except ValueError:
        host, port = "", ""
    if not NAME.fullmatch(host):
        raise AddressError(
            f"--allowed-host takes a name such as drive.example.org, without http:// or /, not {name[:80]!r}."
        )
    return _bare(f"{host}{port}")


def _bare(netloc: str) -> str:
    """In small letters, without a default port."""
    return re.sub(r":(?:80|443)$", "", netloc.lower())


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises on a port that is none
        return parts.hostname
    except ValueError:
        return None
