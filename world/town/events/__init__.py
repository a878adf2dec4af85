"""Events: something happens at a labelled frame, to be seen and dealt with. One class an event, `Events` runs them.

An event is on from its trigger until its actor is passed or gone. To add one: subclass `ScenarioEvent`, add it to SCENARIO_EVENTS and SHARES. An event
of `world.controls` that is not there is one that this town does not play.
"""

from world.town.events.base import EventContext, ScenarioEvent
from world.town.events.schedule import SCENARIO_EVENTS, Events

__all__ = ["SCENARIO_EVENTS", "EventContext", "Events", "ScenarioEvent"]
