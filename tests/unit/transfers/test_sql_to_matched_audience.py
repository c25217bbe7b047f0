"""The operator with SQLite; tests/integration covers Postgres, MariaDB and database errors."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

QUERY = "SELECT email, zip FROM customers ORDER BY email"
PEOPLE = [("frodo@shire.example", "01234"), ("sam@shire.example", None)]


@pytest.fixture
def people():
    return list(PEOPLE)


@pytest.fixture
def run(tmp_path, monkeypatch, people, local_iqm):
    """Run the operator, and return its result; no scratch file may be left."""
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE customers (email TEXT, zip TEXT)")
        connection.executemany("INSERT INTO customers VALUES (?, ?)", people)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run_operator(**arguments):
        given = {
            "conn_id": "warehouse",
            "sql": QUERY,
            "audience_name": "Customers",
            "columns": {"email": "Email"},
            "column_settings": {"Email": "Raw"},
            "scratch_dir": str(scratch),
            **arguments,
        }
        ti = MagicMock(dag_id="dag", task_id="sync", run_id="run", map_index=-1, try_number=1)
        try:
            return SqlToMatchedAudienceOperator(task_id="sync", **given).execute({"ti": ti})
        finally:
            assert list(scratch.iterdir()) == []

    return run_operator


def test_rows_become_an_audience(run, local_iqm):
    audience_id = run()
    (audience,) = local_iqm.audiences
    assert audience.id == audience_id
    assert (audience.name, audience.records) == ("Customers", 2)
    assert audience.header == ("email", "zip")


def test_parameters_are_bound(run, local_iqm):
    run(sql="SELECT email FROM customers WHERE email LIKE ?", parameters=["sam%"])
    assert local_iqm.audiences[0].records == 1


def test_parameters_may_be_json(run, local_iqm):
    run(sql="SELECT email FROM customers WHERE email LIKE :who", parameters='{"who": "frodo%"}')
    assert local_iqm.audiences[0].records == 1


def test_rows_are_cleaned(run, local_iqm, people):
    sql = "SELECT email FROM customers UNION ALL SELECT upper(email) FROM customers"
    run(sql=sql, column_settings=None, hash_columns={"email": "SHA256"}, drop_duplicates=True)
    assert local_iqm.audiences[0].records == 2


WRONG = {
    "no rows": ({"sql": "SELECT email FROM customers WHERE 0"}, "on_empty"),
    "no such on_empty": ({"on_empty": "upload"}, "on_empty"),
    "no query": ({"sql": "  "}, "sql"),
    "a surrogate": ({"sql": "SELECT '\ud800'"}, "Unicode"),
    "parameters that are no JSON": ({"parameters": "{"}, "parameters"),
    "parameters of another type": ({"parameters": 7}, "int"),
    "a column that the query lacks": ({"columns": {"mail": "Email"}}, "mail"),
    "a column without a name of its own": ({"sql": "SELECT email, email FROM customers"}, "email"),
    "no such table": ({"sql": "SELECT email FROM missing"}, "warehouse"),
    "no such connection": ({"conn_id": "missing"}, "missing"),
    "a connection to something else": ({"conn_id": "iqm_default"}, "iqm_default"),
}


@pytest.mark.parametrize(("arguments", "part"), WRONG.values(), ids=WRONG)
def test_invalid_arguments_send_no_request(run, local_iqm, arguments, part):
    with pytest.raises(Exception, match=part) as caught:
        run(**arguments)
    assert not isinstance(caught.value, AirflowSkipException)
    assert local_iqm.requests == []
    assert PEOPLE[0][0] not in str(caught.value)


def test_an_invalid_argument_is_not_retryable(run):
    with pytest.raises(AirflowFailException):
        run(sql="")


def test_an_empty_result_can_skip_the_task(run, local_iqm):
    with pytest.raises(AirflowSkipException):
        run(sql="SELECT email FROM customers WHERE 0", on_empty="skip")
    assert local_iqm.requests == []


def test_temporary_files_are_deleted_when_the_upload_fails(run, local_iqm):
    local_iqm.change_settings(on_hold=True)
    with pytest.raises(AirflowFailException):
        run()
    assert local_iqm.audiences == []
