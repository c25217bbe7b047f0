"""What OpenLineage receives of Dags that Airflow runs: the provider's own listener, writing its events to a file."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

with DAG("lineage", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    TASKS

if __name__ == "__main__":
    dag.test()
"""


@pytest.fixture
def last_events(airflow_database, sandbox, tmp_path):
    """Run a Dag of these tasks in a process that OpenLineage listens to; return the last event of each task."""

    def run(tasks):
        folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
        folder.mkdir(exist_ok=True)
        path, received = folder / "lineage.py", tmp_path / "events.json"
        path.write_text(DAG.replace("TASKS", tasks))
        transport = {"type": "file", "log_file_path": str(received), "append": True}
        environment = os.environ | {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)}
        done = subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=300)
        log = done.stdout + done.stderr
        print(log)
        assert "expired" not in log
        assert "failed to extract" not in log
        text = received.read_text()
        assert "shire.example" not in text
        return {event["job"]["name"].removeprefix("lineage."): event for event in map(json.loads, text.splitlines())}

    return run


def names(datasets):
    return {(dataset["namespace"], dataset["name"]) for dataset in datasets}


def origins(dataset):
    """Tell which fields of a dataset come from which columns."""
    fields = dataset["facets"]["columnLineage"]["fields"]
    return {
        name: [(origin["namespace"], origin["name"], origin["field"]) for origin in field["inputFields"]]
        for name, field in fields.items()
    }


def test_audiences_and_parts_come_from_their_file_column_by_column(last_events, tmp_path):
    path = str(tmp_path / "people.csv")
    Path(path).write_text("email,town\nfrodo@shire.example,Hobbiton\nsam@shire.example,Bywater\n")
    mapping = 'columns={"email": "Email", "town": "City"}, hash_columns={"email": "SHA256"}'
    events = last_events(f"""
    MatchedAudienceUploadOperator(
        task_id="upload", file_path="{path}", audience_name=" {{{{ dag.dag_id }}}} ", {mapping}
    )
    PrepareAudienceFileOperator(
        task_id="prepare", file_path="{path}", output_dir="{tmp_path}/parts", audience_name="List", max_records=1,
        {mapping},
    )
    MatchedAudienceUploadOperator(
        task_id="refused", file_path="{path}", audience_name="List", columns={{"email": "Nose"}}
    )

    @task
    def by_hook():
        IQMHook().upload_matched_audience(
            file_path="{path}", audience_name="List", columns={{"email": "Email"}}, column_settings={{"Email": "Raw"}}
        )

    by_hook()
    """)
    source = ("file", path)
    # Airflow's hook lineage, which OpenLineage reads where an operator tells nothing itself.
    assert {name for _, name in names(events["by_hook"]["inputs"])} == {path}
    assert {names(events[task]["inputs"]) == {source} for task in ("upload", "prepare", "refused")} == {True}

    (audience,) = events["upload"]["outputs"]
    assert names([audience]) == {("iqm://app.iqm.com", "lineage")}
    assert origins(audience) == {"Email": [(*source, "email")], "Residence_Addresses_City": [(*source, "town")]}
    (email,) = audience["facets"]["columnLineage"]["fields"]["Email"]["inputFields"]
    assert email["transformations"][0]["masking"] is True
    assert int(audience["facets"]["version"]["datasetVersion"]) > 0
    assert audience["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert audience["outputFacets"]["outputStatistics"]["size"] == len("email,town\n") + 2 * 65 + len(
        "HobbitonBywater\n\n"
    )

    parts = events["prepare"]["outputs"]
    folder = f"{tmp_path}/parts/people.csv.part"
    assert names(parts) == {("file", f"{folder}-1-of-2.csv"), ("file", f"{folder}-2-of-2.csv")}
    assert origins(parts[0]) == {"email": [(*source, "email")], "town": [(*source, "town")]}
    assert [part["outputFacets"]["outputStatistics"]["rowCount"] for part in parts] == [1, 1]

    assert events["refused"]["eventType"] == "FAIL"
    assert not events["refused"]["outputs"]


@pytest.fixture
def warehouses(postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres.connection())
    postgres.run(
        "DROP SCHEMA IF EXISTS crm CASCADE",
        "CREATE SCHEMA crm",
        "CREATE TABLE crm.people AS SELECT 'frodo@shire.example' AS mail, 7 AS town_id",
        "DROP TABLE IF EXISTS towns",
        "CREATE TABLE towns AS SELECT 7 AS id, 'Hobbiton' AS name",
    )
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people AS SELECT 'sam@shire.example' AS email")
    monkeypatch.setenv("AIRFLOW_CONN_SQLITE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return f"postgres://127.0.0.1:{postgres.port}"


QUERY = """
    WITH living AS (SELECT lower(mail) AS email, town_id FROM crm.people WHERE town_id = %(town)s)
    SELECT email, towns.name AS town, '' AS zip FROM living JOIN towns ON towns.id = town_id
"""


def test_audiences_come_from_the_tables_of_their_query_after_a_deferral_too(last_events, warehouses):
    settings = 'audience_name="List", column_settings={"Email": "Raw"}'
    events = last_events(f"""
    SqlToMatchedAudienceOperator(
        task_id="sync", conn_id="warehouse", sql={QUERY!r}, parameters={{"town": 7}}, {settings},
        columns={{"email": "Email", "town": "City", "zip": "Zip"}},
        wait_for_ready=True, deferrable=True, poke_interval=0.2,
    )
    SqlToMatchedAudienceOperator(
        task_id="small", conn_id="sqlite", sql="SELECT email FROM people", {settings}, columns={{"email": "Email"}},
    )
    """)
    people, towns = (warehouses, "postgres.crm.people"), (warehouses, "postgres.public.towns")
    event = events["sync"]
    assert event["eventType"] == "COMPLETE"
    assert names(event["inputs"]) == {people, towns}
    (audience,) = event["outputs"]
    assert names([audience]) == {("iqm://app.iqm.com", "List")}
    assert origins(audience) == {"Email": [(*people, "mail")], "Residence_Addresses_City": [(*towns, "name")]}
    assert audience["outputFacets"]["outputStatistics"]["rowCount"] == 1
    assert int(audience["facets"]["version"]["datasetVersion"]) > 0
    assert "crm.people" in event["job"]["facets"]["sql"]["query"]

    # SQLite's hook doesn't say what its tables are called.
    assert not events["small"]["inputs"]
    assert names(events["small"]["outputs"]) == {("iqm://app.iqm.com", "List")}
