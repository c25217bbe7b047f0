"""A query becomes an audience: the operator, real databases, and IQM's stand-in over HTTP."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException
from airflow.providers.postgres.hooks import postgres as postgres_hook

from airflow_provider_iqm.audience import list_reader
from airflow_provider_iqm.exceptions import QueryFailedError
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

PEOPLE = "SELECT 'person' || n || '@shire.example' AS email, n % 7 AS region FROM generate_series(1, 20000) AS n"


@pytest.fixture
def warehouse(postgres, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres.connection())
    return postgres


@pytest.fixture
def run(sandbox, tmp_path):
    """Run the operator; what it leaves in its scratch folder fails the test."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run_operator(sql, *, try_number=1, run_id="run", **arguments):
        given = {"audience_name": "List", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
        given |= {"conn_id": "warehouse", "scratch_dir": str(scratch), **arguments}
        operator = SqlToMatchedAudienceOperator(task_id="sync", sql=sql, **given)
        ti = MagicMock(dag_id="dag", task_id="sync", run_id=run_id, map_index=-1, try_number=try_number)
        try:
            audience_id = operator.execute({"ti": ti})
        finally:
            assert not list(scratch.iterdir())
        return audience_id, {call.kwargs["key"]: call.kwargs["value"] for call in ti.xcom_push.call_args_list}

    return run_operator


def test_a_query_becomes_an_audience(run, sandbox, warehouse):
    audience_id, pushed = run(PEOPLE)
    (audience,) = sandbox.audiences
    assert audience.id == audience_id
    assert audience.records == pushed["records"] == 20_000
    assert pushed["file_name"] == "sync.csv"
    assert audience.columns == {"email": "Email"}


def test_the_list_is_cleaned_like_a_file(run, sandbox, warehouse):
    sql = f"SELECT upper(email) AS email FROM ({PEOPLE}) AS p UNION ALL SELECT NULL UNION ALL SELECT 'nobody'"
    _, pushed = run(sql, column_settings=None, hash_columns={"email": "SHA256"})
    assert pushed["records"] == 20_000
    assert pushed["report"]["dropped"] == {"blank key field": 1, "malformed email": 1}
    assert sandbox.audiences[0].column_settings == {"Email": "SHA256"}


def test_a_later_try_takes_the_first_ones_audience_whatever_the_order_of_the_rows(run, sandbox, warehouse):
    first, _ = run(f"SELECT * FROM ({PEOPLE}) AS p ORDER BY email")
    assert run(f"SELECT * FROM ({PEOPLE}) AS p ORDER BY email DESC", try_number=2)[0] == first
    assert len(sandbox.audiences) == 1
    # One value of 40,000 is another.
    other, _ = run(PEOPLE.replace("n % 7", "CASE n WHEN 7 THEN 1 ELSE n % 7 END"), try_number=3)
    assert other != first


@pytest.mark.parametrize("driver", ["the hook's driver", "psycopg2"])
def test_what_postgres_exports_is_known_without_another_reading(warehouse, driver, tmp_path, monkeypatch):
    if driver == "psycopg2":
        monkeypatch.setattr(postgres_hook, "USE_PSYCOPG3", False)
    for reading in ("read_fast", "read_exactly"):
        monkeypatch.delattr(list_reader, reading)
    operator = SqlToMatchedAudienceOperator(
        task_id="sync",
        sql="""
            SELECT n AS id, CASE WHEN n % 1000 = 3 THEN '4.41E+11' ELSE '(212) 555-0100' END AS phone,
                   lpad(n::text, 50, 'x') || CASE n % 10 WHEN 0 THEN E', "b"\n' ELSE '' END AS note, NULL AS nothing,
                   CASE WHEN n % 2000 = 0 THEN '2134' ELSE '02134' END AS zip
            FROM generate_series(1, 40000) AS n
        """,
        conn_id="warehouse",
        audience_name="List",
        columns={"phone": "Phone", "zip": "Zip", "id": "Voter ID"},
        column_settings={"Phone": "Raw"},
        scratch_dir=str(tmp_path),
    )
    with operator.prepare_list() as upload:
        found = {damage.label: damage.count for damage in upload.file.damage}
        assert (upload.file.records, upload.file.blank_columns) == (40_000, {"nothing"})
    assert found == {"scientific notation (phone)": 40, "zip without its leading zeros (zip)": 20}


WRONG = {
    "empty": ({"sql": f"{PEOPLE} WHERE false"}, "on_empty"),
    "no mapped column": ({"sql": "SELECT 'a' AS mail"}, "columns maps 'email'"),
    "two columns of a name": ({"sql": "SELECT 'a' AS email, 'b' AS email"}, "'email' twice"),
    "bytes": ({"sql": "SELECT 'a' AS email, 'b'::bytea AS photo"}, "'photo'"),
    "blank key": ({"sql": "SELECT NULL AS email, 'b' AS name"}, "blank in every record"),
    "no connection": ({"conn_id": "nowhere"}, '"nowhere"'),
    "no query": ({"sql": " "}, "sql must be"),
    "no Unicode": ({"sql": "SELECT '\ud800'"}, "sql isn't valid Unicode"),
    "a NUL": ({"sql": "SELECT '\0'"}, "sql contains a NUL character"),
    "many queries": ({"sql": ["SELECT 1"]}, "sql must be"),
    "parameters": ({"parameters": "7"}, "parameters must be"),
    "on_empty": ({"on_empty": "ignore"}, "on_empty is 'ignore'"),
    "name": ({"audience_name": " "}, "audience_name"),
    "no setting": ({"column_settings": None, "conn_id": "never asked"}, "requires a column setting"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_fails_finally_and_sends_nothing(run, sandbox, warehouse, case):
    arguments, message = WRONG[case]
    with pytest.raises(AirflowFailException, match=message):
        run(**{"sql": PEOPLE, **arguments})
    assert not sandbox.requests


def test_an_empty_result_may_skip_the_task(run, sandbox, warehouse):
    with pytest.raises(AirflowSkipException, match="has no rows"):
        run(f"{PEOPLE} WHERE false", on_empty="skip")
    assert not sandbox.requests


@pytest.mark.parametrize("failure", ["1 / (n - 15000)", "pg_terminate_backend(pg_backend_pid())"])
def test_a_query_that_fails_on_the_way_is_retried_and_sends_nothing(run, sandbox, warehouse, failure):
    sql = f"SELECT 'x' AS email, CASE WHEN n = 15000 THEN {failure} END AS y FROM generate_series(1, 20000) AS n"
    with pytest.raises(QueryFailedError) as raised:
        run(sql.replace("END AS y", "END::text AS y") if "1 /" in failure else sql)
    assert not isinstance(raised.value, AirflowFailException)
    assert not sandbox.requests


def test_sqlite_too(run, sandbox, tmp_path, monkeypatch):
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people (email, state)")
        people = [(f"person{number}@shire.example", number % 3) for number in range(25_000)]
        connection.executemany("INSERT INTO people VALUES (?, ?)", people)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    _, pushed = run("SELECT email FROM people WHERE state = ?", parameters=[1])
    assert pushed["records"] == sandbox.audiences[0].records == 8_333


def test_a_million_rows_become_an_audience(run, sandbox, warehouse):
    sql = """
        SELECT md5(n::text) || '@shire.example' AS email, 'Zoë, "the" ' || n AS name, n / 7.0 AS share,
               n % 2 = 0 AS even, date '1950-01-01' + n % 20000 AS born, NULL AS nothing
        FROM generate_series(1, 1000000) AS n
    """
    _, pushed = run(sql)
    (audience,) = sandbox.audiences
    assert audience.records == pushed["records"] == 1_000_000


def test_how_a_file_is_read_is_no_argument_of_a_query():
    # Airflow 2 has an error of its own.
    with pytest.raises((TypeError, AirflowException), match="delimiter"):
        SqlToMatchedAudienceOperator(
            task_id="sync", sql=PEOPLE, conn_id="warehouse", audience_name="List", columns={}, delimiter=";"
        )
    assert {"sql", "conn_id", "parameters", "audience_name", "columns", "iqm_conn_id"} <= set(
        SqlToMatchedAudienceOperator.template_fields
    )
    assert SqlToMatchedAudienceOperator.template_ext == (".sql", ".json")
