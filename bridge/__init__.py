"""Joins brain (text to plan) and world (control to frame) on one device. Read `bridge.loop` first."""
