"""The example Dags that ask a warehouse themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_iqm.hooks.iqm import IQMHook

RAW = {"Email": "Raw"}
EXAMPLES = Path(__file__).parents[2] / "example_dags"


@pytest.fixture
def warehouse(postgres, monkeypatch, airflow_database):
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


def run_example(run_dag, name, **configuration):
    return run_dag(EXAMPLES / f"{name}.py", name, **configuration)


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


def test_the_next_audience_replaces_the_previous_one_and_no_other(run_dag, sandbox, warehouse, tmp_path):
    sandbox.connect(api_version="v3")
    sandbox.change_settings(match_rate=60)
    first = run_example(run_dag, "example_iqm_blue_green").xcom("sync")
    sandbox.add_campaign(included=[first])
    path = tmp_path / "other.csv"
    path.write_text("email\nfrodo@shire.example\n")
    # Names aren't unique: somebody else's audience may have the same one.
    (audience,) = sandbox.audiences
    other = IQMHook().upload_matched_audience(
        file_path=path, audience_name=audience.name, columns={"email": "Email"}, column_settings=RAW
    )
    run = run_example(run_dag, "example_iqm_blue_green")
    assert run.state == "success"
    second = run.xcom("sync")
    assert sandbox.campaigns[0].included == (second,)
    assert {audience.id: audience.status for audience in sandbox.audiences} == {
        first: "Deleted",
        other: "Ready",
        second: "Ready",
    }


UNLOADED = {"folder": "s3://lake@people/unloaded", "parts": 2}


def test_what_a_warehouse_unloads_becomes_ready_audiences_and_is_removed(run_dag, sandbox, warehouse, lake):
    lake.put("people")
    warehouse.run(
        "INSERT INTO customers SELECT 'user' || n || '@mail.example', '', '', 'MA', '', 1 FROM generate_series(1, 97) n"
    )
    run = run_example(run_dag, "example_iqm_unload_many_parts", **UNLOADED)
    assert run.state == "success"
    assert [audience["name"] for audience in run.xcom("wait_until_ready")] == [
        "Customers (1 of 2)",
        "Customers (2 of 2)",
    ]
    # jose, mei in two spellings, and the 97.
    assert sum(audience.records for audience in sandbox.audiences) == 99
    assert not lake.keys("people")


def test_unloaded_parts_are_removed_when_uploads_fail(run_dag, sandbox, warehouse, lake):
    lake.put("people")
    sandbox.change_settings(on_hold=True)
    run = run_example(run_dag, "example_iqm_unload_many_parts", **UNLOADED | {"parts": 1})
    assert run.tasks["upload", 0] == "failed"
    assert run.tasks["remove_parts", -1] == "success"
    assert not lake.keys("people")
