"""The exception tree that the page and the command line show: each message is one sentence."""

from __future__ import annotations

from world.errors import DataError, LucidriveError, SimulatorError, WeightsError

__all__ = [
    "BusyError",
    "DataError",
    "ExportError",
    "LucidriveError",
    "SessionError",
    "SimulatorError",
    "WeightsError",
    "explain",
]


class SessionError(LucidriveError):
    """A request that a person's dream cannot fulfil now."""


class BusyError(LucidriveError):
    """There is no room for one more dream."""


class ExportError(LucidriveError):
    """A clip could not be written; nothing that was saved before is touched."""


def explain(error: BaseException) -> str:
    """The sentence for a person: an error's own, or for any error not ours one that names the fault without a traceback."""
    if isinstance(error, LucidriveError):
        return str(error)
    if isinstance(error, MemoryError):
        return "This machine ran out of memory; close another program or another tab and try again."
    if isinstance(error, OSError):
        return f"The system refused ({error.strerror or type(error).__name__}); check the disk and try again."
    return f"Something inside lucidrive failed ({type(error).__name__}); the terminal says where."
