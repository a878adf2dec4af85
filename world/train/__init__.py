"""Trains the world's parts, each within a budget of minutes, resumable: tokenizer, then dynamics, then driver."""

from world.train.run import MINUTES, PARTS, train

__all__ = ["MINUTES", "PARTS", "train"]
