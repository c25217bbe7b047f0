from __future__ import annotations

import datetime
import hashlib
import io
import zipfile

import openpyxl
import pytest

from airflow_provider_iqm.audience.formats.plain_list import XLSX
from tests.unit.audience.inspection import inspect_file

SECRET = "Frodo-0x7"


@pytest.fixture
def make_workbook(tmp_path):
    def make(rows, *, merged=(), name="list.xlsx"):
        workbook = openpyxl.Workbook()
        for row in rows:
            workbook.active.append(row)
        for cells in merged:
            workbook.active.merge_cells(cells)
        workbook.create_sheet("second").append(["other"])
        workbook.save(tmp_path / name)
        return tmp_path / name

    return make


def test_describes_the_first_sheet(make_workbook):
    path = make_workbook(
        [
            ["name", "zip", "born", "score", "none"],
            ["Bilbo", "00501", datetime.datetime(1990, 9, 22), 4.0, None],
            ["Frodo", 10002, datetime.datetime(2001, 2, 3, 4, 5), 2.5, None],
            [],
            ["Sam", 10003, None, True, None],
        ]
    )

    found = inspect_file(path)

    assert found.media_type == XLSX
    assert found.size == path.stat().st_size
    assert found.columns == ("name", "zip", "born", "score", "none")
    assert found.records == 3
    assert found.samples == {
        "name": ("Bilbo", "Frodo", "Sam"),
        "zip": ("00501", "10002", "10003"),
        "born": ("1990-09-22", "2001-02-03T04:05:00", ""),
        "score": ("4", "2.5", "TRUE"),
        "none": ("", "", ""),
    }
    assert found.blank_columns == {"none"}


def test_blank_rows_are_not_records(make_workbook):
    assert inspect_file(make_workbook([[], ["a", "b"], [], ["1", None], [None, None], [None, "2"], []])).records == 2


def test_the_suffix_is_case_insensitive(make_workbook):
    assert inspect_file(make_workbook([["a"], ["1"]], name="scratch.tmp.XLSX")).records == 1


def test_the_bytes_are_hashed(make_workbook):
    path = make_workbook([["a"], ["1"]])
    assert inspect_file(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        ([["a", "b", "a"], [SECRET, 2, 3]], 1, "the header (row 1) has the name 'a' twice, in columns 1 and 3"),
        ([["a", None, "c"], [SECRET, 2, 3]], 1, "column 2 of 3 has no name in the header (row 1)"),
        ([[None, "b"], [None, SECRET]], 1, "column 1 of 2 has no name"),
        ([["a", "b"], [1, 2], [1, 2, SECRET]], 3, "row 3 has a value to the right of the header's 2 columns"),
        ([["a", "b"]], None, "a header (row 1) but no records"),
        ([], None, "the workbook's first sheet is empty"),
    ],
)
def test_errors_have_the_problem_and_the_row(make_workbook, refuse, rows, line, says):
    error = refuse(make_workbook(rows))
    assert str(error).startswith("list.xlsx: ")
    assert says in str(error)
    assert error.line == line


def test_merged_headers_are_rejected(make_workbook, refuse):
    error = refuse(make_workbook([["a", None, "c"], [SECRET, 2, 3]], merged=["A1:B1"]))
    assert "the header (row 1) has merged cells, columns 1 to 2" in str(error)


def test_merged_cells_below_the_header_are_allowed(make_workbook):
    assert inspect_file(make_workbook([["a", "b"], [1, None], [3, 4]], merged=["A2:B2"])).records == 2


def test_other_zip_archives_are_rejected(make_file, refuse):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("list.csv", f"a\n{SECRET}\n")
    assert "a zip archive, but not an Excel workbook" in str(refuse(make_file(buffer.getvalue(), name="list.xlsx")))


def test_damaged_workbooks_are_rejected(make_workbook, make_file, refuse):
    whole = make_workbook([["a"], [SECRET]]).read_bytes()
    assert "not an Excel workbook, or it is damaged" in str(refuse(make_file(whole[:2000], name="cut.xlsx")))


def test_workbooks_with_broken_parts_are_rejected(make_file, refuse):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", f"<workbook {SECRET}")
    assert "not an Excel workbook, or it is damaged" in str(refuse(make_file(buffer.getvalue(), name="bad.xlsx")))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("0042", "0042"),
        (3555555555.0, "3555555555"),
        (1e20, "100000000000000000000"),
        (-2.0, "-2"),
        (0.5, "0.5"),
        (True, "TRUE"),
        (False, "FALSE"),
        (7, "7"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2), "2026-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(hours=30), "1 day, 6:00:00"),
    ],
)
def test_cells_become_text(make_workbook, cell, text):
    assert inspect_file(make_workbook([["a"], [cell]])).samples == {"a": (text,)}
