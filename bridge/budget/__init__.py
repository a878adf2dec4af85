"""Keeps all parts of a dream within the memory of one device.

sizes.py brains.py worlds.py   what each part takes, computed on torch's meta device; brains/ holds their shapes
setup.py plan.py ladder.py     an itemised plan before anything is loaded, and what fits where it does not
measure.py probe.py meters.py  what parts really take, measured once and used instead
device.py ledger.py            who holds how much of a device: reserve, commit, release
rescue.py leased_brain.py      memory that runs out during a drive costs a rung of the ladder, not the drive
"""
