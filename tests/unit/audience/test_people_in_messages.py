"""Lists of every kind of field, with a fault of every kind: no message shows a value of theirs."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import tempfile
import traceback
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.__main__ import main
from airflow_provider_iqm.audience.formats.dataframe import write_dataframe
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import IQMError
from airflow_provider_iqm.vocabulary import Field

FIRST, LAST = ["Wilhelmina", "deshawn", "José", "XAVIERA"], ["Quackenbush", "o'malley", "Núñez", "MCDUCK"]
CITIES = ["Poughkeepsie", "Salt Lake City", "boise", "Truth or Consequences"]
STREETS = ["4 Elmwood Ter", "1200 State Street", "PO Box 77123", "12B Oak Ave, Apt 9"]
STATES = ["MA", "Vermont", "NY", "Idaho"]
PHONES = ["(617) 555-0123", "617.555.0188", "+44 20 7946 0958", "6175550145", "617-555-0123 ext. 12"]
EMAILS = ["minnie@mail.example", "XAV@Mail.Example", "deshawn+list@mail.example"]
HASHES = ["d41d8cd98f00b204e9800998ecf8427e", "E3B0C44298FC1C149AFBF4C8996FB924" * 2, "ab" * 64]

VALUES: dict[Field | str, list[str]] = {
    Field.FIRST_NAME: FIRST,
    Field.LAST_NAME: LAST,
    Field.FULL_NAME: [f"{first} {last}" for first, last in zip(FIRST, LAST, strict=True)],
    Field.STREET_ADDRESS: STREETS,
    Field.CITY: CITIES,
    Field.STATE: STATES,
    Field.ZIP: ["02134", "02134-1234", "10012"],
    Field.ZIP_PLUS_4: ["8812", "1234"],
    Field.FULL_ADDRESS: [f"{street}, {city}" for street, city in zip(STREETS, CITIES, strict=True)],
    Field.LATITUDE: ["42.36011", "-71.05888"],
    Field.LONGITUDE: ["-71.05881"],
    Field.EMAIL: [*EMAILS, *HASHES],
    Field.PHONE: [*PHONES, HASHES[0]],
    Field.CELLPHONE: PHONES,
    Field.LANDLINE: PHONES,
    Field.VOTER_ID: ["LALMA123456789", "MA-00123-45", "998877665"],
    Field.NPI_ID: ["1234567893"],
    Field.AGE: ["57"],
    Field.GENDER: ["Female", "M"],
    Field.ETHNICITY: ["Scottish"],
    "born": ["1980-05-01", "5/1/1980", "1980-05-01T08:30:00Z", "1-May-80"],
    "spent": ["$1,234.50", "99.95 EUR"],
    "subscribed": ["TRUE", "no"],
    "nickname": ["mary_quack", "Lon"],
}

COMPLAINTS = re.compile(
    r"first line|Did you mean|Columns in the file|column \d+ of \d+|\bline \d+|record|row \d+|blank|workbook"
    r"|byte order mark"
)


@st.composite
def lists(draw):
    """Records without a header, of some fields in some order, sometimes with a value twice or a blank one."""
    fields = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=8, unique=True))
    records = [[draw(st.sampled_from(VALUES[field])) for field in fields] for _ in range(draw(st.integers(1, 4)))]
    oddity = draw(st.sampled_from(["none", "twice", "blank", "ragged"]))
    if oddity == "twice":
        records = [[*record, record[0]] for record in records]
    elif oddity == "blank":
        records = [[*record, "", record[0]] for record in records]
    elif oddity == "ragged" and len(records) > 1:
        records[-1] = [*records[-1], records[-1][0]]
    return records


@st.composite
def files(draw):
    """A list as a file: its records, its name and its content."""
    records = draw(lists())
    if draw(st.integers(0, 5)) == 0:
        workbook, content = openpyxl.Workbook(), io.BytesIO()
        for record in records:
            workbook.active.append(record)
        workbook.save(content)
        return records, "list.xlsx", content.getvalue()
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    writer.writerows(records)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    return records, "list.csv", text.getvalue().encode(encoding)


OPTIONS = st.sampled_from(
    [
        {},
        {"delimiter": ","},
        {"delimiter": ";", "encoding": "cp1252"},
        {"encoding": "cp1252"},
        {"normalize": True},
        {"drop_duplicates": True, "on_invalid_records": "fail"},
        {"hash_columns": {"email": "SHA256"}},
    ]
)


def assert_hidden(records, said):
    for value in {value for record in records for value in record}:
        # "57" may be a count, and "no" or "M" a part of any sentence.
        if len(value) > 2 or value in STATES:
            assert not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", said), (value, said)
            assert len(value) < 6 or value.casefold() not in said.casefold(), (value, said)


@settings(max_examples=120, deadline=None)
@given(files(), OPTIONS)
def test_a_list_without_a_header_is_never_shown(file, options):
    records, name, content = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        with pytest.raises(IQMError) as caught:
            prepare_upload(
                file_path=path,
                audience_name="x",
                columns={"email": "Email", "zip": "Zip"},
                column_settings={"Email": "Raw"} if "hash_columns" not in options else None,
                scratch_dir=folder,
                **options,
            )
    error = caught.value
    chain = "".join(traceback.format_exception(error))
    said = [str(error), repr(error), *map(repr, error.args), chain, *getattr(error, "warnings", ())]
    assert_hidden(records, "\n".join(said))
    assert COMPLAINTS.search(str(error))


@settings(max_examples=60, deadline=None)
@given(files())
def test_nor_a_suppression_list_without_a_header(file):
    records, name, content = file
    with tempfile.TemporaryDirectory() as folder:
        path, suppression_path = Path(folder, "people.csv"), Path(folder, name)
        path.write_text("email,zip\nfrodo@shire.example,00501\n")
        suppression_path.write_bytes(content)
        with pytest.raises(IQMError) as caught:
            prepare_upload(
                file_path=path,
                audience_name="x",
                columns={"email": "Email", "zip": "Zip"},
                column_settings={"Email": "Raw"},
                suppression_path=suppression_path,
                scratch_dir=folder,
            )
    assert str(caught.value).startswith("suppression_path: ")
    assert_hidden(records, "".join(traceback.format_exception(caught.value)) + repr(caught.value.args))


@settings(max_examples=60, deadline=None)
@given(files(), st.sampled_from([["--suggest"], ["--columns", "email=Email", "--column-settings", "Email=Raw"]]))
def test_the_dry_run_shows_nothing_of_it_either(file, arguments):
    records, name, content = file
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main([str(path), "--scratch-dir", folder, *arguments])
    assert_hidden(records, said.getvalue())


@settings(max_examples=60, deadline=None)
@given(lists(), st.booleans())
def test_nor_does_a_dataframe_whose_columns_are_people(records, bytes_inside):
    # As pandas.read_csv() gives it without header=None.
    header, *rest = [record for record in records if len(record) == len(records[0])]
    frame = pd.DataFrame(rest or [header], columns=pd.Index(header, dtype=object), dtype=object)
    if bytes_inside:
        frame.isetitem(0, [b"Wilhelmina"] * len(frame))

    def upload(path):
        write_dataframe(frame, path)
        prepare_upload(file_path=path, audience_name="x", columns={"email": "Email"}, column_settings={"Email": "Raw"})

    with tempfile.TemporaryDirectory() as folder, pytest.raises(IQMError) as caught:
        upload(Path(folder, "dataframe.csv"))
    assert_hidden(records, "".join(traceback.format_exception(caught.value)))


def test_nor_a_list_that_is_mapped_by_the_values_of_its_first_record(make_file, capsys):
    path = make_file("minnie@mail.example,Wilhelmina,02134\nxav@mail.example,Xaviera,10012\n")
    status = main([str(path), "--columns", "minnie@mail.example=Email", "--column-settings", "Email=Raw"])
    said = "".join(capsys.readouterr())
    assert (status, '"column 2 of 3": ["xxxxxxx"]' in said) == (0, True)
    assert "may have no header" in said
    assert_hidden([["Wilhelmina", "02134", "Xaviera", "10012"]], said)


PEOPLE = '{"name": "Wilhelmina Quackenbush", "email": "minnie@mail.example"}'

OTHER_FORMATS = {
    "a JSON array": (f"[{PEOPLE},{PEOPLE}]", "JSON"),
    "a pretty JSON array": (f"[\n  {PEOPLE},\n  {PEOPLE}\n]\n", "JSON"),
    "a JSON array of arrays": ('[["Wilhelmina","Quackenbush"]]', "JSON"),
    "a JSON array of texts": ('["Wilhelmina","Quackenbush"]', "JSON"),
    "a JSON array of numbers": ("[6175550145, 6175550146]", "JSON"),
    "a JSON object": (PEOPLE, "JSON"),
    "a pretty JSON object": ('\n{\n\t"Wilhelmina": "Quackenbush"\n}', "JSON"),
    "JSON lines": (f"{PEOPLE}\n{PEOPLE}\n", "JSON"),
    "Python": ("[{'name': 'Wilhelmina Quackenbush'}]", "JSON"),
    "HTML": ("<!DOCTYPE html><p>Wilhelmina", "an HTML or XML page"),
    "a table of HTML": ("<table><tr><td>Wilhelmina", "an HTML or XML page"),
    "XML": ("<?xml version='1.0'?><person>Wilhelmina", "an HTML or XML page"),
    "XML without a declaration": ("<people>\n  <person>Wilhelmina", "an HTML or XML page"),
    "an SQL dump": ("INSERT INTO people VALUES ('Wilhelmina');", "an SQL dump"),
    "a dump of Postgres": ("--\n-- PostgreSQL database dump\n--\nCOPY people FROM stdin;", "an SQL dump"),
    "a dump of MySQL": ("-- MySQL dump 10.13\n", "an SQL dump"),
    "a vCard": ("BEGIN:VCARD\nFN:Wilhelmina Quackenbush\n", "a vCard"),
    "a PDF": ("%PDF-1.7 Wilhelmina", "a PDF document"),
    "rich text": (r"{\rtf1 Wilhelmina", "a rich text document"),
    "a database": ("SQLite format 3\0Wilhelmina", "an SQLite database"),
}


@pytest.mark.parametrize("case", OTHER_FORMATS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_other_formats_are_named_and_not_quoted(make_file, case, encoding):
    text, called = OTHER_FORMATS[case]
    named = {"encoding": "utf-16-le"} if encoding == "utf-16-le" else {}
    with pytest.raises(IQMError) as caught:
        prepare_upload(
            file_path=make_file(text.encode(encoding)),
            audience_name="x",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            **named,
        )
    # What is no text has its first bytes in no encoding.
    if encoding == "utf-8" or not text.startswith(("%", "{\\", "SQL")):
        assert f"the content is {called}" in str(caught.value)
    assert_hidden([["Wilhelmina", "Quackenbush", "minnie@mail.example"]], str(caught.value))


@pytest.mark.parametrize(
    "column", ["[email]", "[1]", "{email}", "<email>", "Copy of email", "set email", "--", "begin", "insert date"]
)
def test_headers_that_begin_like_other_formats_are_read(make_file, column):
    with prepare_upload(
        file_path=make_file(f"{column},zip\nminnie@mail.example,02134\n"),
        audience_name="x",
        columns={column: "Email"},
        column_settings={"Email": "Raw"},
    ) as upload:
        assert upload.file.columns == (column, "zip")
