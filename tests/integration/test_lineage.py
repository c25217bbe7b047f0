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

from airflow_provider_iqm.hooks.iqm import IQMHook
from tests.integration.airflow_cluster import airflow_cluster

DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.campaign import ReplaceAudienceOperator
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

with DAG("lineage", schedule=SCHEDULE, start_date=datetime(2026, 1, 1)) as dag:
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
        path.write_text(dag(tasks, schedule=None))
        environment = os.environ | {"AIRFLOW__OPENLINEAGE__TRANSPORT": transport(received)}
        done = subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=300)
        log = done.stdout + done.stderr
        print(log)
        assert "expired" not in log
        assert "failed to extract" not in log
        return last(received)

    return run


def dag(tasks, *, schedule):
    return DAG.replace("TASKS", tasks).replace("SCHEDULE", repr(schedule))


def transport(received):
    return json.dumps({"type": "file", "log_file_path": str(received), "append": True})


def last(received):
    """Read the last event of each task."""
    text = received.read_text() if received.exists() else ""
    assert "shire.example" not in text
    return {event["job"]["name"].removeprefix("lineage."): event for event in map(json.loads, text.splitlines())}


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
    # Beside those of the other tasks: dag.test() runs them in one process, which has one collector.
    assert ("iqm://app.iqm.com", "List") in names(events["by_hook"]["outputs"])
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


def test_a_suppression_list_is_an_input(last_events, tmp_path):
    people, optouts = tmp_path / "people.csv", tmp_path / "optouts.csv"
    people.write_text("email\nfrodo@shire.example\nsam@shire.example\n")
    optouts.write_text("email\nsam@shire.example\n")
    usual = f"""file_path="{people}", audience_name="List", suppression_path="{optouts}", columns={{"email": "Email"}},
        column_settings={{"Email": "Raw"}}"""
    events = last_events(f"""
    MatchedAudienceUploadOperator(task_id="upload", {usual})
    PrepareAudienceFileOperator(task_id="prepare", output_dir="{tmp_path}/parts", {usual})

    @task
    def by_hook():
        IQMHook().upload_matched_audience({usual})

    by_hook()
    """)
    files = {("file", str(people)), ("file", str(optouts))}
    assert {names(events[task]["inputs"]) == files for task in ("upload", "prepare", "by_hook")} == {True}
    (audience,) = events["upload"]["outputs"]
    (email,) = audience["facets"]["columnLineage"]["fields"]["Email"]["inputFields"]
    assert (email["name"], email["transformations"][0]["description"]) == (str(people), "normalized")


def test_an_audience_says_what_it_replaced(last_events, sandbox, tmp_path):
    sandbox.connect(api_version="v3")
    path = tmp_path / "people.csv"
    path.write_text("email\nfrodo@shire.example\n")
    first = IQMHook().upload_matched_audience(
        file_path=path, audience_name="VIP", columns={"email": "Email"}, column_settings={"Email": "Raw"}
    )
    campaigns = [sandbox.add_campaign(included=[first]), sandbox.add_campaign(excluded=[first])]
    usual = f"""file_path="{path}", columns={{"email": "Email"}}, column_settings={{"Email": "Raw"}}"""
    events = last_events(f"""
    upload = MatchedAudienceUploadOperator(
        task_id="upload", audience_name="VIP 2", replaces={first}, poke_interval=0.2, deferrable=True, {usual}
    )
    other = MatchedAudienceUploadOperator(
        task_id="other", audience_name="VIP 3", wait_for_ready=True, poke_interval=0.2, {usual}
    )
    upload >> other
    ReplaceAudienceOperator(task_id="replace", old_audience_id=upload.output, new_audience_id=other.output)
    """)
    audiences = {name: events[name]["outputs"] for name in ("upload", "other", "replace")}
    (second,), (third,), (replaced,) = audiences.values()
    assert [names([each]) for each in (second, third, replaced)] == [
        {("iqm://app.iqm.com", f"VIP {number}")} for number in (2, 3, 3)
    ]
    ids = [int(each["facets"]["version"]["datasetVersion"]) for each in (second, third, replaced)]
    assert ids[1] == ids[2]
    assert "iqm_replacement" not in third["facets"]
    assert "columnLineage" in second["facets"]
    for audience, old, deleted in ((second, first, []), (replaced, ids[0], [ids[0]])):
        facet = audience["facets"]["iqm_replacement"]
        assert {key: value for key, value in facet.items() if not key.startswith("_")} == {
            "replacedAudienceIds": [old],
            "deletedAudienceIds": deleted,
            "includedCampaignIds": campaigns[:1],
            "excludedCampaignIds": campaigns[1:],
        }


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
    SELECT email, towns.name AS Town, '' AS zip FROM living JOIN towns ON towns.id = town_id
