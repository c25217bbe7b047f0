"""
The fast reading of a CSV file: DuckDB counts, and what it can't be trusted with is left to the exact reading.

DuckDB's strict reading refuses most of what is malformed, but not all, and where its threads share a file with quoted
line breaks, records could get lost. So what it read is audited: its values, the delimiters and line ends between them,
and the quotes must make up the file to the last byte.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import Contents, still_blank
from airflow_provider_iqm.audience.csv.audit import content_lengths, read_frame
from airflow_provider_iqm.audience.csv.byte_scan import scan_bytes
from airflow_provider_iqm.audience.csv.exact_reader import read_head, read_header, read_records
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
from airflow_provider_iqm.audience.records.record_batch import ReadRecords
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
    :param memory_limit: How much memory DuckDB may use, such as ``256MiB``.
    :param mapped: File column → IQM field, of the columns whose values are looked over for damage.
    :return: What is in it; ``None`` where only the exact reading can tell.
    :raises AudienceFileError: The header or one of the first records is not as it must be.
    """
    records = read_records(path, name=name)
    line, columns = read_header(records, name=name)
    width = len(columns)
    head = read_head(records)
    frame = read_frame(path, name=name)
    if frame is None or not head or width > MOST_COLUMNS or any(len(record) != width for record in head):
        return None
    # DuckDB was seen to take a header for another where blank lines stand before it, or line breaks in it.
    if line != 1 or any(column.splitlines() != [column] for column in columns):
        return None
    blank = still_blank(range(width), ReadRecords(head))
    checks = worth_counting(checks_for(columns, mapped), head)
    with_quotes = {column for column in range(width) if any('"' in record[column] for record in head)}
    with ThreadPoolExecutor(1) as pool:
        # Python looks at the bytes while DuckDB, in a process of its own, looks at the values.
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
class _Reading:
    """
    What DuckDB read.

    :param records: The number of records.
    :param content_bytes: The length of all values together, without the double quotes inside of them.
    :param blank_columns: Which of the columns in question are blank throughout.
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
) -> _Reading | None:
    """
    Let DuckDB read the whole file; ``None`` where it refuses.

    :param blank: The columns that may be blank throughout.
    :param with_quotes: The columns in whose values quotes are looked for, which takes time.
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
    return _Reading(records, content_bytes or 0, still, tuple(damage))
