# Everything works from a fresh checkout, without an active virtual environment.

.DEFAULT_GOAL := help
export PYTHON

.PHONY: help setup demo test lint lint-contracts lint-python bench soak artifacts clean

PYTHON_READY := .venv/.ready
NPM_READY := node_modules/.ready

# Tests on as many processes as this; `make test WORKERS=8`.
WORKERS ?= 2
# Each begins with a part of the folders, so that what a module's tests share is made once.
SPREAD := --numprocesses $(WORKERS) --dist worksteal

help:
	@echo 'make setup      install what is missing, into .venv and node_modules'
	@echo 'make demo       run a day of clearing and show what happened'
	@echo 'make test       run every test'
	@echo 'make lint       check style, types, layers and the compiled contracts'
	@echo 'make bench      measure gas and speed'
	@echo 'make soak       kill, cut and flip more often than make test does'
	@echo 'make artifacts  compile the contracts if they have changed'
	@echo 'make clean      remove what setup and the tests have made'

setup: $(PYTHON_READY) $(NPM_READY)
	@:

demo: setup
	@.venv/bin/clearing demo

test: setup
	@.venv/bin/python -m pytest --quiet $(SPREAD)

# Compiling the contracts takes as long as the rest, so both are done at once.
lint: setup
	@$(MAKE) --no-print-directory --jobs 2 lint-contracts lint-python

lint-python: setup
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --quiet --check . || { echo 'run `.venv/bin/ruff format .`'; exit 1; }
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo > .venv/imports.log || { cat .venv/imports.log; exit 1; }

lint-contracts: setup
	@.venv/bin/python -m ledger.compile --check

bench: setup
	@.venv/bin/python scripts/bench.py

soak: setup
	@CLEARING_FAULT_KILLS=200 CLEARING_FAULT_FRAMES=1000 CLEARING_TEST_DAYS=1500 CLEARING_TEST_TRADES=20000 \
		CLEARING_EVIDENCE_DEPTH=20 \
		.venv/bin/python -m pytest --quiet $(SPREAD) \
		tests/faults tests/invariant tests/evidence/test_mutations.py tests/integration/test_bulk.py

artifacts: setup
	@.venv/bin/python -m ledger.compile

clean:
	@rm -rf .venv node_modules build dist tests/.cache
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(PYTHON_READY): pyproject.toml
	@scripts/python-packages
	@touch $@

$(NPM_READY): package.json package-lock.json scripts/npm-packages | $(PYTHON_READY)
	@scripts/npm-packages
	@touch $@
