"""A query's result as a CSV file: any database that Airflow's common-sql reaches, a piece at a time."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.contents import check_header
from airflow_provider_iqm.audience.dataframe import text_records
from airflow_provider_iqm.audience.export import Export
from airflow_provider_iqm.audience.header import Header
from airflow_provider_iqm.audience.plain_copy import write_records
from airflow_provider_iqm.exceptions import AudienceFileError, IQMError, QueryFailedError
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

Parameters = Mapping[str, Any] | Sequence[Any]

RESULT = "The query's result"
"""What messages call it."""

_BATCH = 10_000

_TELLING = ("ProgrammingError", "OperationalError", "NotSupportedError")
"""The errors of PEP 249 that are about the statement or the connection; others may quote values."""

_QUOTING = ("InvalidInputException",)
"""Errors that are among these by their driver's mistake: DuckDB's quotes the value that it can't read."""

_DATA_EXCEPTION = "22"
"""The class of SQLSTATE that is about values, whatever a driver makes of it; Snowflake says ProgrammingError."""


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
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection

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
        Check that every column can be told by its name.

        :raises AudienceFileError: A name is blank, or stands twice.
        """
        check_header(self.columns, name=RESULT, line=1, certain=True)

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """
        Turn what the driver raises into an error that holds no value of the list.

        :raises QueryFailedError: The driver raised an error.
        """
        # Connections that follow PEP 249's optional part know their own errors.
        own_errors = getattr(self.connection, "Error", Exception)
        try:
            yield
            return
        except IQMError:
            raise
        except own_errors as error:
            message = _failure(error)
        # The driver's own error, which may quote values, must not be shown beside this one.
        raise QueryFailedError(message) from None


class FetchedResult(QueryResult):
    """
    A result that is fetched row by row.

    :param connection: The connection to the database.
    :param sql: The query.
    :param parameters: The values of its placeholders.
    :param on_server: Whether the rows stay on the server, in a named cursor, until they are fetched.
    """

    def __init__(self, connection: Any, sql: str, parameters: Parameters | None, *, on_server: bool) -> None:
        super().__init__(connection)
        with self.failures_told():
            self._cursor = connection.cursor(f"iqm_{uuid.uuid4().hex}") if on_server else connection.cursor()
            self._cursor.execute(*((sql, parameters) if parameters else (sql,)))
            # A named cursor of psycopg2 knows its columns only after the first rows.
            self._first: Sequence[Any] = self._cursor.fetchmany(_BATCH)

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns."""
        return [column[0] for column in self._cursor.description or ()]

    def write(self, path: Path, limits: ResultLimits, mapped: Mapping[str, str] | None = None) -> Export:
        """Write its rows as CSV, with a header."""
        count, header = 0, Header(tuple(self.columns), certain=True)

        def counted() -> Iterator[Sequence[str]]:
            nonlocal count
            for rows in self._batches():
                count += len(rows)
                limits.check(records=count)
                columns = list(zip(*map(_values, rows), strict=True))
                yield from text_records(header, columns, name=RESULT)

        write_records(path, chain([self.columns], counted()), name=RESULT, max_bytes=limits.file_bytes)
        return Export(count)

    def _batches(self) -> Iterator[Sequence[Any]]:
        rows = self._first
        while rows:
            yield rows
            with self.failures_told():
                rows = self._cursor.fetchmany(_BATCH)


@contextmanager
def open_query(hook: DbApiHook, sql: str, parameters: Parameters | None = None) -> Iterator[QueryResult]:
    """
    Ask a query, and close its connection afterwards; nothing is committed.

    Postgres exports the result itself, as CSV. Elsewhere rows are fetched, in Redshift from a cursor on the server.

    :param hook: The hook to the database.
    :param sql: One query, without or with a semicolon at its end.
    :param parameters: The values of its placeholders, in the driver's style.
    :raises QueryFailedError: The database refused the query.
    """
    sql = sql.strip().removesuffix(";")
    connection: Any = hook.get_conn()
    try:
        if getattr(hook, "conn_type", None) != "postgres":
            yield FetchedResult(connection, sql, parameters, on_server=False)
        elif hook.connection_extra.get("redshift") or hook.connection_extra.get("redshift-serverless"):
            yield FetchedResult(connection, sql, parameters, on_server=True)
        else:
            from airflow_provider_iqm.hooks.postgres_copy import CopiedResult

            yield CopiedResult(connection, sql, parameters)
    finally:
        connection.close()


def _values(row: Any) -> Iterable[Any]:
    # The connection may ask for cursors that return dictionaries.
    return row.values() if isinstance(row, dict) else row


def _failure(error: Exception) -> str:
    kind = type(error)
    code = _sqlstate(error)
    what = f"{kind.__module__}.{kind.__qualname__}" + (f" ({code})" if code else "")
    kinds = {base.__name__ for base in kind.__mro__}
    if kinds & {*_TELLING} and not kinds & {*_QUOTING} and not code.startswith(_DATA_EXCEPTION):
        # Further lines quote the statement, and with it its parameters.
        return f"The query failed: {what}: {str(error).strip().partition(chr(10))[0]}"
    return (
        f"The query failed: {what}. The database's message is not shown, since it may hold values of the list: "
        "ask the query in the database to see it."
    )


def _sqlstate(error: Exception) -> str:
    match error.args:
        # redshift_connector raises the fields of Postgres' message.
        case ({"C": str(code)}, *_):
            return code
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
