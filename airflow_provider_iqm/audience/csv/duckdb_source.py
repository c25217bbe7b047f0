"""What DuckDB reads: the file itself if DuckDB can be trusted with it, else an exact copy."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.audit import Frame, content_lengths, read_frame
from airflow_provider_iqm.audience.csv.byte_scan import ByteScan, scan_bytes
from airflow_provider_iqm.audience.csv.exact_reader import read_first_records, read_header, read_records
from airflow_provider_iqm.audience.damage.damage import ColumnCheck, checks_for, worth_counting
from airflow_provider_iqm.audience.duckdb.csv_queries import LINE_BYTES, MOST_COLUMNS, read_csv_sql, sum_sql
from airflow_provider_iqm.audience.duckdb.query_process import first_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class DuckDBSource:
    """
    A CSV file, and how DuckDB reads it.

    :param path: The file.
    :param columns: The list's columns.
    :param sql: The SQL expression that reads the records as ``c0``, ``c1``, ….
    :param ragged: SQL condition of a record with more or fewer values than the header.
    :param content: SQL expression of a record's length, for the audit.
    :param frame: The file's line ends and size, for the audit; ``None`` for an exact copy, whose records are counted.
    :param head: The first records; none for a copy.
    :param copied: Number of records of an exact copy.
    """

    path: Path
    # Personal data, which a header may be too, and a repr ends up in logs.
    columns: tuple[str, ...] = field(repr=False)
    sql: str
    ragged: str
    content: str
    frame: Frame | None
    head: Sequence[Sequence[str]] = field(default=(), repr=False)
    copied: int = 0

    def checks(self, mapped: Mapping[str, str]) -> list[ColumnCheck]:
        """
        Return the damage checks to run: in a copy all, in the file itself those that are cheap or find something.

        :param mapped: File column → IQM field.
        """
        checks = checks_for(self.columns, mapped)
        return worth_counting(checks, self.head) if self.head else checks

    def count(self, scan: ByteScan, *, memory_limit: str) -> int | None:
        """
        Count the records in a separate query, audited to the last byte.

        DuckDB's strict mode rejects most malformed files, but not all, and its threads can lose records of a file with
        quoted line breaks. So values, delimiters, line ends and quotes must add up to the size of the file.

        :param scan: The file's bytes.
        :param memory_limit: Memory limit, such as ``256MiB``.
        :return: ``None`` if the file must be read by the exact reader.
        """
        quotes = scan.quotes_between(self.frame.newline) if self.frame else None
        if self.frame is None or quotes is None:
            return None
        width = len(self.columns)
        # One sum a column takes less time than the sum of a sum.
        sums = [f"sum({length})" for length in content_lengths(width, with_quotes=range(width))]
        row = first_row(f"SELECT count(*), {sum_sql(sums)} FROM {self.sql}", memory_limit=memory_limit)  # noqa: S608
        if row is None or not row[0]:
            return None
        surplus = self.frame.surplus(row[1], records=row[0], width=width, quotes=quotes)
        return None if surplus else int(row[0])


def direct_source(path: Path, *, name: str) -> DuckDBSource | None:
    """
    Return the file itself as the source.

    :param path: The file.
    :param name: The file's name, for messages.
    :return: ``None`` if the first lines show that DuckDB can't be trusted with it.
    :raises AudienceFileError: The header or one of the first records is invalid.
    """
    records = read_records(path, name=name)
    line, columns = read_header(records, name=name)
    head = read_first_records(records)
    if not head or any(len(record) != len(columns) for record in head):
        return None
    # DuckDB was seen to take a header for another if blank lines precede it, or line breaks in it.
    if line != 1 or any(column.splitlines() != [column] for column in columns):
        return None
    frame = read_frame(path, name=name)
    if frame is None:
        return None
    width = len(columns)
    with_quotes = {column for column in range(width) if any('"' in record[column] for record in head)}
    content = sum_sql(content_lengths(width, with_quotes=with_quotes))
    return DuckDBSource(path, columns, read_csv_sql(path, width=width), "false", content, frame, head)


def counted_source(path: Path, *, name: str, memory_limit: str) -> tuple[DuckDBSource, int] | None:
    """
    Return the file itself as the source, and its number of records.

    :param path: The file.
    :param name: The file's name, for messages.
    :param memory_limit: Memory limit, such as ``256MiB``.
    :return: ``None`` if DuckDB can't be trusted with it.
    :raises AudienceFileError: The header or one of the first records is invalid.
    """
    source = direct_source(path, name=name)
    if source is None or len(source.columns) > MOST_COLUMNS:
        return None
    records = source.count(scan_bytes(path), memory_limit=memory_limit)
    return (source, records) if records else None


def copied_source(columns: tuple[str, ...], records: Iterator[tuple[int, list[str]]], *, path: Path) -> DuckDBSource:
    """
    Write records from the exact reader to a copy that leaves DuckDB nothing to guess: every value is quoted.

    A ragged record becomes a blank one that is marked in an extra column, so that all records keep their numbers.

    :param columns: The header's names.
    :param records: The records after the header.
    :param path: The file to write.
    """
    width = len(columns)
    ragged = [*[""] * width, "1"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        # Not the names themselves: by a CR in the first line, DuckDB would take CR for the file's line end.
        writer.writerow([*(f"c{position}" for position in range(width)), "ragged"])
        count = longest = 0
        for _, record in records:
            length = writer.writerow([*record, ""] if len(record) == width else ragged)
            longest = max(longest, length)
            count += 1
    # A character takes up to four bytes.
    line_bytes = max(LINE_BYTES, min(4 * longest, path.stat().st_size))
    sql = read_csv_sql(path, width=width + 1, line_bytes=line_bytes)
    return DuckDBSource(path, columns, sql, f"c{width} <> ''", "0", None, copied=count)
