"""Counts and sums that outlast a query, whatever its threads do."""

from __future__ import annotations

from contextlib import closing

import pytest

from airflow_provider_iqm.audience.duckdb.csv_queries import LINE_BYTES, connect
from airflow_provider_iqm.audience.duckdb.tally import add_sql, count_sql, create_tallies, read_sum, read_tallies


@pytest.fixture
def duckdb():
    with closing(connect(in_order=True)) as connection:
        create_tallies(connection, counts=["odd", "none"], sums=["total", "nothing"])
        yield connection


def test_tallies_are_kept_of_the_records_that_a_copy_leaves_out_too(duckdb, tmp_path):
    kept = f"CASE WHEN {add_sql('total', 'n')} < 0 THEN false WHEN n % 2 = 1 THEN {count_sql('odd')} < 0 ELSE true END"
    numbers = "SELECT range % 1999 AS n FROM range(600000)"
    copy = f"COPY (SELECT n FROM ({numbers}) WHERE {kept}) TO '{tmp_path / 'even.csv'}'"
    [written] = duckdb.execute(copy).fetchone()
    expected = [number % 1999 for number in range(600_000)]
    tallies = read_tallies(duckdb)
    assert tallies["odd"] == sum(number % 2 for number in expected)
    assert written + tallies["odd"] == 600_000
    assert read_sum(tallies, "total") == sum(expected)


def test_the_longest_record_can_be_added(duckdb):
    duckdb.execute(f"SELECT {add_sql('total', 'n')} FROM (VALUES ({LINE_BYTES}), ({LINE_BYTES})) AS t (n)").fetchall()
    assert read_sum(read_tallies(duckdb), "total") == 2 * LINE_BYTES


def test_an_unused_tally_is_0(duckdb):
    tallies = read_tallies(duckdb)
    assert tallies["none"] == 0
    assert read_sum(tallies, "nothing") == 0
