"""
The fast reader of CSV files: DuckDB counts; files that it can't be trusted with are left to the exact reader.

DuckDB's strict mode rejects most malformed files, but not all, and its threads can lose records of a file with quoted
line breaks. So the result is audited: values, delimiters, line ends and quotes must add up to the size of the file.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import Contents, remaining_blank_columns
from airflow_provider_iqm.audience.csv.audit import content_lengths, read_frame
from airflow_provider_iqm.audience.csv.byte_scan import scan_bytes
from airflow_provider_iqm.audience.csv.exact_reader import read_first_records, read_header, read_records
from airflow_provider_iqm.audience.damage.damage import ColumnCheck, checks_for, found_damage, worth_counting
from airflow_provider_iqm.audience.duckdb.csv_queries import (
    DEFAULT_MEMORY_LIMIT,
    MOST_COLUMNS,
    WHITE_SPACE,
    quoted,
    read_csv_sql,
    sum_sql,
)
from airflow_provider_iqm.audience.duckdb.query_process import first_row
from airflow_provider_iqm.audience.records.record_batch import ParsedRecords
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path


def read_fast(
    path: Path,
    *,
    name: str,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    mapped: Mapping[str, str] | None = None,
) -> Contents | None:
    """
    Read a whole CSV file with DuckDB, if it is well-formed beyond doubt.

    :param path: The file.
    :param name: The file's name, for messages.
    :param memory_limit: DuckDB's memory limit, such as ``256MiB``.
    :param mapped: File column → IQM field, of the columns whose values are checked for damage.
    :return: The contents; ``None`` if the file must be read by the exact reader.
    :raises AudienceFileError: The header or one of the first records is invalid.
    """
    records = read_records(path, name=name)
    line, columns = read_header(records, name=name)
    width = len(columns)
    head = read_first_records(records)
    frame = read_frame(path, name=name)
    if frame is None or not head or width > MOST_COLUMNS or any(len(record) != width for record in head):
        return None
    # DuckDB was seen to take a header for another where blank lines stand before it, or line breaks in it.
    if line != 1 or any(column.splitlines() != [column] for column in columns):
        return None
    blank = remaining_blank_columns(range(width), ParsedRecords(head))
    checks = worth_counting(checks_for(columns, mapped), head)
    with_quotes = {column for column in range(width) if any('"' in record[column] for record in head)}
    with ThreadPoolExecutor(1) as pool:
        # Python scans and hashes the bytes while DuckDB, in a subprocess, reads the values.
        scanned = pool.submit(scan_bytes, path, hashed=True)
        reading = _read(
            path, width=width, blank=blank, with_quotes=with_quotes, checks=checks, memory_limit=memory_limit
        )
        scan = scanned.result()
    quotes = scan.quotes_between(frame.newline)
    if reading is None or quotes is None:
        return None
    surplus = frame.surplus(reading.content_bytes, records=reading.records, width=width, quotes=quotes)
    if surplus < 0:
        # A column whose first values have no quotes inside may still have later ones: look for them in every column.
        reading = _read(
            path, width=width, blank=blank, with_quotes=range(width), checks=checks, memory_limit=memory_limit
        )
        if reading is None:
            return None
        surplus = frame.surplus(reading.content_bytes, records=reading.records, width=width, quotes=quotes)
    if surplus:
        return None
    first = tuple(tuple(record) for record in head[:METADATA_SAMPLE_RECORDS])
    damage = (*found_damage(checks, reading.damage), *scan.garbled)
    return Contents(columns, reading.records, first, reading.blank_columns, damage, scan.sha256)


@dataclass(frozen=True)
class _Totals:
    """
    What DuckDB counted.

    :param records: Number of records.
    :param content_bytes: Length of all values together, without the double quotes inside them.
    :param blank_columns: The columns, of those that were checked, that are blank in every record.
    :param damage: How often each check found damage.
    """

    records: int
    content_bytes: int
    blank_columns: frozenset[int]
    damage: tuple[int, ...] = ()


def _read(
    path: Path,
    *,
    width: int,
    blank: Collection[int],
    with_quotes: Collection[int],
    checks: Sequence[ColumnCheck],
    memory_limit: str,
) -> _Totals | None:
    """
    Let DuckDB read the whole file; ``None`` if it fails.

    :param blank: The columns that may be blank in every record.
    :param with_quotes: The columns in whose values quotes are counted, which takes time.
    :param checks: The damage to count.
    """
    suspects = sorted(blank)
    # One sum a column takes less time than the sum of a sum.
    sums = [f"sum({length})" for length in content_lengths(width, with_quotes=with_quotes)]
    measures = ["count(*)", sum_sql(sums)]
    measures += [f"bool_or(trim(c{column}, {quoted(WHITE_SPACE)}) <> '')" for column in suspects]
    measures += [check.sql() for check in checks]
    query = f"SELECT {', '.join(measures)} FROM {read_csv_sql(path, width=width)}"  # noqa: S608 - numbers and a path
    row = first_row(query, memory_limit=memory_limit)
    if row is None or not row[0]:
        return None
    records, content_bytes, *found = row
    filled, damage = found[: len(suspects)], found[len(suspects) :]
    still = frozenset(column for column, has_value in zip(suspects, filled, strict=True) if not has_value)
    return _Totals(records, content_bytes or 0, still, tuple(damage))
