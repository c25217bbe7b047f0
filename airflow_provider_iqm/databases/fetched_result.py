"""Write a query's result as CSV, fetched in batches through any DB-API driver."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from airflow_provider_iqm.audience.csv.database_export import Export
from airflow_provider_iqm.audience.csv.writer import write_records
from airflow_provider_iqm.audience.formats.dataframe import text_records
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.databases.char_padding import is_padded, without_padding
from airflow_provider_iqm.databases.database import driver_package
from airflow_provider_iqm.databases.errors import database_errors
from airflow_provider_iqm.databases.query_result import RESULT, Parameters, QueryResult, ResultLimits

_MAX_ROWS = 10_000
"""Maximum number of rows fetched at a time."""

_BATCH_BYTES = 4_000_000
"""Amount of text fetched at a time, estimated from the rows fetched before."""

_SINGLE_ROWS = ("sqlite3", "pymysql", "MySQLdb", "pyodbc", "oracledb", "pymssql")
"""Drivers whose ``fetchmany()`` is a loop over ``fetchone()``, so that a batch can end after any row at no cost."""


class FetchedResult(QueryResult):
    """
    A result that is fetched from a cursor.

    :param connection: The database connection.
    :param sql: The query.
    :param parameters: Values of the placeholders.
    :param conn_id: Airflow connection id, for messages.
    :param on_server: Whether to use a server-side (named) cursor.
    """

    def __init__(
        self, connection: Any, sql: str, parameters: Parameters | None, *, conn_id: str, on_server: bool
    ) -> None:
        super().__init__(connection, conn_id=conn_id)
        self._sql = sql
        with self._errors():
            self._cursor = _named_cursor(connection) if on_server else _cursor(connection)
            self._single_rows = driver_package(self._cursor) in _SINGLE_ROWS
            self._cursor.execute(*((sql, parameters) if parameters else (sql,)))
            # psycopg2's named cursor has no description before the first fetch.
            self._first = self._fetch(1)

    @property
    def columns(self) -> Sequence[str]:
        """Column names of the result."""
        return [column[0] for column in self._cursor.description or ()]

    def write(self, path: Path, limits: ResultLimits, mapped: Mapping[str, str] | None = None) -> Export:
        """Write the rows as CSV with a header."""
        count, header = 0, Header(tuple(self.columns), certain=True)
        padded = [is_padded(driver_package(self._cursor), column[1]) for column in self._cursor.description or ()]

        def counted() -> Iterator[Sequence[str]]:
            nonlocal count
            for rows in self._batches():
                count += len(rows)
                limits.check(records=count)
                columns = [
                    [without_padding(value) for value in values] if strip else values
                    for values, strip in zip(zip(*rows, strict=True), padded, strict=True)
                ]
                yield from text_records(header, columns, name=RESULT)

        write_records(path, chain([self.columns], counted()), name=RESULT, max_bytes=limits.file_bytes)
        return Export(count)

    def _errors(self) -> AbstractContextManager[None]:
        return database_errors(self.conn_id, "the query", sql=self._sql)

    def _batches(self) -> Iterator[Sequence[Sequence[Any]]]:
        rows, wanted = self._first, 1
        # Drop the last reference to the first rows, which may be large.
        del self._first
        while rows:
            largest = max(map(_size, rows))
            yield rows
            del rows
            wanted = max(1, min(4 * wanted, _MAX_ROWS, _BATCH_BYTES // max(largest, 1)))
            with self._errors():
                rows = self._fetch(wanted)

    def _fetch(self, wanted: int) -> Sequence[Sequence[Any]]:
        if not self._single_rows:
            return [_values(row) for row in self._cursor.fetchmany(wanted)]
        rows: list[Sequence[Any]] = []
        size = 0
        while len(rows) < wanted and size < _BATCH_BYTES and (row := self._cursor.fetchone()) is not None:
            rows.append(_values(row))
            size += _size(rows[-1])
        return rows


def _named_cursor(connection: Any) -> Any:
    return connection.cursor(f"iqm_{uuid.uuid4().hex}")


def _cursor(connection: Any) -> Any:
    driver = driver_package(connection)
    if driver in ("pymysql", "MySQLdb"):
        # The default cursor reads the whole result into memory.
        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    return connection.cursor()


def _values(row: Any) -> Sequence[Any]:
    # The connection may be configured for cursors that return dicts.
    return list(row.values()) if isinstance(row, dict) else row


def _size(row: Sequence[Any]) -> int:
    return sum([len(value) for value in row if isinstance(value, str | bytes)])
