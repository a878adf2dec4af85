"""What training alone says in English: written after the lists had been split, so that the tests stay as they are."""

from finetune.phrases.en.more import drive, events, impossible, joints, whole

MORE = drive.MORE | events.MORE | impossible.MORE | joints.MORE | whole.MORE
SLOTS = impossible.SLOTS

__all__ = ["MORE", "SLOTS"]
