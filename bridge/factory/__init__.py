"""The clip factory: corner cases on demand, each dreamt, judged and labelled (`lucidrive clips`).

scenario.py matrix.py ask.py   what is asked for: a sentence, a plan line, a YAML matrix
request.py jobs.py start.py    what a run depends on; content-addressed jobs in lots; where dreams begin
dreaming.py check.py quality.py measures.py   a lot as one batch; what the judge says of it; whether the picture held
run.py pool.py cluster.py      lots through processes or Ray actors, retries, what is on the disk already
store.py deliver.py export/    all or nothing on the disk; LeRobotDataset, MCAP, WebDataset, sheets and cards
"""
