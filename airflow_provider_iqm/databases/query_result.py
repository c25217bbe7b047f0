"""The result of a query whose rows haven't been read yet."""

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
"""Name of the list in messages."""


@dataclass(frozen=True)
class ResultLimits:
    """
    Maximum size of a query's result.

    :param records: Maximum number of records.
    :param file_bytes: Maximum size of the CSV file, in bytes.
    """

    records: int = MAX_RECORDS
    file_bytes: int = MAX_FILE_BYTES

    @classmethod
    def before_cleaning(cls) -> ResultLimits:
        """Return the limits for a list that will be cleaned, ten times IQM's: cleaning may drop most of it."""
        return cls(10 * MAX_RECORDS, 10 * MAX_FILE_BYTES)

    def check(self, *, records: int, file_bytes: int = 0) -> None:
        """
        Check the size of the rows read so far.

        :param records: Number of records.
        :param file_bytes: Size of the CSV, in bytes.
        :raises AudienceFileError: A limit is exceeded.
        """
        if records > self.records or file_bytes > self.file_bytes:
            raise AudienceFileError(
                f"{RESULT} has more than {self.records:,} records or {self.file_bytes:,} bytes of CSV, which is too "
                "much for an audience. Select fewer rows, or only the mapped columns."
            )


class QueryResult(ABC):
    """
    The result of a query whose rows haven't been read yet.

    :param connection: The database connection.
    :param conn_id: Airflow connection id, for messages.
    """

    def __init__(self, connection: Any, *, conn_id: str) -> None:
        self.connection = connection
        self.conn_id = conn_id

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """Column names of the result."""

    @abstractmethod
    def write(self, path: Path, limits: ResultLimits, mapped: Mapping[str, str] | None = None) -> Export:
        """
        Write the rows as CSV with a header. :func:`~…value_text.value_text` defines the format of values.

        :param path: An existing file; its mode isn't changed.
        :param limits: Maximum size of the result.
        :param mapped: Column → IQM field of the columns to check for damage while Postgres exports them; ``None`` to
            count rows only.
        :return: What was counted while writing.
        :raises AudienceFileError: A limit is exceeded, or a column is binary.
        :raises QueryFailedError: The database failed.
        """

    def check_columns(self) -> None:
        """
        Check that the result has columns with unique names.

        :raises QueryError: There are no columns: the statement isn't a query.
        :raises AudienceFileError: A name is blank or duplicate.
        """
        if not self.columns:
            raise QueryError("sql returns no columns. It must be a single query, such as a SELECT.")
        check_header(self.columns, name=RESULT, line=1, certain=True)
