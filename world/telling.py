"""Callbacks by which long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[float, str], None]  # the fraction done, and what is being done
Count = Callable[[int, int], None]  # how many are done, of how many
Say = Callable[[str], None]  # a sentence
