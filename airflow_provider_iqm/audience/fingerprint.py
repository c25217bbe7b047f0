"""A fingerprint of a list's records, regardless of their order."""

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

_SEPARATOR = "\x01"
"""Separates a record's values when they are hashed; files with this character aren't read by DuckDB."""

_HALF = 64
_LOWER = (1 << _HALF) - 1


def fingerprint(file: PreparedList) -> str:
    """
    Return a file's fingerprint.

    It is a sum of the records' MD5 hashes, so that the order of the records doesn't matter. It detects changes of a
    list, but isn't secure against forgery.

    :param file: The prepared file.
    :return: 32 hexadecimal digits.
    """
    sums = _sums_by_duckdb(file) if file.media_type == CSV and file.size > SMALL_FILE_BYTES else None
    content = [list(file.columns), file.records, *(sums or _sums(file))]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _sums_by_duckdb(file: PreparedList) -> tuple[int, int] | None:
    """Sum the hashes with DuckDB; None if it doesn't read the same number of records."""
    values = ", ".join(f"c{position}" for position in range(len(file.columns)))
    record = f"md5_number(concat_ws(chr({ord(_SEPARATOR)}), {values}))"
    # Sums of halves can't overflow: sum() of 64-bit numbers has 128 bits.
    query = (
        f"SELECT count(*), sum((hash >> {_HALF})::UBIGINT), sum((hash & {_LOWER}::UHUGEINT)::UBIGINT) "  # noqa: S608
        f"FROM (SELECT {record}::UHUGEINT AS hash FROM {read_csv_sql(file.path, width=len(file.columns))})"
    )
    row = first_row(query, memory_limit=DEFAULT_MEMORY_LIMIT)
    return (int(row[1]), int(row[2])) if row and row[0] == file.records else None


def _sums(file: PreparedList) -> tuple[int, int]:
    upper = lower = 0
    for values in _records(file.path, name=file.display_name, is_csv=file.media_type == CSV):
        digest = hashlib.md5(_SEPARATOR.join(values).encode(), usedforsecurity=False).digest()
        # The byte order of DuckDB's md5_number().
        number = int.from_bytes(digest, "little")
        upper += number >> _HALF
        lower += number & _LOWER
    return upper, lower


def _records(path: Path, *, name: str, is_csv: bool) -> Iterator[list[str]]:
    rows = read_records(path, name=name) if is_csv else read_rows(path, name=name)
    next(rows)
    return (values for _, values in rows)
