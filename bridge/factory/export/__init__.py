"""Clips that were accepted, as other programs read them: LeRobotDataset, MCAP, WebDataset; pictures, a report, a card.

They are read from what the run's folder holds, so that an export can be made again, or in another format, at any time.
"""
