"""Checks of every example Dag."""

from __future__ import annotations

import json
import re
from pathlib import Path

import airflow
import pytest

from airflow_provider_iqm.sandbox.warehouse import create_warehouse

EXAMPLES = sorted((Path(__file__).parents[2] / "example_dags").glob("*.py"))
TEXTS = {path.stem: path.read_text() for path in EXAMPLES}
# The one that an asset's event starts has a test of its own.
RUN = {stem: {"example_iqm_campaign_on_ready_audience": "example_iqm_customers"}.get(stem, stem) for stem in TEXTS}
AIRFLOW_2 = airflow.__version__.startswith("2.")
APPROVAL = "example_iqm_approval"
"""It waits for somebody: see test_approval_example.py."""
DEADLINE = "example_iqm_deadline"
"""``dag.test()`` can't end its runs: see test_deadline_example.py."""


@pytest.mark.parametrize("name", TEXTS)
def test_an_example_uses_what_every_run_has(name):
    assert not re.search(r"\b(ds|ts)(_\w+)?\b|logical_date|execution_date|data_interval|macros\.", TEXTS[name])


@pytest.mark.parametrize("name", TEXTS)
def test_an_example_deletes_nothing_that_it_found_by_name(name):
    assert not re.search(r"find_matched_audiences|search_matched_audiences", TEXTS[name])


def test_no_two_examples_share_an_audience_name():
    names = [name for text in TEXTS.values() for name in re.findall(r'audience_name"?[=:] ?f?"([^"]+)"', text)]
    assert len(names) == len(set(names)) == len(TEXTS)


@pytest.fixture
def api_version(request):
    """The classic API, unless the example replaces an audience in the campaigns that IQM finds."""
    name = request.node.callspec.params["name"] if hasattr(request.node, "callspec") else ""
    return "v3" if "replaces=" in TEXTS.get(name, "") else "classic"


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    """The warehouse that the sandbox provides."""
    path = tmp_path / "warehouse.db"
    create_warehouse(path, count=200)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))


@pytest.mark.parametrize("logical_date", [True, False], ids=["logical date", "none"])
@pytest.mark.parametrize("name", sorted(RUN.keys() - {APPROVAL, DEADLINE}))
def test_an_example_runs_on_the_sandbox_and_its_warehouse(
    name, logical_date, run_dag, sandbox, warehouse, tmp_path, request
):
    if AIRFLOW_2 and not logical_date:
        pytest.skip("on Airflow 2 every run has a logical date")
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)
    path = tmp_path / "people.csv"
    path.write_text("email,first_name,last_name\nfrodo@shire.example,Frodo,Baggins\n")
    parameters = {"file_path": str(path), "output_dir": str(tmp_path), "suppression_path": str(path)}
    if name == "example_iqm_unload_many_parts":
        request.getfixturevalue("lake").put("people")
        parameters = {"folder": "s3://lake@people/unloaded", "parts": 1}
    run = run_dag(EXAMPLES[0].parent / f"{name}.py", RUN[name], logical_date=logical_date, **parameters)
    assert run.state == "success"
    assert {audience.status for audience in sandbox.audiences} == {"Ready"}
