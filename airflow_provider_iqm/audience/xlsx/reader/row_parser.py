"""Reads a sheet's rows with an XML parser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.xlsx.reader.errors import (
    DAMAGED,
    MAX_COLUMNS,
    WorkbookError,
    beyond_columns,
    check_length,
    check_row,
    column_number,
)
from airflow_provider_iqm.audience.xlsx.reader.items import ItemReader
from airflow_provider_iqm.audience.xlsx.reader.strings import RichText
from airflow_provider_iqm.audience.xlsx.reader.xml_parser import XMLParser, local

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.xlsx.reader.values import CellReader, Value

_REFERENCE = re.compile(r"([A-Z]+)([0-9]+)")
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})")


class RowParser:
    """
    Parses rows of any form, and merged cells of the header.

    :param cells: Reads the cells' values.
    """

    def __init__(self, cells: CellReader) -> None:
        self.header_row: int | None = None
        self.merged_header: tuple[int, int] | None = None
        self._cells = cells
        self._parser = XMLParser(self._start, self._end)
        self.items = ItemReader(self._parser, around="sheetData", item="row")
        self._found: list[tuple[int, list[Value]]] = []
        self._in_data = False
        self._row = 0
        self._begin_row()
        self._begin_cell({})

    def parse(self, text: str) -> list[tuple[int, list[Value]]]:
        """Parse text of the sheet, and return its rows."""
        self._parser.feed(text.encode())
        return self.take()

    def take(self) -> list[tuple[int, list[Value]]]:
        """Return the rows read since the last call."""
        found, self._found = self._found, []
        return found

    def check_next(self, row: int) -> None:
        """
        Check the number of the next row.

        :raises WorkbookError: Excel has no such row, or it isn't after the last row.
        """
        if row <= self._row:
            raise WorkbookError(
                f"row {row} follows row {self._row} in the file, so the workbook is damaged. Save it as XLSX again.",
                line=row,
            )
        check_row(row)
        self._row = row

    def _begin_row(self) -> None:
        self._values: dict[int, Value] = {}
        self._column = -1
        self._read = 0
        self._characters = 0

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._attributes = attributes
        self._value: list[str] = []
        self._value_length = 0
        self._inline: RichText | None = None
        self._has_formula = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if not self._in_data:
            self._in_data = name == "sheetData"
            if name == "mergeCell":
                self._check_merged(attributes.get("ref", ""))
        elif name == "row":
            number = attributes.get("r", "")
            self.check_next(_number(number) if number else self._row + 1)
            self._begin_row()
        elif name == "c":
            self._place(attributes.get("r"))
            self._begin_cell(attributes)
        elif name == "v":
            if self._value:
                raise WorkbookError(DAMAGED, line=self._row)
            self._parser.expat.CharacterDataHandler = self._add
        elif name == "f":
            self._has_formula = True
        elif name == "is":
            self._inline = RichText()
        elif self._inline and self._inline.start(name, attributes):
            self._parser.expat.CharacterDataHandler = self._inline.add

    def _end(self, name: str) -> None:
        name = local(name)
        if not self._in_data:
            return
        self._parser.expat.CharacterDataHandler = None
        if name == "sheetData":
            self._in_data = False
        elif name == "row":
            if self._values:
                values: list[Value] = [""] * (max(self._values) + 1)
                for column, value in self._values.items():
                    values[column] = value
                self._found.append((self._row, values))
                self.header_row = self.header_row or self._row
            self._begin_row()
        elif name == "c":
            self._end_cell()
        elif self._inline:
            self._inline.end(name)

    def _add(self, text: str) -> None:
        self._value_length += len(text)
        check_length(self._characters + self._value_length, self._row)
        self._value.append(text)

    def _place(self, reference: str | None) -> None:
        """Determine the column of the next cell."""
        self._read += 1
        if self._read > MAX_COLUMNS:
            raise beyond_columns(self._row)
        if reference is None:
            self._column += 1
        else:
            match = _REFERENCE.fullmatch(reference)
            if match is None:
                raise WorkbookError(DAMAGED, line=self._row)
            self._column = column_number(match[1], self._row)
            row = _number(match[2])
            check_row(row)
            if row != self._row or self._column in self._values:
                what = f"a cell of row {row}" if row != self._row else f"two values for the cell {reference}"
                raise WorkbookError(
                    f"row {self._row} has {what}, so the workbook is damaged. Save it as XLSX again.", line=self._row
                )
        if self._column >= MAX_COLUMNS:
            raise beyond_columns(self._row)

    def _end_cell(self) -> None:
        attributes, kind = self._attributes, self._attributes.get("t")
        text = "".join(self._value)
        if self._inline and (kind == "inlineStr" or not text):
            kind, text = "inlineStr", self._inline.text()
        style = attributes.get("s", "")
        value = self._cells.read(kind, style if style.isdecimal() else None, text, formula=self._has_formula)
        if value != "":
            self._values[self._column] = value
            self._characters += len(value) if isinstance(value, str) else 0
            check_length(self._characters, self._row)

    def _check_merged(self, reference: str) -> None:
        match = _RANGE.fullmatch(reference)
        if match is None or self.header_row is None:
            return
        left, right = column_number(match[1], 0), column_number(match[3], 0)
        if int(match[2]) <= self.header_row <= int(match[4]) and left != right:
            self.merged_header = left + 1, right + 1


def _number(text: str) -> int:
    """Parse the number of a row; a huge number is truncated to one that is still too large."""
    if not text.isascii() or not text.isdigit():
        raise WorkbookError(DAMAGED)
    return int(text[:12])
