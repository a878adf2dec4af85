"""Evaluates scene worlds on exact facts; the README quotes these numbers."""
