"""A query's result as Postgres writes it to CSV itself: ``COPY (…) TO STDOUT``, several times as fast as fetching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from airflow_provider_iqm.audience.csv.database_export import Export, ExportTally, LineBatch
from airflow_provider_iqm.databases.errors import database_errors
from airflow_provider_iqm.databases.libpq_copy import copy_by_libpq
from airflow_provider_iqm.databases.query_result import RESULT, Parameters, QueryResult, ResultLimits
from airflow_provider_iqm.exceptions import AudienceFileError, QueryFailedError

_DECIMAL = "nullif({}::text, 'NaN')"
# A float's text is exact, but may have an exponent. As numeric it has none, and loses nothing.
_FLOAT = "nullif({}::text::numeric::text, 'NaN')"
# Whatever the session's DateStyle is, dates are ISO 8601 in JSON.
_DATE = "to_json({}) #>> '{{}}'"
_TIMESTAMP = "regexp_replace(to_json({}) #>> '{{}}', 'T00:00:00$', '')"

_TEXTS = {
    16: "{}::text",  # boolean: true, false
    700: _FLOAT,
    701: _FLOAT,
    1042: "{}::text",  # char(n): without the blanks that it is padded with
    1082: _DATE,
    1114: _TIMESTAMP,
    1184: _DATE,  # with time zone
    1700: _DECIMAL,
}
"""The types (``pg_type.oid``) that COPY itself writes otherwise than :func:`~…value_text.value_text`."""

_BYTES = (17, 1001)
"""``bytea``, and arrays of it."""


_PREPARED = "SELECT * FROM (\n"


class CopiedResult(QueryResult):
    """
    A result that Postgres exports.

    :param connection: The connection, of psycopg2 or of psycopg.
    :param sql: The query.
    :param parameters: The values of its placeholders.
    :param conn_id: The connection's id, for messages.
    """

    def __init__(self, connection: Any, sql: str, parameters: Parameters | None, *, conn_id: str) -> None:
        super().__init__(connection, conn_id=conn_id)
        with database_errors(conn_id, "the query", sql=sql):
            self._cursor = connection.cursor()
            _speak_utf8(connection)
            self._sql = self._bound(sql, parameters) if parameters else sql
        # Positions are shown as in the user's own text only.
        shown = "" if parameters else self._sql
        with database_errors(conn_id, "the query", sql=shown, offset=len(_PREPARED)):
            # Postgres plans the query, and stops before the first row.
            self._cursor.execute(f"{_PREPARED}{self._sql}\n) AS query LIMIT 0")
        self._description = self._cursor.description

    @property
    def columns(self) -> list[str]:
        """The names of its columns."""
        return [column[0] for column in self._description]

    def write(self, path: Path, limits: ResultLimits, mapped: Mapping[str, str] | None = None) -> Export:
        """Have Postgres write its rows as CSV, with a header."""
        copy, tally = self._copy(), ExportTally(mapped)
        with path.open("wb") as file:
            copied = _CopiedFile(file, limits, tally)
            try:
                with database_errors(self.conn_id, "the query", sql=""):
                    if hasattr(self._cursor, "copy_expert"):
                        self._cursor.copy_expert(copy, copied)
                        copied.flush()
                    else:
                        copy_by_libpq(self.connection.pgconn, copy, copied.take)
            except QueryFailedError:
                if copied.disk_error is None:
                    raise
                raise copied.disk_error from None
        return tally.export()

    def _copy(self) -> str:
        names = [f"c{position}" for position in range(len(self._description))]
        texts = []
        for name, column in zip(names, self._description, strict=True):
            if column[1] in _BYTES:
                raise AudienceFileError(
                    f"{RESULT}: the column {column[0]!r} holds bytes (bytea), which have no text of their own. "
                    "Turn them into text in the query, such as by encode(…, 'hex'), or leave the column out."
                )
            text = _TEXTS.get(column[1], "{}").format(name)
            if len(names) == 1:
                # COPY writes NULL as nothing, and a line with nothing is no record.
                text = f"coalesce(({text})::text, '')"
            texts.append(f"{text} AS {_quoted(column[0])}")
        query = f"SELECT {', '.join(texts)} FROM (\n{self._sql}\n) AS query ({', '.join(names)})"  # noqa: S608
        return f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)"

    def _bound(self, sql: str, parameters: Parameters) -> str:
        """Write the parameters into the query, quoted by the driver: COPY takes none."""
        if hasattr(self._cursor, "mogrify"):
            bound: bytes = self._cursor.mogrify(sql, parameters)
            return bound.decode()
        from psycopg import ClientCursor

        return ClientCursor(self.connection).mogrify(sql, parameters)


class _CopiedFile:
    """
    A file for COPY, which hands over a line at a time: the header first, then always one for each row.

    That it is one for each is in Postgres' documentation of its protocol, "COPY Operations".
    """

    def __init__(self, file: BinaryIO, limits: ResultLimits, tally: ExportTally) -> None:
        self._file = file
        self._limits = limits
        self._tally = tally
        self._waiting = LineBatch(self.take)
        self.disk_error: OSError | None = None

    def take(self, lines: Sequence[bytes]) -> None:
        """Write lines."""
        text = self._tally.add(lines)
        self._limits.check(records=self._tally.records, file_bytes=self._tally.bytes)
        try:
            self._file.write(text)
        except OSError as error:
            self.disk_error = error
            raise

    def write(self, line: bytes) -> None:
        """Take a line, in time."""
        self._waiting.add(line)

    def flush(self) -> None:
        """Write what is waiting."""
        self._waiting.flush()


def _speak_utf8(connection: Any) -> None:
    if hasattr(connection, "set_client_encoding"):
        connection.set_client_encoding("UTF8")
    else:
        connection.execute("SET client_encoding TO 'UTF8'")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
