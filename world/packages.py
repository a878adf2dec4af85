"""Packages that only some commands need: asked for before the work, not after it."""

from __future__ import annotations

from importlib.util import find_spec

from world.errors import LucidriveError


class MissingPackageError(LucidriveError):
    """Something was asked for that wants a package which is not installed."""


def need(package: str, extra: str, what: str) -> None:
    """MissingPackageError where `package`, of our extra of that name, is not installed; what: that wants it, such as `MCAP files`."""
    if find_spec(package) is None:
        raise MissingPackageError(f"{what} need the package `{package}`: run `pip install 'lucidrive[{extra}]'`.")
