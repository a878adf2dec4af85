"""A drive kept: its last minute and its whole way back in memory, the disk as it grows, clips, and one file to go on with."""
