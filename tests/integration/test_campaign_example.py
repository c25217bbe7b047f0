"""The example of a Dag that Airflow runs when an audience is ready."""

from __future__ import annotations

import json
import runpy
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.integration.asset_events import asset_events

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_iqm_campaign_on_ready_audience.py"
URI = "iqm://app.iqm.com/Customers"


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    """A warehouse of two customers; call it to add one."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))

    def run(sql):
        with sqlite3.connect(path) as connection:
            connection.execute(sql)
        connection.close()

    run("CREATE TABLE customers (email, opted_in)")
    run("INSERT INTO customers VALUES ('jose@example.com', 1), ('mei@example.com', 1)")
    return run


def test_a_night_with_news_runs_the_campaign_and_one_without_does_not(run_dag, sandbox, warehouse):
    def night():
        run = run_dag(EXAMPLE, "example_iqm_customers")
        assert run.state == "success"
        return run.xcom("sync"), asset_events(URI)

    sandbox.change_settings(match_rate=60)
    first, events = night()
    event = events[-1]
    assert (event["audience_id"], event["status"], event["records"], event["match_rate"]) == (first, "Ready", 2, 60)

    same, unchanged = night()
    assert (same, unchanged) == (first, events)

    warehouse("INSERT INTO customers VALUES ('pippin@example.com', 1)")
    second, more = night()
    assert second != first
    assert [event["audience_id"] for event in more[len(events) :]] == [second]
    assert "example.com" not in json.dumps(more)

    sandbox.change_settings(match_rate=20)
    warehouse("INSERT INTO customers VALUES ('merry@example.com', 1)")
    assert run_dag(EXAMPLE, "example_iqm_customers").state == "failed"
    assert asset_events(URI) == more


@pytest.mark.parametrize("argument", ["triggering_asset_events", "triggering_dataset_events"])
def test_the_campaign_finds_the_newest_audience(argument, capsys):
    campaign = runpy.run_path(str(EXAMPLE))["campaign_dag"]
    extra = {"status": "Ready", "records": 2, "match_rate": 60.0}
    events = [SimpleNamespace(extra={**extra, "audience_id": audience_id}) for audience_id in (7, 8)]
    assert campaign.get_task("target").python_callable(**{argument: {URI: events}}) == 8
    assert "Audience 8 is Ready: 2 records, match rate 60.0 %" in capsys.readouterr().out
