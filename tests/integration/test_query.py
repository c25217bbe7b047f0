"""What databases return, as text: nothing lost, nothing guessed."""

from __future__ import annotations

import csv
import json
import multiprocessing
import resource
import sqlite3
import traceback
from contextlib import closing

import duckdb
import pytest
from airflow.providers.postgres.hooks import postgres as postgres_hook

from airflow_provider_iqm.databases.database import database_hook
from airflow_provider_iqm.databases.query import open_query
from airflow_provider_iqm.databases.query_result import ResultLimits
from airflow_provider_iqm.exceptions import AudienceFileError, QueryError, QueryFailedError
from tests.integration.memory import growth, memory


@pytest.fixture(params=["the hook's driver", "psycopg2", "fetched"])
def warehouse(request, postgres, monkeypatch):
    """Postgres, by each way that leads there: COPY by either driver, and rows fetched from a cursor on the server."""
    if request.param != "the hook's driver":
        monkeypatch.setattr(postgres_hook, "USE_PSYCOPG3", False)
    extra = {"redshift": True} if request.param == "fetched" else {}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres.connection(**extra))
    return postgres


@pytest.fixture(params=["the hook's driver", "psycopg2"])
def copying(request, postgres, monkeypatch):
    """Postgres, by COPY with either driver. (On Airflow 2.11 the hook's is psycopg2.)"""
    if request.param == "psycopg2":
        monkeypatch.setattr(postgres_hook, "USE_PSYCOPG3", False)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres.connection())
    return postgres


@pytest.fixture
def ask(tmp_path):
    """Run a query on ``warehouse``; return the records of the file, the header first."""

    def ask_query(sql, parameters=None, limits=ResultLimits()):  # noqa: B008
        path = tmp_path / "result.csv"
        with open_query(database_hook("warehouse"), sql, parameters) as result:
            result.check_columns()
            rows = result.write(path, limits).records
        with path.open(encoding="utf-8", newline="") as file:
            records = list(csv.reader(file))
        assert len(records) == rows + 1
        return records

    return ask_query


VALUES = {
    "NULL::text": "",
    "''::text": "",
    "'01234'::text": "01234",
    "'Zoë, \"the\" 名前 🎉'::text": 'Zoë, "the" 名前 🎉',
    "E'two\\nlines\\r\\nand a tab\\t'::text": "two\nlines\r\nand a tab\t",
    "'\\.'::text": "\\.",
    "' NULL '::text": " NULL ",
    "true": "true",
    "false": "false",
    "NULL::boolean": "",
    "9007199254740993::bigint": "9007199254740993",
    "12345678901234567890.10::numeric": "12345678901234567890.10",
    "'NaN'::numeric": "",
    "1e-9::numeric": "0.000000001",
    "0.1::double precision": "0.1",
    "1e22::double precision": "10000000000000000000000",
    "1e-7::double precision": "0.0000001",
    "2::double precision": "2",
    "'NaN'::double precision": "",
    "0.1::real": "0.1",
    "date '2026-02-01'": "2026-02-01",
    "timestamp '2026-02-01 00:00:00'": "2026-02-01",
    "timestamp '2026-02-01 03:04:05'": "2026-02-01T03:04:05",
    "timestamptz '2026-02-01 03:04:05+00'": "2026-02-01T03:04:05+00:00",
    "time '03:04:05'": "03:04:05",
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
}


def as_text(ask, expressions):
    columns = ", ".join(f"{sql} AS v{number}" for number, sql in enumerate(expressions))
    return dict(zip(expressions, ask(f"SELECT {columns}")[1], strict=True))


def test_values_become_text_without_damage(warehouse, ask):
    assert as_text(ask, VALUES) == VALUES


@pytest.mark.parametrize("value", ["NULL", "''", "'x'", "true", "1.5::float8"])
def test_a_record_of_one_blank_value_is_a_record(warehouse, ask, value):
    assert len(ask(f"SELECT {value} AS email FROM generate_series(1, 3)")) == 4


def test_dates_do_not_depend_on_the_settings_of_the_user(warehouse, ask):
    warehouse.run("ALTER USER postgres SET datestyle TO 'German, DMY'", "ALTER USER postgres SET timezone TO 'UTC'")
    try:
        sql = "SELECT date '2026-02-01' AS a, timestamp '2026-02-01 03:04' AS b, timestamptz '2026-02-01 03:04Z' AS c"
        assert ask(sql)[1] == ["2026-02-01", "2026-02-01T03:04:00", "2026-02-01T03:04:00+00:00"]
    finally:
        warehouse.run("ALTER USER postgres RESET ALL")


