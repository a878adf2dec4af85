"""The training settings that the ablations vary."""

from __future__ import annotations

from dataclasses import dataclass

from world.latent.rollout import CONTEXT_NOISE


@dataclass(frozen=True, slots=True)
class Recipe:
    """The defaults are the recipe of `lucidrive train`.

    pca: the tokenizer starts from principal components; l1, edges: weights of these losses beside the MSE's 1; visible:
    a latent's error counts as much as it shows in the picture; context_noise: standard deviation of the noise on the
    past, in training and dreaming; critic: dreams are trained against a discriminator.
    """

    pca: bool = True
    l1: float = 0.1
    edges: float = 0.1
    visible: bool = True
    context_noise: float = CONTEXT_NOISE
    critic: bool = True
