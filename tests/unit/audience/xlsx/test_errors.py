"""Cells with Excel errors are damage: counted and reported, and their rows are records."""

from __future__ import annotations

import openpyxl
import pytest

from airflow_provider_iqm.audience.__main__ import main
from airflow_provider_iqm.audience.damage.damage import DamageKind
from airflow_provider_iqm.audience.split import Limits, split_list
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.sandbox.uploads.workbook import WorkbookReader
from tests.unit.audience.inspection import inspect_file

ERRORS = ["#N/A", "#DIV/0!", "#REF!", "#NAME?", "#NULL!", "#NUM!", "#VALUE!"]
EMAILS = [f"a{number}@b.example" for number in range(5)]


@pytest.fixture
def book(tmp_path):
    def book(*rows, first=None):
        workbook = openpyxl.Workbook()
        if first:
            workbook.active.append([first])
            workbook.create_sheet("list")
        for row in rows:
            workbook.worksheets[-1].append(row)
        workbook.save(tmp_path / "list.xlsx")
        return tmp_path / "list.xlsx"

    return book


@pytest.fixture
def one_column(book):
    """The ten records of which five are nothing but an error."""
    return book(["email"], *([value] for pair in zip(EMAILS, ERRORS, strict=False) for value in pair))


def prepare(path, **options):
    options = {"columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}} | options
    return prepare_upload(file_path=path, audience_name="x", **options)


def counted(damage) -> dict:
    return {(item.kind, item.column): item.count for item in damage}


def count_in_sandbox(path) -> int:
    reader = WorkbookReader()
    try:
        reader.feed(path.read_bytes())
        return reader.finish()[1]
    finally:
        reader.close()


def test_a_row_with_only_an_error_is_a_record(one_column):
    file = inspect_file(one_column)
    assert file.records == 10 == count_in_sandbox(one_column)
    assert counted(file.damage) == {(DamageKind.EXCEL_ERROR, "email"): 5}
    assert str(file.damage[0]) == (
        "5 values in column 'email' lost to an Excel error (such as #N/A), counted as blank. "
        "Correct the formulas, or clear the cells."
    )
    assert file.samples == {"email": (EMAILS[0], "", EMAILS[1])}


def test_cleaning_reads_and_reports_it(one_column):
    with prepare(one_column, normalize=True, max_invalid_ratio=1) as upload:
        assert (upload.report.records_read, upload.report.records_kept) == (10, 5)
        assert sum(upload.report.dropped.values()) == 5
        assert upload.report.damage["Excel error (email)"] == 5
        assert counted(upload.file.damage) == {(DamageKind.EXCEL_ERROR, "email"): 5}
        assert upload.file.path.read_text() == "email\n" + "".join(f"{email}\n" for email in EMAILS)


def test_errors_about_the_list_have_the_damage_as_warnings(one_column):
    with pytest.raises(Exception, match="more than max_invalid_ratio") as caught:
        prepare(one_column, normalize=True)
    assert any("5 values in column 'email' lost to an Excel error" in text for text in caught.value.warnings)


def test_another_sheet_keeps_the_records_and_the_report(book):
    path = book(["email"], *([email] for email in EMAILS), ["#N/A"], first="notes")
    with prepare(path, sheet="list") as upload:
        assert (upload.file.records, upload.file.media_type) == (6, "text/csv")
        assert counted(upload.file.damage) == {(DamageKind.EXCEL_ERROR, "email"): 1}


def test_every_kind_of_error_is_counted_per_column(book):
    path = book(["email", "zip"], *(["a@b.example", error] for error in ERRORS), ["#N/A", "#N/A"], [None, "=1+1"])
    file = inspect_file(path)
    assert file.records == 9 == count_in_sandbox(path)
    assert counted(file.damage) == {
        (DamageKind.EXCEL_ERROR, "email"): 1,
        (DamageKind.EXCEL_ERROR, "zip"): 8,
        (DamageKind.NO_RESULT, "zip"): 1,
    }
    assert file.blank_columns == {"zip"}


def test_mapped_columns_with_only_errors_are_rejected(book):
    with pytest.raises(Exception, match=r"'email'.*blank"):
        prepare(book(["email", "n"], ["#N/A", 1], ["#REF!", 2]))


@pytest.mark.parametrize("options", [{}, {"normalize": True}, {"sheet": "Sheet"}])
@pytest.mark.parametrize(
    ("header", "says"),
    [
        (["email", "#REF!"], "the header (row 1) has an Excel error in column 2"),
        (["=A1", "email"], "the header (row 1) has a formula without a value in column 1"),
    ],
)
def test_headers_with_errors_are_rejected(book, header, says, options):
    with pytest.raises(Exception, match="header") as caught:
        prepare(book(header, ["a@b.example", "c@d.example"]), **options)
    assert says in str(caught.value)


def test_errors_to_the_right_of_the_header_are_values(book):
    path = book(["email"], ["a@b.example"], ["c@d.example", "#N/A"])
    with pytest.raises(Exception, match="row 3 has a value to the right of the header's 1 column"):
        prepare(path)
    with prepare(path, normalize=True, max_invalid_ratio=1) as upload:
        assert (upload.report.records_read, upload.report.records_kept) == (2, 1)


def test_the_dry_run_warns(one_column, capsys):
    assert main([str(one_column), "--columns", "email=Email", "--column-settings", "Email=Raw"]) == 0
    output = capsys.readouterr().out
    assert "Records:    10" in output
    assert "Warning:    5 values in column 'email' lost to an Excel error" in output


def test_the_parts_of_a_list_have_all_its_records(book, tmp_path):
    path = book(["email", "id"], *([email, "#N/A"] for email in EMAILS), ["#N/A", "#N/A"])
    with prepare(path) as upload, Scratch(tmp_path) as scratch:
        parts = split_list(upload, limits=Limits(records=3), scratch=scratch)
        assert sum(part.records for part in parts) == 6
        assert sum(part.path.read_text().count("\n") for part in parts) == 6 + len(parts)
