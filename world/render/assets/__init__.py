"""Meshes of static and moving objects."""
