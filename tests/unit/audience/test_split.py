"""The splitting of lists: what must hold of the parts, whatever is in the list."""

from __future__ import annotations

import csv
import hashlib
import io
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.split import Limits, split_list
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError
from airflow_provider_iqm.files.scratch import Scratch

pytestmark = pytest.mark.usefixtures("duckdb_here")

NAME_COLUMNS = {"first": "First Name", "last": "Last Name", "state": "State", "zip": "Zip"}


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def split(content, *, name="list.csv", columns=None, column_settings=None, records=5_000_000, size=10**9, **options):
    """Split a list in a folder of its own; give the parts' texts."""
    if columns is None:
        columns, column_settings = {"email": "Email"}, {"Email": "Raw"}
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = {"columns": columns, "column_settings": column_settings, "scratch_dir": folder, **options}
        with (
            prepare_upload(file_path=path, audience_name="List", limited=False, **given) as upload,
            Scratch(folder) as scratch,
        ):
            parts = split_list(upload, limits=Limits(records=records, bytes=size), scratch=scratch)
            if len(parts) > 1:
                assert {stat.S_IMODE(part.path.stat().st_mode) for part in parts} == {0o600}
            texts = [part.path.read_bytes().decode() for part in parts]
            assert [len(read(text)) - 1 for text in texts] == [part.records for part in parts]
            return texts


def emails(count, first=0):
    return "email,n\n" + "".join(f"user{number}@mail.example,{number}\n" for number in range(first, first + count))


def parts_of(texts):
    return {record[0]: number for number, text in enumerate(texts) for record in read(text)[1:]}


def test_a_list_within_the_limits_is_one_part_byte_for_byte():
    content = 'email,n\r\n"a@b.example",1\r\n'
    assert split(content, records=1, size=len(content)) == [content]


@pytest.mark.parametrize("limit", [{"records": 400}, {"size": 10_000}])
def test_every_part_is_within_the_limits_in_order_and_has_the_header(limit):
    texts = split(emails(1000), **limit)
    assert 3 <= len(texts) <= 4
    for text in texts:
        header, *records = read(text)
        assert header == ["email", "n"]
        assert len(records) <= limit.get("records", 1000)
        assert len(text) <= limit.get("size", 10**9)
        assert [int(record[1]) for record in records] == sorted(int(record[1]) for record in records)


def test_a_large_list_keeps_its_order_and_all_records():
    content = emails(250_000)
    texts = split(content, records=130_000)
    assert len(texts) == 2
    records = [record for text in texts for record in read(text)[1:]]
    assert sorted(int(record[1]) for record in records) == list(range(250_000))
    for text in texts:
        numbers = [int(record[1]) for record in read(text)[1:]]
        assert numbers == sorted(numbers)


def test_adding_records_does_not_move_others():
    before = parts_of(split(emails(1000, first=5), records=600))
    after = parts_of(split(emails(1005), records=600))
    assert len(after) == 1005
    assert {email: after[email] for email in before} == before


def test_records_only_move_to_an_added_part():
    before, after = (parts_of(split(emails(1000), records=limit)) for limit in (600, 400))
    assert max(before.values()) == 1
    assert max(after.values()) >= 2
    moved = {email for email in before if after[email] != before[email]}
    assert {after[email] for email in moved} <= set(range(2, max(after.values()) + 1))
    assert 0 < len(moved) < 700


def test_the_part_depends_on_the_md5_of_the_normalized_key():
    for email, part in parts_of(split(emails(100), records=60)).items():
        digest = hashlib.md5(f"1:{len(email)}:{email}".encode()).hexdigest()
        assert part == (int(digest[:15], 16) % 2 == 0)


def test_keys_are_normalized():
    raw = emails(200).replace("user", " USER")
    # A list that is cleaned comes out in another form, but in the same parts.
    before = {email.strip().lower(): part for email, part in parts_of(split(raw, records=120)).items()}
    assert parts_of(split(raw, records=120, normalize=True)) == before


