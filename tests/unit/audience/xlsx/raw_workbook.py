"""Workbooks whose XML is written by hand: such as no library writes, and large ones that cost little."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
RECORD = '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'


def write_workbook(
    path: Path,
    sheet: Iterable[str] | str,
    *,
    strings: Iterable[str] | None = None,
    styles: str | None = None,
    is_1904: bool = False,
    prefix: str = "",
) -> Path:
    """
    Write a workbook with one sheet.

    :param sheet: What is inside ``worksheet``, in pieces.
    :param strings: What is inside ``sst``, in pieces.
    :param styles: What is inside ``styleSheet``.
    """
    parts = {
        "_rels/.rels": _relations(PACKAGE, [("r", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": (
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{int(is_1904)}"/>'
            '<sheets><sheet name="S" sheetId="1" r:id="sheet"/></sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": _relations(
            PACKAGE,
            [
                ("sheet", "worksheet", "worksheets/sheet1.xml"),
                ("strings", "sharedStrings", "sharedStrings.xml"),
                ("styles", "styles", "/xl/styles.xml"),
            ],
        ),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        namespace = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
        _write(archive, "xl/worksheets/sheet1.xml", f'{prefix}worksheet {namespace}="{MAIN}"', sheet)
        if strings is not None:
            _write(archive, "xl/sharedStrings.xml", f'sst xmlns="{MAIN}"', strings)
        if styles is not None:
            _write(archive, "xl/styles.xml", f'styleSheet xmlns="{MAIN}"', styles)
    return path


def sheet_data(*pieces: str) -> list[str]:
    """Two columns and one record, and more rows behind them; the ``dimension`` is false."""
    return ['<dimension ref="A1:XFD1048576"/><sheetData>', HEADER, RECORD, *pieces, "</sheetData>"]


def _write(archive: zipfile.ZipFile, name: str, root: str, pieces: Iterable[str]) -> None:
    with archive.open(name, "w", force_zip64=True) as file:
        file.write(f"<{root}>".encode())
        for piece in [pieces] if isinstance(pieces, str) else pieces:
            file.write(piece.encode())
        file.write(f"</{root.partition(' ')[0]}>".encode())


def _relations(namespace: str, relations: list[tuple[str, str, str]]) -> str:
    items = "".join(
        f'<Relationship Id="{number}" Type="{OFFICE}/{kind}" Target="{target}"/>' for number, kind, target in relations
    )
    return f'<Relationships xmlns="{namespace}">{items}</Relationships>'
