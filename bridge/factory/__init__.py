"""The clip factory: corner cases on demand, each driven, checked and labelled (`lucidrive clips`).

scenario.py matrix.py orders.py   what is asked for: a sentence, a plan line, a YAML matrix
jobs.py start.py               what a run depends on; content-addressed jobs in groups; where drives begin
find.py coverage.py            danger searched for among scenes; what a run covers
dreaming.py labels.py check.py   scenes driven, then painted; what is true of each frame; whether it is what was asked for
run.py pool.py cluster.py      groups through processes or Ray actors, retries, resuming
store.py deliver.py export/    all or nothing on the disk; LeRobotDataset, MCAP, WebDataset, sheets and cards
"""
