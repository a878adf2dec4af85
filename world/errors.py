"""The exception tree, at the bottom of the import order; `bridge.errors` re-exports it."""


class LucidriveError(Exception):
    """Base of every error a person may see. The message is one sentence: what happened, and what to do."""


class WeightsError(LucidriveError):
    """A weight file is missing, corrupt, or belongs to another configuration."""


class DataError(LucidriveError):
    """A dataset, video or frame cannot be used as it is."""


class SimulatorError(LucidriveError):
    """The town cannot be built or run (a missing extra, a network that netgenerate refused)."""
