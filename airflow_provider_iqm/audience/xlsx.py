"""The reading of an XLSX workbook: its first sheet, whose first row that isn't blank is the header."""

from __future__ import annotations

import datetime
import zipfile
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.contents import Contents, check_header, is_blank
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from python_calamine import CalamineSheet

_MIDNIGHT = datetime.time()


def read_workbook(path: Path, *, name: str) -> Contents:
    """
    Read a workbook's first sheet.

    :param path: The file.
    :param name: The file's name, for messages.
    :raises AudienceFileError: It isn't a workbook, or its header or a record is not as it must be.
    """
    header_row, columns, rows = _open(path, name=name)
    width, count, blank = len(columns), 0, set(range(len(columns)))
    first: list[tuple[str, ...]] = []
    for row, record in rows:
        if len(record) > width and any(cell != "" for cell in record[width:]):
            raise AudienceFileError(
                f"{name}: row {row} has a value to the right of the header's {width} columns. "
                "Give its column a name in the header, or clear the cell.",
                line=row,
            )
        count += 1
        if count <= METADATA_SAMPLE_RECORDS:
            first.append(tuple(cell_text(cell) for cell in record[:width]))
        if blank:
            blank = {column for column in blank if is_blank(cell_text(record[column]))}
    if not count:
        raise AudienceFileError(
            f"{name}: the first sheet has a header (row {header_row}) but no records. Check the export that made it."
        )
    return Contents(columns, count, tuple(first), frozenset(blank))


def read_rows(path: Path, *, name: str) -> Iterator[tuple[int, list[str]]]:
    """
    Read the header and the records of a workbook's first sheet as text: the row of each, and its values.

    A record with a value to the right of the header has more values than the header.

    :param path: The file.
    :param name: The file's name, for messages.
    :raises AudienceFileError: It isn't a workbook, or its header is not as it must be.
    """
    header_row, columns, rows = _open(path, name=name)
    width = len(columns)
    yield header_row, list(columns)
    for row, record in rows:
        texts = [cell_text(cell) for cell in record]
        yield row, texts if any(texts[width:]) else texts[:width]


def cell_text(cell: Any) -> str:
    """Write a cell as text: whole numbers as digits, dates and times in ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == _MIDNIGHT else cell.isoformat(sep=" ")
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)


def _open(path: Path, *, name: str) -> tuple[int, tuple[str, ...], Iterator[tuple[int, list[Any]]]]:
    """Open a workbook's first sheet: the header's row, the header, and the rows behind it."""
    sheet = _first_sheet(path, name=name)
    rows = _rows(sheet)
    row, cells = next(rows, (0, []))
    if not cells:
        raise AudienceFileError(f"{name}: the workbook's first sheet is empty. Put the list on the first sheet.")
    return row, _header(cells, sheet, row=row, name=name), rows


def _first_sheet(path: Path, *, name: str) -> CalamineSheet:
    from python_calamine import CalamineError, CalamineWorkbook

    problem = "the content is not an Excel workbook, or it is damaged. Save it as XLSX again"
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
        if "xl/workbook.xml" in names:
            # By its content, not by its path: a scratch file needs no .xlsx at the end.
            with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as workbook:
                return workbook.get_sheet_by_index(0)
        problem = "the content is a zip archive, but not an Excel workbook. Save the list as XLSX or CSV"
    except (zipfile.BadZipFile, CalamineError):
        pass
    raise AudienceFileError(f"{name}: {problem}.")


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """Give the rows that aren't blank, each with its number in the sheet; cells that are empty are ``""``."""
    for row, cells in enumerate(sheet.iter_rows(), start=1):
        if cells.count("") != len(cells):
            yield row, cells


def _header(cells: list[Any], sheet: CalamineSheet, *, row: int, name: str) -> tuple[str, ...]:
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if top < row <= bottom + 1 and left != right:
            raise AudienceFileError(
                f"{name}: the header (row {row}) has merged cells, columns {left + 1} to {right + 1}. "
                "Unmerge them and give every column a name.",
                line=row,
            )
    # The reader leaves out empty columns at the left; in a CSV file they would be columns without a name.
    columns = [""] * (sheet.start or (0, 0))[1] + [cell_text(cell) for cell in cells]
    while not columns[-1]:
        columns.pop()
    check_header(columns, name=name, line=row, unit="row")
    return tuple(columns)
