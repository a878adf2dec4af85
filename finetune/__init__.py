"""Teaches the brain: a corpus with plans known by construction, LoRA training, and the measure of both."""
