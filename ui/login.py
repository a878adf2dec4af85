"""Name and password, for a page that others than this machine can reach."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from binascii import Error
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from world.errors import LucidriveError

COOKIE = "lucidrive-door"
HOURS = 12
MOST_KEYS = 1000
LEAST_PASSWORD = 8
FORM = Path(__file__).parent / "static" / "login.html"


class AuthError(LucidriveError):
    """A name and password that cannot be used."""


class Login:
    """One name and one password. Whoever gave them holds a key in a cookie for some hours."""

    def __init__(self, auth: str) -> None:
        """auth: `name:password`. AuthError."""
        name, colon, password = auth.partition(":")
        if not colon or not name or len(password) < LEAST_PASSWORD:
            raise AuthError(f"--auth takes NAME:PASSWORD, the password of at least {LEAST_PASSWORD} characters.")
        self._salt = secrets.token_bytes(16)
        self._known = self._digest(name, password)
        self._keys: dict[str, float] = {}  # digest of a key -> until when

    def _digest(self, name: str, password: str) -> bytes:
        return hashlib.scrypt(f"{name}\0{password}".encode(), salt=self._salt, n=2**12, r=8, p=1)

    def right(self, name: str, password: str) -> bool:
        """Whether they are right, in the same time whatever is wrong."""
        return hmac.compare_digest(self._digest(name, password), self._known)

    def key(self) -> str:
        """A new key; the oldest ones make room."""
        now = time.monotonic()
        self._keys = {key: until for key, until in self._keys.items() if until > now}
        while len(self._keys) >= MOST_KEYS:
            self._keys.pop(next(iter(self._keys)))
        key = secrets.token_urlsafe(24)
        self._keys[_hash(key)] = now + HOURS * 3600
        return key

    def admits(self, headers: dict[str, str]) -> bool:
        """Whether the request's cookie holds a key."""
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        until = self._keys.get(_hash(morsel.value)) if morsel is not None else None
        return until is not None and until > time.monotonic()

    def answers(self, body: bytes) -> bool:
        """Whether a form holds the right name and password."""
        try:
            fields = parse_qs(body.decode(), max_num_fields=8)
        except (ValueError, UnicodeDecodeError):
            return False
        return self.right(fields.get("username", [""])[0], fields.get("password", [""])[0])

    def basic(self, headers: dict[str, str]) -> bool | None:
        """Whether HTTP's Authorization header holds them; None where there is none."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (Error, UnicodeDecodeError, ValueError):
            return False
        return self.right(name, password)


def cookie(key: str, secure: bool, path: str = "/") -> str:
    """Value of the Set-Cookie header."""
    return (
        f"{COOKIE}={key}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={HOURS * 3600}{'; Secure' if secure else ''}"
    )


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
