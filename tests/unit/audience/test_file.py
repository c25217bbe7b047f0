from __future__ import annotations

import os
import subprocess
import sys
import traceback

import openpyxl
import pytest

from airflow_provider_iqm.audience import file as file_module
from airflow_provider_iqm.audience.file import inspect_file
from airflow_provider_iqm.exceptions import AudienceFileError

SECRET = "frodo@shire.example"
HEAD = b"email,name\n"
ROW = f"{SECRET},Frodo\n".encode()

WRONG = {
    "empty": (b"", None, ["empty"]),
    "only blank lines": (b"\n\n", None, ["blank lines"]),
    "header only": (HEAD, None, ["no records"]),
    "ragged, short": (HEAD + ROW + SECRET.encode() + b"\n", 3, ["line 3", "1 value", "2 columns"]),
    "ragged, long": (HEAD + ROW + b"a,b,c\n", 3, ["line 3", "3 values"]),
    "ragged, one comma": (HEAD + ROW + b"a,b,\n", 3, ["line 3", "3 values"]),
    "ragged after a quoted newline": (HEAD + b'"a\nb",c\n' + b"d\n", 4, ["line 4"]),
    "unclosed quote": (HEAD + ROW + f'"{SECRET},Frodo\n'.encode() + ROW, 3, ["line 3", "never closed"]),
    "text after a quote": (HEAD + f'"{SECRET}"x,y\n'.encode(), 2, ["line 2", "closing quote"]),
    "not utf-8": (HEAD + ROW + b"\xe9,x\n", 3, ["line 3", "UTF-8"]),
    "nul": (HEAD + b"a\0,x\n", 2, ["line 2", "NUL"]),
    "header twice": (b"email,name,email\n" + ROW, 1, ["email", "twice"]),
    "header blank": (b"email, \n" + ROW, 1, ["column 2"]),
    "semicolons": (b"email;name\na;b\n", 1, ["semicolons"]),
    "tabs": (b"email\tname\na\tb\n", 1, ["tabs"]),
    "workbook": (b"PK\x03\x04" + ROW, None, ["Excel"]),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + ROW, None, [".xls"]),
    "gzip": (b"\x1f\x8b" + ROW, None, ["gzip"]),
    "pdf": (b"%PDF-1.7" + ROW, None, ["PDF"]),
    "html": (b"<!DOCTYPE html><html>" + ROW, None, ["HTML"]),
    "utf-16": ("email,name\na,b\n".encode("utf-16"), None, ["UTF-16"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_line_and_without_any_value(tmp_path, case):
    content, line, words = WRONG[case]
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(AudienceFileError) as raised:
        inspect_file(path)
    message = str(raised.value)
    assert raised.value.line == line
    for word in ["list.csv", *words]:
        assert word in message
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("name", ["list.txt", "list", "list.xls", "list.csv.gz"])
def test_only_csv_and_xlsx_names_are_taken(tmp_path, name):
    (tmp_path / name).write_bytes(HEAD + ROW)
    with pytest.raises(AudienceFileError, match="CSV and XLSX"):
        inspect_file(tmp_path / name)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(AudienceFileError, match="no file"):
        inspect_file(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(AudienceFileError, match="folder"):
        inspect_file(tmp_path / "folder.csv")


def test_a_file_over_1_gb_is_refused_without_being_read(tmp_path):
    path = tmp_path / "list.csv"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 1_000_000_001)
    with pytest.raises(AudienceFileError, match="1,000,000,001 bytes"):
        inspect_file(path)


def test_too_many_records(tmp_path, monkeypatch):
    monkeypatch.setattr(file_module, "MAX_RECORDS", 2)
    path = tmp_path / "list.csv"
    path.write_bytes(HEAD + ROW * 3)
    with pytest.raises(AudienceFileError, match="3 records"):
        inspect_file(path)


def test_what_is_told_of_a_good_file(tmp_path):
    path = tmp_path / "List.CSV"
    path.write_bytes(b"\xef\xbb\xbfzip,name,none\n01234,Zo\xc3\xab,\n 2,b, \n3,c,\n4,d,\n")
    file = inspect_file(path)
    assert (file.name, file.media_type, file.size, file.records) == ("List.CSV", "text/csv", path.stat().st_size, 4)
    assert file.columns == ("zip", "name", "none")
    assert file.samples == {"zip": ("01234", " 2", "3"), "name": ("Zoë", "b", "c"), "none": ("", " ", "")}
    assert file.blank_columns == {"none"}
    assert "01234" not in repr(file)


def workbook(path, *rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "empty"),
        ([["email"]], "no records"),
        ([["email", "email"], ["a", "b"]], "twice"),
        ([["email", None, "zip"], ["a", "b", "c"]], "column 2"),
        ([["email"], ["a", "b"]], "row 2"),
    ],
)
def test_what_is_wrong_with_a_workbook(tmp_path, rows, words):
    with pytest.raises(AudienceFileError, match=words):
        inspect_file(workbook(tmp_path / "list.xlsx", *rows))


@pytest.mark.parametrize("content", [HEAD + ROW, b"PK\x03\x04" + bytes(200), b"PK\x05\x06" + bytes(18)])
def test_a_workbook_that_is_none(tmp_path, content):
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    with pytest.raises(AudienceFileError, match=r"list\.xlsx"):
        inspect_file(path)


def test_the_room_knows_no_airflow():
    code = (
        "import sys, airflow_provider_iqm.audience.upload, airflow_provider_iqm.api.exchange;"
        "print([m for m in ('airflow', 'duckdb', 'python_calamine', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
