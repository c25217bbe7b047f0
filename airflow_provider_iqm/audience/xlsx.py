"""The reading of an XLSX workbook: one sheet, whose first row that isn't blank is the header."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.contents import Contents, check_header, count_contents
from airflow_provider_iqm.audience.garbled import GarbledCounter
from airflow_provider_iqm.audience.names import did_you_mean
from airflow_provider_iqm.audience.value_text import value_text
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.wording import quote_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from python_calamine import CalamineSheet


def read_workbook(path: Path, *, name: str, mapped: Mapping[str, str] | None = None) -> Contents:
    """
    Read a workbook's first sheet.

    :param path: The file.
    :param name: The file's name, for messages.
    :param mapped: File column → IQM field, of the columns whose values are looked over for damage.
    :raises AudienceFileError: It isn't a workbook, or its header or a record is not as it must be.
    """
    rows = read_rows(path, name=name, strict=True)
    header_row, columns = next(rows)
    garbled = GarbledCounter()

    def records() -> Iterator[list[str]]:
        for _, record in rows:
            garbled.add(record)
            yield record

    contents = count_contents(tuple(columns), records(), mapped)
    if not contents.records:
        raise AudienceFileError(
            f"{name}: the sheet has a header (row {header_row}) but no records. Check the export that made it."
        )
    return replace(contents, damage=(*contents.damage, *garbled.damage()))


def read_rows(
    path: Path, *, name: str, sheet: str | None = None, strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """
    Read a sheet's header and records as text: the row of each, and its values.

    :param path: The file.
    :param name: The file's name, for messages.
    :param sheet: The sheet's name; without it, the first.
    :param strict: Whether a value to the right of the header is refused; else its record has more values than the
        header.
    :raises AudienceFileError: It isn't a workbook, or the sheet is not as it must be.
    """
    opened = _open_sheet(path, name=name, sheet=sheet)
    rows = _rows(opened)
    header_row, cells = next(rows, (0, []))
    if not cells:
        which = "first sheet" if sheet is None else f"sheet {sheet!r}"
        raise AudienceFileError(f"{name}: the workbook's {which} is empty. Name the sheet that has the list (sheet).")
    columns = _header(cells, opened, row=header_row, name=name)
    width = len(columns)
    yield header_row, columns
    for row, record in rows:
        texts = [cell if type(cell) is str else cell_text(cell) for cell in record]
        if len(texts) == width or not any(texts[width:]):
            yield row, texts[:width]
        elif strict:
            raise AudienceFileError(
                f"{name}: row {row} has a value to the right of the header's {width} columns. "
                "Give its column a name in the header, or clear the cell.",
                line=row,
            )
        else:
            yield row, texts


def is_first_sheet(path: Path, sheet: str, *, name: str) -> bool:
    """
    Tell whether a sheet is its workbook's first.

    :param path: The file.
    :param sheet: The sheet's name.
    :param name: The file's name, for messages.
    :raises AudienceFileError: It isn't a workbook, or has no such sheet.
    """
    return _open_sheet(path, name=name, sheet=sheet).name == _open_sheet(path, name=name, sheet=None).name


def cell_text(cell: Any) -> str:
    """Write a cell as text, as Excel writes booleans."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return value_text(cell)


def _open_sheet(path: Path, *, name: str, sheet: str | None) -> CalamineSheet:
    from python_calamine import CalamineError, CalamineWorkbook

    problem = "the content is not an Excel workbook, or it is damaged. Save it as XLSX again"
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
        if "xl/workbook.xml" in names:
            # By its content, not by its path: a scratch file needs no .xlsx at the end.
            with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as workbook:
                if sheet is None:
                    return workbook.get_sheet_by_index(0)
                if sheet in workbook.sheet_names:
                    return workbook.get_sheet_by_name(sheet)
                has = f"{did_you_mean(sheet, workbook.sheet_names)} It has: {quote_names(workbook.sheet_names)}"
                problem = f"the workbook has no sheet {sheet!r}.{has}"
        else:
            problem = "the content is a zip archive, but not an Excel workbook. Save the list as XLSX or CSV"
    except (zipfile.BadZipFile, CalamineError):
        pass
    raise AudienceFileError(f"{name}: {problem}.")


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """Give the rows that aren't blank, each with its number in the sheet; cells that are empty are ``""``."""
    for row, cells in enumerate(sheet.iter_rows(), start=1):
        if cells.count("") != len(cells):
            yield row, cells


def _header(cells: list[Any], sheet: CalamineSheet, *, row: int, name: str) -> list[str]:
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
    return columns
