"""Worlds of your own video: a tokenizer, and transformer dynamics over its latents."""
