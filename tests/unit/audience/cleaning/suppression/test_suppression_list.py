"""The opening of a suppression list: every form that a list can have, and what is wrong with it."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import traceback
from pathlib import Path

import openpyxl
import pytest

from airflow_provider_iqm.audience.cleaning.suppression import suppression_list
from airflow_provider_iqm.audience.duckdb import csv_queries
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError, ColumnMappingError, IQMError

LIST = "id,email\n1,frodo@shire.example\n2,josé@shire.example\n3,sam@shire.example\n"
LEFT = ["3,sam@shire.example"]
ROWS = [["email", "note"], ["Frodo@Shire.example", "a, b"], ["José@shire.example", ""]]


def workbook():
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in ROWS:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def text(delimiter=",", line_end="\n"):
    quoted = [[f'"{value}"' if "," in value else value for value in row] for row in ROWS]
    return line_end.join(delimiter.join(row) for row in [*quoted, []])


FORMATS = {
    "plain": ("optouts.csv", text().encode()),
    "CRLF": ("optouts.csv", text(line_end="\r\n").encode()),
    "CR": ("optouts.csv", text(line_end="\r").encode()),
    "semicolons": ("optouts.csv", text(";").encode()),
    "tabs": ("optouts.tsv", text("\t").encode()),
    "a sep= line": ("optouts.csv", f"sep=|\n{text('|')}".encode()),
    "byte order mark": ("optouts.csv", text().encode("utf-8-sig")),
    "UTF-16": ("optouts.csv", text().encode("utf-16")),
    "gzip": ("optouts.csv.gz", gzip.compress(text().encode())),
    "gzip, semicolons, UTF-16": ("optouts.csv.gz", gzip.compress(text(";").encode("utf-16"))),
    "a workbook": ("optouts.xlsx", workbook()),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("encoding", [None, "cp1252"])
def test_every_form_of_a_list_can_be_read(suppress, name, encoding):
    file, content = FORMATS[name]
    left, report = suppress(LIST, content, name=file)
    assert left == LEFT
    assert report.suppression.records == 2
    # The list's encoding isn't that of a suppression list that can be read without it.
    given = LIST.encode(encoding or "utf-8")
    assert suppress(given, content, name=file, encoding=encoding)[0] == LEFT


def test_the_list_s_encoding_is_used_for_a_suppression_list_that_is_not_utf_8(suppress):
    content = text().encode("cp1252")
    assert suppress(LIST.encode("cp1252"), content, encoding="cp1252")[0] == LEFT
    packed = gzip.compress(content)
    assert suppress(LIST.encode("cp1252"), packed, name="optouts.csv.gz", encoding="cp1252")[0] == LEFT
    with pytest.raises(AudienceFileError, match=r"suppression_path: optouts.csv: line 3 can't be read: it isn't UTF-8"):
        suppress(LIST, content)


def test_both_lists_can_need_a_conversion(suppress):
    assert suppress(LIST.replace(",", ";"), text(";"))[0] == LEFT


@pytest.mark.parametrize("small_file_bytes", [0, 1_000_000])
def test_a_large_file_is_read_in_place(suppress, monkeypatch, small_file_bytes):
    monkeypatch.setattr(suppression_list, "SMALL_FILE_BYTES", small_file_bytes)
    copies = []
    real = suppression_list.copied_source
    monkeypatch.setattr(
        suppression_list, "copied_source", lambda *args, **more: copies.append(1) or real(*args, **more)
    )
    left, report = suppress(LIST, text())
    assert (left, report.suppression.records, len(copies)) == (LEFT, 2, small_file_bytes > 0)


def test_a_file_that_duckdb_does_not_read_whole_is_read_from_an_exact_copy(suppress, monkeypatch):
    monkeypatch.setattr(suppression_list, "SMALL_FILE_BYTES", 0)
    real = suppression_list.counted_source
    empty = [None]

    def cut_off(path, **options):
        source, records = real(path, **options)
        assert records > 1
        part = f"(SELECT * FROM {source.sql} LIMIT 1)"
        return type(source)(source.path, source.columns, part, "false", "0", source.frame, empty), records

    monkeypatch.setattr(suppression_list, "counted_source", cut_off)
    assert suppress(LIST, text())[0] == LEFT


@pytest.mark.parametrize("wide", ["list", "suppression list", "both"])
def test_wide_lists(suppress, wide):
    header, values = (",".join(f"{kind}{number}" for number in range(600)) for kind in ("x", ""))
    content, suppressed = LIST, text()
    if wide != "suppression list":
        content = "\n".join(f"{line},{header if line.startswith('id') else values}" for line in LIST.splitlines())
    if wide != "list":
        lines = text().splitlines()
        suppressed = "\n".join(f"{line},{header if number == 0 else values}" for number, line in enumerate(lines))
    left, _ = suppress(content, suppressed)
    assert [line.split(",")[:2] for line in left] == [LEFT[0].split(",")]


def test_an_empty_suppression_list_suppresses_nobody(suppress):
    left, report = suppress(LIST, "note,email\n")
    assert len(left) == 3
    assert report.counts()["suppressed"] == report.suppression.records == 0
    assert report.suppression.warnings == []


def test_without_a_suppression_list_nothing_is_said_of_one(suppress):
    report = suppress(LIST, None, suppression_path=None, normalize=True)[1]
    assert "suppressed" not in report.counts()
    assert "suppressed" not in str(report)


def test_it_implies_the_normalization_of_the_list(suppress):
    assert suppress("email\nSAM@Shire.example\n", "email\n")[0] == ["sam@shire.example"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        ("", "the file is empty"),
        ("\n\n", "nothing but blank lines"),
        ("email,email\n", "twice"),
        ("email\nfrodo@shire.example,1\n", "the record on line 2 has 2 values"),
        ('email\n"frodo@shire.example\n', "line 2"),
        ('{"email": "frodo@shire.example"}', "the content is JSON"),
        ("email\nfrodo\nsam\n", "suppresses nobody: it has nothing but 2 malformed values in 'email'"),
    ],
)
def test_an_unreadable_file_is_an_error_that_names_the_argument_and_no_person(suppress, content, message):
    with pytest.raises(AudienceFileError) as caught:
        suppress(LIST, content)
    assert str(caught.value).startswith("suppression_path: ")
    assert "optouts.csv" in str(caught.value)
    assert message in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.args)
    assert "frodo@" not in shown
    assert "sam@" not in shown


@pytest.mark.parametrize("name", ["optouts.csv.gz", "optouts.xlsx", "optouts.txt"])
def test_a_file_of_another_kind_is_an_error(suppress, name):
    with pytest.raises(AudienceFileError, match="suppression_path: optouts"):
        suppress(LIST, text(), name=name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error(suppress, tmp_path):
    (tmp_path / "secret.csv").write_text(text())
    (tmp_path / "secret.csv").chmod(0)
    with pytest.raises(AudienceFileError, match=r"suppression_path: secret.csv: .* may not read"):
        suppress(LIST, None, suppression_path=tmp_path / "secret.csv")


def test_a_file_without_a_mapped_column_is_an_error_that_names_its_columns(suppress):
    with pytest.raises(ColumnMappingError) as caught:
        suppress(LIST, "e_mail,name\nfrodo@shire.example,Frodo\n")
    assert str(caught.value) == (
        "suppression_path: optouts.csv has none of the mapped columns ('email'). Did you mean 'e_mail'? "
        "Columns in the file: 'e_mail', 'name'."
    )


def test_a_file_without_a_header_is_not_quoted(suppress):
    with pytest.raises(ColumnMappingError) as caught:
        suppress(LIST, "Frodo,frodo@shire.example\nSam,sam@shire.example\n")
    assert "frodo" not in str(caught.value).lower()
    assert "1 of the 2 values in the first line looks like data (an email)" in str(caught.value)


def test_a_list_whose_records_are_all_suppressed_is_an_error(suppress, tmp_path):
    quarantine = tmp_path / "quarantine.csv"
    with pytest.raises(AudienceFileError, match=r"list.csv: no records are left: 2 of 3 records .*1 malformed email"):
        suppress("email\na@x.example\nbad\nb@x.example\n", "email\nb@x.example\na@x.example\n")
    with pytest.raises(AudienceFileError, match=r"list.csv: no records are left: 1 of 1 record .* Check the suppr"):
        suppress("email\na@x.example\n", "email\na@x.example\n", quarantine_path=quarantine)
    # Suppressed records aren't invalid.
    assert quarantine.read_text() == "record,column,reason\n"


def test_a_file_that_changes_while_it_is_read_is_an_error(suppress, monkeypatch, tmp_path):
    real = suppression_list.open_list

    def change(path, **options):
        plain = real(path, **options)
        with path.open("a") as file:
            file.write("pippin@shire.example,\n")
        return plain

    monkeypatch.setattr(suppression_list, "open_list", change)
    with pytest.raises(AudienceFileError, match=r"suppression_path: optouts.csv: the file changed while it was read"):
        suppress(LIST, text())


@pytest.mark.parametrize("path", [5, b"optouts.csv", ["optouts.csv"]])
def test_the_argument_must_be_a_path(path, tmp_path):
    with pytest.raises(CleaningOptionError, match="suppression_path must be the path of a file"):
        prepare_upload(file_path="list.csv", audience_name="x", columns={"email": "Email"}, suppression_path=path)


def test_the_upload_s_token_and_fingerprint_are_those_of_the_records_that_are_left(tmp_path):
    found = {}
    for name, content, suppressed in [
        ("suppressed", LIST, text()),
        ("others suppressed", LIST, "email\nsam@shire.example\n"),
        ("without them", f"id,email\n{LEFT[0]}\n", "email\n"),
    ]:
        (tmp_path / "list.csv").write_text(content)
        (tmp_path / "optouts.csv").write_text(suppressed)
        with prepare_upload(
            file_path=tmp_path / "list.csv",
            audience_name="List",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            suppression_path=tmp_path / "optouts.csv",
        ) as upload:
            found[name] = (upload.token("dag"), upload.fingerprint)
    assert found["suppressed"] == found["without them"]
    assert set(found["suppressed"]).isdisjoint(found["others suppressed"])


def test_records_keep_their_order_and_none_is_lost_between_threads(suppress, monkeypatch):
    """With small buffers, DuckDB's threads meet within quoted line breaks that look like records all the time."""
    monkeypatch.setattr(suppression_list, "SMALL_FILE_BYTES", 0)
    monkeypatch.setattr(csv_queries, "LINE_BYTES", 1000)
    monkeypatch.setattr(csv_queries, "_BUFFER_BYTES", 4000)
    content = "id,email\n" + "".join(f"{number},p{number}@x.example\n" for number in range(5000))
    suppressed = "email,note\n" + "".join(
        f'p{number}@x.example,"a\np{number + 1}@x.example,b"\n' for number in range(0, 5000, 2)
    )
    left, report = suppress(content, suppressed)
    assert [line.partition(",")[0] for line in left] == [str(number) for number in range(1, 5000, 2)]
    assert report.suppression.records == 2500


def test_copies_are_in_the_scratch_folder_and_deleted_after_an_error(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "list.csv").write_text("email\nbad\n")
    (tmp_path / "optouts.csv.gz").write_bytes(gzip.compress(codecs.BOM_UTF8 + text(";").encode()))
    with pytest.raises(IQMError):
        prepare_upload(
            file_path=Path(tmp_path / "list.csv"),
            audience_name="x",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            suppression_path=tmp_path / "optouts.csv.gz",
            scratch_dir=scratch,
        )
    assert list(scratch.iterdir()) == []
