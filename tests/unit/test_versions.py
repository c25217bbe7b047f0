"""The supported versions are the same in the matrix, the classifiers, the workflow and the documentation."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from itertools import product
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def matrix():
    spec = importlib.util.spec_from_file_location("matrix", ROOT / ".ci" / "matrix.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules["matrix"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["matrix"]


def test_the_classifiers_name_the_matrix_s_pythons(matrix):
    prefix = "Programming Language :: Python :: 3."
    minors = [name.removeprefix(prefix) for name in PYPROJECT["project"]["classifiers"] if name.startswith(prefix)]
    assert [f"3.{minor}" for minor in minors] == list(matrix.PYTHONS)
    assert PYPROJECT["project"]["requires-python"] == f">={matrix.PYTHONS[0]}"


def test_each_airflow_of_the_matrix_has_constraints(matrix):
    names = {path.name for path in (ROOT / "constraints").glob("*.txt")}
    assert names == {f"airflow-{version}.txt" for version in matrix.AIRFLOWS}


def test_the_workflow_runs_the_matrix(matrix):
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    strategy = jobs["matrix"]["strategy"]["matrix"]
    assert strategy["airflow"] == list(matrix.AIRFLOWS)
    assert strategy["python"] == list(matrix.PYTHONS)
    assert {(cell["airflow"], cell["python"]) for cell in strategy["exclude"]} == set(matrix.IMPOSSIBLE)


def test_the_documentation_tells_of_each_cell(matrix):
    rows = re.findall(r"^\| ([\d.]+) \| (.*) \|$", (ROOT / "docs" / "versions.md").read_text(), re.MULTILINE)
    assert [airflow for airflow, _ in rows] == list(matrix.AIRFLOWS)
    for (airflow, cells), (_, python) in product(rows, enumerate(matrix.PYTHONS)):
        cell = cells.split(" | ")[matrix.PYTHONS.index(python)]
        assert ("doesn't run on it" in cell) is ((airflow, python) in matrix.IMPOSSIBLE), (airflow, python)


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_files_of_the_repository_s_host_are_yaml(path):
    assert yaml.safe_load(path.read_text())
