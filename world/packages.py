"""Checks optional packages before the work that needs them."""

from __future__ import annotations

from importlib.util import find_spec

from world.errors import LucidriveError


class MissingPackageError(LucidriveError):
    """A command needs a package that is not installed."""


def need(package: str, extra: str, what: str) -> None:
    """MissingPackageError where `package`, of our extra `extra`, is not installed; what: that needs it, such as `MCAP files`."""
    if find_spec(package) is None:
        raise MissingPackageError(f"{what} need the package `{package}`: run `pip install 'lucidrive[{extra}]'`.")