def test_parameters_are_bound_and_percent_signs_left_alone(warehouse, ask):
    nasty = "'); DROP TABLE x; -- \\ \" %s é"
    assert ask("SELECT %(v)s::text AS v, '%%' AS p", {"v": nasty})[1] == [nasty, "%"]
    assert ask("SELECT %s::text AS v, %s::int AS n", [nasty, 7])[1] == [nasty, "7"]
    assert ask("SELECT '%s' AS v WHERE 'ab' LIKE 'a%'")[1] == ["%s"]


def test_a_semicolon_or_a_comment_may_end_the_query(warehouse, ask):
    assert ask("\nSELECT 1 AS a;\n") == [["a"], ["1"]]
    assert ask("WITH x AS (SELECT 1 AS a) SELECT * FROM x -- the end") == [["a"], ["1"]]


def test_column_names_stay_as_they_are(warehouse, ask):
    assert ask('SELECT 1 AS "Größe, ""cm"" %s", 2 AS "A b"')[0] == ['Größe, "cm" %s', "A b"]


def test_bytes_are_refused_with_the_name_of_their_column(warehouse, ask):
    with pytest.raises(AudienceFileError, match="'photo'"):
        ask("SELECT 'a' AS email, 'x'::bytea AS photo")


def test_two_columns_of_one_name_are_refused(warehouse, ask):
    with pytest.raises(AudienceFileError, match="'email' twice"):
        ask("SELECT 'a' AS email, 'b' AS zip, 'c' AS email")


@pytest.mark.parametrize("limits", [ResultLimits(records=25_000), ResultLimits(file_bytes=1_000_000)])
def test_too_much_is_stopped_on_the_way(warehouse, ask, limits):
    # All of it would take minutes. (In FROM, Postgres would make the whole series first.)
    with pytest.raises(AudienceFileError, match="too much"):
        ask("SELECT generate_series(1, 1000000000) AS n, repeat('x', 100) AS x", limits=limits)


def test_as_much_as_the_limit_is_taken(warehouse, ask):
    assert len(ask("SELECT * FROM generate_series(1, 25000) AS n", limits=ResultLimits(records=25_000))) == 25_001


def test_what_fails_on_the_way_shows_no_value(warehouse, ask):
    value = "CASE WHEN n = 30000 THEN 'fro' || 'do' ELSE '1' END"
    with pytest.raises(QueryFailedError) as raised:
        ask(f"SELECT ({value})::int AS n FROM generate_series(1, 40000) AS n")
    assert "22P02" in str(raised.value)
    assert "frodo" not in "".join(traceback.format_exception(raised.value))


def test_what_is_wrong_with_the_query_is_told_by_code_and_place(warehouse, ask):
    with pytest.raises(QueryFailedError, match=r"undefined table at line 2.*SQLSTATE 42P01"):
        ask("SELECT *\nFROM nothing_here")
    with pytest.raises(QueryFailedError, match=r"syntax error at line 1.*SQLSTATE 42601"):
        ask("SELECT 'a' 'b'\nFROM x")


def test_positions_are_those_of_the_users_query(copying, ask):
    with pytest.raises(QueryFailedError, match="undefined column at line 2, column 3 "):
        ask("SELECT 'ö',\n  emial FROM (SELECT 'a' AS email) AS x")


@pytest.fixture
def raising(warehouse):
    """A function that raises an error with a person in each of its fields, after a notice with one."""
    fields = ", ".join(f"{field} = 'frodo'" for field in ("DETAIL", "HINT", "COLUMN", "TABLE", "CONSTRAINT"))
    warehouse.run(
        f"""
        CREATE OR REPLACE FUNCTION complain(code text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
            RAISE NOTICE 'frodo';
            RAISE EXCEPTION 'bad mail %', 'frodo' USING ERRCODE = code, {fields};
        END $$
        """
    )


@pytest.mark.parametrize("code", ["53400", "0A000", "08006", "42000", "42601", "P0001", "U0001", "FRODO"])
@pytest.mark.parametrize("when", ["at once", "on the way"])
def test_what_code_in_the_database_raises_is_not_shown(warehouse, raising, ask, capfd, caplog, code, when):
    caplog.set_level("DEBUG")
    condition = "n = 30000" if when == "on the way" else "true"
    call = f"complain('{code}')" if code != "FRODO" else "complain('FRO' || 'DO')"
    sql = f"SELECT n, CASE WHEN {condition} THEN {call} END AS x FROM generate_series(1, 40000) AS n"
    with pytest.raises(QueryFailedError) as raised:
        ask(sql)
    shown = "".join(traceback.format_exception(raised.value)) + caplog.text + "".join(capfd.readouterr())
    assert "frodo" not in shown.lower()
    assert raised.value.__context__ is None
    # Those that aren't well known may be data.
    assert (f"SQLSTATE {code}" in str(raised.value)) == (code not in ("U0001", "FRODO"))


