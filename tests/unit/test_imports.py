"""A Dag file that uses the package is parsed quickly: what only a running task needs is not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.imports import public_modules

HEAVY = ["duckdb", "fastapi", "numpy", "openpyxl", "pandas", "psutil", "pyarrow", "python_calamine", "sqlparse"]
EXAMPLES = sorted(str(path) for path in (Path(__file__).parents[2] / "example_dags").glob("*.py"))

# On Airflow 2, get_current_context lies beside an operator that needs psutil.
CODE = """
import importlib, runpy, sys
import airflow.providers.http.operators.http
from airflow.providers.common.compat.sdk import DAG, get_current_context
modules, examples, heavy = {modules}, {examples}, {heavy}
before = set(sys.modules)
for module in modules:
    importlib.import_module(module)
for example in examples:
    runpy.run_path(example)
added = set(sys.modules) - before
print([name for name in heavy if name in added])
"""


def heavy_modules_of(*, modules=(), examples=()):
    code = CODE.format(modules=list(modules), examples=list(examples), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_no_public_module_and_no_example_dag_imports_what_only_a_task_needs():
    modules = public_modules()
    assert len(modules) > 10
    assert len(EXAMPLES) > 5
    assert heavy_modules_of(modules=modules, examples=EXAMPLES) == "[]"


def test_a_heavy_module_would_be_seen():
    assert heavy_modules_of(modules=["airflow_provider_iqm.sandbox.application"]) == "['fastapi']"
