"""Events: something happens at a labelled frame, to be seen and dealt with. One class an event, `Events` runs them.

An event is on from its trigger until its actor is passed or gone. To add one: subclass `Happening`, add it to HAPPENINGS.
"""

from world.town.events.base import Happening, Stage
from world.town.events.schedule import HAPPENINGS, Events

__all__ = ["HAPPENINGS", "Events", "Happening", "Stage"]
