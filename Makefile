# make run: from nothing to a report. make test: all tests. make fuzz: 2,000 random networks on
# their RTL. All install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
ARGS ?=

.PHONY: run test fuzz lint clean

run: $(VENV)/.run-ready
	$(BIN)/spikeforge run $(if $(DATA),--data "$(DATA)") $(ARGS)

test: $(VENV)/.test-ready
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

fuzz: $(VENV)/.test-ready
	$(BIN)/python benchmarks/fuzz.py $(ARGS)

lint: $(VENV)/.test-ready
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Spikeforge needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; name another one with: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.test-ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ $(VENV)/.run-ready

clean:
	rm -rf $(VENV) build dist *.egg-info out
