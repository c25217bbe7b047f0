"""The fast reading gives what the exact one gives, or leaves the file to it."""

from __future__ import annotations

import random

import pytest

from airflow_provider_iqm.audience.csv import fast_reader
from airflow_provider_iqm.audience.csv.exact_reader import read_exactly
from airflow_provider_iqm.audience.csv.fast_reader import read_fast
from airflow_provider_iqm.audience.duckdb import csv_queries
from tests.unit.audience.inspection import inspect_file

pytestmark = pytest.mark.usefixtures("duckdb_here")


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4",
        "a,b\r\n1,2\r\n3,4\r\n",
        "\ufeffa,b\n1,\n,é\n\n\n",
        'a,b\n"1\n2","x""y"\n"3,4",\n',
        '"a",b\r\n"1\r\n2","x"" y"\r\n"3,4",\r\n',
        "a,b\n1, \n2,\u3000\n",
        "a\n1\n2\n",
        'a,b\n"x, y",z\n',
    ],
)
def test_reads_well_formed_files(make_file, text):
    path = make_file(text)
    assert read_fast(path, name="list.csv") == read_exactly(path, name="list.csv")


@pytest.mark.parametrize(
    "text",
    [
        "a,b\r1,2\r",
        "a,b\n1,2\r3,4\n",
        "a,b\r\n1,2\n3,4\r\n",
        "a,b\n1,2\n\n3,4\n",
        "a,b\r\n1,2\r\n\r\n3,4\r\n",
        'a,b\n1, "x"\n',
        'a,b\n1,   "x,y"\n',
        'a,b\n "1",x\n',
        "a\n1\n\n2\n",
        'a\n1\n""\n',
        "\n\na,b\n1,2\n",
        '"a\nb",c\n1,2\n',
        '\ufeff"a\r\n b\r\n"\r\n c\r\nd',
        '\ufeff"h\r\n a\r\n\\"\r\n a\r\n\\\r\n\\',
        "a,b\n1,\x01\n",
    ],
)
def test_leaves_oddities_to_the_exact_reading(make_file, text):
    path = make_file(text)
    fast = read_fast(path, name="list.csv")
    assert fast is None or fast == read_exactly(path, name="list.csv")


@pytest.mark.parametrize(
    "odd", ["4,5,6,", "4,5", '"4"x,5,6', '"4,5,6', ' "4",5,6', "4,5,\0", '4,"5\r",6', "", "4,5,\xff", "4\r5,6,7"]
)
def test_finds_an_odd_record_far_down(make_file, odd):
    lines = ["a,b,c", *["1,2,3"] * 2000, odd, *["7,8,9"] * 2000]
    path = make_file("\n".join(lines).encode("latin-1"))
    assert read_fast(path, name="list.csv") is None


def test_counts_quotes_that_first_stand_far_down(make_file):
    lines = ["a,b,c", *["1,2,3"] * 2000, '"4 ""x"" ","5","6"', *["7,8,9"] * 2000]
    found = read_fast(make_file("\n".join(lines)), name="list.csv")
    assert found is not None
    assert found.records == 4001


def test_no_record_is_lost_between_threads(make_file, monkeypatch):
    """With small buffers, DuckDB's threads meet within quoted line breaks all the time, and lose records."""
    monkeypatch.setattr(csv_queries, "LINE_BYTES", 1000)
    monkeypatch.setattr(csv_queries, "_BUFFER_BYTES", 4000)
    exact = 0
    for seed in range(20):
        random.seed(seed)
        rows = random.choices(["1,2,3", '"x\na,b,c\nd",2,"3 ""a"""', '4,"5,6",7', 'é,"\n",x'], [40, 1, 5, 2], k=3000)
        found = read_fast(make_file("\n".join(["h,i,j", *rows])), name="list.csv")
        assert found is None or found.records == 3000
        exact += found is not None
    assert exact


def test_a_reading_that_does_not_add_up_is_not_believed(make_file, monkeypatch):
    path = make_file("a,b\n1,2\n3,4\n5,6\n")
    real = fast_reader._read

    def lose_a_record(*args, **options):
        reading = real(*args, **options)
        return fast_reader._Totals(reading.records - 1, reading.content_bytes - 2, reading.blank_columns)

    monkeypatch.setattr(fast_reader, "_read", lose_a_record)
    assert read_fast(path, name="list.csv") is None
    assert inspect_file(path).records == 3


@pytest.mark.parametrize("name", ["a*b?[c].csv", "it's.csv", "dt=2026-01-01.csv", "[x].csv", "a b;.csv"])
def test_reads_the_named_file_and_no_other(make_file, name):
    make_file("a\nother\nmore\n", name="axb1c.csv")
    make_file("a\nother\nmore\n", name="x.csv")
    found = read_fast(make_file("a\n1\n", name=name), name=name)
    assert found is not None
    assert found.records == 1


def test_a_folder_that_looks_like_a_partition_adds_no_column(tmp_path):
    folder = tmp_path / "dt=2026-01-01"
    folder.mkdir()
    path = folder / "list.csv"
    path.write_text("a\n1\n")
    assert read_fast(path, name="list.csv") == read_exactly(path, name="list.csv")


def test_a_column_blank_for_long_is_not_blank_throughout(make_file):
    lines = ["a,b,c", *["1,,"] * 3000, "1,x, "]
    found = read_fast(make_file("\n".join(lines)), name="list.csv")
    assert found is not None
    assert found.blank_columns == {2}


def test_values_longer_than_csv_takes_are_left_to_it(make_file):
    assert read_fast(make_file("a,b\n" + "1,2\n" * 2000 + "x" * 140_000 + ",2\n"), name="list.csv") is None
