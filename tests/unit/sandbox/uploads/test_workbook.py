from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from airflow_provider_iqm.sandbox.uploads.workbook import WorkbookReader

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def workbook(*rows: list, sheets: tuple[str, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for sheet in sheets:
        book.create_sheet(sheet).append(["other"])
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def read(data: bytes) -> tuple[tuple[str, ...], int]:
    reader = WorkbookReader()
    try:
        reader.feed(data[:100])
        reader.feed(data[100:])
        return reader.finish()
    finally:
        reader.close()


def test_the_first_sheet_is_counted() -> None:
    data = workbook(["email", "zip"], ["a", "01234"], ["b", 5], ["b", None], sheets=("later",))
    assert read(data) == (("email", "zip"), 3)


def test_blank_rows_are_not_records() -> None:
    assert read(workbook([], ["email", None, 2024], [None, None], ["", ""], ["a"], [])) == (("email", "", "2024"), 1)


def test_inline_strings_and_cells_without_reference() -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row><c t="inlineStr"><is><r><t>em</t></r><r><t>ail</t></r></is></c><c r="AB1" t="str"><v>z</v></c></row>'
        "<row><c/></row><row><c><v>1</v></c></row></sheetData></worksheet>"
    )
    old, new = io.BytesIO(workbook(["x"])), io.BytesIO()
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w") as target:
        for name in source.namelist():
            target.writestr(name, sheet if name.endswith("sheet1.xml") else source.read(name))
    header, records = read(new.getvalue())
    assert (header[0], header[-1], len(header), records) == ("email", "z", 28, 1)


@pytest.mark.parametrize("data", [b"", b"email\na\n", b"PK\x03\x04 and no more"])
def test_files_that_are_not_workbooks_are_rejected(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an XLSX workbook"):
        read(data)


def test_a_zip_without_sheets_is_not_a_workbook() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("people.csv", "a\n")
    with pytest.raises(ValueError, match="not an XLSX workbook"):
        read(data.getvalue())


def test_an_empty_workbook_is_empty() -> None:
    with pytest.raises(ValueError, match="The file is empty"):
        read(workbook())


def test_a_workbook_becomes_an_audience(account, sandbox) -> None:
    content = workbook(["email", "zip"], ["ann@example.com", "01234"], ["bob@example.com", None])
    metadata = {
        "columns": ["email", "zip"],
        "fileName": "people.xlsx",
        "fileSize": len(content),
        "columnValues": {"email": ["ann@example.com", "bob@example.com"], "zip": ["01234", ""]},
        "rows": 2,
    }
    answer = account.upload(content, "people.xlsx", MEDIA_TYPE, metadata=metadata, fileTotalCount=2)
    assert answer.status_code == 200, answer.text
    assert (sandbox.audiences[0].records, sandbox.audiences[0].header) == (2, ("email", "zip"))
