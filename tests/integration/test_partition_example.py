"""The example of one audience per state, whose asset events have the state as their partition."""

from __future__ import annotations

import json
import runpy
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import airflow
import pytest
from packaging.version import Version

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_iqm_audience_per_state.py"
AIRFLOW = Version(airflow.__version__)
CAMPAIGN = "example_iqm_campaign_per_state"


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    path = tmp_path / "warehouse.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (first_name, last_name, state, zip, opted_in)")
        people = [
            ("José", "Núñez", "MA", "02101", 1),
            ("Mei", "Chen", "NJ", "07101", 1),
            ("Ada", "Li", "NJ", "07102", 1),
        ]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?)", people)
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))


def test_partitions_are_used_where_airflow_has_them():
    example = runpy.run_path(str(EXAMPLE))
    assert ("campaign_dag" in example) == ("publish" in example["dag"].task_ids) == (Version("3.3") <= AIRFLOW)
    assert {"audiences", "upload", "wait_until_ready"} <= set(example["dag"].task_ids)


@pytest.mark.skipif(Version("3.3") > AIRFLOW, reason="tasks set partitions since Airflow 3.3")
def test_the_campaign_dag_runs_once_for_each_state(run_dag, sandbox, warehouse, capsys):
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select, update

    # Events don't run paused Dags.
    campaign = f'dag_id="{CAMPAIGN}",'
    text = EXAMPLE.read_text().replace(campaign, f"{campaign} is_paused_upon_creation=False,")
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == CAMPAIGN).values(is_paused=False))
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)
    run = run_dag(text, "example_iqm_audience_per_state")
    assert run.state == "success"
    ids = {audience.name.removeprefix("Customers in "): audience.id for audience in sandbox.audiences}
    assert ids.keys() == {"MA", "NJ"}
    with create_session() as session:
        # As the scheduler does in its next loop.
        created = SchedulerJobRunner(job=Job())._create_dagruns_for_partitioned_asset_dags(session)
        assert created == {CAMPAIGN}
        runs = session.scalars(select(DagRun).where(DagRun.dag_id == CAMPAIGN)).all()
        events = {run.partition_key: [event.extra for event in run.consumed_asset_events] for run in runs}
    assert events == {
        "MA": [{"audience_id": ids["MA"], "records": 1}],
        "NJ": [{"audience_id": ids["NJ"], "records": 2}],
    }
    example = runpy.run_path(str(EXAMPLE))
    triggering = {example["CUSTOMERS"]: [SimpleNamespace(extra=events["NJ"][0])]}
    target = example["campaign_dag"].get_task("target").python_callable
    assert target(dag_run=SimpleNamespace(partition_key="NJ"), triggering_asset_events=triggering) == ids["NJ"]
    assert f"Audience {ids['NJ']} has 2 customers in NJ." in capsys.readouterr().out
