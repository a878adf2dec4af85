"""Reads nuScenes datasets from plain JSON: maps as places, key frames as scenes and captures.

Needs no development kit.
"""
