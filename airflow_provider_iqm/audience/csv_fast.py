"""
The fast reading of a CSV file: DuckDB counts, and whatever it can't be trusted with goes to the exact reading.

DuckDB refuses most of what is malformed, but it was seen to differ from RFC 4180 in a few oddities, which
:mod:`~airflow_provider_iqm.audience.csv_oddity` looks for in the bytes while DuckDB works.
"""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import Contents, still_blank
from airflow_provider_iqm.audience.csv_exact import read_header, read_records
from airflow_provider_iqm.audience.csv_oddity import has_oddity
from airflow_provider_iqm.audience.csv_text import read_lines
from airflow_provider_iqm.audience.duckdb_csv import (
    DEFAULT_MEMORY_LIMIT,
    WHITE_SPACE,
    connect,
    quoted,
    read_csv_sql,
)
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_HEAD_RECORDS = 1000


def read_fast(path: Path, *, name: str, memory_limit: str = DEFAULT_MEMORY_LIMIT) -> Contents | None:
    """
    Read a whole CSV file with DuckDB, if it is well-formed beyond doubt.

    :param path: The file.
    :param name: The file's name, for messages.
    :param memory_limit: How much memory DuckDB may use, such as ``256MiB``.
    :return: What is in it; ``None`` where only the exact reading can tell.
    :raises AudienceFileError: The header or one of the first records is not as it must be.
    """
    newline = first_newline(path, name=name)
    records = read_records(path, name=name)
    line, columns = read_header(records, name=name)
    head = [record for _, record in islice(records, _HEAD_RECORDS)]
    if newline is None or line != 1 or not head or any(len(record) != len(columns) for record in head):
        return None
    blank = set(range(len(columns)))
    for record in head:
        blank = still_blank(blank, record)
    counted = _count(path, width=len(columns), newline=newline, blank=blank, memory_limit=memory_limit)
    if counted is None:
        return None
    count, blank_columns = counted
    first = tuple(tuple(record) for record in head[:METADATA_SAMPLE_RECORDS])
    return Contents(columns, count, first, blank_columns)


def first_newline(path: Path, *, name: str) -> str | None:
    """Tell the first line's end; ``None`` where it isn't one that DuckDB is trusted with."""
    first = next(read_lines(path, name=name), "")
    if first.endswith("\r\n"):
        return "\r\n"
    return "\n" if first.endswith("\n") else None


def _count(
    path: Path, *, width: int, newline: str, blank: Collection[int], memory_limit: str
) -> tuple[int, frozenset[int]] | None:
    """Count the records, and find which of the ``blank`` columns stay so; ``None`` where DuckDB can't tell."""
    import duckdb

    suspects = sorted(blank)
    measures = ["count(*)"]
    # Every column is asked for something, because DuckDB checks only the text of columns that it is asked for.
    measures += [f"max(strlen(c{column}))" for column in range(width)]
    measures += ["min(strlen(c0))"]
    measures += [f"coalesce(bool_or(trim(c{column}, {quoted(WHITE_SPACE)}) <> ''), false)" for column in suspects]
    query = f"SELECT {', '.join(measures)} FROM {read_csv_sql(path, width=width)}"  # noqa: S608
    with ThreadPoolExecutor(1) as pool, closing(connect(memory_limit=memory_limit)) as connection:
        odd = pool.submit(has_oddity, path, newline=newline)
        try:
            row = connection.execute(query).fetchone()
        except duckdb.Error:
            # Its message quotes the file: it must not be shown, and the exact reading has a better one.
            return None
        if row is None or odd.result():
            return None
    count, longest, shortest, filled = row[0], row[1 : width + 1], row[width + 1], row[width + 2 :]
    if not count or max(longest) > csv.field_size_limit() or (width == 1 and not shortest):
        # In a file of one column, DuckDB takes a blank line for a record.
        return None
    return count, frozenset(column for column, has_value in zip(suspects, filled, strict=True) if not has_value)
