"""Cleaning lists with very many columns, and with very long records."""

from __future__ import annotations

import csv
import io

import pytest

from airflow_provider_iqm.audience.csv import duckdb_source
from airflow_provider_iqm.audience.csv.exact_reader import read_records
from airflow_provider_iqm.audience.split import Limits, split_list
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError, ColumnMappingError
from airflow_provider_iqm.files.scratch import Scratch


@pytest.fixture
def clean(make_file, tmp_path):
    """Clean a list; give what would be sent as rows, and the report."""

    def run(rows, **options):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        given = {"columns": {"email": "Email", "zip": "Zip"}, "column_settings": {"Email": "Raw"}, "normalize": True}
        path = make_file(text.getvalue())
        with prepare_upload(file_path=path, audience_name="x", scratch_dir=tmp_path, **given | options) as upload:
            sent = [record for _, record in read_records(upload.file.path, name="list.csv")]
            assert upload.file.records == len(sent) - 1
            return sent, upload

    return run


def wide_rows(width):
    others = [f"c{number}" for number in range(width - 2)]
    return [
        ["email", *others, "zip"],
        [" A@B.com ", *others, "02134"],
        ["broken", *others, "02134"],
        ["ragged", "1"],
        ["a@b.com", *others, "02134"],
        ["c@d.com", 'say "hi",\n;', *others[1:], "02134-1234"],
    ]


@pytest.mark.parametrize("width", [501, 2000, 16_384])
def test_any_width_is_cleaned(clean, tmp_path, width):
    rows = wide_rows(width)
    quarantine = tmp_path / "quarantine.csv"
    sent, upload = clean(rows, max_invalid_ratio=1, quarantine_path=quarantine)
    assert sent[0] == rows[0]
    assert [row[0] for row in sent[1:]] == ["a@b.com", "a@b.com", "c@d.com"]
    assert all(row[1:-1] in ([*rows[1][1:-1]], [*rows[5][1:-1]]) for row in sent[1:])
    assert upload.file.columns == tuple(rows[0])
    assert upload.report.records_read == 5
    assert upload.report.dropped["ragged"] == 1
    assert "3,,ragged" in quarantine.read_text()
    assert list(upload.file.samples) == rows[0]


def test_a_wide_list_is_cleaned_as_a_narrow_one_is(clean, monkeypatch):
    rows = [*wide_rows(60), *([f"user{number}@example.com", *map(str, range(58)), "02134"] for number in range(50))]
    options = {
        "max_invalid_ratio": 1,
        "drop_duplicates": True,
        "hash_columns": {"email": "SHA256"},
        "column_settings": None,
    }
    narrow, upload = clean(rows, **options)
    monkeypatch.setattr("airflow_provider_iqm.audience.cleaning.wide_list.MOST_COLUMNS", 10)
    wide, wide_upload = clean(rows, **options)
    assert wide == narrow
    assert wide_upload.mapping == upload.mapping
    assert wide_upload.file.damage == upload.file.damage
    assert wide_upload.report.counts() | {"seconds": 0} == upload.report.counts() | {"seconds": 0}


def test_faults_of_a_wide_list_are_told_as_ever(clean):
    rows = wide_rows(600)
    with pytest.raises(ColumnMappingError, match="'emial'"):
        clean(rows, columns={"emial": "Email"})
    with pytest.raises(AudienceFileError, match="records can't match"):
        clean(rows, on_invalid_records="fail")


@pytest.mark.parametrize("long", ["x" * 70_000, "ä" * 100_000, 'a "quote",\n' * 50_000, "😀" * 300_000])
def test_long_records_are_cleaned_whole(clean, long):
    rows = [["email", "zip", "b", "c"], [" A@B.com", "02134", long, long], ["c@d.com", "02134", "1", "2"]]
    sent, _ = clean(rows)
    assert sent == [rows[0], ["a@b.com", "02134", long, long], rows[2]]


def test_many_records_of_megabytes_are_cleaned(make_file):
    # Values that DuckDB's buffers share.
    rows = "".join(f'user{number}@example.com,"{"é" * 1_900_000}"\n' for number in range(9))
    options = {"columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}, "audience_name": "x"}
    path = make_file(f"email,b\n{rows}")
    with prepare_upload(file_path=path, normalize=True, **options) as upload:
        assert upload.file.records == 9
        assert upload.file.path.read_text().count("é" * 1_900_000) == 9


def test_a_copy_that_is_not_read_whole_is_not_believed(clean, monkeypatch):
    real = duckdb_source.read_csv_sql
    monkeypatch.setattr(duckdb_source, "read_csv_sql", lambda *a, **o: f"(FROM {real(*a, **o)} LIMIT 1)")
    with pytest.raises(AudienceFileError, match="DuckDB could not clean the file"):
        clean([["email", "zip"], [], ["a@b.com", "02134"], ["b@b.com", "02134"], ["c"]])


def test_long_records_are_split(make_file, tmp_path):
    rows = "".join(f"user{number}@example.com,{'x' * 140_000}\n" for number in range(4))
    options = {"columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}, "audience_name": "x"}
    with prepare_upload(file_path=make_file(f"email,b\n{rows}"), **options) as upload, Scratch(tmp_path) as scratch:
        parts = split_list(upload, limits=Limits(records=2), scratch=scratch)
        assert sum(part.records for part in parts) == 4
        assert sum(part.path.read_text().count("x" * 140_000) for part in parts) == 4


def test_a_list_of_a_thousand_columns_is_split(make_file, tmp_path):
    header = ",".join(f"c{number}" for number in range(1100))
    rows = "".join(f"user{number}@example.com,{',' * 1099}\n" for number in range(4))
    options = {"columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}, "audience_name": "x"}
    path = make_file(f"email,{header}\n{rows}")
    with prepare_upload(file_path=path, **options) as upload, Scratch(tmp_path) as scratch:
        parts = split_list(upload, limits=Limits(records=2), scratch=scratch, memory_limit="1GiB")
        assert sum(part.records for part in parts) == 4
