"""Suppression lists, from the operators to IQM: on the worker and in object storage, raw and hashed."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import MagicMock

import fsspec
import pandas
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators import staging
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sandbox.warehouse import create_warehouse
from tests.integration.memory import growth

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_iqm_suppression.py"

PEOPLE = [f"person{number}@shire.example" for number in range(20)]
LEFT = [person for number, person in enumerate(PEOPLE) if number % 5]

HEAD = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

with DAG("suppression", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    arguments = dict(
        audience_name="People", columns={"email": "Email"}, suppression_path="{{ params.optouts }}", OPTIONS
    )
"""
FILE = HEAD + '    MatchedAudienceUploadOperator(task_id="upload", file_path="{{ params.file }}", **arguments)\n'
SQL = (
    HEAD
    + '    SqlToMatchedAudienceOperator(task_id="upload", sql="SELECT * FROM p", conn_id="warehouse", **arguments)\n'
)
PARTS = HEAD + (
    '    prepare = PrepareAudienceFileOperator(task_id="prepare", file_path="{{ params.file }}",\n'
    '        output_dir="{{ params.folder }}", max_records=10, **arguments)\n'
    '    MatchedAudienceUploadOperator.partial(task_id="upload").expand_kwargs(prepare.output)\n'
)
RAW, HASHED = 'column_settings={"Email": "Raw"}', 'hash_columns={"email": "SHA256"}'


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder of scratch files; what is left there fails the test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert not [path for path in folder.iterdir() if path.name.startswith("iqm-audience-")]


@pytest.fixture
def people(tmp_path, monkeypatch):
    """The list, as a file and as a table."""
    path = tmp_path / "people.csv"
    path.write_text("".join(f"{line}\n" for line in ["email", *map(str.upper, PEOPLE)]))
    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as warehouse, warehouse:
        warehouse.execute("CREATE TABLE p (email)")
        warehouse.executemany("INSERT INTO p VALUES (?)", [[person.upper()] for person in PEOPLE])
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    return path


@pytest.fixture
def storage(monkeypatch):
    """An object storage in memory."""
    memory = fsspec.filesystem("memory")
    # Airflow knows the schemes of its providers only.
    monkeypatch.setattr(staging, "storage_filesystem", lambda path: memory)
    yield memory
    memory.store.clear()


@pytest.fixture(params=["on the worker", "in object storage"])
def optouts(request, storage, tmp_path):
    """Write a suppression list, gzip-compressed if its name says so; return its path or URL."""

    def write(name, values):
        content = "".join(f"{line}\n" for line in ["email", *values]).encode()
        content = gzip.compress(content) if name.endswith(".gz") else content
        if request.param == "in object storage":
            storage.pipe(f"/lists/{name}", content)
            return f"memory://lists/{name}"
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize("dag", [FILE, SQL], ids=["file", "query"])
@pytest.mark.parametrize("options", [RAW, HASHED], ids=["raw list", "hashed list"])
@pytest.mark.parametrize("name", ["optouts.csv", "optouts.csv.gz"])
def test_people_on_a_suppression_list_are_not_uploaded(
    run_dag, sandbox, scratch, people, optouts, dag, options, name
):  # fmt: skip
    raw = [person.title() for person in PEOPLE[:10:5]]
    path = optouts(name, [*raw, *map(sha256, PEOPLE[10::5]), "merry@shire.example"])
    run = run_dag(dag.replace("OPTIONS", options), "suppression", optouts=path, file=str(people))
    assert run.state == "success"
    (audience,) = sandbox.audiences
    content = ["email", *(map(sha256, LEFT) if options == HASHED else LEFT), ""]
    assert audience.sha256 == sha256("\n".join(content))
    report = run.xcom("upload", "report")
    assert (report["records_read"], report["suppressed"], report["records_kept"]) == (20, 4, 16)
    assert run.xcom("upload", "records") == audience.records == 16


def test_a_large_list_is_split_without_them(run_dag, sandbox, scratch, people, optouts, tmp_path):
    path = optouts("optouts.csv", PEOPLE[::5])
    run = run_dag(
        PARTS.replace("OPTIONS", HASHED), "suppression", optouts=path, file=str(people), folder=str(tmp_path / "parts")
    )
    assert run.state == "success"
    assert sum(audience.records for audience in sandbox.audiences) == 16
    assert run.xcom("prepare", "report")["suppressed"] == 4


