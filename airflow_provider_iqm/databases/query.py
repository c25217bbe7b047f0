"""A query's result as a CSV file: any database that Airflow's common-sql reaches, a piece at a time."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.contents import check_header
from airflow_provider_iqm.audience.csv.database_export import Export
from airflow_provider_iqm.audience.csv.writer import write_records
from airflow_provider_iqm.audience.formats.dataframe import text_records
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.databases.char_padding import is_padded, without_padding
from airflow_provider_iqm.databases.database import driver_package, hook_conn_id, open_connection
from airflow_provider_iqm.databases.errors import database_errors, error_text
from airflow_provider_iqm.exceptions import AudienceFileError, QueryError, QueryFailedError
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

Parameters = Mapping[str, Any] | Sequence[Any]

RESULT = "The query's result"
"""What messages call it."""

_MOST_ROWS = 10_000
"""How many rows are fetched at a time, at most."""

_BATCH_BYTES = 4_000_000
"""How much text is fetched at a time, where the rows fetched before tell how many rows that is."""

_SINGLE_ROWS = ("sqlite3", "pymysql", "MySQLdb", "pyodbc", "oracledb", "pymssql")
"""Drivers whose ``fetchmany()`` is a loop over ``fetchone()``, so that a batch can end at any row at no cost."""


@dataclass(frozen=True)
class ResultLimits:
    """
    How much a query may return before it is stopped.

    :param records: How many records.
    :param file_bytes: How many bytes of CSV.
    """

    records: int = MAX_RECORDS
    file_bytes: int = MAX_FILE_BYTES

    @classmethod
    def before_cleaning(cls) -> ResultLimits:
        """Give the limits of a list that is to be cleaned: what goes to IQM may be a tenth of it, and fit."""
        return cls(10 * MAX_RECORDS, 10 * MAX_FILE_BYTES)

    def check(self, *, records: int, file_bytes: int = 0) -> None:
        """
        Check what has come so far.

        :param records: How many records.
        :param file_bytes: How many bytes of CSV.
        :raises AudienceFileError: It is too much.
        """
        if records > self.records or file_bytes > self.file_bytes:
            raise AudienceFileError(
                f"{RESULT} has more than {self.records:,} records or {self.file_bytes:,} bytes of CSV, which is too "
                "much for an audience. Have the query return fewer rows, or only the columns that are mapped."
            )


class QueryResult(ABC):
    """
    What a query returns, before its rows are read.

    :param connection: The connection to the database.
    :param conn_id: Its id, for messages.
    """

    def __init__(self, connection: Any, *, conn_id: str) -> None:
        self.connection = connection
        self.conn_id = conn_id

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """The names of its columns."""

    @abstractmethod
    def write(self, path: Path, limits: ResultLimits, mapped: Mapping[str, str] | None = None) -> Export:
        """
        Write its rows as CSV, with a header; see :func:`~…value_text.value_text` for the values.

        :param path: The file, whose mode stays as it is.
        :param limits: How much it may be.
        :param mapped: Column → IQM field, of the columns whose values are looked over for damage on their way, if a
            database's own export can be; ``None`` where nothing but the number of rows will be asked for.
        :return: What is known of them now.
        :raises AudienceFileError: It is more, or has a column without a text, such as bytes.
        :raises QueryFailedError: The database failed on the way.
        """

    def check_columns(self) -> None:
        """
        Check that there are columns, and that each can be told by its name.

        :raises QueryError: There is no column: the statement is no query.
        :raises AudienceFileError: A name is blank, or stands twice.
        """
        if not self.columns:
            raise QueryError("sql returns no columns. It must be one query, such as a SELECT.")
        check_header(self.columns, name=RESULT, line=1, certain=True)


class FetchedResult(QueryResult):
    """
    A result that is fetched row by row.

    :param connection: The connection to the database.
    :param sql: The query.
    :param parameters: The values of its placeholders.
    :param conn_id: The connection's id, for messages.
    :param on_server: Whether the rows stay on the server, in a named cursor, until they are fetched.
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
            # A named cursor of psycopg2 knows its columns only after the first rows.
            self._first = self._fetch(1)

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns."""
        return [column[0] for column in self._cursor.description or ()]

    def write(self, path: Path, limits: ResultLimits, mapped: Mapping[str, str] | None = None) -> Export:
        """Write its rows as CSV, with a header."""
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
        # Nothing else holds the first rows, which may be large.
        del self._first
        while rows:
            largest = max(map(_size, rows))
            yield rows
            del rows
            wanted = max(1, min(4 * wanted, _MOST_ROWS, _BATCH_BYTES // max(largest, 1)))
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


@contextmanager
def open_query(hook: DbApiHook, sql: str, parameters: Parameters | None = None) -> Iterator[QueryResult]:
    """
    Run a query, and close its connection afterwards; nothing is committed.

    Postgres exports the result itself, as CSV. Elsewhere rows are fetched, in Redshift from a cursor on the server.

    :param hook: The hook to the database.
    :param sql: One query, without or with a semicolon at its end.
    :param parameters: The values of its placeholders, in the driver's style.
    :raises QueryFailedError: The database can't be reached, or refused the query.
    """
    sql = sql.strip().removesuffix(";")
    conn_id = hook_conn_id(hook)
    with open_connection(hook) as connection:
        try:
            yield _result(hook, connection, sql, parameters, conn_id=conn_id)
        except MemoryError as error:
            raise QueryFailedError(f'Connection "{conn_id}": the query failed: {error_text(error, sql)}') from None


def _result(hook: DbApiHook, connection: Any, sql: str, parameters: Parameters | None, *, conn_id: str) -> QueryResult:
    if getattr(hook, "conn_type", None) != "postgres":
        return FetchedResult(connection, sql, parameters, conn_id=conn_id, on_server=False)
    if hook.connection_extra.get("redshift") or hook.connection_extra.get("redshift-serverless"):
        return FetchedResult(connection, sql, parameters, conn_id=conn_id, on_server=True)
    from airflow_provider_iqm.databases.postgres_copy import CopiedResult

    return CopiedResult(connection, sql, parameters, conn_id=conn_id)


def _named_cursor(connection: Any) -> Any:
    return connection.cursor(f"iqm_{uuid.uuid4().hex}")


def _cursor(connection: Any) -> Any:
    driver = driver_package(connection)
    if driver in ("pymysql", "MySQLdb"):
        # Their usual cursor reads the whole result into memory.
        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    return connection.cursor()


def _values(row: Any) -> Sequence[Any]:
    # The connection may ask for cursors that return dictionaries.
    return list(row.values()) if isinstance(row, dict) else row


def _size(row: Sequence[Any]) -> int:
    return sum([len(value) for value in row if isinstance(value, str | bytes)])
