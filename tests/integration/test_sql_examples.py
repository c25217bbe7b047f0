"""The example Dags that ask a warehouse themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "example_dags"


@pytest.fixture
def warehouse(postgres, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres.connection())
    postgres.run(
        "DROP TABLE IF EXISTS customers",
        "CREATE TABLE customers (email text, first_name text, last_name text, state text, zip text, opted_in integer)",
        """INSERT INTO customers VALUES
           ('jose@example.com', 'José', 'O''Brien', 'MA', '02101', 1),
           ('mei@example.com', 'Mei', 'Chen', 'NJ', '07101', 1),
           ('MEI@example.com', 'Mei', 'Chen', 'NJ', '07101', 1),
           ('no@example.com', 'Not', 'Asked', 'NY', '10001', 0)""",
    )
    return postgres


def run_example(run_dag, name):
    return run_dag(EXAMPLES / f"{name}.py", name)


def test_a_nightly_sync_is_one_task(run_dag, sandbox, warehouse):
    run = run_example(run_dag, "example_iqm_nightly_sync")
    assert run.state == "success"
    (audience,) = sandbox.audiences
    assert run.xcom("sync") == audience.id
    assert run.xcom("sync", "audience")["status"] == "Ready"
    assert run.xcom("sync", "report")["duplicates"] == 1
    assert audience.records == 2
    assert audience.column_settings == {"Email": "SHA256"}


def test_a_night_without_a_customer_is_skipped(run_dag, sandbox, warehouse):
    warehouse.run("DELETE FROM customers")
    run = run_example(run_dag, "example_iqm_nightly_sync")
    assert run.tasks["sync", -1] == "skipped"
    assert not sandbox.audiences


def test_each_state_becomes_an_audience(run_dag, sandbox, warehouse):
    run = run_example(run_dag, "example_iqm_audience_per_state")
    assert run.state == "success"
    assert {audience.name: audience.records for audience in sandbox.audiences} == {
        "Customers in MA": 1,
        "Customers in NJ": 2,
    }
    assert [audience["name"] for audience in run.xcom("wait_until_ready")] == ["Customers in MA", "Customers in NJ"]


def test_yesterdays_audience_goes_when_todays_is_ready(run_dag, sandbox, warehouse):
    today = datetime.now(UTC).date()
    first = run_example(run_dag, "example_iqm_blue_green")
    (audience,) = sandbox.audiences
    assert first.state == "success"
    assert audience.name == f"Customers {today}"
    audience.name = f"Customers {today - timedelta(days=1)}"
    second = run_example(run_dag, "example_iqm_blue_green")
    assert second.state == "success"
    assert [(item.id, item.status) for item in sandbox.audiences if item.status != "Deleted"] == [
        (second.xcom("upload"), "Ready")
    ]
