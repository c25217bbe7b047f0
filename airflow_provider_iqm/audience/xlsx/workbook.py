"""Reads a sheet of an XLSX workbook, whose first non-blank row is the header."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.contents import Contents, ContentsCounter, check_header
from airflow_provider_iqm.audience.damage.damage import Damage, DamageKind, checks_for
from airflow_provider_iqm.audience.damage.garbled import GarbledCounter
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.xlsx.reader_process import read_batches
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_MAX_CELLS = 500_000_000
"""The maximum number of cells, including blank ones: these take little XML, but minutes to process."""

_LOST_KINDS = {None: DamageKind.EXCEL_ERROR, False: DamageKind.NO_RESULT}
_LOST_TEXT = "#ERROR"
"""Replaces lost values to the right of the header's columns."""


class LostValues:
    """Counts the cells whose value was lost to an Excel error, or because a formula's value was never saved."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, DamageKind]] = Counter()

    def blank(self, record: list[Any], *, width: int) -> None:
        """
        Count a record's lost values, and blank them.

        :param record: The record's values.
        :param width: The number of columns in the header.
        """
        for position, value in enumerate(record):
            if value in _LOST_KINDS:
                record[position] = "" if position < width else _LOST_TEXT
                self._counts[position, _LOST_KINDS[value]] += 1

    def damage(self, columns: Sequence[str]) -> tuple[Damage, ...]:
        """
        Return the damage.

        :param columns: The header.
        """
        return tuple(
            Damage(kind, count, columns[position])
            for (position, kind), count in sorted(self._counts.items())
            if position < len(columns)
        )


def read_workbook(
    path: Path,
    *,
    name: str,
    mapped: Mapping[str, str] | None = None,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    scratch_dir: Path | str | None = None,
) -> Contents:
    """
    Read a workbook's first sheet.

    :param path: The file.
    :param name: The file's name, for messages.
    :param mapped: File column → IQM field, for the columns to check for damage.
    :param memory_limit: Memory limit of the subprocess that reads the workbook, such as ``256MiB``.
    :param scratch_dir: The folder for texts that exceed it; by default, the system's directory for temporary files.
    :raises AudienceFileError: The file isn't a workbook, or its header or a record is invalid.
    """
    lost, garbled = LostValues(), GarbledCounter()
    batches = _read(path, name=name, strict=True, memory_limit=memory_limit, scratch_dir=scratch_dir, lost=lost)
    (header_row,), (columns,) = next(batches)
    counter = ContentsCounter(tuple(columns), checks_for(columns, mapped))
    for _, records in batches:
        counter.add(records)
        garbled.add_bytes("\0".join(chain.from_iterable(records)).encode("utf-8", "replace"))
    contents = counter.contents()
    if not contents.records:
        raise AudienceFileError(
            f"{name}: the sheet has a header (row {header_row}) but no records. Check the export that created it."
        )
    damage = (*contents.damage, *lost.damage(columns), *garbled.damage())
    with path.open("rb") as file:
        return replace(contents, damage=damage, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def read_rows(
    path: Path,
    *,
    name: str,
    sheet: str | None = None,
    strict: bool = False,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    scratch_dir: Path | str | None = None,
    lost: LostValues | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """
    Yield the header and records of a sheet as text: the number of each row, and its values.

    :param path: The file.
    :param name: The file's name, for messages.
    :param sheet: The sheet's name; by default, the first sheet.
    :param strict: Whether values to the right of the header are an error; otherwise, records can have more values than
        the header.
    :param memory_limit: Memory limit of the subprocess that reads the workbook, such as ``256MiB``.
    :param scratch_dir: The folder for texts that exceed it; by default, the system's directory for temporary files.
    :param lost: Counts lost values.
    :raises AudienceFileError: The file isn't a workbook, or the sheet is invalid.
    """
    lost = lost or LostValues()
    for rows, records in _read(
        path, name=name, sheet=sheet, strict=strict, memory_limit=memory_limit, scratch_dir=scratch_dir, lost=lost
    ):
        yield from zip(rows, records, strict=True)


def _read(
    path: Path,
    *,
    name: str,
    sheet: str | None = None,
    strict: bool,
    memory_limit: str,
    scratch_dir: Path | str | None,
    lost: LostValues,
) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Yield the header as its own batch, then batches of records that have at least as many values as the header."""
    columns: list[str] = []
    cells = 0
    batches = read_batches(path, name=name, sheet=sheet, memory_limit=memory_limit, scratch_dir=scratch_dir)
    for rows, records, marked in batches:
        if not columns:
            columns = records[0]
            _check_header(columns, row=rows[0], name=name)
            yield rows[:1], [columns]
        begin = 1 if records[0] is columns else 0
        width = len(columns)
        cells += len(records) * width
        if cells > _MAX_CELLS:
            raise AudienceFileError(
                f"{name}: the sheet has more than {_MAX_CELLS:,} cells up to row {rows[-1]}, under a header of "
                f"{count_of(width, 'column')}. Remove columns that aren't needed, or use CSV.",
                line=rows[-1],
            )
        for number in marked:
            lost.blank(records[number], width=width)
        for row, record in zip(rows, records, strict=True):
            if len(record) < width:
                record.extend([""] * (width - len(record)))
            elif strict and len(record) > width:
                raise AudienceFileError(
                    f"{name}: row {row} has a value to the right of the header's {count_of(width, 'column')}. "
                    "Add a name for its column to the header, or clear the cell.",
                    line=row,
                )
        if len(records) > begin:
            yield rows[begin:], records[begin:]
    if not columns:
        which = "first sheet" if sheet is None else f"sheet {sheet!r}"
        raise AudienceFileError(f"{name}: the workbook's {which} is empty. Set sheet to the name of the list's sheet.")


def _check_header(columns: Sequence[Any], *, row: int, name: str) -> None:
    for position, column in enumerate(columns, start=1):
        if column in _LOST_KINDS:
            what = "an Excel error" if column is None else "a formula without a value"
            raise AudienceFileError(
                f"{name}: the header (row {row}) has {what} in column {position}. Enter the column's name.", line=row
            )
    check_header(columns, name=name, line=row, unit="row")
