"""The cleaning of whole files: what is left out, what is told of it, and what stays behind."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import random
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.cleaning import cleaned_copy
from airflow_provider_iqm.audience.cleaning import cleaner as clean_module
from airflow_provider_iqm.audience.csv.duckdb_source import copied_source
from airflow_provider_iqm.audience.duckdb import csv_queries
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError, ColumnMappingError, IQMError
from airflow_provider_iqm.files.scratch import PREFIX, Scratch

RAW = {"Email": "Raw"}
DIGEST = hashlib.sha256(b"frodo@shire.example").hexdigest()


@pytest.fixture
def clean(tmp_path):
    """Clean a text, and return the cleaned text and the upload, which is closed by then."""

    def run(content, *, columns=None, name="list.csv", **options):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        given = {"scratch_dir": scratch, "max_invalid_ratio": 1, **options}
        if "hash_columns" not in given and columns is None:
            given.setdefault("column_settings", RAW)
        try:
            with prepare_upload(
                file_path=path, audience_name="List", columns=columns or {"email": "Email"}, **given
            ) as upload:
                assert stat.S_IMODE(upload.file.path.stat().st_mode) == 0o600
                assert stat.S_IMODE(upload.file.path.parent.stat().st_mode) == 0o700
                assert upload.file.size == upload.file.path.stat().st_size
                with upload.file.path.open(newline="", encoding="utf-8") as file:
                    return file.read(), upload
        finally:
            assert list(scratch.iterdir()) == []

    return run


def test_without_any_argument_the_file_itself_goes_out(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nA@b.example\nbad\n")
    upload = prepare_upload(file_path=path, audience_name="List", columns={"email": "Email"}, column_settings=RAW)
    assert upload.file.path == path
    assert upload.report is None
    upload.close()
    assert path.exists()


FAULTY = "id,email\n1,Frodo@shire.example\n2,\n3,not an email\n4,sam@shire.example\n5, \n6,FRODO@shire.example \n"


def test_records_that_cannot_match_are_dropped_and_counted(clean):
    text, upload = clean(FAULTY, on_invalid_records="drop")
    assert text == "id,email\n1,Frodo@shire.example\n4,sam@shire.example\n6,FRODO@shire.example \n"
    counts = upload.report.counts()
    assert counts.pop("seconds") >= 0
    dropped = {"blank key field": 2, "malformed email": 1}
    assert counts == {"records_read": 6, "records_kept": 3, "dropped": dropped, "duplicates": 0}
    assert upload.file.records == 3
    assert upload.file.samples["id"] == ("1", "4", "6")


def test_duplicates_are_those_whose_mapped_normalised_values_are_the_same(clean):
    text, upload = clean(FAULTY, drop_duplicates=True)
    assert text == "id,email\n1,Frodo@shire.example\n4,sam@shire.example\n"
    assert upload.report.duplicates == 1
    assert upload.report.records_read == 6


def test_fields_are_compared_one_by_one(clean):
    content = "f,l,s,z\nab,c,NY,01234\na,bc,NY,01234\n"
    columns = {"f": "First Name", "l": "Last Name", "s": "State", "z": "Zip"}
    assert clean(content, columns=columns, drop_duplicates=True)[1].file.records == 2


def test_the_report_is_a_readable_block_of_counts(clean):
    block = str(clean(FAULTY, normalize=True)[1].report).splitlines()
    assert [" ".join(line.split()) for line in block[:5]] == [
        "records read 6",
        "records kept 3",
        "dropped: blank key field 2",
        "dropped: malformed email 1",
        "duplicates 0",
    ]


def test_the_quarantine_has_number_column_and_reason_and_no_value(clean, tmp_path):
    path = tmp_path / "quarantine.csv"
    path.write_text("old")
    path.chmod(0o644)
    clean(FAULTY + "7,a,b\n", quarantine_path=path)
    assert path.read_text() == (
        "record,column,reason\n2,email,blank key field\n3,email,malformed email\n5,email,blank key field\n7,,ragged\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_fail_names_reasons_and_record_numbers(clean, tmp_path):
    path = tmp_path / "quarantine.csv"
    with pytest.raises(AudienceFileError) as raised:
        clean(FAULTY, on_invalid_records="fail", quarantine_path=path)
    assert "3 of 6 records" in str(raised.value)
    assert "2, 3, 5" in str(raised.value)
    assert len(path.read_text().splitlines()) == 4
    assert clean("email\na@b.example\n", on_invalid_records="fail")[1].file.records == 1


def test_a_list_with_too_many_invalid_records_is_refused(clean):
    content = "email\n" + "a@b.example\n" * 9 + "bad\n"
    assert clean(content, normalize=True, max_invalid_ratio=0.1)[1].file.records == 9
    with pytest.raises(AudienceFileError, match=r"2 of 11 records .* max_invalid_ratio \(0\.1\)"):
        clean(content + "bad\n", normalize=True, max_invalid_ratio=0.1)
    with pytest.raises(AudienceFileError, match="records are invalid"):
        clean("email\nbad\n", normalize=True)


def test_hashing_sets_the_column_setting_and_blank_stays_blank(clean):
    content = "a,email\nk,Frodo@shire.example\nk,\n"
    columns = {"a": "Full Address", "email": "Email"}
    # By Email, a blank is dropped; beside another key, it stays blank.
    text, upload = clean(
        content.replace("k", "1 Bag End"),
        columns={"email": "Email"},
        hash_columns={"email": "sha-256"},
        column_settings=RAW,
    )
    assert text == f"a,email\n1 Bag End,{DIGEST}\n"
    assert upload.mapping.settings == {"Email": "SHA256"}
    content = "id,phone,email\n1,3456789012,Frodo@shire.example\n2,3456789012,\n"
    columns = {"phone": "Phone", "email": "Email"}
    text, upload = clean(content, columns=columns, hash_columns={"email": "SHA256"}, column_settings={"Phone": "Raw"})
    assert text == f"id,phone,email\n1,3456789012,{DIGEST}\n2,3456789012,\n"
    assert upload.mapping.settings == {"Phone": "Raw", "Email": "SHA256"}


def test_a_hashed_column_is_passed_on_in_lower_case(clean):
    text, upload = clean(f"email\n {DIGEST.upper()} \nnothing\n", hash_columns={"email": "SHA256"})
    assert text == f"email\n{DIGEST}\n"
    assert upload.report.dropped == {"malformed SHA256 hash": 1}


@pytest.mark.parametrize(
    ("values", "culprits"),
    [
        (["a@b.example", "c@d.example", DIGEST, "e@f.example", DIGEST.upper()], "records 3, 5 are"),
        ([DIGEST, DIGEST, "a@b.example"], "record 3 is"),
        (["n/a", DIGEST, hashlib.md5(b"x").hexdigest()], "record 3 is"),
    ],
)
def test_a_column_that_mixes_raw_and_hashed_values_fails_naming_records(clean, values, culprits):
    with pytest.raises(AudienceFileError, match="mixes raw and hashed") as raised:
        clean("email\n" + "\n".join(values) + "\n", hash_columns={"email": "SHA256"})
    assert culprits in str(raised.value)
    assert not any(value in str(raised.value) for value in values)


def test_hashes_of_another_kind_are_told_apart(clean):
    with pytest.raises(AudienceFileError, match="MD5"):
        clean(f"email\n{hashlib.md5(b'x').hexdigest()}\n", hash_columns={"email": "SHA256"})


WRONG = [
    ({"hash_columns": {"email": "SHA3"}}, ColumnMappingError, "SHA512"),
    ({"hash_columns": {"mail": "SHA1"}}, ColumnMappingError, "mail"),
    ({"hash_columns": ["email"]}, ColumnMappingError, "hash_columns"),
    ({"hash_columns": {"email": "SHA1"}, "column_settings": {"Email": "MD5"}}, ColumnMappingError, "MD5"),
    ({"columns": {"email": "Full Address"}, "hash_columns": {"email": "SHA1"}}, ColumnMappingError, "Phone"),
    ({"phone_format": "national"}, CleaningOptionError, "E.164"),
    ({"on_invalid_records": "skip"}, CleaningOptionError, "drop"),
    ({"max_invalid_ratio": 10}, CleaningOptionError, "max_invalid_ratio"),
    ({"max_invalid_ratio": "0.1"}, CleaningOptionError, "max_invalid_ratio"),
    ({"normalize": True, "scratch_dir": "/nowhere/at/all"}, CleaningOptionError, "scratch_dir"),
]


@pytest.mark.parametrize(("options", "kind", "culprit"), WRONG)
def test_wrong_options_fail_before_the_file_is_read(clean, options, kind, culprit):
    with pytest.raises(kind, match=culprit):
        clean(None, **options)


def test_ragged_records_are_dropped_and_numbers_stay_right(clean, tmp_path):
    path = tmp_path / "q.csv"
    content = "email,x\na@b.example,1\nc@d.example\ne@f.example,1,2\nbad,1\ng@h.example,\n"
    text, upload = clean(content, quarantine_path=path)
    assert text == "email,x\na@b.example,1\ng@h.example,\n"
    assert upload.report.dropped == {"ragged": 2, "malformed email": 1}
    assert path.read_text().splitlines()[1:] == ["2,,ragged", "3,,ragged", "4,email,malformed email"]


ODD = {
    "byte order mark": "\ufeffemail,x\na@b.example,1\n",
    "CRLF": "email,x\r\na@b.example,1\r\n",
    "CR": "email,x\ra@b.example,1\r",
    "mixed": "email,x\r\na@b.example,1\n",
    "blank lines": "\n\nemail,x\n\na@b.example,1\n\n",
    "no end": "email,x\na@b.example,1",
    "quoted": '"email","x"\n"a@b.example","1"\n',
}


@pytest.mark.parametrize("case", ODD)
def test_every_form_of_csv_comes_out_the_same(clean, case):
    text, upload = clean(ODD[case], drop_duplicates=True)
    assert text == "email,x\na@b.example,1\n"
    assert upload.report.records_read == 1


def test_a_blank_line_in_a_file_of_one_column_is_no_record(clean):
    text, upload = clean('email\na@b.example\n\nc@d.example\n""\n', normalize=True)
    assert text == "email\na@b.example\nc@d.example\n"
    assert upload.report.records_read == 3
    assert upload.report.dropped == {"blank key field": 1}


def test_a_value_that_only_the_exact_reading_gets_right(clean):
    assert clean('email,x\na@b.example, "y"\n', normalize=True)[0] == 'email,x\na@b.example," ""y"""\n'


