"""Events as roles in the scene: an actor gets a role, begins within seconds, reacts to our car, and leaves plausibly."""

from world.dynamics.roles.sight import visible
from world.dynamics.roles.stage import roles

__all__ = ["roles", "visible"]