"""


SYNC = f"""
    SqlToMatchedAudienceOperator(
        task_id="sync", conn_id="warehouse", sql={QUERY!r}, parameters={{"town": 7}},
        audience_name="List", columns={{"email": "Email", "town": "City", "zip": "Zip"}},
        column_settings={{"Email": "Raw"}}, wait_for_ready=True, deferrable=True, poke_interval=0.2,
    )
"""


def test_audiences_come_from_the_tables_of_their_query_after_a_deferral_too(last_events, warehouses):
    events = last_events(f"""
    {SYNC}
    SqlToMatchedAudienceOperator(
        task_id="small", conn_id="sqlite", sql="SELECT email FROM people", audience_name="List",
        columns={{"email": "Email"}}, column_settings={{"Email": "Raw"}},
    )
    """)
    assert_sync(events["sync"], warehouses)

    # SQLite's hook doesn't say what its tables are called.
    assert not events["small"]["inputs"]
    assert names(events["small"]["outputs"]) == {("iqm://app.iqm.com", "List")}


@pytest.mark.cluster
def test_a_worker_tells_it_too_with_connections_from_airflows_database(sandbox, warehouses, tmp_path, monkeypatch):
    connections = {name: os.environ[f"AIRFLOW_CONN_{name.upper()}"] for name in ("iqm_default", "warehouse")}
    for name in connections:
        monkeypatch.delenv(f"AIRFLOW_CONN_{name.upper()}")
    received = tmp_path / "events.json"
    settings = {"OPENLINEAGE__TRANSPORT": transport(received)}
    dags = {"lineage": dag(SYNC.strip(), schedule=None)}
    home = tmp_path / "airflow"
    with airflow_cluster(home, executor="LocalExecutor", dags=dags, pools={}, settings=settings) as cluster:
        for name, connection in connections.items():
            cluster.airflow("connections", "add", name, "--conn-json", connection)
        cluster.until(
            lambda: cluster.query("SELECT 1 FROM dag WHERE dag_id = 'lineage'"), "the Dag is read", seconds=120
        )
        cluster.airflow("dags", "trigger", "lineage")
        # The event goes out after the task's state has changed.
        cluster.until(
            lambda: last(received).get("sync", {}).get("eventType") not in (None, "START"),
            "the task's end is told",
            seconds=240,
        )
    assert_sync(last(received)["sync"], warehouses)


def assert_sync(event, warehouses):
    people, towns = (warehouses, "postgres.crm.people"), (warehouses, "postgres.public.towns")
    assert event["eventType"] == "COMPLETE"
    assert names(event["inputs"]) == {people, towns}
    (audience,) = event["outputs"]
    assert names([audience]) == {("iqm://app.iqm.com", "List")}
    assert origins(audience) == {"Email": [(*people, "mail")], "Residence_Addresses_City": [(*towns, "name")]}
    assert audience["outputFacets"]["outputStatistics"]["rowCount"] == 1
    assert int(audience["facets"]["version"]["datasetVersion"]) > 0
    assert "crm.people" in event["job"]["facets"]["sql"]["query"]
