"""Reads a sheet's rows, with patterns for the usual form and a parser for all others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.xlsx.reader.errors import WorkbookError, column_number
from airflow_provider_iqm.audience.xlsx.reader.escapes import unescape
from airflow_provider_iqm.audience.xlsx.reader.items import decode_entities
from airflow_provider_iqm.audience.xlsx.reader.row_layout import RowLayout
from airflow_provider_iqm.audience.xlsx.reader.row_parser import RowParser
from airflow_provider_iqm.audience.xlsx.reader.strings import WHITE_SPACE
from airflow_provider_iqm.audience.xlsx.reader.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_iqm.audience.xlsx.reader.package import Package
    from airflow_provider_iqm.audience.xlsx.reader.values import CellReader

Row = tuple[int, list[Value]]
"""A row's number in the sheet, and its values up to the last that isn't blank."""

_END = "</row>"
_ROW = re.compile(r'\s*+<row r="([1-9][0-9]{0,6})"((?: [a-zA-Z_][\w:.]*="[^"<>&]*+")*+) ?>', re.ASCII)
_ATTRIBUTE_NAME = re.compile(r' ([\w:.]+)="[^"]*"', re.ASCII)
# Cells with formulas are left to the parser.
_CELL = re.compile(
    r'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="([0-9]{1,5})")?(?: t="([a-zA-Z]+)")? ?(?:/>|>'
    r'(?:(<v>|<is><t>|<is><t xml:space="preserve">)([^<]*+)(?:</v>|</t></is>)|<v ?/>)?</c>)',
    re.ASCII,
)
# The parts that split() returns for a cell: the text before it, and its groups.
_PARTS = _CELL.groups + 1
_LETTERS, _ROW_NUMBER, _STYLE, _KIND, _OPENING, _TEXT = range(1, _PARTS)
_VALUE, _STRIPPED = "<v>", "<is><t>"

_MAX_READERS = 10_000
"""The maximum number of cached readers; no list has that many kinds of cells."""

_MAX_LAYOUTS, _MAX_LAYOUT_CELLS = 64, 200
"""The maximum number of layouts per sheet, and of cells in one; creating one takes as long as some hundred rows."""


class _UnusualCellError(Exception):
    """A cell has to be parsed."""


class _Readers(dict[tuple[str | None, str | None, str | None], "Callable[[str], Value]"]):
    """
    The readers of cells' texts, by the cell's type, the tag before its text, and its style.

    :param cells: Reads values that aren't in the cell itself as text.
    """

    def __init__(self, cells: CellReader) -> None:
        super().__init__()
        self._cells = cells

    def __missing__(self, key: tuple[str | None, str | None, str | None]) -> Callable[[str], Value]:
        if len(self) > _MAX_READERS:
            self.clear()
        kind, opening, style = key
        if opening is None or opening == _VALUE:
            self[key] = self._cells.reader(kind, style)
        elif kind == "inlineStr":
            self[key] = _stripped if opening == _STRIPPED else unescape
        else:
            raise _UnusualCellError
        return self[key]


def _stripped(text: str) -> str:
    text = text.strip(WHITE_SPACE)
    return unescape(text) if "_x" in text else text


class SheetReader:
    """
    Reads a sheet's rows.

    :param package: The workbook.
    :param part: The sheet's part.
    :param cells: Reads the cells' values.
    """

    def __init__(self, package: Package, part: str, cells: CellReader) -> None:
        self._pieces = package.pieces(part)
        self._readers = _Readers(cells)
        self._parser = RowParser(cells)
        self._letters: list[str] = []
        self._columns: list[int] | None = []
        self._layout: RowLayout | None = None
        self._layouts_left = _MAX_LAYOUTS

    def rows(self) -> Iterator[Row]:
        """
        Yield the rows that aren't blank.

        :raises WorkbookError: A row can't be read, or the header has merged cells.
        """
        rows = self._rows()
        for number, values in rows:
            if "" in values:
                # Blank names may come from merged cells, which are listed after the last row.
                header = number, values
                for _ in rows:
                    pass
                self._check_merged()
                # Otherwise, the caller rejects the header, without any records.
                yield header
                return
            yield number, values
            break
        yield from rows
        self._check_merged()

    def _rows(self) -> Iterator[Row]:
        between_items = True
        for text in self._parser.items.read(self._pieces):
            if text is None:
                yield from self._parser.take()
                continue
            for item in text.split(_END)[:-1]:
                row = self._usual_row(item) if between_items else None
                if row is None:
                    yield from self._parser.parse(item + _END)
                    between_items = self._parser.items.between_items
                elif row[1]:
                    yield row

    def _usual_row(self, text: str) -> Row | None:
        """Read a row in the usual form; None if it has another form."""
        found = self._layout.read(text) if self._layout else None
        found = found or self._usual_cells(text)
        if found is None:
            return None
        number, columns, values = found
        self._parser.check_next(number)
        while values and values[-1] == "":
            values.pop()
        if values:
            self._parser.header_row = self._parser.header_row or number
        if values and len(columns) != columns[-1] + 1:
            spread: list[Value] = [""] * (columns[len(values) - 1] + 1)
            for column, value in zip(columns, values, strict=False):
                spread[column] = value
            return number, spread
        return number, values

    def _usual_cells(self, text: str) -> tuple[int, list[int], list[Value]] | None:
        """Return a row's number, its cells' columns, and their values; None if a cell doesn't have the usual form."""
        start = _ROW.match(text)
        if start is None or "xmlns" in start[2]:
            return None
        attributes = ["r", *_ATTRIBUTE_NAME.findall(start[2])]
        # Duplicate attributes are an error, which the parser raises.
        if len(attributes) > len(set(attributes)):
            return None
        parts = _CELL.split(text[start.end() :])
        # The usual form has nothing before, between or after the cells.
        if any(parts[::_PARTS]) or parts[_ROW_NUMBER::_PARTS].count(start[1]) != len(parts) // _PARTS:
            return None
        columns = self._positions(parts[_LETTERS::_PARTS], int(start[1]))
        values = self._usual_values(parts, text)
        if columns is None or values is None:
            return None
        if self._layouts_left and len(columns) <= _MAX_LAYOUT_CELLS and None not in parts[_TEXT::_PARTS]:
            self._layouts_left -= 1
            self._layout = self._layout_of(text, start, columns)
        return int(start[1]), columns, values

    def _layout_of(self, text: str, start: re.Match[str], columns: list[int]) -> RowLayout:
        cells = [*_CELL.finditer(text, start.end())]
        return RowLayout(
            text,
            number=start.span(1),
            cells=[(cell.span(_ROW_NUMBER), cell.span(_TEXT)) for cell in cells],
            columns=columns,
            readers=[self._readers[cell[_KIND], cell[_OPENING], cell[_STYLE]] for cell in cells],
        )

    def _positions(self, letters: list[str], row: int) -> list[int] | None:
        """Return the cells' columns, from 0; None if they aren't in order."""
        if letters != self._letters:
            columns = [column_number(each, row) for each in letters]
            self._letters = letters
            self._columns = columns if all(map(int.__lt__, columns, columns[1:])) else None
        return self._columns

    def _usual_values(self, parts: list[str], row: str) -> list[Value] | None:
        # Blank cells have None.
        texts: list[str | None] = [*parts[_TEXT::_PARTS]]
        if "&" in row:
            decoded = [decode_entities(text) if text and "&" in text else text for text in texts]
            if decoded.count(None) != texts.count(None):
                return None
            texts = decoded
        kinds, openings, styles = parts[_KIND::_PARTS], parts[_OPENING::_PARTS], parts[_STYLE::_PARTS]
        readers = map(self._readers.__getitem__, zip(kinds, openings, styles, strict=True))
        try:
            return [read(text) if text else "" for read, text in zip(readers, texts, strict=True)]
        except _UnusualCellError:
            return None

    def _check_merged(self) -> None:
        if self._parser.merged_header:
            left, right = self._parser.merged_header
            row = self._parser.header_row
            raise WorkbookError(
                f"the header (row {row}) has merged cells, columns {left} to {right}. "
                "Unmerge them and give every column a name.",
                line=row,
            )
