"""
Counts the records of an XLSX, with a zip reader and an XML parser.

A workbook can't be processed as a stream, so it is stored in a private temporary file, which is deleted when it is
closed. The XML is parsed element by element: memory doesn't grow with the number of rows.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

_SHARED_STRINGS = "xl/sharedStrings.xml"
_RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"

# A row: for each cell with a value, or with a formula without a cached value, its column (from 0), its text, and
# whether the text is the index of a shared string.
_Row = list[tuple[int, str, bool]]


class WorkbookReader:
    """Reads the header and the number of records of an XLSX's first sheet."""

    def __init__(self) -> None:
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()

    def feed(self, data: bytes) -> None:
        """
        Process the next piece of the file.

        :param data: bytes of any length.
        """
        self._spool.write(data)

    def finish(self) -> tuple[tuple[str, ...], int]:
        """
        Return the header and the number of records. Takes seconds for a large file.

        :raises ValueError: the file is empty or not a workbook; the message contains no value of the file.
        """
        try:
            with zipfile.ZipFile(self._spool) as archive:
                return _read(archive)
        except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, IndexError, NotImplementedError) as broken:
            raise ValueError("The file is not an XLSX workbook.") from broken

    def close(self) -> None:
        """Delete the temporary file."""
        self._spool.close()


def _read(archive: zipfile.ZipFile) -> tuple[tuple[str, ...], int]:
    blank = {number for number, text in _shared_strings(archive) if not text}
    header: _Row | None = None
    records = 0
    with archive.open(_first_sheet(archive)) as sheet:
        for row in _rows(sheet):
            cells = [cell for cell in row if not (cell[2] and int(cell[1]) in blank)]
            if not cells:
                continue
            if header is None:
                header = cells
            else:
                records += 1
    if header is None:
        raise ValueError("The file is empty.")
    return _names(archive, header), records


def _names(archive: zipfile.ZipFile, header: _Row) -> tuple[str, ...]:
    wanted = {int(text) for _, text, shared in header if shared}
    texts = {number: text for number, text in _shared_strings(archive) if number in wanted}
    names = {column: texts[int(text)] if shared else text for column, text, shared in header}
    return tuple(names.get(column, "") for column in range(max(names) + 1))


def _first_sheet(archive: zipfile.ZipFile) -> str:
    # The standard library's parser is good enough for a sandbox: expat limits the expansion of entities.
    with archive.open("xl/workbook.xml") as workbook:
        sheets = [e for e in ElementTree.parse(workbook).iter() if _local(e) == "sheet"]  # noqa: S314
    relation = sheets[0].get(_RELATION_ID) or sheets[0].get(_STRICT_RELATION_ID)
    with archive.open("xl/_rels/workbook.xml.rels") as relations:
        targets = {e.get("Id"): e.get("Target", "") for e in ElementTree.parse(relations).iter()}  # noqa: S314
    target = targets[relation]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _rows(sheet: IO[bytes]) -> Iterator[_Row]:
    rows: ElementTree.Element | None = None
    for event, element in ElementTree.iterparse(sheet, events=("start", "end")):  # noqa: S314
        if event == "start":
            rows = element if _local(element) == "sheetData" else rows
        elif _local(element) == "row" and rows is not None:
            yield list(_cells(element))
            rows.clear()


def _cells(row: ElementTree.Element) -> Iterator[tuple[int, str, bool]]:
    column = -1
    for cell in row:
        reference = cell.get("r")
        column = _column(reference) if reference else column + 1
        kind = cell.get("t")
        text = "".join(part.text or "" for part in cell.iter() if _local(part) == ("t" if kind == "inlineStr" else "v"))
        # A formula without a type is a number, even without a cached value.
        uncalculated = kind is None and any(_local(part) == "f" for part in cell)
        if text or uncalculated:
            yield column, text, kind == "s"


def _column(reference: str) -> int:
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _shared_strings(archive: zipfile.ZipFile) -> Iterator[tuple[int, str]]:
    if _SHARED_STRINGS not in archive.namelist():
        return
    number = 0
    root: ElementTree.Element | None = None
    with archive.open(_SHARED_STRINGS) as strings:
        for event, element in ElementTree.iterparse(strings, events=("start", "end")):  # noqa: S314
            if event == "start":
                root = element if root is None else root
            elif _local(element) == "si" and root is not None:
                # The text of phonetic guides (rPh) is not part of the cell's text.
                runs = (part for child in element if _local(child) != "rPh" for part in child.iter())
                yield number, "".join(part.text or "" for part in runs if _local(part) == "t")
                number += 1
                root.clear()


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