DOWN = {
    "refused": ({"port": 1}, "connection refused"),
    "no such host": ({"host": "nowhere.invalid"}, "unknown host name"),
    "no such database": ({"schema": "nowhere"}, "undefined database"),
    "no such user": ({"login": "nobody_here"}, "login refused"),
    "wrong extra": ({"extra": {"no_such_option": "1"}}, "an unknown option"),
}


@pytest.mark.parametrize("case", DOWN)
def test_a_database_that_cannot_be_reached_fails_the_query(copying, monkeypatch, ask, case):
    change, message = DOWN[case]
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(json.loads(copying.connection()) | change))
    with pytest.raises(QueryFailedError, match=f'"warehouse": connecting failed: .*{message}') as raised:
        ask("SELECT 1 AS a")
    assert raised.value.__context__ is None


def test_the_padding_of_char_is_no_data(warehouse, ask):
    sql = "SELECT 'abc'::char(10) AS a, 'abc  '::text AS b, 'abc  '::varchar(10) AS c, NULL::char(3) AS d"
    assert ask(sql)[1] == ["abc", "abc  ", "abc  ", ""]
    assert ask("SELECT 'abc'::char(10) AS a")[1] == ["abc"]
    warehouse.run("DROP DOMAIN IF EXISTS short_code", "CREATE DOMAIN short_code AS char(10)")
    assert ask("SELECT 'abc'::short_code AS a, 'b' AS b")[1] == ["abc", "b"]


def test_a_lost_connection_fails_the_query(warehouse, ask):
    sql = """
        SELECT n, CASE WHEN n = 30000 THEN pg_terminate_backend(pg_backend_pid()) END AS gone
        FROM generate_series(1, 40000) AS n
    """
    with pytest.raises(QueryFailedError, match="failed"):
        ask(sql)


def test_records_of_megabytes_are_not_gathered(copying, tmp_path):

    def write():
        sql = "SELECT n, repeat('x', CASE WHEN n > 990 THEN 10000000 END) AS x FROM generate_series(1, 1010) AS n"
        with open_query(database_hook("warehouse"), sql) as result:
            assert result.write(tmp_path / "result.csv", ResultLimits()).records == 1010

    assert growth(write) < 64_000_000


def _in_little_memory(pipe, ask, sql):
    size = memory(kind="VmSize") + 150_000_000
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    try:
        ask(sql)
        pipe.send("no error")
    except QueryFailedError as error:
        pipe.send(f"{error} {error.__context__}")


def test_a_row_that_does_not_fit_into_memory_fails_the_query(warehouse, ask):
    forked = multiprocessing.get_context("fork")
    here, there = forked.Pipe()
    process = forked.Process(target=_in_little_memory, args=(there, ask, "SELECT repeat('x', 200000000) AS x"))
    process.start()
    process.join(60)
    assert here.poll()
    assert here.recv().startswith('Connection "warehouse": the query failed')


def test_every_connection_is_closed(warehouse, ask):
    ask("SELECT 1 AS a")
    with pytest.raises(QueryFailedError):
        ask("SELECT 1/(n - 30000) FROM generate_series(1, 40000) AS n")
    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    assert warehouse.run("SELECT pg_sleep(0.2)", others).split() == ["0"]


def test_a_cursor_of_dictionaries_is_read_too(postgres, ask, monkeypatch):
    for extra in ({"cursor": "dictcursor"}, {"cursor": "dictcursor", "redshift": True}):
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres.connection(**extra))
        assert ask("SELECT 'x' AS a, 2 AS b") == [["a", "b"], ["x", "2"]]


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people (email TEXT, zip TEXT, rate REAL, age INTEGER, photo BLOB)")
        rows = [("zoë@shire.example", "01234", 0.1, 30, None), ('"quoted",\nlines', None, 2.0, None, None)]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", rows)
    return path


def test_sqlite_is_fetched(sqlite, ask):
    assert ask("SELECT * FROM people WHERE age IS NOT :age", {"age": 7}) == [
        ["email", "zip", "rate", "age", "photo"],
        ["zoë@shire.example", "01234", "0.1", "30", ""],
        ['"quoted",\nlines', "", "2", "", ""],
    ]
    assert ask("SELECT email FROM people WHERE false") == [["email"]]


