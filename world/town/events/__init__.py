"""Scenario events: something happens from a labelled frame on. One class per event; `Events` schedules them.

An event is active from its trigger until its actor is passed or gone. To add one, subclass `ScenarioEvent` and add it
to SCENARIO_EVENTS and SHARES. An event of `world.controls` that is missing there is one that this town does not play.
"""

from world.town.events.base import EventContext, ScenarioEvent
from world.town.events.schedule import SCENARIO_EVENTS, Events

__all__ = ["SCENARIO_EVENTS", "EventContext", "Events", "ScenarioEvent"]
