from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import subprocess
import sys
import zipfile

import pytest

from airflow_provider_iqm.audience import list_reader, prepared_list
from tests.unit.audience.inspection import inspect_file

SECRET = "Frodo-0x7"

GOOD = 'name,zip,note\nBilbo,00501,"one, two"\nFrodo,01002,\nSam,10003,"a\nb"\nPippin,10004,\n'


def test_describes_a_csv_file(make_file):
    path = make_file(GOOD)

    found = inspect_file(str(path))

    assert found.path == path
    assert found.name == "list.csv"
    assert found.media_type == "text/csv"
    assert found.size == len(GOOD)
    assert found.mtime_ns == path.stat().st_mtime_ns
    assert found.columns == ("name", "zip", "note")
    assert found.records == 4
    assert found.samples == {
        "name": ("Bilbo", "Frodo", "Sam"),
        "zip": ("00501", "01002", "10003"),
        "note": ("one, two", "", "a\nb"),
    }
    assert found.blank_columns == frozenset()


def test_repr_has_no_value(make_file):
    assert repr(inspect_file(make_file(f"a\n{SECRET}\n"))) == "<PreparedList 'list.csv', 1 records, 12 bytes>"


def test_blank_columns_are_those_without_any_value(make_file):
    found = inspect_file(make_file('a,b,c\n1,," "\n,\u3000,\n,"",x\n'))
    assert found.blank_columns == {"b"}


def test_the_suffix_may_be_in_capitals(make_file):
    found = inspect_file(make_file(GOOD, name="People.CSV"))
    assert (found.name, found.media_type) == ("People.CSV", "text/csv")


@pytest.mark.parametrize("small", [0, list_reader.SMALL_FILE_BYTES])
@pytest.mark.parametrize("odd", ["", '4, "x", 6\n'])
def test_the_bytes_are_hashed_whichever_reader_reads_them(make_file, monkeypatch, small, odd):
    monkeypatch.setattr(list_reader, "SMALL_FILE_BYTES", small)
    content = f"a,b,c\n{odd}" + "1,2,3\n" * 200_000
    assert inspect_file(make_file(content)).sha256 == hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("a,b\n1,2\n3,4\n", 2),
        ("a,b\n1,2\n3,4", 2),
        ("a,b\r\n1,2\r\n3,4\r\n", 2),
        ("a,b\r1,2\r3,4\r", 2),
        ("a,b\r1,2\n3,4\r\n5,6", 3),
        ("\ufeffa,b\n1,2\n", 1),
        ("a,b\n\n1,2\n\n\n3,4\n\n", 2),
        ("\n\na,b\n1,2\n", 1),
        ('a,b\n"1\n\n,""",2\n', 1),
        ('a,b\n"1\r\n",2\r\n"\r",4\r\n', 2),
        ("a\n1\n\n2\n", 2),
        ('a\n1\n""\n2\n', 3),
        ("a,b\n,\n,\n", 2),
        ('a,b\nx"y,z\n', 1),
    ],
)
def test_counts_records_not_lines(make_file, text, records):
    assert inspect_file(make_file(text)).records == records


def test_a_byte_order_mark_is_no_part_of_the_first_name(make_file):
    assert inspect_file(make_file('\ufeff"a",b\n1,2\n')).columns == ("a", "b")


@pytest.mark.parametrize("name", ["list.txt", "list", "list.xlsx.gz", "list.xls", "csv"])
def test_refuses_other_extensions(make_file, refuse, name):
    error = refuse(make_file(GOOD, name=name))
    assert str(error).startswith(f"{name}: ")
    assert ".csv or .xlsx" in str(error)


def test_refuses_what_is_not_there(tmp_path, refuse):
    assert "there is no file" in str(refuse(tmp_path / "none.csv"))
    assert "there is no file" in str(refuse(tmp_path / "none" / "none.csv"))


def test_refuses_a_folder(tmp_path, refuse):
    folder = tmp_path / "list.csv"
    folder.mkdir()
    assert "is a folder" in str(refuse(folder))


def test_refuses_what_is_no_regular_file(tmp_path, refuse):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    assert "not a regular file" in str(refuse(pipe))


def test_refuses_what_may_not_be_read(make_file, refuse, monkeypatch):
    path = make_file(GOOD)

    def forbid(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", forbid)
    assert "may not read" in str(refuse(path))


def test_refuses_an_empty_file(make_file, refuse):
    assert "list.csv: the file is empty" in str(refuse(make_file("")))


def test_refuses_too_large_a_file_without_reading_it(tmp_path, refuse, monkeypatch):
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n" + b"1,2\n" * 10_000)
        file.truncate(1_000_000_001)
    monkeypatch.setattr("tests.unit.audience.inspection.read_list", None)
    error = refuse(path)
    assert "1,000,000,001 bytes" in str(error)
    assert "1,000,000,000" in str(error)


def test_refuses_too_many_records(make_file, refuse, monkeypatch):
    monkeypatch.setattr(prepared_list, "MAX_RECORDS", 2)
    assert "3 records, but IQM allows at most 2" in str(refuse(make_file(f"a\n{SECRET}\n2\n3\n")))
    assert inspect_file(make_file("a\n1\n2\n")).records == 2


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("list.csv", f"a\n{SECRET}\n")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (_zip(), "an Excel workbook or another zip archive"),
        (gzip.compress(SECRET.encode()), "gzip-compressed"),
        (b"%PDF-1.7\n" + SECRET.encode(), "a PDF document"),
        (b"PAR1" + SECRET.encode(), "a Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + SECRET.encode(), "a legacy Excel file (.xls)"),
        (b"\n <!DOCTYPE html><html>" + SECRET.encode(), "an HTML or XML page"),
        (f"a,b\n{SECRET},2\n".encode("utf-16"), "text in UTF-16"),
        (f"a,b\n{SECRET},2\n".encode("utf-16-le"), "text in UTF-16"),
        (f"a,b\n{SECRET},2\n".encode("utf-16-be"), "text in UTF-16"),
    ],
)
def test_refuses_content_that_contradicts_the_name(make_file, refuse, content, says):
    # What gzip and a byte order mark say of a CSV file is followed, not refused.
    if not content.startswith((b"\x1f\x8b", codecs.BOM_UTF16_LE)):
        error = refuse(make_file(content))
        assert f"list.csv: the name says CSV, but the content is {says}" in str(error)
    if not content.startswith(b"PK"):
        error = refuse(make_file(content, name="list.xlsx"))
        assert f"list.xlsx: the name says XLSX, but the content is {says}" in str(error)


def test_refuses_csv_named_xlsx(make_file, refuse):
    assert "not a workbook" in str(refuse(make_file(f"a\n{SECRET}\n", name="list.xlsx")))


def test_imports_nothing_heavy():
    script = (
        "import sys, airflow_provider_iqm.audience.list_reader, airflow_provider_iqm.audience.mapping.column_mapping,"
        "airflow_provider_iqm.files.file_body\n"
        "print({'duckdb', 'pandas', 'numpy', 'pyarrow', 'openpyxl', 'python_calamine', 'airflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