BROKEN = {
    "unclosed quote": (b'email,x\na@b.example,1\n"c@d.example,2\n', "line 3"),
    "not utf-8": (b"email,x\na@b.example,1\nc\xe9@d.example,2\n", "line 3"),
    "header only": (b"email,x\n", "no records"),
    "damaged gzip": (gzip.compress(b"email\na@b.example\n")[:-9], "gzip"),
    "unclosed quote between semicolons": (b'email;x\na@b.example;1\n"c@d.example;2\n', "line 3"),
    "no column": (b"mail,x\na@b.example,1\n", "email"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_fails_clearly_and_shows_no_value(clean, case):
    content, culprit = BROKEN[case]
    with pytest.raises(IQMError) as raised:
        clean(content, normalize=True)
    assert culprit in str(raised.value)
    shown = "".join(traceback.format_exception(raised.value))
    assert "a@b.example" not in shown
    assert "d.example" not in shown


def test_no_value_is_in_any_message_report_or_quarantine(clean, tmp_path, caplog):
    caplog.set_level(0)
    secrets = ["frodo@shire.example", "gollum#shire", "5551234", "90210-12"]
    content = "email,phone,zip\n" + "".join(f"{secrets[0]},3456789012,01234\n" * 3)
    content += f"{secrets[1]},3456789012,01234\n{secrets[0]},{secrets[2]},01234\n{secrets[0]},3456789012,{secrets[3]}\n"
    columns = {"email": "Email", "phone": "Phone", "zip": "Zip"}
    path = tmp_path / "q.csv"
    for options in ({}, {"on_invalid_records": "fail"}, {"max_invalid_ratio": 0.1}):
        shown = [repr(options)]
        try:
            _, upload = clean(content, columns=columns, column_settings=RAW, quarantine_path=path, **options)
            shown += [repr(upload), str(upload.report)]
        except IQMError as error:
            shown += traceback.format_exception(error)
        shown += [path.read_text(), caplog.text]
        assert not any(secret in text for secret in secrets for text in shown)


def test_a_workbook_comes_out_as_csv(clean, tmp_path):
    workbook = openpyxl.Workbook()
    for row in [
        ["email", "zip", "n"],
        ["A@b.example", "01234", 7],
        ["bad", "01234", 8],
        ["c@d.example", "99999", None],
    ]:
        workbook.active.append(row)
    workbook.save(tmp_path / "list.xlsx")
    text, upload = clean(None, name="list.xlsx", normalize=True)
    assert text == "email,zip,n\na@b.example,01234,7\nc@d.example,99999,\n"
    assert (upload.file.name, upload.file.media_type) == ("list.csv", "text/csv")
    assert upload.report.dropped == {"malformed email": 1}


def test_a_large_file_keeps_its_order_and_numbers(clean, tmp_path):
    count = 120_000
    lines = [f"{n},Person.{n}@Example.com,{n:05d}" if n % 1000 else f"{n},bad,{n:05d}" for n in range(1, count + 1)]
    expected = [f"{n},person.{n}@example.com,{n:05d}" for n in range(1, count + 1) if n % 1000]
    path = tmp_path / "q.csv"
    content = "id,email,x\n" + "\n".join(lines + lines[:50_000]) + "\n"
    text, upload = clean(content, normalize=True, drop_duplicates=True, quarantine_path=path)
    assert text.splitlines()[1:] == expected
    assert upload.report.duplicates == 50_000 - 50
    numbers = [int(line.partition(",")[0]) for line in path.read_text().splitlines()[1:]]
    assert numbers == [*range(1000, count + 1, 1000), *range(count + 1000, count + 50_001, 1000)]


def test_a_list_whose_records_do_not_fit_into_the_memory_keeps_its_order(clean):
    count = 1_500_000
    content = "id,email\n" + "".join(f"{n},p{n}@example.com\n" for n in range(count)) + "x,bad\n"
    text, upload = clean(content, drop_duplicates=True, memory_limit="64MiB")
    assert upload.file.records == count
    assert text == content.removesuffix("x,bad\n")


@pytest.fixture
def copies(monkeypatch):
    """Tell how often a list was copied because DuckDB was not trusted with it."""
    made = []

    def copy(*args, **options):
        made.append(True)
        return copied_source(*args, **options)

    monkeypatch.setattr(clean_module, "copied_source", copy)
    return made


@pytest.mark.parametrize("quoted", ['a "b" c', '"', 'x "y"\n, 1'])
def test_quotes_that_first_stand_far_down_need_no_copy(clean, copies, quoted):
    email = "a@b.example"
    rows = [["email", "x"], *([email, "1"] for _ in range(2000)), [email, quoted], *([email, "2"] for _ in range(2000))]
    text, upload = clean(written(rows), normalize=True)
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows
    assert upload.report.records_read == 4001
    assert not copies


def test_a_cleaning_that_does_not_add_up_is_not_believed(clean, copies, monkeypatch):
    real = cleaned_copy.read_sum
    monkeypatch.setattr(cleaned_copy, "read_sum", lambda *args: real(*args) - 1)
    text, _ = clean("email,x\na@b.example,1\n", normalize=True)
    assert text == "email,x\na@b.example,1\n"
    assert copies


def test_a_list_that_duckdb_reads_well_needs_no_copy(clean, copies):
    clean('\ufeffemail,x\r\nA@b.example,"1,""2""\r\n"\r\nb@c.example,\r\n', normalize=True)
    assert not copies


def test_no_record_is_lost_or_made_up_between_threads(clean, monkeypatch):
    """With small buffers, DuckDB's threads meet within quoted line breaks that look like records all the time."""
    monkeypatch.setattr(csv_queries, "LINE_BYTES", 1000)
    monkeypatch.setattr(csv_queries, "_BUFFER_BYTES", 4000)
    for seed in range(15):
        dice = random.Random(seed)
        kinds = [["a@b.example", "2"], ["a@b.example", 'x\nc@d.example,3\ne@f.example,"4"\n'], ["n/a", 'a, "b"']]
        rows = [["email", "x"], *dice.choices(kinds, [40, 3, 3], k=3000)]
        text, upload = clean(written(rows), normalize=True)
        assert list(csv.reader(io.StringIO(text, newline=""))) == [row for row in rows if row[0] != "n/a"]
        assert upload.report.records_read == 3000


def written(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


# csv.writer quotes what it must; NUL and lone surrogates are no CSV text.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
CORNERS = st.sampled_from(
    ['"', ' "a"', "a\r", "\n", "\r\n", ",", "", " ", "\ufeff", "\x01", "'", "#", "\\", "NULL", "007"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    width=st.integers(1, 4),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_text_that_csv_writes_survives_when_nothing_is_normalised(tmp_path, data, width, line_end, quoting):
    names = st.one_of(TEXT, CORNERS).filter(lambda name: name.strip() and not name.startswith("\ufeff"))
    if width == 1:
        names = names.filter(lambda name: not set(name) & set(";\t|"))
    header = data.draw(st.lists(names, min_size=width, max_size=width, unique=True))
    values = st.one_of(TEXT, CORNERS)
    record = st.tuples(*[values.filter(str.strip), *[values] * (width - 1)])
    records = [list(values) for values in data.draw(st.lists(record, min_size=1, max_size=6))]
    path = tmp_path / "list.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=line_end, quoting=quoting).writerows([header, *records])
    with path.open(newline="", encoding="utf-8") as file:
        # Some versions of csv.writer leave a lone CR unquoted, which csv itself reads as a line's end.
        try:
            assume(list(csv.reader(file, strict=True)) == [header, *records])
        except csv.Error:
            reject()
    with prepare_upload(
        file_path=path, audience_name="List", columns={header[0]: "Voter ID"}, column_settings={"Voters_ID": "Other"},
        on_invalid_records="fail",
    ) as upload:  # fmt: skip
        with upload.file.path.open(newline="", encoding="utf-8") as file:
            assert list(csv.reader(file, strict=True)) == [header, *records]
        assert upload.file.records == upload.report.records_read == len(records)
        assert upload.file.columns == tuple(header)


def test_scratch_folders_of_killed_processes_are_swept_and_others_are_left(tmp_path):
    code = (
        "import os, sys; from airflow_provider_iqm.files.scratch import Scratch; s = Scratch(sys.argv[1]); "
        "s.new_file('clean.csv'); print(s.path, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    left = killed.stdout.strip()
    assert Path(left).exists()
    (tmp_path / f"{PREFIX}file").write_text("not a folder")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "elsewhere")
    with Scratch(tmp_path) as one:
        assert not Path(left).exists()
        with Scratch(tmp_path) as two:
            assert one.path.exists()
            assert one.path != two.path
        assert not two.path.exists()
    assert (tmp_path / "elsewhere").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", f"{PREFIX}file", f"{PREFIX}link"]


def test_the_same_list_is_the_same_upload_at_every_try(tmp_path):
    path = tmp_path / "list.csv"
    lines = (f"User{number % 90_000}@Example.com,{number}\n" for number in range(300_000))
    path.write_text("email,number\n" + "".join(lines))
    tokens = set()
    for _ in range(2):
        with prepare_upload(
            file_path=path,
            audience_name="List",
            columns={"email": "Email"},
            hash_columns={"email": "SHA256"},
            drop_duplicates=True,
        ) as upload:
            assert upload.file.records == 90_000
            tokens.add(upload.token("dag", "task"))
    assert len(tokens) == 1
