"""Trains the world's parts, each within a budget of minutes, resumable: tokenizer, then dynamics, then driver."""
