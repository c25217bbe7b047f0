"""DuckDB is trusted with a file only if what it reads adds up to the file's size."""

from __future__ import annotations

import random

import pytest

from airflow_provider_iqm.audience.csv import duckdb_source
from airflow_provider_iqm.audience.csv.duckdb_source import counted_source
from airflow_provider_iqm.audience.csv.exact_reader import read_exactly
from airflow_provider_iqm.audience.duckdb import csv_queries
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT

pytestmark = pytest.mark.usefixtures("duckdb_here")


def count(path):
    counted = counted_source(path, name="list.csv", memory_limit=DEFAULT_MEMORY_LIMIT)
    return counted and counted[1]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("a,b\n1,2\n3,4\n", 2),
        ("a,b\n1,2\n3,4", 2),
        ("a,b\r\n1,2\r\n3,4\r\n", 2),
        ("\ufeffa,b\n1,\n,é\n\n\n", 2),
        ('a,b\n"1\n2","x""y"\n"3,4",\n', 2),
        ('"a",b\r\n"1\r\n2","x"" y"\r\n"3,4",\r\n', 2),
        ("a\n1\n2\n", 2),
        ('a,b\n"x, y",z\n', 1),
    ],
)
def test_counts_the_records_of_well_formed_files(make_file, text, records):
    assert count(make_file(text)) == records


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
def test_leaves_oddities_to_the_exact_reader(make_file, text):
    path = make_file(text)
    records = count(path)
    assert records is None or records == read_exactly(path, name="list.csv").records


@pytest.mark.parametrize(
    "odd", ["4,5,6,", "4,5", '"4"x,5,6', '"4,5,6', ' "4",5,6', "4,5,\0", '4,"5\r",6', "", "4,5,\xff", "4\r5,6,7"]
)
def test_finds_an_odd_record_far_down(make_file, odd):
    lines = ["a,b,c", *["1,2,3"] * 2000, odd, *["7,8,9"] * 2000]
    assert count(make_file("\n".join(lines).encode("latin-1"))) is None


def test_counts_quotes_that_first_stand_far_down(make_file):
    lines = ["a,b,c", *["1,2,3"] * 2000, '"4 ""x"" ","5","6"', *["7,8,9"] * 2000]
    assert count(make_file("\n".join(lines))) == 4001


def test_no_record_is_lost_between_threads(make_file, monkeypatch):
    """With small buffers, DuckDB's threads meet within quoted line breaks all the time, and lose records."""
    monkeypatch.setattr(csv_queries, "LINE_BYTES", 1000)
    monkeypatch.setattr(csv_queries, "_BUFFER_BYTES", 4000)
    exact = 0
    for seed in range(20):
        random.seed(seed)
        rows = random.choices(["1,2,3", '"x\na,b,c\nd",2,"3 ""a"""', '4,"5,6",7', 'é,"\n",x'], [40, 1, 5, 2], k=3000)
        found = count(make_file("\n".join(["h,i,j", *rows])))
        assert found in (None, 3000)
        exact += found is not None
    assert exact


def test_a_count_that_does_not_add_up_is_not_believed(make_file, monkeypatch):
    path = make_file("a,b\n1,2\n3,4\n5,6\n")
    assert count(path) == 3
    monkeypatch.setattr(duckdb_source, "first_row", lambda *_, **__: (2, 4))
    assert count(path) is None


@pytest.mark.parametrize("name", ["a*b?[c].csv", "it's.csv", "dt=2026-01-01.csv", "[x].csv", "a b;.csv"])
def test_reads_the_named_file_and_no_other(make_file, name):
    make_file("a\nother\nmore\n", name="axb1c.csv")
    make_file("a\nother\nmore\n", name="x.csv")
    assert count(make_file("a\n1\n", name=name)) == 1


def test_a_folder_that_looks_like_a_partition_adds_no_column(tmp_path):
    folder = tmp_path / "dt=2026-01-01"
    folder.mkdir()
    path = folder / "list.csv"
    path.write_text("a\n1\n")
    assert count(path) == 1