@pytest.mark.parametrize("dag", [FILE, SQL], ids=["file", "query"])
def test_a_missing_suppression_list_fails_the_task_before_anything_else(
    run_dag, sandbox, scratch, people, optouts, dag, monkeypatch
):
    monkeypatch.setattr("airflow_provider_iqm.databases.query.open_query", None)
    path = optouts("optouts.csv", PEOPLE).replace("optouts.csv", "missing.csv")
    run = run_dag(dag.replace("OPTIONS", f"{RAW}, retries=2"), "suppression", optouts=path, file=str(people))
    assert (run.tasks["upload", -1], run.tries["upload", -1]) == ("failed", 1)
    assert not sandbox.requests


def test_a_template_without_a_value_suppresses_nobody_and_fails_the_task(run_dag, sandbox, people):
    run = run_dag(FILE.replace("OPTIONS", RAW), "suppression", optouts=None, file=str(people))
    assert run.tasks["upload", -1] == "failed"
    assert not sandbox.requests


def test_the_example_leaves_customers_out(run_dag, sandbox, scratch, tmp_path, monkeypatch):
    create_warehouse(tmp_path / "warehouse.db", count=50)
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    path = tmp_path / "optouts.csv"
    path.write_text(f"email\nCustomer1@example.com\n{sha256('customer2@example.com')}\nmerry@shire.example\n")
    run = run_dag(EXAMPLE, "example_iqm_suppression", suppression_path=str(path))
    assert run.state == "success"
    assert run.xcom("sync", "report")["suppressed"] == 2
    assert [(audience.status, audience.records) for audience in sandbox.audiences] == [("Ready", 48)]


@pytest.fixture
def upload(sandbox, scratch):
    def run(**arguments):
        given = {"audience_name": "List", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
        ti = MagicMock(dag_id="dag", task_id="upload", run_id="run", map_index=-1, try_number=1)
        MatchedAudienceUploadOperator(task_id="upload", scratch_dir=str(scratch), **given, **arguments).execute(
            {"ti": ti}
        )

    return run


def test_a_list_whose_people_are_all_suppressed_is_not_uploaded(upload, sandbox, people, tmp_path):
    (tmp_path / "optouts.csv").write_text("\n".join(["email", *map(sha256, PEOPLE)]))
    with pytest.raises(AirflowFailException, match="no records are left: 20 of 20 records are on the suppression list"):
        upload(file_path=people, suppression_path=tmp_path / "optouts.csv")
    assert not sandbox.requests


def test_the_hook_takes_a_suppression_list_too(sandbox, scratch, people, tmp_path):
    (tmp_path / "optouts.csv").write_text("\n".join(["email", *PEOPLE[::5]]))
    arguments = {"audience_name": "List", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
    arguments["suppression_path"] = tmp_path / "optouts.csv"
    IQMHook().upload_matched_audience(file_path=people, **arguments)
    IQMHook().upload_dataframe(pandas.DataFrame({"email": PEOPLE}), **arguments)
    assert [audience.records for audience in sandbox.audiences] == [16, 16]


def test_neither_list_is_held_in_memory(upload, sandbox, tmp_path, storage):
    count = 400_000
    people = tmp_path / "people.csv"
    with people.open("w") as file:
        file.write("email\n")
        file.writelines(f"person{number}@shire.example\n" for number in range(count))
    with storage.open("/lists/optouts.csv.gz", "wb") as target, gzip.open(target, "wt", compresslevel=1) as file:
        file.write("email\n")
        file.writelines(f"{sha256(f'person{number}@shire.example')}\n" for number in range(0, 3 * count, 2))
    arguments = {"file_path": people, "suppression_path": "memory://lists/optouts.csv.gz", "memory_limit": "96MiB"}
    # The suppression list has 39 MB, and more than 100 MB as a set of Python's.
    assert growth(lambda: upload(**arguments)) < 170_000_000
    assert sandbox.audiences[0].records == count // 2
