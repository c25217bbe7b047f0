"""A fingerprint of a list's content: the same for the same records, in whatever order they come."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.exact_reader import read_records
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT, read_csv_sql
from airflow_provider_iqm.audience.duckdb.query_process import first_row
from airflow_provider_iqm.audience.formats.plain_list import CSV
from airflow_provider_iqm.audience.list_reader import SMALL_FILE_BYTES
from airflow_provider_iqm.audience.xlsx.workbook import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_iqm.audience.prepared_list import PreparedList

_BETWEEN = "\x01"
"""Stands between a record's values where they are hashed; DuckDB reads no file that holds it."""

_HALF = 64
_LOWER = (1 << _HALF) - 1


def fingerprint(file: PreparedList) -> str:
    """
    Return a file's fingerprint.

    Each record is hashed (MD5), and the hashes are summed up, so that the order of the records doesn't matter. It
    tells whether a list has changed, and proves nothing against somebody who forges one.

    :param file: The file, inspected.
    :return: 32 hexadecimal digits.
    """
    sums = _sums_by_duckdb(file) if file.media_type == CSV and file.size > SMALL_FILE_BYTES else None
    content = [list(file.columns), file.records, *(sums or _sums(file))]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _sums_by_duckdb(file: PreparedList) -> tuple[int, int] | None:
    """Sum up by DuckDB; ``None`` where it reads other records than those that were counted."""
    values = ", ".join(f"c{position}" for position in range(len(file.columns)))
    record = f"md5_number(concat_ws(chr({ord(_BETWEEN)}), {values}))"
    # A sum of halves can't overflow: sum() of 64 bits has 128.
    query = (
        f"SELECT count(*), sum((hash >> {_HALF})::UBIGINT), sum((hash & {_LOWER}::UHUGEINT)::UBIGINT) "  # noqa: S608
        f"FROM (SELECT {record}::UHUGEINT AS hash FROM {read_csv_sql(file.path, width=len(file.columns))})"
    )
    row = first_row(query, memory_limit=DEFAULT_MEMORY_LIMIT)
    return (int(row[1]), int(row[2])) if row and row[0] == file.records else None


def _sums(file: PreparedList) -> tuple[int, int]:
    upper = lower = 0
    for values in _records(file.path, name=file.display_name, is_csv=file.media_type == CSV):
        digest = hashlib.md5(_BETWEEN.join(values).encode(), usedforsecurity=False).digest()
        # As DuckDB's md5_number() reads it.
        number = int.from_bytes(digest, "little")
        upper += number >> _HALF
        lower += number & _LOWER
    return upper, lower


def _records(path: Path, *, name: str, is_csv: bool) -> Iterator[list[str]]:
    rows = read_records(path, name=name) if is_csv else read_rows(path, name=name)
    next(rows)
    return (values for _, values in rows)
