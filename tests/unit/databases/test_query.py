"""How rows are fetched by drivers that are not here."""

from __future__ import annotations

import csv
import logging
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.databases.query import open_query
from airflow_provider_iqm.databases.query_result import ResultLimits
from airflow_provider_iqm.exceptions import QueryError, QueryFailedError


class Cursor:
    """A cursor over rows that are made when they are fetched; it takes note of how many are asked for."""

    def __init__(self, rows, types=("str",)):
        self._rows = iter(rows)
        self.description = [(f"c{number}", kind) for number, kind in enumerate(types)]
        self.asked = []

    def execute(self, sql, *parameters):
        logging.getLogger(__name__.partition(".")[0]).error("running %s", sql)

    def fetchmany(self, size):
        self.asked.append(size)
        return [row for _, row in zip(range(size), self._rows, strict=False)]


class Connection:
    def __init__(self, cursor=None, error=None):
        self._cursor, self._error = cursor, error

    def cursor(self):
        return self._cursor

    def close(self):
        if self._error:
            raise self._error


def hook_to(connection, conn_type="snowflake"):
    return SimpleNamespace(
        conn_name_attr="conn", conn="warehouse", conn_type=conn_type, get_conn=lambda: connection, connection_extra={}
    )


@pytest.fixture
def fetch(tmp_path):
    def fetch_rows(cursor, **limits):
        path = tmp_path / "result.csv"
        with open_query(hook_to(Connection(cursor)), "SELECT 1") as result:
            result.write(path, ResultLimits(**limits))
        with path.open(newline="") as file:
            return list(csv.reader(file))[1:]

    return fetch_rows


def test_small_rows_are_fetched_in_large_batches_and_large_ones_in_small_batches(fetch):
    small = Cursor(("x",) for _ in range(50_000))
    assert len(fetch(small)) == 50_000
    assert max(small.asked) == 10_000
    assert len(small.asked) < 20
    large = Cursor(("x" * 100_000,) for _ in range(200))
    fetch(large)
    assert max(large.asked) <= 40


@pytest.mark.parametrize(
    "kind", ["CHAR(5)", "DB_TYPE_NCHAR", "char", "CHAR_TYPE", SimpleNamespace(name="DB_TYPE_CHAR")]
)
def test_the_padding_of_char_is_no_data(fetch, kind):
    assert fetch(Cursor([("abc  ", "abc  "), (None, None)], types=(kind, "VARCHAR"))) == [["abc", "abc  "], ["", ""]]


@pytest.mark.parametrize("kind", ["VARCHAR(5)", "nvarchar", "STRING", 254, 1042, None, str, "DB_TYPE_VARCHAR"])
def test_other_blanks_are_data(fetch, kind):
    assert fetch(Cursor([("abc  ",)], types=(kind,))) == [["abc  "]]


def test_a_driver_logs_no_statement(fetch, caplog):
    fetch(Cursor([("x",)]))
    assert "running" not in caplog.text
    Cursor([]).execute("SELECT 2")
    assert "running SELECT 2" in caplog.text


@pytest.mark.parametrize("driver", ["psycopg", "snowflake.connector", "mysql.connector"])
def test_a_driver_logs_nothing_while_it_connects(caplog, driver):
    caplog.set_level(logging.DEBUG)

    def connect():
        logging.getLogger(driver).error("frodo is refused")
        raise OSError("frodo is refused")

    hook = hook_to(None)
    hook.get_conn = connect
    with pytest.raises(QueryFailedError, match="connecting failed"), open_query(hook, "SELECT 1"):
        pass
    assert "frodo" not in caplog.text


def test_a_statement_that_returns_no_columns_is_no_query():
    class Insert(Cursor):
        description = None

        def __init__(self):
            self._rows = iter(())
            self.asked = []

    with (
        pytest.raises(QueryError, match="sql returns no columns"),
        open_query(hook_to(Connection(Insert())), "INSERT") as result,
    ):
        result.check_columns()


def test_a_connection_that_cannot_be_closed_costs_nothing(tmp_path, caplog):
    connection = Connection(Cursor([("x",)]), error=RuntimeError("frodo is gone"))
    with open_query(hook_to(connection), "SELECT 1") as result:
        assert result.write(tmp_path / "result.csv", ResultLimits()).records == 1
    assert '"warehouse": closing failed: an unrecognized error (RuntimeError)' in caplog.text
    assert "frodo" not in caplog.text


def test_what_has_failed_before_a_failed_close_is_told(caplog):
    class Broken(Cursor):
        def execute(self, sql, *parameters):
            raise ValueError("frodo")

    connection = Connection(Broken([]), error=RuntimeError("closed already"))
    with (
        pytest.raises(QueryFailedError, match=r"an unrecognized error \(ValueError"),
        open_query(hook_to(connection), "x"),
    ):
        pass
    assert "closing failed: an unrecognized error (RuntimeError)" in caplog.text


def test_too_little_memory_is_told(tmp_path):
    class Large(Cursor):
        def fetchmany(self, size):
            if self.asked:
                raise MemoryError
            return super().fetchmany(size)

    with (
        pytest.raises(QueryFailedError, match="too large for the worker's memory"),
        open_query(hook_to(Connection(Large([("x",)] * 3))), "x") as result,
    ):
        result.write(tmp_path / "result.csv", ResultLimits())
