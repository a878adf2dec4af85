"""The brain's baselines: the base model under the grammar with an instruction, zero-shot or few-shot."""

from __future__ import annotations

import time
from collections.abc import Sequence

from brain.director import Director, Reply, clean
from brain.plan import STEPS
from brain.prompt import FewShot, beginning, prompt_tokens

EVENTS = [
    f"{name}(side)" if kind.signature == "side" else name for name, kind in STEPS.items() if kind.group == "event"
]
INSTRUCTION = f"""Write what the driver wants as one line of steps joined by ';'.
Steps: follow left right straight lane_left lane_right stop go faster slower speed(km/h) clear rain(1-3) snow(1-3) \
fog(1-3) dawn day dusk night {" ".join(EVENTS)}.
After a step: @next after the one before, @junction at the junction, @+N in N seconds, ~N for N seconds.
Impossible: refuse(unsupported). Not about the drive: refuse(offtopic). Unclear: ask(direction), ask(side), \
ask(event), ask(speed)."""

# Written for this prompt: neither in a test nor in the corpus.
SHOTS = (
    FewShot("turn left here", "", "left"),
    FewShot("stop and afterwards make it night", "", "stop;night@next"),
    FewShot("右邊有行人", "", "ped_cross(right)"),
    FewShot("40 km/h in the snow", "", "snow(2);speed(40)"),
    FewShot("more", "weather=fog(1) time=day speed=30", "fog(2)"),
    FewShot("下雨五秒", "", "rain(2)~5"),
    FewShot("not right, left", "", "left"),
    FewShot("in 4 seconds a car breaks down ahead", "", "stalled@+4"),
    FewShot("開船", "", "refuse(unsupported)"),
    FewShot("who are you", "", "refuse(offtopic)"),
    FewShot("換線", "", "ask(direction)"),
    FewShot("先放晴再加速", "", "clear;faster@next"),
)


class PromptedModel:
    """The base model, prompted with the plan language. Answers like a director, in one call.

    Only the newest instance may use the director's model: the prompt's prefix is cached in it.
    """

    def __init__(self, director: Director, instruction: str = INSTRUCTION, shots: Sequence[FewShot] = ()) -> None:
        self.director, self.instruction, self.shots = director, instruction, shots
        director.model.expect(beginning(director.model.tokenizer, instruction, shots))

    def answer(self, text: str, context: str = "") -> Reply:
        """The plan for a text, with the time it took; as `Director.answer`, without its fallbacks."""
        began = time.perf_counter()
        model = self.director.model
        prompt = prompt_tokens(model.tokenizer, clean(text), context, self.instruction, self.shots)
        tokens = [token for token in model.decode(prompt, self.director.grammar) if token is not None]
        return self.director.line(tokens).reply(time.perf_counter() - began)
