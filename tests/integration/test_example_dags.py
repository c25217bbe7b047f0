from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "example_dags"


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    path = tmp_path / "warehouse.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE customers (customer_id INTEGER, first_name, last_name, street, city, state, zip, opted_in)"
        )
        people = [
            (1, "José", "O'Brien", '1 "Old" Mill Rd, Apt 2', "Boston", "MA", "02101", 1),
            (2, "Mei", "Chen", "2 Oak St\nRear", "Newark", "NJ", "07101", 1),
            (3, "Not", "Asked", "3 Elm St", "Newark", "NJ", "07101", 0),
        ]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", people)
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))


def test_a_file_becomes_a_ready_audience(run_dag, sandbox, tmp_path):
    path = tmp_path / "newsletter.csv"
    path.write_text("email,first_name,last_name\nfrodo@shire.example,Frodo,Baggins\n")
    run = run_dag(
        EXAMPLES / "example_iqm_matched_audience.py",
        "example_iqm_matched_audience",
        file_path=str(path),
        audience_name="Newsletter",
    )
    assert run.state == "success"
    (audience,) = sandbox.audiences
    assert run.xcom("upload") == audience.id
    assert run.xcom("wait_until_ready")["status"] == "Ready"
    assert audience.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_quickstart_hands_a_ready_audience_on(run_dag, sandbox, tmp_path):
    path = tmp_path / "newsletter.csv"
    path.write_text("email,first_name\nfrodo@shire.example,Frodo\n")
    run = run_dag(
        EXAMPLES / "example_iqm_quickstart.py",
        "example_iqm_quickstart",
        file_path=str(path),
    )
    assert run.state == "success"
    assert run.tasks["use_audience", -1] == "success"
    assert run.xcom("wait_until_ready")["id"] == sandbox.audiences[0].id


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder of scratch files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_query_becomes_a_ready_audience_and_leaves_nothing_behind(run_dag, sandbox, warehouse, scratch):
    run = run_dag(EXAMPLES / "example_iqm_warehouse_sync.py", "example_iqm_warehouse_sync")
    assert run.state == "success"
    (audience,) = sandbox.audiences
    assert audience.records == 2
    assert run.xcom("wait_until_ready")["records"] == 2
    assert list(scratch.rglob("*.csv")) == []


def test_the_query_s_rows_are_removed_when_the_upload_fails(run_dag, sandbox, warehouse, scratch):
    sandbox.change_settings(on_hold=True)
    run = run_dag(EXAMPLES / "example_iqm_warehouse_sync.py", "example_iqm_warehouse_sync")
    assert run.tasks["upload", -1] == "failed"
    assert run.tries["upload", -1] == 1
    assert list(scratch.rglob("*.csv")) == []
    assert sandbox.audiences == []


MAPPED = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(seconds=0)}) as dag:
    @task
    def files():
        return FILES

    uploads = MatchedAudienceUploadOperator.partial(
        task_id="upload", audience_name="{{ task.file_path.split('/')[-1] }}",
        columns={"email": "Email"}, column_settings={"Email": "Raw"},
    ).expand(file_path=files())
    AudienceReadySensor(task_id="wait", audience_id=uploads.output, poke_interval=0.2, timeout=60)
"""


def test_mapped_uploads_are_waited_for_together(run_dag, sandbox, tmp_path):
    files = []
    for name in ("a", "b", "c"):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"email\n{name}@shire.example\n")
        files.append(str(path))
    run = run_dag(MAPPED.replace("FILES", repr(files)), "mapped")
    assert run.state == "success"
    assert sorted(item["name"] for item in run.xcom("wait")) == ["a.csv", "b.csv", "c.csv"]
    assert len(sandbox.audiences) == 3


def test_a_rejected_audience_fails_the_task_without_a_retry(run_dag, sandbox, tmp_path):
    path = tmp_path / "[reject].csv"
    path.write_text("email\nfrodo@shire.example\n")
    run = run_dag(MAPPED.replace("FILES", repr([str(path)])), "mapped")
    assert run.state == "failed"
    assert run.tasks["upload", 0] == "success"
    assert run.tasks["wait", -1] == "failed"
    assert run.tries["wait", -1] == 1
