"""Trains the world's parts in order, each for a budget of minutes and resumable: tokenizer, dynamics, driver."""

from world.train.run import MINUTES, PARTS, train

__all__ = ["MINUTES", "PARTS", "train"]