def test_all_values_of_a_key_of_several_columns_count():
    content = "first,last,state,zip,x\n" + "".join(f"Ann,Lee,MA,{number:05},{number}\n" for number in range(100))
    texts = split(content, columns=NAME_COLUMNS, records=60)
    assert len(texts) == 2
    # A column that is no part of the key makes no difference.
    other = content.replace(",MA,", ",ma,")
    assert [len(text) for text in split(other, columns=NAME_COLUMNS, records=60)] == [len(text) for text in texts]


def test_a_key_with_too_many_records_is_rejected_without_its_value():
    content = "email,n\n" + "frodo@shire.example,1\n" * 30 + emails(30).removeprefix("email,n\n")
    with pytest.raises(AudienceFileError) as raised:
        split(content, records=20)
    assert "30 records have the same value in 'email'" in str(raised.value)
    assert "frodo" not in str(raised.value)
    assert raised.value.__context__ is None


def test_a_cleaned_list_is_measured_after_cleaning():
    content = emails(100)
    (text,) = split(content.replace("user1", "nobody"), records=100, normalize=True)
    assert len(read(text)) == 101
    # Hashing makes it larger than it was.
    texts = split(
        content, column_settings=None, columns={"email": "Email"}, hash_columns={"email": "SHA256"}, size=4000
    )
    assert len(content) < 4000
    assert len(texts) > 1
    assert {len(record[0]) for text in texts for record in read(text)[1:]} == {64}


def test_iqms_limits_do_not_apply_before_the_split(monkeypatch):
    monkeypatch.setattr("airflow_provider_iqm.audience.prepared_list.MAX_RECORDS", 50)
    monkeypatch.setattr("airflow_provider_iqm.audience.prepared_list.MAX_FILE_BYTES", 1000)
    for options in ({}, {"normalize": True}):
        assert len(split(emails(100), records=60, **options)) == 2


@pytest.mark.parametrize("options", [{}, {"normalize": True}])
def test_iqms_limits_apply_without_a_split(monkeypatch, tmp_path, options):
    path = tmp_path / "list.csv"
    path.write_text(emails(100))
    monkeypatch.setattr("airflow_provider_iqm.audience.prepared_list.MAX_RECORDS", 50)
    with pytest.raises(AudienceFileError, match="PrepareAudienceFileOperator"):
        prepare_upload(
            file_path=path,
            audience_name="List",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            scratch_dir=tmp_path,
            **options,
        )
    assert list(tmp_path.iterdir()) == [path]


def test_a_workbook_is_split_into_csv_files():
    workbook = openpyxl.Workbook()
    workbook.active.append(["email", "zip"])
    for number in range(20):
        workbook.active.append([f"user{number}@mail.example", f"0{number:04}"])
    content = io.BytesIO()
    workbook.save(content)
    texts = split(content.getvalue(), name="list.xlsx", records=15)
    assert {record[1] for text in texts for record in read(text)[1:]} == {f"0{number:04}" for number in range(20)}


@pytest.mark.parametrize("limit", [{"records": 0}, {"records": 5_000_001}, {"bytes": 10**9 + 1}, {"bytes": "1 GB"}])
def test_limits_beyond_iqms_are_rejected(limit):
    with pytest.raises(CleaningOptionError, match="max_"):
        Limits(**limit)


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x01"), max_size=8)
RECORDS = st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, newline=st.sampled_from(["\n", "\r\n"]))
def test_the_parts_have_each_record_once(records, newline):
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerow(["email", "note"])
    # Numbers at both ends keep the emails apart, however they are normalized.
    writer.writerows((f"{number}user{email}{number}", note) for number, (email, note) in enumerate(records))
    found = [
        record for text in split(content.getvalue(), records=max(1, len(records) // 2)) for record in read(text)[1:]
    ]
    assert sorted(found) == sorted(read(content.getvalue())[1:])
