from __future__ import annotations

from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.duckdb.query_process import first_row


def test_gives_the_first_row():
    row = first_row("SELECT 1, sum(strlen(x)), 'é', NULL, true FROM (VALUES ('ab'), ('c')) t(x)", memory_limit="64MiB")
    assert row == [1, 3, "é", None, True]


def test_a_failure_is_nothing_and_says_nothing(capfd):
    assert first_row("SELECT no_such_thing('Frodo-0x7')", memory_limit=DEFAULT_MEMORY_LIMIT) is None
    assert capfd.readouterr() == ("", "")


def test_keeps_to_the_memory_limit():
    query = "SELECT count(*) FROM (SELECT DISTINCT hash(range) FROM range(3_000_000))"
    assert first_row(query, memory_limit="1GiB") == [3_000_000]
    assert first_row(query, memory_limit="8MiB") is None
