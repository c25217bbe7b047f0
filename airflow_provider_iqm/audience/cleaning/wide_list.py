"""
Clean a list of any width.

DuckDB needs a lot of memory per column. In a list with many columns, it cleans only the mapped columns; the others are
restored afterwards.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.cleaner import Cleaner
from airflow_provider_iqm.audience.csv.byte_scan import scan_bytes
from airflow_provider_iqm.audience.csv.exact_reader import read_header, read_records
from airflow_provider_iqm.audience.csv.writer import write_records
from airflow_provider_iqm.audience.damage.damage import DamageKind, header_damage
from airflow_provider_iqm.audience.duckdb.csv_queries import MOST_COLUMNS
from airflow_provider_iqm.audience.mapping.column_mapping import resolve_mapping
from airflow_provider_iqm.exceptions import AudienceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_iqm.audience.mapping.column_mapping import ColumnMapping
    from airflow_provider_iqm.audience.prepared_list import PreparedList


def clean_list(cleaner: Cleaner) -> tuple[PreparedList, ColumnMapping]:
    """
    Clean a list of any width; see :meth:`~airflow_provider_iqm.audience.cleaning.cleaner.Cleaner.clean`.

    :param cleaner: The list's cleaner.
    """
    records = read_records(cleaner.path, name=cleaner.name)
    _, columns = read_header(records, name=cleaner.name)
    return cleaner.clean() if len(columns) <= MOST_COLUMNS else _clean_wide(cleaner, columns, records)


def _clean_wide(
    cleaner: Cleaner, columns: tuple[str, ...], records: Iterator[tuple[int, list[str]]]
) -> tuple[PreparedList, ColumnMapping]:
    started = time.perf_counter()
    mapping = resolve_mapping(cleaner.columns, cleaner.settings, file_columns=columns)
    positions = [columns.index(column) for column in mapping.columns]
    number = next(name for name in ("record" + "_" * count for count in range(len(columns) + 1)) if name not in columns)
    narrow = cleaner.scratch.new_file("narrow.csv")
    write_records(narrow, _narrowed(records, columns, positions, number), name=cleaner.name)
    file, mapping = Cleaner(
        replace(cleaner.plain, path=narrow, damage=()),
        columns=cleaner.columns,
        settings=cleaner.settings,
        cleaning=cleaner.cleaning,
        scratch=cleaner.scratch,
        suppression=cleaner.suppression,
    ).clean()
    narrow.unlink()
    output = cleaner.scratch.new_file("wide.csv")
    write_records(output, _widened(cleaner, file, positions), name=cleaner.name)
    file.path.unlink()
    elsewhere = [item for item in file.damage if item.kind not in (DamageKind.HEADER, DamageKind.GARBLED)]
    damage = (*header_damage(columns), *elsewhere, *scan_bytes(cleaner.path).garbled)
    counts = {item.label: item.count for item in damage}
    assert file.report  # noqa: S101 - a cleaned list has one
    report = replace(file.report, damage=counts, seconds=time.perf_counter() - started)
    wide = cleaner.prepared_list(output, columns=columns, records=file.records, damage=damage)
    return replace(wide, report=report), mapping


def _narrowed(
    records: Iterator[tuple[int, list[str]]], columns: tuple[str, ...], positions: Sequence[int], number: str
) -> Iterator[list[str]]:
    """Yield the mapped columns and the record's number; a ragged record stays ragged and keeps its position."""
    yield [*(columns[position] for position in positions), number]
    ragged = [""] * (len(positions) + 2)
    for count, (_, record) in enumerate(records, start=1):
        is_valid = len(record) == len(columns)
        yield [*(record[position] for position in positions), str(count)] if is_valid else ragged


def _widened(cleaner: Cleaner, file: PreparedList, positions: Sequence[int]) -> Iterator[list[str]]:
    """Yield all columns of the records that were kept, with their cleaned values."""
    originals = enumerate(read_records(cleaner.path, name=cleaner.name))
    kept = read_records(file.path, name=cleaner.name)
    next(kept)
    header = next(originals)[1][1]
    width = len(header)
    yield header
    for _, values in kept:
        number = int(values[-1])
        record = next((record for count, (_, record) in originals if count == number), [])
        if len(record) != width:
            raise AudienceFileError(
                f"{cleaner.name}: the file changed while it was cleaned. Let the task that writes it finish first."
            )
        for position, value in zip(positions, values, strict=False):
            record[position] = value
        yield record
