"""One dataset format for real and dreamt drives: LeRobotDataset v3 (parquet + mp4 + meta/*.json)."""

from world.data.assemble import assemble
from world.data.reader import DriveDataset
from world.data.schema import Episode
from world.data.writer import EpisodeWriter

__all__ = ["DriveDataset", "Episode", "EpisodeWriter", "assemble"]
