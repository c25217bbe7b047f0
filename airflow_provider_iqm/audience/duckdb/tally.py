"""
Counts and sums over the records of a ``COPY``, which itself returns only how many it wrote.

A DuckDB sequence is a counter: each ``nextval('x')`` in a query adds 1 to it, and the counter outlives the query.

- A count has one sequence: ``CASE WHEN email = '' THEN nextval('blank') …``.
- A sum has one sequence for each binary digit, which counts how often the digit is 1. Adding 5 (101) and 6 (110) to
  ``total`` leaves total0 = 1, total1 = 1, total2 = 2, which is 1 + 1 * 2 + 2 * 4 = 11.

A call takes 10 ns; a second pass over the file or a function in Python would take longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.duckdb.csv_queries import LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection

_BITS = LINE_BYTES.bit_length()
"""Enough for the length of the longest record."""

_LOW_BITS = 8
"""Enough for most records, which are short; the others are tested only for long ones."""


def count_sql(name: str) -> str:
    """
    Build the SQL expression that adds 1 to a count; its value is at least 1.

    :param name: The count's name.
    """
    return f"nextval('{name}')"


def add_sql(name: str, number: str) -> str:
    """
    Build the SQL expression that adds a number to a sum; its value is at least 0.

    :param name: The sum's name.
    :param number: The SQL column of the number, from 0 to :data:`~.csv_queries.LINE_BYTES`.
    """
    bits = [f"CASE WHEN {number} & {1 << bit} > 0 THEN {count_sql(f'{name}{bit}')} ELSE 0 END" for bit in range(_BITS)]
    low, high = " + ".join(bits[:_LOW_BITS]), " + ".join(bits[_LOW_BITS:])
    return f"({low} + CASE WHEN {number} < {1 << _LOW_BITS} THEN 0 ELSE {high} END)"


def create_tallies(connection: DuckDBPyConnection, *, counts: Iterable[str], sums: Iterable[str]) -> None:
    """
    Create counts and sums, all 0.

    :param connection: The connection that will run the query.
    :param counts: Names for :func:`count_sql`.
    :param sums: Names for :func:`add_sql`.
    """
    for name in [*counts, *(f"{name}{bit}" for name in sums for bit in range(_BITS))]:
        connection.execute(f"CREATE TEMP SEQUENCE {name}")


def read_tallies(connection: DuckDBPyConnection) -> dict[str, int]:
    """
    Return the value of each sequence by its name.

    :param connection: The connection that ran the query.
    """
    sequences = "SELECT sequence_name, coalesce(last_value, 0)::BIGINT FROM duckdb_sequences()"
    return dict(connection.execute(sequences).fetchall())


def read_sum(tallies: dict[str, int], name: str) -> int:
    """
    Return a sum.

    :param tallies: The values of :func:`read_tallies`.
    :param name: The sum's name.
    """
    return sum(tallies[f"{name}{bit}"] << bit for bit in range(_BITS))
