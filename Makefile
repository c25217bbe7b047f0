# Each target calls a tool that people know, in a virtual environment that is made from Python alone.
# AIRFLOW=2.11 picks another Airflow of the supported ones, PYTHON=python3.13 another interpreter.

PYTHON ?= python3
AIRFLOW ?= 3.3
# Most tests wait for something most of the time: more processes than cores are faster.
JOBS ?= 4
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/airflow-$(AIRFLOW)-py$(PYTHON_VERSION)
BIN := $(VENV)/bin
CONSTRAINTS := constraints/airflow-$(AIRFLOW).txt
INSTALLED := $(VENV)/.installed

export AIRFLOW__CORE__LOAD_EXAMPLES := False
export PYTHONWARNINGS := ignore::DeprecationWarning

.PHONY: help environment demo check unit test test-cluster matrix wheel lint types docs bench constraints clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED) ## Run the warehouse Dag in Airflow against a local IQM
	@$(BIN)/python demo/run.py

environment: $(INSTALLED) ## Create the virtual environment

check: $(INSTALLED) ## Check style, imports and types, and run the unit tests: before each commit
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target lint types unit

unit: $(INSTALLED) ## Run the unit tests, JOBS at once
	$(BIN)/python -m pytest tests/unit --numprocesses $(JOBS) $(ARGS)

test: $(INSTALLED) ## Run the unit and integration tests, JOBS at once
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile -m "not cluster" $(ARGS)

test-cluster: $(INSTALLED) ## Run the tests that start a whole Airflow
	$(BIN)/python -m pytest -m cluster $(ARGS)

matrix: ## Run the tests on every supported Airflow and Python that is found; CELLS="3.1/3.12 3.3/3.13" on some
	@$(PYTHON) .ci/matrix.py $(CELLS)

wheel: $(INSTALLED) ## Build the wheel, install it alone into a clean environment, and test it there
	$(BIN)/python -m pytest tests/wheel $(ARGS)

lint: $(INSTALLED) ## Check style, and which package imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(INSTALLED) ## Check types
	$(BIN)/mypy

docs: $(INSTALLED) ## Build the documentation into docs/_build, warnings are errors
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b html docs docs/_build
	@echo "docs/_build/index.html"

bench: $(INSTALLED) ## Print the ratios of performance, measured side by side
	$(BIN)/python benchmarks/run.py $(ARGS)

constraints: ## Pin anew what one Airflow needs, such as AIRFLOW=3.1; with the oldest Python that is supported
	$(PYTHON) constraints/resolve.py $(AIRFLOW)

clean: ## Remove what the other targets made
	rm -rf .venv .demo docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 ...")'
	@echo "Setting up $(VENV) (a minute or two, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[sandbox,pandas]' --group dev
	@touch $@
