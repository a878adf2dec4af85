"""Events as roles in the scene: somebody or something is given a part, begins within seconds, reacts to our car, and leaves sensibly."""

from world.dynamics.roles.sight import visible
from world.dynamics.roles.stage import roles

__all__ = ["roles", "visible"]
