# Each target runs a well-known tool in a virtual environment that needs nothing but Python.
# AIRFLOW=2.11 selects another supported Airflow, PYTHON=python3.13 another interpreter.

PYTHON ?= python3
AIRFLOW ?= 3.3
# Most tests spend their time waiting, so more processes than cores are faster.
JOBS ?= 4
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/airflow-$(AIRFLOW)-py$(PYTHON_VERSION)
BIN := $(VENV)/bin
CONSTRAINTS := constraints/airflow-$(AIRFLOW).txt
INSTALLED := $(VENV)/.installed

export AIRFLOW__CORE__LOAD_EXAMPLES := False
export PYTHONWARNINGS := ignore::DeprecationWarning

.PHONY: help environment demo check unit test test-cluster matrix wheel lint types docs diagrams bench constraints clean
.DEFAULT_GOAL := help

help: ## List all targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED) ## Run the warehouse Dag in Airflow with a local IQM
	@$(BIN)/python demo/run.py

environment: $(INSTALLED) ## Create the virtual environment

check: $(INSTALLED) ## Run lint, types and unit tests; use it before each commit
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target lint types unit

unit: $(INSTALLED) ## Run the unit tests in JOBS processes
	$(BIN)/python -m pytest tests/unit --numprocesses $(JOBS) $(ARGS)

test: $(INSTALLED) ## Run the unit and integration tests in JOBS processes
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile -m "not cluster" $(ARGS)

test-cluster: $(INSTALLED) ## Run the tests that start a whole Airflow
	$(BIN)/python -m pytest -m cluster $(ARGS)

matrix: ## Run the tests on all supported Airflow and Python versions; CELLS="3.1/3.12 3.3/3.13" selects some
	@$(PYTHON) .ci/matrix.py $(CELLS)

wheel: $(INSTALLED) ## Build the wheel and test it in a clean environment
	$(BIN)/python -m pytest tests/wheel $(ARGS)

lint: $(INSTALLED) ## Check style and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(INSTALLED) ## Check types
	$(BIN)/mypy

docs: $(INSTALLED) ## Build the documentation into docs/_build; warnings are errors
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b html docs docs/_build
	@echo "docs/_build/index.html"

diagrams: $(INSTALLED) ## Draw the documentation's diagrams from docs/diagrams
	$(BIN)/python docs/diagrams/render.py

bench: $(INSTALLED) ## Run the benchmarks; ARGS="--records 500000 clean" selects some
	$(BIN)/python benchmarks/run.py $(ARGS)

constraints: ## Update the pinned versions for AIRFLOW=3.1; use the oldest supported Python
	$(PYTHON) constraints/resolve.py $(AIRFLOW)

clean: ## Delete everything that the other targets created
	rm -rf .venv .demo docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 ...")'
	@echo "Setting up $(VENV) (a minute or two, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[sandbox,pandas]' --group dev
	@touch $@
