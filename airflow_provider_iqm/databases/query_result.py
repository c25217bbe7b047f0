"""What a query returns, before its rows are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_iqm.audience.contents import check_header
from airflow_provider_iqm.audience.csv.database_export import Export
from airflow_provider_iqm.exceptions import AudienceFileError, QueryError
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS

Parameters = Mapping[str, Any] | Sequence[Any]

RESULT = "The query's result"
"""What messages call it."""


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
