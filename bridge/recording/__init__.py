"""What keeps a drive: its last minute and whole history in memory, a recording on the disk, clips, and one file to resume it from."""