def test_sqlite_refuses_bytes_and_tells_what_is_wrong(sqlite, ask):
    with pytest.raises(AudienceFileError, match="'photo'"):
        ask("SELECT x'00' AS photo")
    with pytest.raises(QueryFailedError, match="undefined table"):
        ask("SELECT * FROM nothing_here")


def test_records_of_megabytes_are_fetched_and_written_one_by_one(sqlite, tmp_path):
    def write():
        numbers = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 12)"
        with open_query(database_hook("warehouse"), f"{numbers} SELECT hex(zeroblob(2500000)) AS x FROM t") as result:
            assert result.write(tmp_path / "result.csv", ResultLimits()).records == 12

    assert growth(write) < 120_000_000


SQLITE_WRONG = [
    "SELECT email FROM people WHERE json('frodo')",
    "SELECT 'frodo' 'x' 'frodo'",
    "SELECT abs('frodo', 1)",
    "SELECT frodo FROM people",
    "SELECT CAST(x'66726f646fff' AS TEXT) AS email",
    "SELECT email FROM people UNION ALL SELECT CAST(x'66726f646fff' AS TEXT)",
]


@pytest.mark.parametrize("sql", SQLITE_WRONG)
def test_sqlite_shows_neither_literals_nor_values(sqlite, ask, sql):
    with pytest.raises(QueryFailedError, match='"warehouse": the query failed') as raised:
        ask(sql)
    assert "frodo" not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__context__ is None


@pytest.mark.parametrize("host", ["/nowhere/warehouse.db", "/etc/hostname"])
def test_a_file_that_is_no_database_fails_the_query(monkeypatch, ask, host):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": host}))
    with pytest.raises(QueryFailedError, match="the database's file can't be opened"):
        ask("SELECT name FROM sqlite_master")


@pytest.fixture
def duck(tmp_path, monkeypatch):
    """A DuckDB file, by Airflow's own connection type."""
    pytest.importorskip("airflow.providers.duckdb", reason="the DuckDB provider is not installed")
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT n, n || '@mail.example' AS email FROM range(25000) AS t(n)")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "duckdb", "host": str(path)}))
    return path


DUCK_VALUES = {
    "NULL::text": "",
    "'01234'": "01234",
    "'Zoë, \"the\" 名前 🎉'": 'Zoë, "the" 名前 🎉',
    "'two' || chr(10) || 'lines' || chr(13) || chr(10) || 'and a tab' || chr(9)": "two\nlines\r\nand a tab\t",
    "true": "true",
    "false": "false",
    "170141183460469231731687303715884105727::hugeint": "170141183460469231731687303715884105727",
    "1234567890.10::decimal(20, 2)": "1234567890.10",
    "0.1::double": "0.1",
    "'nan'::double": "",
    "date '2026-02-01'": "2026-02-01",
    "timestamp '2026-02-01 03:04:05'": "2026-02-01T03:04:05",
    "time '03:04:05'": "03:04:05",
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
}


def test_duckdb_is_fetched(duck, ask):
    assert as_text(ask, DUCK_VALUES) == DUCK_VALUES
    assert len(ask("SELECT * FROM numbers WHERE n >= ?", [5])) == 24_996
    assert ask("SELECT email FROM numbers WHERE false") == [["email"]]


def test_duckdb_refuses_bytes_and_tells_what_is_wrong(duck, ask):
    with pytest.raises(AudienceFileError, match="'photo'"):
        ask("SELECT 'x'::blob AS photo")
    with pytest.raises(QueryFailedError, match="undefined table at line 1"):
        ask("SELECT * FROM nothing_here")


@pytest.mark.parametrize("sql", ["({})::int", "strptime({}, '%Y')", "error({})"])
def test_what_fails_in_duckdb_shows_no_value(duck, ask, sql):
    value = sql.format("'fro' || CASE WHEN n = 20000 THEN 'do' END")
    with pytest.raises(QueryFailedError) as raised:
        ask(f"SELECT CASE WHEN n < 20000 THEN NULL ELSE {value} END AS n FROM numbers")
    assert "frodo" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (None, 'Connection "warehouse" isn\'t defined'),
        ({"conn_type": "snowblower"}, 'snowblower", which no installed provider has'),
        ({"conn_type": "http", "host": "example.com"}, "HttpHook"),
    ],
)
def test_a_connection_that_leads_to_no_database_is_told(monkeypatch, connection, message):
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    with pytest.raises(QueryError, match=message):
        database_hook("warehouse")
