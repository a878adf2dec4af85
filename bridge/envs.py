"""`lucidrive/Dream-v0` that reads prompts: `gymnasium.make("bridge.envs:lucidrive/Dream-v0")`.

    env.reset(seed=1, options={"prompt": "turn left, then make it rain"})

Importing this module gives the environment of `world.dream_env` a brain and a timeline. The brain is loaded at the first prompt
that is not a line of the plan language (`left;rain(2)@next`), which needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from gymnasium.envs import registration

from brain.conditions import reader
from brain.plan import Plan, PlanError, Utterance, parse_line, print_line, sentence
from brain.prompt import Context
from bridge.errors import SessionError
from bridge.timeline import Timeline
from world.controls import Control, TimeOfDay, Weather
from world.dream_env import DreamEnv
from world.dream_script import Cue
from world.dream_vector_env import DreamVectorEnv
from world.envs import DREAM_ID
from world.frame import Frame


class Answer(Protocol):
    """The part of `brain.director.Reply` that is used here."""

    @property
    def utterance(self) -> Utterance:
        """The plan, refusal or question."""
        ...


class SentenceReader(Protocol):
    """What is asked of `brain.director.Director`."""

    def answer(self, text: str, context: Context) -> Answer:
        """Reads a sentence in the drive's context. BrainInputError for one that is empty or too long."""
        ...


class PlanScript:
    """A `world.dream_env` script that plays a plan line on a timeline. PlanError for a mistake in it, SessionError where it plans nothing."""

    def __init__(self, line: str, control: Control) -> None:
        plan = parse_line(line)
        if not isinstance(plan, Plan):
            raise SessionError(f"'{line}' plans nothing; give steps, such as 'left'.")
        self.timeline = timeline(control)
        self.timeline.plan(plan)

    def next(self, frame: Frame) -> Cue:
        """The control and target speed of the next frame."""
        state = self.timeline.tick(frame)
        return Cue(state.control(), state.target_speed)


class BrainScriptWriter:
    """A `world.dream_script.ScriptWriter`: the brain reads sentences, plan lines stay as they are."""

    def __init__(self, load: Callable[[], SentenceReader]) -> None:
        self._load = load

    def plan(self, prompt: str, control: Control) -> str:
        """The plan line of a prompt. SessionError where the brain refuses or asks back, since nobody is there to answer."""
        try:
            utterance = parse_line(prompt)
        except PlanError:
            utterance = self._load().answer(prompt, timeline(control).context()).utterance
        if not isinstance(utterance, Plan):
            raise SessionError(sentence(utterance))
        return print_line(utterance)

    def script(self, line: str, control: Control) -> PlanScript:
        """A script that plays the line from a first frame under `control`."""
        return PlanScript(line, control)

    def conditions(self, phrase: str) -> Mapping[str, int] | None:
        """The fields of a Control that a phrase about weather and time asks for; None where it is no such phrase."""
        return reader(lambda text: self._load().answer(text, Context()).utterance)(phrase)


def timeline(control: Control) -> Timeline:
    """An empty timeline under the conditions of a dream's first frame."""
    time = control.time if control.time >= 0 else TimeOfDay.DAY
    return Timeline(Weather(max(control.weather, Weather.CLEAR)), time)


@lru_cache(maxsize=1)
def load_brain() -> SentenceReader:
    """The shipped brain, loaded once for all environments of this process. WeightsError."""
    from brain.director import Director

    return Director.load()


def dream_env(**kwargs: Any) -> DreamEnv:
    """The entry point of Dream-v0: a `DreamEnv` whose prompts the brain reads. kwargs: of `DreamEnv`."""
    return DreamEnv(**{"director": BrainScriptWriter(load_brain)} | kwargs)


def dream_vector_env(**kwargs: Any) -> DreamVectorEnv:
    """The entry point of many Dream-v0 stepped as one. kwargs: of `DreamVectorEnv`."""
    return DreamVectorEnv(**{"director": BrainScriptWriter(load_brain)} | kwargs)


registration.registry.pop(DREAM_ID, None)  # of world.envs: the same without a brain
registration.register(DREAM_ID, entry_point="bridge.envs:dream_env", vector_entry_point="bridge.envs:dream_vector_env")
