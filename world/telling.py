"""What long work tells whoever started it: the functions that it may be given for that."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[float, str], None]  # the fraction done, and what is being done
Count = Callable[[int, int], None]  # how many are done, of how many
Say = Callable[[str], None]  # a sentence
