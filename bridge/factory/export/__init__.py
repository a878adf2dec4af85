"""Accepted clips in the formats of other programs (LeRobotDataset, MCAP, WebDataset), with pictures, a report and a card.

All of it is made from the run's folder, so it can be exported again, or in another format, at any time.
"""
