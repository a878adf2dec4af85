"""The clip factory: corner cases on demand, each driven, checked and labelled (`lucidrive clips`).

scenario.py matrix.py ask.py   what is asked for: a sentence, a plan line, a YAML matrix
request.py jobs.py start.py    what a run depends on; content-addressed jobs in lots; where drives begin
find.py coverage.py             danger searched for among scenes; what a run covers
dreaming.py labels.py check.py   a lot as one batch; what is true of each frame; whether it is what was asked for
run.py pool.py cluster.py      lots through processes or Ray actors, retries, what is on the disk already
store.py deliver.py export/    all or nothing on the disk; LeRobotDataset, MCAP, WebDataset, sheets and cards
"""
